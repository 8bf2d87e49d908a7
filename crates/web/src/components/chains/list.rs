//! The chains that can be looked at, each with its tip, and the field to add one.

use nexus_protocol::{ChainId, Topic};
use web_sys::HtmlInputElement;
use yew::{
    Callback, Html, InputEvent, MouseEvent, Properties, SubmitEvent, TargetCast, component, html,
    use_context, use_state_eq,
};

use crate::components::dialogs::{Dialog, OpenDialog};
use crate::components::icon::{Glyph, Icon};
use crate::driver::HttpTrouble;
use crate::format;
use crate::hooks::{
    ChainChoice, ChainChoices, use_freshness, use_place, use_selected, use_settings, use_store, use_topic,
};
use crate::state::chains::{ChainIdError, parse_chain_id, shortened};
use crate::state::place::Chains;
use crate::state::settings::SettingsAction;
use crate::store::Chain;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) choices: ChainChoices,
    pub(crate) chosen: Option<ChainId>,
}

/// The list.
#[component]
pub(crate) fn ChainList(props: &Props) -> Html {
    let ChainChoices {
        chains,
        is_loading,
        trouble,
    } = &props.choices;
    let open = use_context::<OpenDialog>().unwrap_or_default();
    html! {
        <section class="panel pane-chains" data-testid="panel-chains" aria-labelledby="chains-title">
            <header class="panel-head"><h2 class="panel-title" id="chains-title">{ "Chains" }</h2>
                if !chains.is_empty() { <span class="count">{ chains.len() }</span> }
            </header>
            <AddForm />
            <div class="panel-body panel-body-scroll">
                if chains.is_empty() && *is_loading {
                    <div class="skeleton-rows" aria-hidden="true"></div>
                } else if chains.is_empty() && *trouble == Some(HttpTrouble::SignIn) {
                    <div class="panel-message"><Glyph of={Icon::Person} /><h3>{ "Sign in to see chains" }</h3>
                        <p>{ "With a token, the server says which chains it follows." }</p>
                        <button type="button" class="button button-primary" data-testid="chains-sign-in"
                            onclick={open.reform(|_: MouseEvent| Dialog::SignIn)}>{ "Sign in" }</button></div>
                } else if chains.is_empty() {
                    <div class="panel-message"><Glyph of={Icon::Block} /><h3>{ "No chain is followed" }</h3>
                        <p>{ "Paste a chain's id above to follow it." }</p></div>
                }
                <ul class="chain-list">
                    for choice in chains {
                        <ChainRow key={choice.id.as_str()} choice={choice.clone()}
                            is_chosen={props.chosen.as_ref() == Some(&choice.id)} />
                    }
                </ul>
                if let Some(HttpTrouble::Other(why)) = trouble {
                    <p class="chain-trouble" role="status">{ why }</p>
                }
            </div>
        </section>
    }
}

#[derive(PartialEq, Properties)]
struct RowProps {
    choice: ChainChoice,
    is_chosen: bool,
}

#[component]
fn ChainRow(props: &RowProps) -> Html {
    let places = use_place::<Chains>();
    let settings = use_settings();
    let store = use_store();
    let id = &props.choice.id;
    let topic = Topic::Chain(id.clone());
    // Every listed chain is followed, so that its tip is true.
    use_topic(Some(topic.clone()));
    let freshness = use_freshness(Some(&topic));
    let tip = use_selected(&store.chain(id), (), |chain: &Chain, ()| chain.tip());
    let there = Chains {
        chain: Some(id.clone()),
        ..Chains::clone(&places.here)
    };
    let url = there.url();
    let onclick = Callback::from(move |event: MouseEvent| {
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            places.turn(|place| *place = there.clone());
        }
    });
    let on_remove = {
        let id = id.clone();
        Callback::from(move |_: MouseEvent| settings.dispatch(SettingsAction::Unfollow(id.clone())))
    };
    html! {
        <li class="chain-item">
            <a class="chain-row" data-testid="chain" data-chain={id.to_string()} href={url} title={id.to_string()}
                aria-current={props.is_chosen.then_some("page")} {onclick}>
                <span class="fresh-dot" data-word={freshness.word()}></span>
                <span class="chain-id mono truncate">{ shortened(id.as_str()) }</span>
                if props.choice.is_default { <span class="badge">{ "default" }</span> }
                <span class="chain-tip num">
                    <span class="visually-hidden">{ format!("{}, tip ", freshness.word()) }</span>
                    { tip.map_or("–".to_owned(), |tip| format::count(tip.height)) }
                </span>
            </a>
            if props.choice.is_own {
                <button type="button" class="icon-button" aria-label={format!("Follow {} no longer", shortened(id.as_str()))}
                    title="Follow it no longer" data-testid="chain-remove" onclick={on_remove}><Glyph of={Icon::Cross} /></button>
            }
        </li>
    }
}

/// Follows a chain by its id.
#[component]
fn AddForm() -> Html {
    let places = use_place::<Chains>();
    let settings = use_settings();
    let text = use_state_eq(String::new);
    let error = use_state_eq(|| None::<ChainIdError>);
    let oninput = {
        let (text, error) = (text.setter(), error.setter());
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                text.set(input.value());
                error.set(None);
            }
        })
    };
    let onsubmit = {
        let (text, error) = (text.clone(), error.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            match parse_chain_id(&text) {
                Ok(id) => {
                    settings.dispatch(SettingsAction::Follow(id.clone()));
                    places.turn(|place| place.chain = Some(id));
                    text.set(String::new());
                }
                Err(wrong) => error.set(Some(wrong)),
            }
        })
    };
    html! {
        <form class="room-join" {onsubmit}>
            <label class="visually-hidden" for="chain-id">{ "Id of a chain" }</label>
            <input class="input mono" id="chain-id" data-testid="chain-add" placeholder="Follow a chain by its id" maxlength="80"
                autocomplete="off" autocapitalize="off" spellcheck="false" value={(*text).clone()} {oninput}
                aria-invalid={error.map(|_| "true")} aria-describedby="chain-id-error" />
            <button class="button" data-testid="chain-add-button">{ "Follow" }</button>
            <p class="field-error" id="chain-id-error" role="alert">
                if let Some(error) = *error { { error.to_string() } }
            </p>
        </form>
    }
}
