//! Charts as components. Each is a thin Yew component that owns markup and rarely changing state, and a *stage*: the
//! imperative part that listens to pointers, watches its store and draws outside the virtual DOM.
//!
//! ```ignore
//! let candles = SeriesHandle::new(Series::new(Step::parse("1m")?));     // canvas::series
//! html! { <CandleChart series={candles.clone()} symbol="BTC" interval="1m" price_decimals=1 on_older={ask_for_history} /> }
//! candles.write(|series| series.push(bar));                             // from the driver, as often as it likes
//! ```

mod candle_chart;
mod candle_control;
mod candle_stage;
mod candle_words;
mod depth_chart;
mod depth_stage;
mod sparkline;

pub use candle_chart::{CandleChart, CandleChartProps, ChartStatus};
pub use depth_chart::{DepthChart, DepthChartProps};
pub use sparkline::{Sparkline, SparklineProps};
