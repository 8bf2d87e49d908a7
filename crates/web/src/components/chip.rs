//! The connection chip: the condition of the data, everywhere.

use nexus_client::Wish;
use yew::{Html, MouseEvent, component, html, use_context};

use super::dialogs::{Dialog, OpenDialog};
use crate::hooks::{use_clock, use_link, use_live, use_store};
use crate::state::condition::Condition;
use crate::state::feed::Feed;

/// The chip, with a button beside it while a try to connect is awaited.
#[component]
pub(crate) fn Chip() -> Html {
    let store = use_store();
    let link = use_link();
    let open = use_context::<OpenDialog>().unwrap_or_default();
    use_live(store.feeds());
    let now = use_clock(500);
    let feeds: Vec<Feed> = store
        .feeds()
        .read(|feeds| feeds.all().into_iter().map(|(_, feed)| feed).collect());
    let condition = Condition::of(&link, &feeds, now);
    let (detail, more) = condition.detail(now, link.round_trip_ms);
    let label = condition.label();
    let on_click = open.reform(|_: MouseEvent| Dialog::Link);
    let on_now = {
        let wants = store.wants().clone();
        move |_: MouseEvent| wants.wish(Wish::ReconnectNow)
    };
    let waits = matches!(
        condition,
        Condition::Reconnecting { until: Some(_), .. } | Condition::Stopped
    );
    html! {
        <span class="chip-group">
            <button type="button" class="chip" data-testid="chip" data-state={condition.word()} aria-haspopup="dialog"
                data-cause={matches!(condition, Condition::Down { .. }).then_some("down")}
                title="Connection details" onclick={on_click}>
                <span class="chip-mark" aria-hidden="true"></span>
                <span class="chip-label">{ label }</span>
                if !detail.is_empty() || !more.is_empty() {
                    <span class="chip-detail">
                        { detail.clone() }
                        if !more.is_empty() {
                            <span class="chip-detail-more">
                                { if detail.is_empty() { more } else { format!(" · {more}") } }
                            </span>
                        }
                    </span>
                }
            </button>
            if waits {
                <button type="button" class="chip-now" data-testid="reconnect-now" aria-label="Reconnect now"
                    onclick={on_now}>{ "Now" }</button>
            }
            // The state is announced when it changes; ages and countdowns never are.
            <span class="visually-hidden" role="status">{ format!("Data: {label}") }</span>
        </span>
    }
}
