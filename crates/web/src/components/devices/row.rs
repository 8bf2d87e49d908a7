//! One device in the list.

use std::rc::Rc;

use nexus_protocol::DeviceId;
use web_sys::MouseEvent;
use yew::{AttrValue, Callback, Html, Properties, component, html};

use crate::canvas::trail::TrailHandle;
use crate::components::chart::Sparkline;
use crate::format;
use crate::state::device::{self, DeviceState};
use crate::state::feed::Moment;
use crate::store::{Device, Metric};

/// Metrics that stand in a row.
const HEADLINE: usize = 2;

/// What a row shows, as text where it is text, so that a row whose words are the same is not rendered again.
#[derive(Clone, PartialEq)]
pub(super) struct Line {
    pub(super) id: DeviceId,
    state: DeviceState,
    /// How long ago it was seen.
    seen: AttrValue,
    seen_exactly: AttrValue,
    /// Its first values.
    values: Vec<AttrValue>,
    trail: Option<TrailHandle>,
}

impl Line {
    /// What the row of a device shows at a moment of the server's clock.
    pub(super) fn of(device: &Device, state: DeviceState, now: Moment) -> Self {
        let seen = device.seen_at.map(|seen| now.saturating_sub(seen) as f64);
        Line {
            id: device.id.clone(),
            state,
            seen: seen.map_or("no report yet".into(), |ago| {
                format!("{} ago", format::span(ago)).into()
            }),
            seen_exactly: device.seen_at.map_or("It has not reported yet.".into(), |seen| {
                format::date_and_time(seen).into()
            }),
            values: headline(device),
            trail: device.metrics.values().next().map(|metric| metric.trail.clone()),
        }
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) line: Rc<Line>,
    /// Which row of all.
    pub(super) place: usize,
    /// Of how many.
    pub(super) of: usize,
    /// Whether the tab key stops here.
    pub(super) is_current: bool,
    pub(super) is_chosen: bool,
    pub(super) on_open: Callback<DeviceId>,
}

/// One device.
#[component]
pub(super) fn DeviceRow(props: &Props) -> Html {
    let Props { line, place, .. } = props;
    let onclick = {
        let id = line.id.clone();
        props.on_open.reform(move |_: MouseEvent| id.clone())
    };
    html! {
        <div class="device-row" role="option" data-testid="device-row" data-device={line.id.to_string()}
            data-state={line.state.word()} data-place={place.to_string()}
            aria-selected={if props.is_chosen { "true" } else { "false" }}
            aria-posinset={(place + 1).to_string()} aria-setsize={props.of.to_string()}
            tabindex={if props.is_current { "0" } else { "-1" }}
            style={format!("transform: translateY(calc({place} * var(--row-watch)))")} {onclick}>
            <StateDot state={line.state} />
            <span class="device-name"><b class="truncate">{ line.id.as_str() }</b>
                <small title={line.seen_exactly.clone()}>{ line.seen.clone() }</small></span>
            <span class="device-spark">
                if let Some(trail) = &line.trail { <Sparkline trail={trail.clone()} /> }
            </span>
            <span class="device-values">
                for value in &line.values { <span>{ value.clone() }</span> }
            </span>
        </div>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct DotProps {
    pub(super) state: DeviceState,
}

/// The state of a device as shape and colour, with its word for those who see neither.
#[component]
pub(super) fn StateDot(props: &DotProps) -> Html {
    html! {
        <span class="state-dot" data-testid="device-state" data-state={props.state.word()} title={props.state.meaning()}>
            <span class="visually-hidden">{ props.state.word() }</span>
        </span>
    }
}

/// A value with its unit.
pub(super) fn figure(name: &str, metric: &Metric) -> String {
    let number = format::fixed_float(metric.value, usize::from(metric.decimals));
    match device::named(name).1 {
        "" => number,
        unit => format!("{number} {unit}"),
    }
}

fn headline(device: &Device) -> Vec<AttrValue> {
    let first = device.metrics.iter().take(HEADLINE);
    first.map(|(name, metric)| figure(name, metric).into()).collect()
}
