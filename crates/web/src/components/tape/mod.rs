//! The trades as they happen, and what is missing among them.

mod list;
mod row;

use std::rc::Rc;

use nexus_protocol::{Symbol, Topic};
use web_sys::KeyboardEvent;
use yew::{Callback, Html, MouseEvent, Properties, component, html, use_effect_with, use_state};

use super::icon::{Glyph, Icon};
use super::panel::Panel;
use crate::canvas::live::Live;
use crate::format;
use crate::hooks::{use_hotkeys, use_live, use_selected, use_store, use_topic};
use crate::store::{Entry, Tape};
use list::TapeList;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
}

/// The tape as it was when someone paused it. What comes meanwhile is taken, counted and not shown.
#[derive(Clone, PartialEq)]
struct Pause {
    entries: Rc<Vec<Entry>>,
    taken: u64,
}

/// The trades.
#[component]
pub(crate) fn TapePanel(props: &Props) -> Html {
    let store = use_store();
    let topic = Topic::Trades(props.symbol.clone());
    use_topic(Some(topic.clone()));
    let tape = store.market(&props.symbol).tape;
    let is_empty = use_selected(&tape, (), |tape, ()| tape.is_empty());
    let pause = use_state(|| None::<Pause>);
    // Another coin begins unpaused.
    use_effect_with(props.symbol.clone(), {
        let setter = pause.setter();
        move |_| setter.set(None)
    });
    let turn = {
        let (pause, tape) = (pause.clone(), tape.clone());
        Callback::from(move |()| {
            pause.set(match *pause {
                Some(_) => None,
                None => Some(tape.read(|tape| Pause {
                    entries: Rc::new(tape.newest_first().cloned().collect()),
                    taken: tape.taken(),
                })),
            });
        })
    };
    use_hotkeys({
        let turn = turn.clone();
        Callback::from(move |event: KeyboardEvent| {
            let is_space = event.key() == " ";
            if is_space {
                turn.emit(());
            }
            is_space
        })
    });
    let on_turn = turn.reform(|_: MouseEvent| ());
    let (icon, label) = if pause.is_some() {
        (Icon::Play, "Resume")
    } else {
        (Icon::Pause, "Pause")
    };
    let tools = html! {
        <button type="button" class="icon-button" aria-pressed={if pause.is_some() { "true" } else { "false" }}
            aria-label={format!("{label} the trades")} title={format!("{label} (space)")} data-testid="tape-pause"
            onclick={on_turn.clone()}><Glyph of={icon} /></button>
    };
    html! {
        <Panel name="tape" title="Trades" {tools} topic={Some(topic)} has_content={!is_empty}
            nothing={("No trades yet".into(), "They appear here as they happen.".into())}>
            <TapeList symbol={props.symbol.clone()} tape={tape.clone()} paused={pause.as_ref().map(|pause| pause.entries.clone())} />
            if let Some(pause) = &*pause {
                <Held tape={tape.clone()} taken={pause.taken} on_resume={on_turn} />
            }
        </Panel>
    }
}

#[derive(PartialEq, Properties)]
struct HeldProps {
    tape: Live<Tape>,
    taken: u64,
    on_resume: Callback<MouseEvent>,
}

/// How many trades wait behind the pause.
#[component]
fn Held(props: &HeldProps) -> Html {
    use_live(&props.tape);
    let held = props.tape.read(|tape| tape.taken().saturating_sub(props.taken));
    html! {
        <button type="button" class="tape-resume" data-testid="tape-resume" data-held={held.to_string()}
            onclick={props.on_resume.clone()}>
            { format!("Paused · {} new · resume", format::count(held)) }<kbd>{ "Space" }</kbd>
        </button>
    }
}
