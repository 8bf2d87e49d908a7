//! The course of one metric of the chosen device.

use std::rc::Rc;

use nexus_protocol::{DeviceId, Topic};
use web_sys::KeyboardEvent;
use yew::{
    Callback, Html, MouseEvent, Properties, component, html, use_callback, use_effect_with, use_state_eq,
};

use crate::browser;
use crate::canvas::readings::ReadingsHandle;
use crate::components::chart::{ChartStatus, LineChart};
use crate::components::icon::{Glyph, Icon};
use crate::components::panel::Panel;
use crate::format;
use crate::hooks::{use_calm, use_freshness, use_hotkeys, use_link, use_selected, use_store};
use crate::state::device;
use crate::state::face::Face;

/// Stretches of time that have a button, in milliseconds.
const SPANS: [(u32, &str); 6] = [
    (60_000, "1m"),
    (300_000, "5m"),
    (900_000, "15m"),
    (3_600_000, "1h"),
    (21_600_000, "6h"),
    (86_400_000, "1d"),
];

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) id: DeviceId,
    pub(crate) metric: Rc<str>,
}

/// The course of a metric.
#[component]
pub(crate) fn SeriesPanel(props: &Props) -> Html {
    let store = use_store();
    let link = use_link();
    let readings = store.readings(&props.id);
    let topic = Topic::Telemetry;
    let freshness = use_freshness(Some(&topic));
    let has_points = use_selected(&readings, props.metric.clone(), |readings, metric| {
        readings.last(metric).is_some()
    });
    let decimals = use_selected(
        store.fleet(),
        (props.id.clone(), props.metric.clone()),
        |fleet, (id, metric)| {
            let metric = fleet.of(id).and_then(|device| device.metrics.get(metric));
            metric.map_or(1, |metric| metric.decimals)
        },
    );
    let span = use_state_eq(|| 300_000_u32);
    // How many reports had come when the view was held.
    let held = use_state_eq(|| None::<u64>);
    let on_hold = use_callback(
        (readings.clone(), held.setter()),
        |is_held: bool, (readings, held)| {
            held.set(is_held.then(|| readings.read(|readings| readings.taken())));
        },
    );
    use_effect_with((props.id.clone(), held.setter()), |(_, held)| held.set(None));
    let on_older = use_callback((store.clone(), props.id.clone()), |before: i64, (store, id)| {
        store.ask_readings(id, Some(before));
    });
    use_hotkeys({
        let (on_hold, is_held) = (on_hold.clone(), held.is_some());
        Callback::from(move |event: KeyboardEvent| {
            let is_space = event.key() == " ";
            if is_space {
                on_hold.emit(!is_held);
            }
            is_space
        })
    });
    let status = match Face::of(&freshness, &link, has_points) {
        Face::Dimmed => ChartStatus::Stale,
        Face::Skeleton => ChartStatus::Loading,
        Face::Content | Face::Nothing | Face::Waiting(_) | Face::Trouble { .. } => ChartStatus::Ready,
    };
    let (name, unit) = device::named(&props.metric);
    let now = browser::now();
    let ahead =
        i64::try_from(now).unwrap_or_default() - i64::try_from(store.server_time(now)).unwrap_or_default();
    let on_pause = {
        let is_held = held.is_some();
        on_hold.reform(move |_: MouseEvent| !is_held)
    };
    let (icon, label) = if held.is_some() {
        (Icon::Play, "Resume")
    } else {
        (Icon::Pause, "Pause")
    };
    let head = html! {
        <div class="segmented" role="radiogroup" aria-label="Stretch of time">
            for (millis, label) in SPANS {
                <button type="button" role="radio" data-testid="span" aria-checked={if *span == millis { "true" } else { "false" }}
                    onclick={{ let span = span.setter(); Callback::from(move |_: MouseEvent| span.set(millis)) }}>{ label }</button>
            }
        </div>
    };
    let tools = html! {
        <>
            <span class="faint panel-zone" title="Zone of all times">{ format::zone(now) }</span>
            <button type="button" class="icon-button" data-testid="series-pause" title={format!("{label} (space)")}
                aria-label={format!("{label} the chart")} aria-pressed={if held.is_some() { "true" } else { "false" }}
                onclick={on_pause}><Glyph of={icon} /></button>
        </>
    };
    html! {
        <Panel name="series" title={format!("{name} over time")} {head} {tools} topic={Some(topic)} has_content={has_points}
            tells_itself=true nothing={("No values yet".into(), "".into())}>
            <LineChart readings={readings.clone()} metric={props.metric.to_string()} {name} {unit} {decimals} {ahead}
                span={*span} is_held={held.is_some()} {on_hold} {status} {on_older} />
            if let Some(taken) = *held {
                <Held {readings} {taken} />
            }
        </Panel>
    }
}

#[derive(PartialEq, Properties)]
struct HeldProps {
    readings: ReadingsHandle,
    taken: u64,
}

/// How many reports came while the view was held.
#[component]
fn Held(props: &HeldProps) -> Html {
    use_calm(&props.readings);
    let held = props
        .readings
        .read(|readings| readings.taken().saturating_sub(props.taken));
    html! {
        <p class="series-held" data-testid="series-held" data-held={held.to_string()}>
            { format!("Held · {} new", format::count(held)) }
        </p>
    }
}
