//! Events as they happen: a feed with a pause that counts what it holds.

use std::rc::Rc;

use nexus_protocol::Topic;
use web_sys::KeyboardEvent;
use yew::{Callback, Html, MouseEvent, Properties, component, html, use_state};

use super::search::Search;
use crate::components::icon::{Glyph, Icon};
use crate::components::json::JsonBlock;
use crate::components::panel::Panel;
use crate::format;
use crate::hooks::{use_calm, use_clock, use_hotkeys, use_place, use_selected, use_store, use_topic};
use crate::state::place::Activity;
use crate::store::{Happening, Tone};

/// Events that are shown at a time.
const SHOWN: usize = 200;

/// The feed as it was when someone paused it.
#[derive(Clone, PartialEq)]
struct Pause {
    events: Rc<Vec<Rc<Happening>>>,
    taken: u64,
}

/// The events.
#[component]
pub(crate) fn EventsPanel() -> Html {
    let store = use_store();
    let places = use_place::<Activity>();
    use_topic(Some(Topic::Events));
    let known = use_selected(store.events(), (), |feed, ()| feed.len());
    let pause = use_state(|| None::<Pause>);
    let turn = {
        let (pause, store) = (pause.clone(), store.clone());
        Callback::from(move |()| {
            let frozen = || {
                store.events().read(|feed| Pause {
                    events: Rc::new(feed.newest_first().cloned().collect()),
                    taken: feed.taken(),
                })
            };
            pause.set(pause.is_none().then(frozen));
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
    let on_query = {
        let places = places.clone();
        Callback::from(move |query: Rc<str>| places.adjust(|place| place.event_query = query))
    };
    let on_turn = turn.reform(|_: MouseEvent| ());
    let (icon, label) = if pause.is_some() {
        (Icon::Play, "Resume")
    } else {
        (Icon::Pause, "Pause")
    };
    let head = html! {
        <>
            <span class="panel-title" aria-hidden="true">{ "Events" }</span>
            <Search what="events" label="Search events" query={places.here.event_query.clone()} {on_query} />
        </>
    };
    let tools = html! {
        <button type="button" class="icon-button" aria-pressed={if pause.is_some() { "true" } else { "false" }}
            aria-label={format!("{label} the events")} title={format!("{label} (space)")} data-testid="events-pause"
            onclick={on_turn.clone()}><Glyph of={icon} /></button>
    };
    html! {
        <Panel name="events" title="Events" {head} {tools} topic={Some(Topic::Events)} has_content={known > 0}
            nothing={("No events yet".into(), "They appear when a program publishes on the channel events.".into())}>
            <Feed query={places.here.event_query.clone()} paused={pause.as_ref().map(|pause| pause.events.clone())} />
            if let Some(pause) = &*pause {
                <Held taken={pause.taken} on_resume={on_turn} />
            }
        </Panel>
    }
}

#[derive(PartialEq, Properties)]
struct FeedProps {
    query: Rc<str>,
    paused: Option<Rc<Vec<Rc<Happening>>>>,
}

#[component]
fn Feed(props: &FeedProps) -> Html {
    let store = use_store();
    use_calm(store.events());
    let now = store.server_time(use_clock(1_000));
    let matching = |events: &mut dyn Iterator<Item = &Rc<Happening>>| -> Vec<Rc<Happening>> {
        events
            .filter(|event| event.answers(&props.query))
            .take(SHOWN)
            .cloned()
            .collect()
    };
    let events = match &props.paused {
        Some(events) => matching(&mut events.iter()),
        None => store.events().read(|feed| matching(&mut feed.newest_first())),
    };
    html! {
        <div class="column-scroll panel-body-scroll" tabindex="0" role="group" aria-label="List of Events">
            <ol class="events">
                for event in &events {
                    <EventRow key={event.number.to_string()} event={event.clone()} age={age(event, now)} />
                }
            </ol>
            if events.is_empty() {
                <div class="panel-message" role="status"><h3>{ "No event found" }</h3><p>{ "Try fewer letters." }</p></div>
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct RowProps {
    event: Rc<Happening>,
    age: String,
}

#[component]
fn EventRow(props: &RowProps) -> Html {
    let event = &props.event;
    html! {
        <li class="event" data-testid="event" data-kind={event.kind.to_string()} data-tone={tone(event.tone)}>
            <details>
                <summary>
                    <span class={format!("badge event-kind event-{}", tone(event.tone))}>{ &*event.kind }</span>
                    <span class="event-summary truncate">{ &*event.summary }</span>
                    <time title={format::date_and_time(event.at)}>{ &props.age }</time>
                </summary>
                <div class="event-more">
                    if let Some(from) = &event.from { <p class="faint">{ format!("published by {from}") }</p> }
                    <JsonBlock json={event.data.clone()} />
                </div>
            </details>
        </li>
    }
}

#[derive(PartialEq, Properties)]
struct HeldProps {
    taken: u64,
    on_resume: Callback<MouseEvent>,
}

/// How many events wait behind the pause.
#[component]
fn Held(props: &HeldProps) -> Html {
    let store = use_store();
    use_calm(store.events());
    let held = store
        .events()
        .read(|feed| feed.taken().saturating_sub(props.taken));
    html! {
        <button type="button" class="tape-resume" data-testid="events-resume" data-held={held.to_string()}
            onclick={props.on_resume.clone()}>
            { format!("Paused · {} new · resume", format::count(held)) }<kbd>{ "Space" }</kbd>
        </button>
    }
}

fn age(event: &Happening, now: u64) -> String {
    format!("{} ago", format::span(now.saturating_sub(event.at) as f64))
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}
