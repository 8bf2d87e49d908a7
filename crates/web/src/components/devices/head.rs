//! Which device is shown, how it is, when it was seen.

use nexus_protocol::{DeviceId, Topic};
use yew::{Html, Properties, component, html};

use super::row::StateDot;
use crate::components::icon::{Glyph, Icon};
use crate::format;
use crate::hooks::{use_calm, use_clock, use_freshness, use_place, use_store};
use crate::state::feed::Freshness;
use crate::state::place::{DevicePane, Devices};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) id: DeviceId,
}

/// The head of a device.
#[component]
pub(super) fn DeviceHead(props: &Props) -> Html {
    let store = use_store();
    let places = use_place::<Devices>();
    use_calm(store.fleet());
    let now = store.server_time(use_clock(1_000));
    let known = store.fleet().read(|fleet| {
        let device = fleet.of(&props.id)?;
        Some((
            fleet.state(device, now),
            device.seen_at,
            device.since,
            device.skew_ms,
        ))
    });
    // What was known last is no news while nothing is heard.
    let freshness = use_freshness(Some(&Topic::Telemetry));
    let is_heard = matches!(freshness, Freshness::Live | Freshness::Quiet);
    let ago = |moment: u64| format::span(now.saturating_sub(moment) as f64);
    let on_back = yew::Callback::from(move |_: web_sys::MouseEvent| {
        places.adjust(|place| place.pane = DevicePane::List);
    });
    html! {
        <div class="device-head">
            <button type="button" class="icon-button device-back" aria-label="All devices" onclick={on_back}>
                <Glyph of={Icon::Back} />
            </button>
            if let Some((state, seen, since, skew)) = known {
                <StateDot {state} />
                <b class="device-title truncate" title={props.id.to_string()}>{ props.id.as_str() }</b>
                <span class={format!("badge state-badge state-{}", state.word())} title={state.meaning()}
                    data-testid="device-badge">
                    { if is_heard { state.word().to_owned() } else { format!("was {}", state.word()) } }</span>
                if let Some(seen) = seen {
                    <span class="device-fact" title={format::date_and_time(seen)}>{ format!("reported {} ago", ago(seen)) }</span>
                }
                if let Some(since) = since {
                    <span class="device-fact device-fact-wide" title={format::date_and_time(since)}>{ format!("connected for {}", ago(since)) }</span>
                }
                if let Some(skew) = skew {
                    <span class="badge badge-warn" data-testid="clock-skew"
                        title="The device's clock differs from the server's. All times shown are the server's.">
                        { skew_words(skew) }
                    </span>
                }
            } else {
                <b class="device-title truncate">{ props.id.as_str() }</b>
                <span class="device-fact">{ "not seen yet" }</span>
            }
        </div>
    }
}

fn skew_words(skew: i64) -> String {
    let span = format::span(skew.unsigned_abs() as f64);
    if skew > 0 {
        format!("clock {span} ahead")
    } else {
        format!("clock {span} behind")
    }
}
