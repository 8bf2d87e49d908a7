//! Candles off the wire as bars for drawing.

use nexus_protocol::{Candle, Candles, HistoryPage};

use crate::canvas::series::{Bar, Series};

/// Candles as bars.
pub(crate) fn bars_of(candles: &[Candle]) -> Vec<Bar> {
    candles.iter().map(bar_of).collect()
}

/// The bars of a page of history, whose items are candles or whole publications of them.
pub(super) fn bars_of_page(page: &HistoryPage) -> Vec<Bar> {
    let mut bars = Vec::with_capacity(page.items.len());
    for item in &page.items {
        if let Ok(candles) = item.payload.read::<Candles>() {
            bars.extend(bars_of(&candles.candles));
        } else if let Ok(candle) = item.payload.read::<Candle>() {
            bars.push(bar_of(&candle));
        }
    }
    bars
}

/// Takes bars off a subscription. A snapshot that does not reach back to what is known begins the series anew, so that
/// what lies between is loaded again and never drawn as if nothing had happened.
pub(super) fn take(series: &mut Series, bars: Vec<Bar>, snapshot: bool) {
    let reaches_back = match (series.last(), bars.first()) {
        (Some(last), Some(first)) => series.slot(first.t) <= series.slot(last.t) + 1,
        _ => true,
    };
    if snapshot && !reaches_back {
        series.replace(bars);
    } else {
        series.merge(bars);
    }
}

fn bar_of(candle: &Candle) -> Bar {
    Bar {
        t: i64::try_from(candle.time).unwrap_or_default(),
        open: candle.open.to_f64(),
        high: candle.high.to_f64(),
        low: candle.low.to_f64(),
        close: candle.close.to_f64(),
        volume: candle.volume.to_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::series::Step;

    fn bars(minutes: std::ops::Range<i64>) -> Vec<Bar> {
        let bar = |minute| Bar {
            t: minute * 60_000,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        };
        minutes.map(bar).collect()
    }

    fn after(snapshot: std::ops::Range<i64>) -> usize {
        let mut series = Series::new(Step::Millis(60_000));
        take(&mut series, bars(0..10), true);
        take(&mut series, bars(snapshot), true);
        series.bars().len()
    }

    #[test]
    fn a_snapshot_that_touches_what_is_known_is_added_to_it() {
        assert_eq!(after(5..15), 15);
        assert_eq!(after(10..15), 15);
    }

    #[test]
    fn a_snapshot_behind_a_hole_begins_anew() {
        assert_eq!(after(11..15), 4);
    }
}
