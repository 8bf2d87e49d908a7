//! One metric over time: the markup around the stage, and the few states worth a render.

use std::rc::Rc;

use yew::prelude::*;

use super::candle_chart::ChartStatus;
use super::line_stage::{LineReports, LineStage, LineView};
use super::line_words::LineLabels;
use crate::canvas::readings::ReadingsHandle;

/// See [`LineChart`].
#[derive(Properties, PartialEq)]
pub struct LineChartProps {
    /// The store that the driver feeds. Another store is another chart: the view starts anew.
    pub readings: ReadingsHandle,
    /// The metric as it is published.
    pub metric: AttrValue,
    /// Its name for people.
    pub name: AttrValue,
    /// Its unit, if it has one.
    #[prop_or_default]
    pub unit: AttrValue,
    /// Decimals of a value.
    #[prop_or(2)]
    pub decimals: u8,
    /// How far the browser's clock is ahead of the one that stamped the points, in milliseconds.
    #[prop_or_default]
    pub ahead: i64,
    /// The stretch that is shown, in milliseconds; hands may change it later.
    pub span: u32,
    /// Whether the view is held still.
    pub is_held: bool,
    /// The view is held still by hands, or follows the present again.
    pub on_hold: Callback<bool>,
    /// Loading, ready or stale.
    #[prop_or_default]
    pub status: ChartStatus,
    /// The reader came near the oldest report: asked once per oldest, with its time (Unix milliseconds).
    #[prop_or_default]
    pub on_older: Callback<i64>,
}

/// One metric over time, with crosshair, zoom, pan, keyboard. What is missing is a gap.
#[component]
pub fn LineChart(props: &LineChartProps) -> Html {
    let host = use_node_ref();
    let stage = use_mut_ref(|| None::<LineStage>);
    let empty = use_state_eq(|| true);
    let labels = Rc::new(LineLabels {
        metric: props.metric.clone(),
        name: props.name.clone(),
        unit: props.unit.clone(),
        decimals: props.decimals,
        ahead: props.ahead,
    });
    {
        let (host, stage, empty, labels) = (host.clone(), stage.clone(), empty.setter(), labels.clone());
        let deps = (
            props.readings.clone(),
            props.on_hold.clone(),
            props.on_older.clone(),
        );
        use_effect_with(deps, move |(readings, on_hold, on_older)| {
            let on_hold = on_hold.clone();
            let reports = LineReports {
                on_view: Callback::from(move |view: LineView| {
                    empty.set(view.empty);
                    on_hold.emit(!view.following);
                }),
                on_older: on_older.clone(),
            };
            *stage.borrow_mut() = host
                .cast()
                .and_then(|host| LineStage::new(host, readings.clone(), labels, reports));
            move || drop(stage.take())
        });
    }
    use_effect_with((labels, props.readings.clone()), {
        let stage = stage.clone();
        move |(labels, _)| {
            if let Some(stage) = &*stage.borrow() {
                stage.set_labels(labels.clone());
            }
        }
    });
    use_effect_with((props.span, props.readings.clone()), {
        let stage = stage.clone();
        move |(span, _)| {
            if let Some(stage) = &*stage.borrow() {
                stage.set_span(f64::from(*span));
            }
        }
    });
    use_effect_with((props.is_held, props.readings.clone()), {
        let stage = stage.clone();
        move |(is_held, _)| {
            if let Some(stage) = &*stage.borrow() {
                stage.hold(*is_held);
            }
        }
    });
    use_effect_with(props.status, {
        let stage = stage.clone();
        move |_| {
            if let Some(stage) = &*stage.borrow() {
                stage.read_theme();
            }
        }
    });
    let state = props.status.name(*empty);
    let to_now = props.on_hold.reform(|_: MouseEvent| false);
    html! {
        <div ref={host} class="chart chart-line" data-state={state} tabindex="0" role="group" aria-roledescription="chart"
            data-testid="metric-chart"
            aria-label={format!("{} over time. Arrow keys scroll, plus and minus zoom, Home and End jump.", props.name)}
            aria-busy={(state == "loading").then_some("true")}>
            <canvas class="chart-base" role="img" aria-label={props.name.clone()}></canvas>
            <canvas class="chart-overlay" aria-hidden="true"></canvas>
            <div class="chart-legend" aria-hidden="true"></div>
            if state == "loading" {
                <p class="chart-message">{ "Loading values" }</p>
            } else if state == "empty" {
                <p class="chart-message">{ "No values yet" }</p>
            }
            if props.is_held {
                <button type="button" class="button button-small chart-now" onclick={to_now} title="To the present (End)">
                    { "To now" }
                </button>
            }
            <table class="visually-hidden chart-table">
                <caption>{ format!("Last values of {}", props.name) }</caption>
                <thead><tr><th scope="col">{ "Time" }</th><th scope="col">{ "Value" }</th></tr></thead>
                <tbody></tbody>
            </table>
        </div>
    }
}
