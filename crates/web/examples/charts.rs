//! A gallery of the charts with made-up data, in every state: to look at while changing them, and for the screenshots
//! of the picture check. `?rate=2000` pushes that many ticks a second and reports the cost of a frame.
//!
//! ```sh
//! cargo build -p nexus-web --example charts --target wasm32-unknown-unknown
//! wasm-bindgen --target web --no-typescript --out-dir target/gallery target/wasm32-unknown-unknown/debug/examples/charts.wasm
//! # beside it an index.html that links styles/*.css and imports charts.js, served by any static server
//! ```

use nexus_web::canvas::book_curve::{BookCurve, BookCurveHandle};
use nexus_web::canvas::series::{Bar, Series, SeriesHandle, Step};
use nexus_web::canvas::trail::{Trail, TrailHandle};
use nexus_web::components::chart::{CandleChart, ChartStatus, DepthChart, Sparkline};
use yew::prelude::*;

const MINUTE: i64 = 60_000;
/// 2026-11-21 13:59 UTC.
const LAST: i64 = 1_795_269_540_000;

#[component]
fn Gallery() -> Html {
    let series = use_memo((), |()| {
        SeriesHandle::new(walk(1_500, LAST - 1_499 * MINUTE, 67_000.0, &[]))
    });
    let gappy = use_memo((), |()| {
        let mut series = walk(400, LAST - 399 * MINUTE, 24.0, &[(330, 345), (371, 372)]);
        series.declare_gap(LAST - 10 * MINUTE, LAST - 8 * MINUTE);
        SeriesHandle::new(series)
    });
    let empty = use_memo((), |()| SeriesHandle::new(Series::new(Step::Millis(MINUTE))));
    let book = use_memo((), |()| BookCurveHandle::new(ladder(67_241.5, 7)));
    let trails = use_memo((), |()| {
        (0..6)
            .map(|seed| TrailHandle::new(trail(seed)))
            .collect::<Vec<_>>()
    });
    use_effect_with((), {
        let (series, book) = (series.clone(), book.clone());
        move |()| {
            let rate = query_number("rate");
            if rate > 0 {
                pour(rate, (*series).clone(), (*book).clone());
            }
        }
    });
    let on_older = {
        let series = (*series).clone();
        Callback::from(move |before: i64| {
            series.write(|series| {
                if series.bars().len() > 4_000 {
                    series.mark_oldest_reached();
                } else {
                    let first = series.bars().front().map_or(67_000.0, |bar| bar.open);
                    let older = walk(500, before - 500 * MINUTE, first, &[]);
                    let shift = first - older.last().map_or(first, |bar| bar.close);
                    let shifted = older.bars().iter().map(|bar| Bar {
                        open: bar.open + shift,
                        high: bar.high + shift,
                        low: bar.low + shift,
                        close: bar.close + shift,
                        ..*bar
                    });
                    series.merge(shifted.collect::<Vec<_>>());
                }
            });
        })
    };
    html! {
        <div class="gallery">
            <section class="panel gallery-wide"><div class="panel-body">
                <CandleChart series={(*series).clone()} symbol="BTC" interval="1m" price_decimals=1 {on_older} />
            </div></section>
            <section class="panel"><div class="panel-body">
                <DepthChart book={(*book).clone()} symbol="BTC" price_decimals=1 />
            </div></section>
            <section class="panel"><div class="panel-body">
                <CandleChart series={(*gappy).clone()} symbol="HYPE" interval="1m" price_decimals=3 />
            </div></section>
            <section class="panel" data-state="stale"><div class="panel-body">
                <CandleChart series={(*gappy).clone()} symbol="HYPE" interval="1m" price_decimals=3
                    status={ChartStatus::Stale} />
            </div></section>
            <section class="panel"><div class="panel-body">
                <CandleChart series={(*empty).clone()} symbol="NEW" interval="1m" status={ChartStatus::Loading} />
            </div></section>
            <section class="panel"><div class="panel-body gallery-trails">
                for trail in trails.iter() {
                    <div><Sparkline trail={trail.clone()} /></div>
                }
            </div></section>
        </div>
    }
}

fn main() {
    yew::Renderer::<Gallery>::new().render();
}

/// A random walk of `count` bars without those of `holes`.
fn walk(count: i64, from: i64, start: f64, holes: &[(i64, i64)]) -> Series {
    let mut dice = fastrand::Rng::with_seed(11 + from as u64 / 60_000);
    let mut series = Series::new(Step::Millis(MINUTE));
    let mut price = start;
    let mut drift = 0.0;
    for minute in 0..count {
        let open = price;
        drift = drift * 0.9 + (dice.f64() - 0.5) * start * 0.00002;
        let (mut high, mut low) = (price, price);
        let storm = if dice.u32(0..40) == 0 { 3.0 } else { 1.0 };
        for _ in 0..12 {
            price += drift + (dice.f64() - 0.5) * start * 0.0003 * storm;
            high = high.max(price);
            low = low.min(price);
        }
        if holes
            .iter()
            .all(|(first, last)| !(*first..=*last).contains(&minute))
        {
            let volume = (high - low) / start * 90_000.0 * (0.4 + dice.f64());
            series.push(Bar {
                t: from + minute * MINUTE,
                open,
                high,
                low,
                close: price,
                volume,
            });
        }
    }
    series
}

fn ladder(mid: f64, seed: u64) -> BookCurve {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut side = |sign: f64| {
        let mut price = mid;
        (0..60)
            .map(|_| {
                price += sign * (0.5 + dice.f64() * 2.0);
                (price, dice.f64().powi(3) * 4.0 + 0.02)
            })
            .collect::<Vec<_>>()
    };
    let mut book = BookCurve::default();
    book.set(side(-1.0), side(1.0));
    book
}

fn trail(seed: u64) -> Trail {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut value = 10.0;
    (0..64)
        .map(|_| {
            value += dice.f64() - 0.5;
            value
        })
        .collect()
}

fn query_number(name: &str) -> u32 {
    let search = web_sys::window()
        .and_then(|window| window.location().search().ok())
        .unwrap_or_default();
    let params = web_sys::UrlSearchParams::new_with_str(&search).ok();
    params
        .and_then(|params| params.get(name))
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// Pushes `rate` ticks a second into the running bar, a portion every 4 ms, as a busy socket would.
fn pour(rate: u32, series: SeriesHandle, book: BookCurveHandle) {
    let mut dice = fastrand::Rng::with_seed(3);
    let mut seed = 0;
    let mut owed = 0.0;
    gloo_timers::callback::Interval::new(4, move || {
        owed += f64::from(rate) * 0.004;
        while owed >= 1.0 {
            owed -= 1.0;
            series.write(|series| {
                if let Some(last) = series.last().copied() {
                    let close = last.close + (dice.f64() - 0.5) * 4.0;
                    let (high, low) = (last.high.max(close), last.low.min(close));
                    series.push(Bar {
                        close,
                        high,
                        low,
                        volume: last.volume + 0.01,
                        ..last
                    });
                }
            });
        }
        seed += 1;
        if seed % 25 == 0 {
            let mid = series.read(|series| series.last().map_or(1.0, |bar| bar.close));
            book.write(|book| *book = ladder(mid, seed));
        }
    })
    .forget();
}
