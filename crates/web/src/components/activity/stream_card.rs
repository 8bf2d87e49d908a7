//! One text that types itself.

use web_sys::{Element, MouseEvent};
use yew::{
    Callback, Html, Properties, component, html, use_effect_with, use_mut_ref, use_node_ref, use_state_eq,
};

use crate::browser;
use crate::canvas::live::Live;
use crate::components::icon::{Glyph, Icon};
use crate::format;
use crate::hooks::{use_clock, use_live, use_store};
use crate::store::{Stream, StreamState};

/// A text of more bytes than this is folded when it has ended.
const LONG: usize = 700;
/// A stream that says nothing for so long is not called writing any more, in milliseconds. It may go on later.
const STALLED: u64 = 30_000;
/// Whoever is so near to the end of a text, in pixels, reads along.
const NEAR: i32 = 24;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) stream: Live<Stream>,
}

/// One stream. Its text is written into a text node, so that a chunk costs a chunk; whoever has scrolled up stays there.
#[component]
pub(super) fn StreamCard(props: &Props) -> Html {
    let store = use_store();
    use_live(&props.stream);
    let body = use_node_ref();
    let reads_along = use_mut_ref(|| true);
    let unfolded = use_state_eq(|| None::<bool>);
    let now = store.server_time(use_clock(1_000));
    let (name, id, state, text, last_at, chunks, is_cut) = props.stream.read(|stream| {
        (
            stream.name().to_string(),
            stream.id.to_string(),
            stream.state.clone(),
            stream.text.clone(),
            stream.last_at,
            stream.chunks,
            stream.is_cut,
        )
    });
    let is_writing = state == StreamState::Writing && now.saturating_sub(last_at) < STALLED;
    let is_long = text.len() > LONG;
    let is_open = unfolded.unwrap_or(is_writing || !is_long);
    use_effect_with((text.len(), is_open), {
        let (body, reads_along) = (body.clone(), reads_along.clone());
        move |_| {
            if let Some(element) = body.cast::<Element>().filter(|_| *reads_along.borrow()) {
                element.set_scroll_top(element.scroll_height());
            }
        }
    });
    let on_scroll = {
        let body = body.clone();
        Callback::from(move |_: web_sys::Event| {
            if let Some(element) = body.cast::<Element>() {
                let below = element.scroll_height() - element.client_height() - element.scroll_top();
                reads_along.replace(below <= NEAR);
            }
        })
    };
    let on_fold = {
        let setter = unfolded.setter();
        Callback::from(move |_: MouseEvent| setter.set(Some(!is_open)))
    };
    let on_copy = {
        let stream = props.stream.clone();
        Callback::from(move |_: MouseEvent| {
            stream.read(|stream| browser::copy(&stream.text));
        })
    };
    let (word, why) = match &state {
        StreamState::Writing if is_writing => ("writing", None),
        StreamState::Writing => ("stalled", None),
        StreamState::Done => ("done", None),
        StreamState::Failed(why) => ("failed", Some(why.clone())),
        StreamState::Torn => (
            "incomplete",
            Some("Chunks are missing. They come with the next snapshot.".into()),
        ),
    };
    html! {
        <article class="stream" data-testid="stream" data-stream={id.clone()} data-state={word} aria-label={name.clone()}
            aria-busy={is_writing.then_some("true")}>
            <header class="stream-head">
                <span class={format!("stream-mark stream-{word}")} aria-hidden="true"></span>
                <b class="truncate" title={id}>{ name }</b>
                <span class="stream-state">{ word }</span>
                <time title={format::date_and_time(last_at)}>{ format!("{} ago", format::span(now.saturating_sub(last_at) as f64)) }</time>
                <button type="button" class="icon-button" aria-label="Copy the text" title="Copy the text" onclick={on_copy}>
                    <Glyph of={Icon::Copy} /></button>
            </header>
            if is_cut { <p class="faint stream-note">{ "The beginning is not kept: the text is too long." }</p> }
            <div ref={body} class={if is_open { "stream-body" } else { "stream-body stream-folded" }} tabindex="0" onscroll={on_scroll}>
                <p class="stream-text" data-testid="stream-text">{ text }
                    if is_writing { <span class="stream-cursor" aria-hidden="true"></span> }
                </p>
            </div>
            if let Some(why) = why { <p class="stream-error">{ &*why }</p> }
            if is_long && !is_writing {
                <button type="button" class="stream-fold" aria-expanded={if is_open { "true" } else { "false" }} onclick={on_fold}>
                    { if is_open { "Fold".to_owned() } else { format!("Show all · {} chunks", format::count(chunks)) } }
                </button>
            }
        </article>
    }
}
