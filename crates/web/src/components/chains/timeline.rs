//! The blocks and notifications of one chain, newest on top. Who scrolled down stays where they are.

use nexus_protocol::{ChainId, Topic};
use web_sys::Element;
use yew::{
    Callback, Event, Html, MouseEvent, Properties, TargetCast, component, html, use_node_ref, use_state_eq,
};

use super::head::{ChainFacts, ChainHead, ChainTools};
use super::row::{RowView, key};
use crate::components::icon::{Glyph, Icon};
use crate::components::panel::Panel;
use crate::format;
use crate::hooks::{use_clock, use_live, use_place, use_selected, use_store, use_topic};
use crate::state::place::Chains;
use crate::store::Chain;

/// Rows are mounted by so many.
const PORTION: usize = 60;
/// This near to the end of what is mounted more is, in pixels.
const NEAR: i32 = 400;
/// Ages are told in these steps, in milliseconds.
const STEP: u64 = 5_000;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) chain: ChainId,
}

/// The timeline.
#[component]
pub(crate) fn Timeline(props: &Props) -> Html {
    let topic = Topic::Chain(props.chain.clone());
    use_topic(Some(topic.clone()));
    let chain = use_store().chain(&props.chain);
    let (is_empty, is_loaded) = use_selected(&chain, (), |chain: &Chain, ()| {
        (chain.is_empty(), chain.is_loaded())
    });
    let head = html! { <ChainHead chain={props.chain.clone()} /> };
    html! {
        <Panel name="chain" title={format!("Chain {}", props.chain)} {head} topic={Some(topic)}
            has_content={!is_empty || !is_loaded} speaks_for_link=true
            nothing={("No blocks yet".into(), "They appear as the chain grows.".into())}>
            <div class="chain-top">
                <ChainFacts chain={props.chain.clone()} />
                <ChainTools chain={props.chain.clone()} />
            </div>
            <Rows key={props.chain.as_str()} chain={props.chain.clone()} />
            <Announcer chain={props.chain.clone()} />
        </Panel>
    }
}

#[component]
fn Rows(props: &Props) -> Html {
    let places = use_place::<Chains>();
    let store = use_store();
    let chain = store.chain(&props.chain);
    use_live(&chain);
    let now = store.server_time(use_clock(5_000)) / STEP * STEP + STEP - 1;
    let scroller = use_node_ref();
    let mounted = use_state_eq(|| PORTION);
    // The tip's height when one left the top.
    let left_at = use_state_eq(|| None::<u64>);
    let tip = chain.read(|chain: &Chain| chain.tip().map_or(0, |tip| tip.height));
    let on_scroll = {
        let (mounted, left_at) = (mounted.clone(), left_at.clone());
        Callback::from(move |event: Event| {
            let Some(list) = event.target_dyn_into::<Element>() else {
                return;
            };
            if list.scroll_top() < 24 {
                mounted.set(PORTION);
                left_at.set(None);
            } else {
                left_at.set(Some(left_at.unwrap_or(tip)));
                if list.scroll_top() + list.client_height() + NEAR > list.scroll_height() {
                    mounted.set(*mounted + PORTION);
                }
            }
        })
    };
    let on_top = {
        let scroller = scroller.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(list) = scroller.cast::<Element>() {
                list.set_scroll_top(0);
            }
        })
    };
    let rows = chain.read(|chain: &Chain| chain.rows(places.here.hidden, &places.here.query));
    html! {
        <div class="timeline-box">
            <div ref={scroller} class="timeline-scroll panel-body-scroll" tabindex="0" role="region"
                aria-label="Blocks and notifications, newest first" onscroll={on_scroll}>
                if rows.is_empty() {
                    <div class="panel-message" role="status"><h3>{ if places.here.query.is_empty() { "Nothing here yet" } else { "Nothing found" } }</h3>
                        <p>{ if places.here.query.is_empty() { "Blocks appear as the chain grows." } else { "Of what is kept here, nothing has this height or hash." } }</p></div>
                }
                <ol class="timeline">
                    for row in rows.iter().take(*mounted) {
                        <RowView key={key(row)} row={row.clone()} {now} />
                    }
                </ol>
            </div>
            if let Some(left_at) = *left_at {
                <button type="button" class="talk-newest timeline-newest" data-testid="chain-newest" onclick={on_top}>
                    { match tip.saturating_sub(left_at) { 0 => "To the newest".to_owned(), 1 => "1 new block".to_owned(), new => format!("{} new blocks", format::count(new)) } }
                    <Glyph of={Icon::Up} />
                </button>
            }
        </div>
    }
}

/// Tells screen readers how high the chain is, every few seconds and not block by block.
#[component]
fn Announcer(props: &Props) -> Html {
    use_clock(8_000);
    let chain = use_store().chain(&props.chain);
    let tip = chain.read(|chain: &Chain| chain.tip());
    html! {
        <p class="visually-hidden" role="status">{ tip.map(|tip| format!("Block {}", tip.height)).unwrap_or_default() }</p>
    }
}
