//! A search field of a column.

use std::rc::Rc;

use web_sys::{HtmlInputElement, KeyboardEvent};
use yew::{AttrValue, Callback, Html, InputEvent, Properties, TargetCast, component, html};

use crate::components::icon::{Glyph, Icon};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    /// What is searched: `tasks` gives the test id `tasks-search`.
    pub(super) what: &'static str,
    pub(super) label: AttrValue,
    pub(super) query: Rc<str>,
    pub(super) on_query: Callback<Rc<str>>,
    /// Whether the key `/` leads here.
    #[prop_or_default]
    pub(super) has_key: bool,
}

/// The field. Esc clears it.
#[component]
pub(super) fn Search(props: &Props) -> Html {
    let oninput = {
        let on_query = props.on_query.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                on_query.emit(input.value().into());
            }
        })
    };
    let onkeydown = {
        let on_query = props.on_query.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                on_query.emit("".into());
                if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                    let _ = input.blur();
                }
            }
        })
    };
    html! {
        <label class="search">
            <Glyph of={Icon::Search} />
            <span class="visually-hidden">{ props.label.clone() }</span>
            <input type="search" placeholder={props.label.clone()} data-testid={format!("{}-search", props.what)}
                autocomplete="off" spellcheck="false" value={props.query.to_string()} {oninput} {onkeydown} />
            if props.has_key { <kbd aria-hidden="true">{ "/" }</kbd> }
        </label>
    }
}
