//! Texts that are being written, the newest first.

use std::rc::Rc;

use nexus_protocol::Topic;
use yew::{Callback, Html, component, html};

use super::search::Search;
use super::stream_card::StreamCard;
use crate::components::panel::Panel;
use crate::hooks::{use_live, use_place, use_selected, use_store, use_topic};
use crate::state::place::Activity;

/// Streams that are shown.
const SHOWN: usize = 40;

/// The streams.
#[component]
pub(crate) fn StreamsPanel() -> Html {
    let store = use_store();
    let places = use_place::<Activity>();
    use_topic(Some(Topic::Ai));
    let known = use_selected(store.streams(), (), |streams, ()| streams.len());
    let on_query = {
        let places = places.clone();
        Callback::from(move |query: Rc<str>| places.adjust(|place| place.stream_query = query))
    };
    let head = html! {
        <>
            <span class="panel-title" aria-hidden="true">{ "AI streams" }</span>
            <Search what="ai" label="Search streams" query={places.here.stream_query.clone()} {on_query} />
        </>
    };
    html! {
        <Panel name="ai" title="AI streams" {head} topic={Some(Topic::Ai)} has_content={known > 0}
            nothing={("No streams yet".into(), "They appear when a program publishes on the channel ai.".into())}>
            <Cards />
        </Panel>
    }
}

/// A card a stream. Each watches its own text; this renders only when there is another stream.
#[component]
fn Cards() -> Html {
    let store = use_store();
    let places = use_place::<Activity>();
    use_live(store.streams());
    let query = places.here.stream_query.trim().to_lowercase();
    let cards: Vec<_> = store
        .streams()
        .read(|streams| streams.newest_first())
        .into_iter()
        .filter(|(_, stream)| query.is_empty() || stream.read(|stream| stream.answers(&query)))
        .take(SHOWN)
        .collect();
    html! {
        <div class="column-scroll panel-body-scroll streams" tabindex="0" role="group" aria-label="List of AI streams">
            for (id, stream) in &cards {
                <StreamCard key={id.to_string()} stream={stream.clone()} />
            }
            if cards.is_empty() {
                <div class="panel-message" role="status"><h3>{ "No stream found" }</h3><p>{ "Try fewer letters." }</p></div>
            }
        </div>
    }
}
