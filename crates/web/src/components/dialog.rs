//! A dialog: a real `<dialog>`, so that the focus stays inside, Esc closes, and what is behind cannot be reached.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement};
use yew::{
    AttrValue, Callback, Children, Event, Html, MouseEvent, Properties, component, html, use_effect_with,
    use_node_ref,
};

use super::icon::{Glyph, Icon};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// `help` gives the test id `help-dialog`.
    pub(crate) name: &'static str,
    pub(crate) title: AttrValue,
    #[prop_or_default]
    pub(crate) is_narrow: bool,
    pub(crate) on_close: Callback<()>,
    #[prop_or_default]
    pub(crate) foot: Html,
    pub(crate) children: Children,
}

/// A dialog, open from mounting to unmounting. The focus returns to where it was.
#[component]
pub(crate) fn Modal(props: &Props) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        let dialog = node.cast::<HtmlDialogElement>();
        if let Some(dialog) = &dialog {
            // It fails only where it is open or not in the document, and it was just mounted.
            let _ = dialog.show_modal();
        }
        move || {
            if let Some(dialog) = dialog {
                dialog.close();
            }
        }
    });
    let on_cancel = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: Event| {
            event.prevent_default();
            on_close.emit(());
        })
    };
    let on_backdrop = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: MouseEvent| {
            let target = event
                .target()
                .and_then(|target| target.dyn_into::<Element>().ok());
            if target.is_some_and(|target| target.tag_name().eq_ignore_ascii_case("dialog")) {
                on_close.emit(());
            }
        })
    };
    let on_cross = props.on_close.reform(|_: MouseEvent| ());
    let title = format!("{}-dialog-title", props.name);
    html! {
        <dialog ref={node} class={if props.is_narrow { "dialog dialog-narrow" } else { "dialog" }}
            data-testid={format!("{}-dialog", props.name)} aria-labelledby={title.clone()}
            oncancel={on_cancel} onmousedown={on_backdrop}>
            <header class="dialog-head">
                <h2 class="dialog-title" id={title}>{ &props.title }</h2>
                <button type="button" class="icon-button" aria-label="Close" onclick={on_cross}>
                    <Glyph of={Icon::Cross} />
                </button>
            </header>
            { for props.children.iter() }
            if props.foot != Html::default() {
                <footer class="dialog-foot">{ props.foot.clone() }</footer>
            }
        </dialog>
    }
}
