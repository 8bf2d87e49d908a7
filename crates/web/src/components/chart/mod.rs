//! Charts as components. Each is a thin Yew component that owns markup and rarely changing state, and a *stage*: the
//! imperative part that listens to pointers, watches its store and draws outside the virtual DOM.
//!
//! ```no_run
//! use nexus_web::canvas::series::{Bar, Series, SeriesHandle, Step};
//! use nexus_web::components::chart::CandleChart;
//! use yew::prelude::*;
//!
//! #[derive(Properties, PartialEq)]
//! struct Props {
//!     candles: SeriesHandle, // equal as long as it is the same store, so data never renders this
//! }
//!
//! #[component]
//! fn Candles(props: &Props) -> Html {
//!     let ask_for_history = Callback::from(|_before: i64| { /* then `Series::merge` */ });
//!     html! {
//!         <CandleChart series={props.candles.clone()} symbol="BTC" interval="1m" on_older={ask_for_history} />
//!     }
//! }
//!
//! // From the driver, as often as it likes: at most one drawing a frame comes of it.
//! fn on_candle(candles: &SeriesHandle, bar: Bar) {
//!     candles.write(|series| series.push(bar));
//! }
//!
//! let minute = SeriesHandle::new(Series::new(Step::Millis(60_000)));
//! # let _ = minute;
//! ```

mod candle_chart;
mod candle_control;
mod candle_stage;
mod candle_words;
mod depth_chart;
mod depth_stage;
mod line_chart;
mod line_stage;
mod line_words;
mod sparkline;

pub use candle_chart::{CandleChart, CandleChartProps, ChartStatus};
pub use depth_chart::{DepthChart, DepthChartProps};
pub use line_chart::{LineChart, LineChartProps};
pub use sparkline::{Sparkline, SparklineProps};
