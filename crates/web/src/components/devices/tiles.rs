//! The last value of each metric, with its unit and the way there; a click shows its course.

use std::rc::Rc;

use nexus_protocol::DeviceId;
use web_sys::MouseEvent;
use yew::{AttrValue, Callback, Html, Properties, component, html};

use crate::canvas::trail::TrailHandle;
use crate::components::chart::Sparkline;
use crate::format;
use crate::hooks::{use_calm, use_clock, use_place, use_store};
use crate::state::device;
use crate::state::place::Devices;

/// A value that is so much older than the device's newest report says its age.
const BEHIND: u64 = 5_000;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) id: DeviceId,
    /// The metric of the chart.
    pub(super) metric: Option<Rc<str>>,
}

/// The tiles.
#[component]
pub(super) fn Tiles(props: &Props) -> Html {
    let store = use_store();
    let places = use_place::<Devices>();
    use_calm(store.fleet());
    let now = store.server_time(use_clock(1_000));
    let on_choose = Callback::from(move |metric: Rc<str>| places.adjust(|place| place.metric = Some(metric)));
    let tiles = store.fleet().read(|fleet| {
        let device = fleet.of(&props.id)?;
        let newest = device.seen_at.unwrap_or_default();
        let tile = |(name, metric): (&Rc<str>, &crate::store::Metric)| {
            let (label, unit) = device::named(name);
            let is_behind = newest.saturating_sub(metric.at) > BEHIND;
            TileProps {
                metric: name.clone(),
                label: label.into(),
                unit: unit.into(),
                value: format::fixed_float(metric.value, usize::from(metric.decimals)).into(),
                at: format::date_and_time(metric.at).into(),
                age: is_behind
                    .then(|| format!("{} ago", format::span(now.saturating_sub(metric.at) as f64)).into()),
                trail: metric.trail.clone(),
                is_chosen: props.metric.as_ref() == Some(name),
                on_choose: on_choose.clone(),
            }
        };
        Some(device.metrics.iter().map(tile).collect::<Vec<_>>())
    });
    html! {
        <div class="tiles panel-body-scroll" role="group" aria-label="Metrics">
            for tile in tiles.unwrap_or_default() {
                <Tile key={tile.metric.to_string()} ..tile.clone() />
            }
        </div>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct TileProps {
    metric: Rc<str>,
    label: AttrValue,
    unit: AttrValue,
    value: AttrValue,
    at: AttrValue,
    /// How old the value is, where the device has reported since.
    age: Option<AttrValue>,
    trail: TrailHandle,
    is_chosen: bool,
    on_choose: Callback<Rc<str>>,
}

#[component]
fn Tile(props: &TileProps) -> Html {
    let onclick = {
        let metric = props.metric.clone();
        props.on_choose.reform(move |_: MouseEvent| metric.clone())
    };
    html! {
        <button type="button" class="tile" data-testid="metric" data-metric={props.metric.to_string()}
            data-value={props.value.clone()} aria-pressed={if props.is_chosen { "true" } else { "false" }}
            title={format!("{} · {}", props.metric, props.at)} {onclick}>
            <span class="tile-name truncate">{ props.label.clone() }</span>
            <span class="tile-value">{ props.value.clone() }<small>{ props.unit.clone() }</small></span>
            <span class="tile-spark"><Sparkline trail={props.trail.clone()} /></span>
            if let Some(age) = &props.age {
                <span class="tile-age">{ age.clone() }</span>
            }
        </button>
    }
}
