//! Details of the connection: which server, how each feed is, and how the last interruption ended.

use nexus_client::Wish;
use nexus_protocol::Topic;
use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::dialog::Modal;
use crate::format;
use crate::hooks::{use_clock, use_link, use_live, use_store};
use crate::state::condition::Condition;
use crate::state::feed::{Feed, Freshness, Moment};
use crate::state::link::Phase;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) on_close: Callback<()>,
}

/// Details of the connection.
#[component]
pub(crate) fn LinkDialog(props: &Props) -> Html {
    let store = use_store();
    let link = use_link();
    use_live(store.feeds());
    let now = use_clock(500);
    let mut feeds = store.feeds().read(|feeds| feeds.all());
    feeds.sort_by_cached_key(|(topic, _)| topic.to_string());
    let states: Vec<Feed> = feeds.iter().map(|(_, feed)| feed.clone()).collect();
    let condition = Condition::of(&link, &states, now);
    let reason = match &link.phase {
        Phase::Waiting { reason, .. } => reason.clone(),
        Phase::SignedOut { reason } | Phase::Stopped { reason } => Some(reason.clone()),
        Phase::Connecting { .. } | Phase::Resyncing | Phase::Up | Phase::Offline => None,
    };
    let on_reconnect = {
        let wants = store.wants().clone();
        Callback::from(move |_: MouseEvent| wants.wish(Wish::ReconnectNow))
    };
    html! {
        <Modal name="link" title="Connection" is_narrow=true on_close={props.on_close.clone()}>
            <div class="dialog-body">
                <dl class="facts">
                    <div><dt>{ "State" }</dt><dd>{ condition.label() }
                        if let Some(reason) = reason { { format!(": {reason}") } }
                    </dd></div>
                    <div><dt>{ "Server" }</dt><dd class="mono">{ &*link.server }</dd></div>
                    if states.iter().any(Feed::is_simulated) {
                        <div><dt>{ "Source" }</dt><dd><span class="badge badge-sim">{ "simulated" }</span>
                            { " a stand-in, not the real one" }</dd></div>
                    }
                    if let Some(millis) = link.round_trip_ms {
                        <div><dt>{ "Round trip" }</dt><dd>{ format!("{millis} ms") }</dd></div>
                    }
                    if let Some(identity) = &link.identity {
                        <div><dt>{ "Signed in as" }</dt><dd>{ &*identity.user }</dd></div>
                    }
                    if let Some(back) = link.last_return {
                        <div><dt>{ "Last return" }</dt><dd data-testid="last-return" title={format::date_and_time(back.at)}>
                            { format!("{}. {}", back.told().0, back.told().1) }
                        </dd></div>
                    }
                </dl>
                <table class="feeds">
                    <caption class="visually-hidden">{ "Feeds" }</caption>
                    <thead><tr>
                        <th scope="col">{ "Feed" }</th><th scope="col">{ "State" }</th>
                        <th scope="col" class="num">{ "Last news" }</th>
                    </tr></thead>
                    <tbody>
                        for (topic, feed) in feeds {
                            { feed_row(&topic, &feed, link.is_up(), now) }
                        }
                    </tbody>
                </table>
                if !link.is_up() {
                    <button type="button" class="button" onclick={on_reconnect}>{ "Reconnect now" }</button>
                }
            </div>
        </Modal>
    }
}

fn feed_row(topic: &Topic, feed: &Feed, link_is_up: bool, now: Moment) -> Html {
    let freshness = feed.freshness(link_is_up);
    let reason = match &freshness {
        Freshness::Stale { reason, .. } | Freshness::Down { reason, .. } => reason.clone(),
        Freshness::Failed(reason) | Freshness::Barred(reason) => Some(reason.clone()),
        _ => None,
    };
    html! {
        <tr key={topic.to_string()} data-testid="feed" data-topic={topic.to_string()} data-freshness={freshness.word()}>
            <td>
                { topic_name(topic) }
            </td>
            <td title={reason} data-word={freshness.word()}>{ freshness.word() }</td>
            <td class="num">
                { feed.heard_at.map_or("–".to_owned(), |at| format::age(now.saturating_sub(at) as f64)) }
            </td>
        </tr>
    }
}

fn topic_name(topic: &Topic) -> String {
    match topic {
        Topic::Prices(_) => "Prices".to_owned(),
        Topic::OrderBook(symbol, _) => format!("Order book {symbol}"),
        Topic::Trades(symbol) => format!("Trades {symbol}"),
        Topic::Candles(symbol, interval) => format!("Candles {symbol} {interval}"),
        other => other.to_string(),
    }
}
