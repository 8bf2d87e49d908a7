//! What stands above a timeline: which chain, how high, since when, and what of it is shown.

use nexus_protocol::{ChainId, Topic};
use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, KeyboardEvent, MouseEvent, Properties, TargetCast, component, html};

use crate::components::copy_button::CopyButton;
use crate::components::icon::{Glyph, Icon};
use crate::format;
use crate::hooks::{use_clock, use_freshness, use_live, use_place, use_selected, use_store};
use crate::state::chains::{NoteKind, shortened};
use crate::state::feed::Freshness;
use crate::state::place::Chains;
use crate::store::Chain;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) chain: ChainId,
}

/// Which chain, and how it is.
#[component]
pub(super) fn ChainHead(props: &Props) -> Html {
    let places = use_place::<Chains>();
    let store = use_store();
    let topic = Topic::Chain(props.chain.clone());
    let freshness = use_freshness(Some(&topic));
    let is_simulated = use_selected(store.feeds(), topic, |feeds, topic| {
        feeds.of(topic).is_some_and(|feed| feed.is_simulated())
    });
    let on_back = Callback::from(move |_: MouseEvent| places.turn(|place| place.chain = None));
    html! {
        <>
            <button type="button" class="icon-button room-back" aria-label="All chains" title="All chains"
                onclick={on_back}><Glyph of={Icon::Back} /></button>
            <p class="chain-title mono truncate" title={props.chain.to_string()}>{ shortened(props.chain.as_str()) }</p>
            <CopyButton text={props.chain.to_string()} what="chain's id" />
            <div class="panel-tools">
                if is_simulated { <span class="badge badge-sim" data-testid="chain-simulated">{ "simulated" }</span> }
                <span class="fresh-word" data-testid="chain-state" data-word={freshness.word()}>
                    <span class="fresh-dot" data-word={freshness.word()}></span>{ word(&freshness) }
                </span>
            </div>
        </>
    }
}

fn word(freshness: &Freshness) -> &'static str {
    match freshness {
        Freshness::Loading => "loading",
        Freshness::Live | Freshness::Quiet => "live",
        Freshness::Resyncing => "resyncing",
        Freshness::Stale { .. } => "stale",
        Freshness::Down { .. } | Freshness::Failed(_) | Freshness::Barred(_) => "down",
    }
}

/// How high the chain is, and how long ago its last block was.
#[component]
pub(super) fn ChainFacts(props: &Props) -> Html {
    let store = use_store();
    let chain = store.chain(&props.chain);
    let tip = use_selected(&chain, (), |chain: &Chain, ()| chain.tip());
    let now = store.server_time(use_clock(1_000));
    html! {
        <dl class="chain-facts">
            <div><dt>{ "Tip" }</dt>
                <dd class="chain-height" data-testid="chain-tip">{ tip.as_ref().map_or("–".to_owned(), |tip| format::count(tip.height)) }</dd></div>
            <div><dt>{ "Last block" }</dt>
                if let Some(tip) = &tip {
                    <dd title={format::date_and_time(tip.at)} data-testid="chain-age">
                        { format!("{} ago", format::age(now.saturating_sub(tip.at) as f64)) }
                    </dd>
                } else {
                    <dd>{ "–" }</dd>
                }
            </div>
            if let Some(tip) = &tip {
                <div class="chain-fact-hash"><dt>{ "Hash" }</dt>
                    <dd><span class="mono" title={tip.hash.to_string()}>{ shortened(&tip.hash) }</span>
                        <CopyButton text={tip.hash.to_string()} what="tip's hash" /></dd></div>
            }
        </dl>
    }
}

/// What of the chain is shown: a search, and kinds of notifications.
#[component]
pub(super) fn ChainTools(props: &Props) -> Html {
    let places = use_place::<Chains>();
    let chain = use_store().chain(&props.chain);
    use_live(&chain);
    let on_input = {
        let places = places.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                places.adjust(|place| place.query = input.value().trim().into());
            }
        })
    };
    let on_key = {
        let places = places.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                places.adjust(|place| place.query = "".into());
                if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                    let _ = input.blur();
                }
            }
        })
    };
    let kinds = NoteKind::ALL.map(|kind| (kind, chain.read(|chain: &Chain| chain.count(kind))));
    html! {
        <div class="chain-tools">
            <label class="search">
                <Glyph of={Icon::Search} /><span class="visually-hidden">{ "Search a height or a hash" }</span>
                <input type="search" data-testid="chain-search" placeholder="Height or hash" autocomplete="off" spellcheck="false"
                    value={places.here.query.to_string()} oninput={on_input} onkeydown={on_key} /><kbd>{ "/" }</kbd>
            </label>
            <div class="segmented" role="group" aria-label="Notifications that are shown beside blocks">
                for (kind, count) in kinds {
                    if count > 0 || kind != NoteKind::Other {
                        <button type="button" key={kind.word()} data-testid="chain-kind" data-kind={kind.word()}
                            aria-pressed={if places.here.hidden.has(kind) { "false" } else { "true" }}
                            onclick={{
                                let places = places.clone();
                                Callback::from(move |_: MouseEvent| places.adjust(|place| place.hidden = place.hidden.turned(kind)))
                            }}>{ kind.name() }<span class="chain-kind-count">{ format::count(count as u64) }</span></button>
                    }
                }
            </div>
        </div>
    }
}
