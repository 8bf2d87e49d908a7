//! What a candle chart says in words: the legend of the bar under the crosshair, the summary of the picture, the table
//! of the last bars. For eyes, screen readers and tests alike.

use yew::AttrValue;

use crate::canvas::draw::text;
use crate::canvas::series::{Bar, Series, Step};

/// Names and decimals of what is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    /// What is traded.
    pub(super) symbol: AttrValue,
    /// Name of the interval.
    pub(super) interval: AttrValue,
    /// Decimals of a price.
    pub(super) price_decimals: u8,
}

/// Bars in the table for screen readers.
const ROWS: usize = 10;

impl Labels {
    /// The legend as markup. It holds formatted numbers only.
    pub(super) fn legend(&self, bar: Option<&Bar>) -> String {
        let Some(bar) = bar else {
            return "<span>No data at this time</span>".to_owned();
        };
        let price = |value| text::number(value, self.price_decimals);
        let side = if bar.is_up() { "up" } else { "down" };
        let change = text::percent((bar.close - bar.open) / bar.open);
        format!(
            "<span><i>O</i>{}</span><span><i>H</i>{}</span><span><i>L</i>{}</span><span><i>C</i><b class=\"{side}\">{}</b></span>\
             <span class=\"delta {side}\">{change}</span><span><i>Vol</i>{}</span>",
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            text::compact(bar.volume),
        )
    }

    /// One sentence or two about the whole picture.
    pub(super) fn summary(&self, series: &Series) -> String {
        let (Some(first), Some(last)) = (series.bars().front(), series.last()) else {
            return format!("{} {} candles: no data yet", self.symbol, self.interval);
        };
        let price = |value| text::number(value, self.price_decimals);
        let high = series
            .bars()
            .iter()
            .map(|bar| bar.high)
            .fold(f64::NEG_INFINITY, f64::max);
        let low = series
            .bars()
            .iter()
            .map(|bar| bar.low)
            .fold(f64::INFINITY, f64::min);
        let missing = match series.extent() {
            Some((oldest, newest)) => series.missing(oldest, newest).len(),
            None => 0,
        };
        let gaps = match missing {
            0 => String::new(),
            1 => " One gap.".to_owned(),
            count => format!(" {count} gaps."),
        };
        format!(
            "{} {} candles, {} bars from {} to {}. Last price {}, {} since the first bar, between {} and {}.{gaps}",
            self.symbol,
            self.interval,
            series.bars().len(),
            text::moment(first.t, with_time(series.step())),
            text::moment(last.t, with_time(series.step())),
            price(last.close),
            text::percent((last.close - first.open) / first.open),
            price(low),
            price(high),
        )
    }

    /// Rows of the last bars as markup, newest first. They hold formatted numbers only.
    pub(super) fn rows(&self, series: &Series) -> String {
        let price = |value| text::number(value, self.price_decimals);
        let mut rows = String::new();
        for bar in series.bars().iter().rev().take(ROWS) {
            rows.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                text::moment(bar.t, with_time(series.step())),
                price(bar.open),
                price(bar.high),
                price(bar.low),
                price(bar.close),
                text::compact(bar.volume),
            ));
        }
        rows
    }
}

/// Whether bars are short enough for the time of day to matter.
pub(super) fn with_time(step: Step) -> bool {
    matches!(step, Step::Millis(millis) if millis < 86_400_000)
}
