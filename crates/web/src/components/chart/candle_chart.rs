//! Candles with volume: the markup around the stage, and the few states worth a render (following or not, empty or not).

use std::rc::Rc;

use yew::prelude::*;

use super::candle_stage::{CandleStage, Reports, View};
use super::candle_words::Labels;
use crate::canvas::series::SeriesHandle;

/// What the chart can say about its data beyond the data itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartStatus {
    /// Nothing has arrived yet.
    Loading,
    /// The data is current. Without any bars the chart says so.
    #[default]
    Ready,
    /// The data is old: it stays and dims.
    Stale,
}

impl ChartStatus {
    /// The value of `data-state`.
    pub(super) fn name(self, empty: bool) -> &'static str {
        match (self, empty) {
            (Self::Loading, true) => "loading",
            (Self::Ready | Self::Loading, false) => "ready",
            (Self::Ready, true) => "empty",
            (Self::Stale, _) => "stale",
        }
    }
}

/// See [`CandleChart`].
#[derive(Properties, PartialEq)]
pub struct CandleChartProps {
    /// The store that the driver feeds. Another store is another chart: the view starts anew.
    pub series: SeriesHandle,
    /// What is traded, for the text alternative.
    pub symbol: AttrValue,
    /// The name of the interval, for the text alternative.
    pub interval: AttrValue,
    /// Decimals of a price.
    #[prop_or(2)]
    pub price_decimals: u8,
    /// Loading, ready or stale.
    #[prop_or_default]
    pub status: ChartStatus,
    /// The reader scrolled near the oldest bar: asked once per oldest bar, with its time (Unix milliseconds). Answer by
    /// [`Series::merge`](crate::canvas::series::Series::merge), or
    /// [`Series::mark_oldest_reached`](crate::canvas::series::Series::mark_oldest_reached).
    #[prop_or_default]
    pub on_older: Callback<i64>,
}

/// Candles with volume, price and time axes, crosshair, zoom, pan, keyboard.
#[component]
pub fn CandleChart(props: &CandleChartProps) -> Html {
    let host = use_node_ref();
    let stage = use_mut_ref(|| None::<CandleStage>);
    let view = use_state_eq(View::default);
    let labels = Rc::new(Labels {
        symbol: props.symbol.clone(),
        interval: props.interval.clone(),
        price_decimals: props.price_decimals,
    });
    {
        let (host, stage, view) = (host.clone(), stage.clone(), view.clone());
        let labels = labels.clone();
        use_effect_with(props.series.clone(), move |series| {
            let reports = Reports {
                on_view: Callback::from(move |now| view.set(now)),
                on_older: Callback::noop(),
            };
            *stage.borrow_mut() = host
                .cast()
                .and_then(|host| CandleStage::new(host, series.clone(), labels, reports));
            move || drop(stage.take())
        });
    }
    {
        let stage = stage.clone();
        use_effect_with((labels, props.series.clone()), move |(labels, _)| {
            if let Some(stage) = &*stage.borrow() {
                stage.set_labels(labels.clone());
            }
        });
    }
    {
        let stage = stage.clone();
        use_effect_with(
            (props.on_older.clone(), props.series.clone()),
            move |(on_older, _)| {
                if let Some(stage) = &*stage.borrow() {
                    stage.set_on_older(on_older.clone());
                }
            },
        );
    }
    {
        let stage = stage.clone();
        use_effect_with(props.status, move |_| {
            if let Some(stage) = &*stage.borrow() {
                stage.read_theme();
            }
        });
    }
    let to_now = Callback::from(move |_: MouseEvent| {
        if let Some(stage) = &*stage.borrow() {
            stage.show_now();
        }
    });
    let state = props.status.name(view.empty);
    html! {
        <div ref={host} class="chart" data-state={state} tabindex="0" role="group" aria-roledescription="chart"
            aria-label={format!("{} candles. Arrow keys scroll, plus and minus zoom, Home and End jump.", props.symbol)}
            aria-busy={(state == "loading").then_some("true")}>
            <canvas class="chart-base" role="img" aria-label={format!("{} {} candles", props.symbol, props.interval)}>
            </canvas>
            <canvas class="chart-overlay" aria-hidden="true"></canvas>
            <div class="chart-legend" aria-hidden="true"></div>
            if state == "loading" {
                <p class="chart-message">{ "Loading candles" }</p>
            } else if state == "empty" {
                <p class="chart-message">{ "No candles yet" }</p>
            }
            if !view.following {
                <button type="button" class="button button-small chart-now" onclick={to_now} title="To the newest bar (End)">
                    { "To now" }
                </button>
            }
            <table class="visually-hidden chart-table">
                <caption>{ format!("Last candles of {}", props.symbol) }</caption>
                <thead><tr>
                    for head in ["Time", "Open", "High", "Low", "Close", "Volume"] {
                        <th scope="col">{ head }</th>
                    }
                </tr></thead>
                <tbody></tbody>
            </table>
        </div>
    }
}
