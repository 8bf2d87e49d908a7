//! Cumulated bids and asks: the markup around the stage.

use std::rc::Rc;

use yew::prelude::*;

use super::candle_chart::ChartStatus;
use super::depth_stage::{DepthLabels, DepthStage};
use crate::canvas::book_curve::BookCurveHandle;

/// See [`DepthChart`].
#[derive(Properties, PartialEq)]
pub struct DepthChartProps {
    /// The store that the driver feeds.
    pub book: BookCurveHandle,
    /// What is traded: the unit of sizes.
    pub symbol: AttrValue,
    /// Unit of prices.
    #[prop_or(AttrValue::Static("USD"))]
    pub quote: AttrValue,
    /// Decimals of a price.
    #[prop_or(2)]
    pub price_decimals: u8,
    /// Loading, ready or stale.
    #[prop_or_default]
    pub status: ChartStatus,
}

/// Cumulated bids and asks about the middle; hover tells price, size up to it, value and distance; the wheel zooms.
#[component]
pub fn DepthChart(props: &DepthChartProps) -> Html {
    let host = use_node_ref();
    let stage = use_mut_ref(|| None::<DepthStage>);
    let empty = use_state_eq(|| true);
    let labels = Rc::new(DepthLabels {
        symbol: props.symbol.clone(),
        quote: props.quote.clone(),
        price_decimals: props.price_decimals,
    });
    {
        let (host, stage, empty) = (host.clone(), stage.clone(), empty.clone());
        use_effect_with((props.book.clone(), labels), move |(book, labels)| {
            let on_empty = Callback::from(move |now| empty.set(now));
            *stage.borrow_mut() = host
                .cast()
                .and_then(|host| DepthStage::new(host, book.clone(), labels.clone(), on_empty));
            move || drop(stage.take())
        });
    }
    {
        let stage = stage.clone();
        use_effect_with(props.status, move |_| {
            if let Some(stage) = &*stage.borrow() {
                stage.read_theme();
            }
        });
    }
    let state = props.status.name(*empty);
    html! {
        <div ref={host} class="chart chart-depth" data-state={state} role="group" aria-roledescription="chart"
            aria-label={format!("{} market depth", props.symbol)} aria-busy={(state == "loading").then_some("true")}>
            <canvas class="chart-base" role="img" aria-label={format!("{} market depth", props.symbol)}></canvas>
            <canvas class="chart-overlay" aria-hidden="true"></canvas>
            <div class="chart-tip" hidden=true aria-hidden="true"></div>
            if state == "loading" {
                <p class="chart-message">{ "Loading the book" }</p>
            } else if state == "empty" {
                <p class="chart-message">{ "The book is empty" }</p>
            }
        </div>
    }
}
