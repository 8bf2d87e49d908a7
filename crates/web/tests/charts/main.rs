//! The chart components in a real browser: mounted, fed, operated, and looked at pixel by pixel.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod page;

use std::cell::RefCell;
use std::rc::Rc;

use nexus_web::canvas::series::{Bar, Series};
use nexus_web::canvas::trail::{Trail, TrailHandle};
use nexus_web::components::chart::{
    CandleChart, CandleChartProps, ChartStatus, DepthChart, DepthChartProps, Sparkline, SparklineProps,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{HtmlElement, WheelEvent, WheelEventInit};
use yew::prelude::*;

use crate::page::{Calls, MINUTE, Mounted, OtherRatio, Page, bar, book, candle_props, frames, series};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn candles_are_drawn_in_both_side_colours() {
    let page = Page::open();
    let chart = page.candles(series(0..200)).await;
    let pixels = chart.colours(".chart-base");
    assert!(pixels.contains(&page.token("--up-fill")), "no rising candle");
    assert!(pixels.contains(&page.token("--down-fill")), "no falling candle");
    assert!(
        pixels.contains(&page.token("--up")) || pixels.contains(&page.token("--down")),
        "no last price"
    );
}

#[wasm_bindgen_test]
async fn colours_follow_the_theme_and_the_palette_without_a_render() {
    let page = Page::open();
    let chart = page.candles(series(0..200)).await;
    for (attribute, value) in [("data-theme", "light"), ("data-palette", "cb")] {
        let before = page.token("--up-fill");
        page.root.set_attribute(attribute, value).unwrap();
        frames(3).await;
        let after = page.token("--up-fill");
        assert_ne!(before, after, "{attribute}");
        let pixels = chart.colours(".chart-base");
        assert!(
            pixels.contains(&after) && !pixels.contains(&before),
            "{attribute}={value}"
        );
    }
}

#[wasm_bindgen_test]
async fn stale_dims_the_candles() {
    let page = Page::open();
    let props = |status| candle_props(series(0..200), status);
    let fresh = page.mount::<CandleChart>(props(ChartStatus::Ready)).await;
    let stale = page.mount::<CandleChart>(props(ChartStatus::Stale)).await;
    let colour = page.token("--up-fill");
    assert!(fresh.colours(".chart-base").contains(&colour));
    assert!(!stale.colours(".chart-base").contains(&colour));
    assert_eq!(
        stale.chart().get_attribute("data-state").as_deref(),
        Some("stale")
    );
}

#[wasm_bindgen_test]
async fn the_backing_store_has_a_pixel_per_screen_pixel_and_follows_size_and_ratio() {
    let page = Page::open();
    let chart = page.candles(series(0..200)).await;
    let size = |chart: &Mounted| {
        let canvas = chart.canvas(".chart-base");
        (canvas.width(), canvas.height())
    };
    let ratio = page.window.device_pixel_ratio();
    let scaled = |css: f64, ratio: f64| (css * ratio).round() as u32;
    assert_eq!(size(&chart), (scaled(600.0, ratio), scaled(320.0, ratio)));

    chart.host.style().set_property("width", "500px").unwrap();
    frames(3).await;
    assert_eq!(size(&chart), (scaled(500.0, ratio), scaled(320.0, ratio)));

    let _other = OtherRatio::set(ratio * 2.0);
    chart
        .series
        .as_ref()
        .unwrap()
        .write(|series| series.push(bar(200)));
    frames(3).await;
    assert_eq!(
        size(&chart),
        (scaled(500.0, ratio * 2.0), scaled(320.0, ratio * 2.0))
    );
    assert!(
        chart.colours(".chart-base").contains(&page.token("--up-fill")),
        "blank after the change of ratio"
    );
}

#[wasm_bindgen_test]
async fn any_number_of_pushes_is_one_drawing_a_frame() {
    let page = Page::open();
    let chart = page.candles(series(0..200)).await;
    let drawings = Calls::drawings(&chart.canvas(".chart-base"));
    let requests = Calls::of(&page.window, "requestAnimationFrame");
    let series = chart.series.clone().unwrap();
    for tick in 0..2_000 {
        series.write(|series| {
            series.push(Bar {
                volume: f64::from(tick),
                ..bar(199)
            })
        });
    }
    assert_eq!(requests.count(), 1, "frames asked for");
    assert_eq!(drawings.count(), 0, "drew while data was pushed");
    drop(requests);
    frames(3).await;
    assert_eq!(drawings.count(), 1);
    frames(5).await;
    assert_eq!(drawings.count(), 1, "drew although nothing changed");
}

#[wasm_bindgen_test]
async fn moving_the_pointer_repaints_the_overlay_only_and_tells_the_bar() {
    let page = Page::open();
    let chart = page.candles(series(0..200)).await;
    let drawings = Calls::drawings(&chart.canvas(".chart-base"));
    let before = chart.text(".chart-legend");
    assert!(!chart.is_painted(".chart-overlay"));
    chart.pointer("pointermove", 200.0, 100.0);
    frames(2).await;
    assert!(chart.is_painted(".chart-overlay"), "no crosshair");
    assert_ne!(chart.text(".chart-legend"), before);
    assert_eq!(drawings.count(), 0);
    chart.pointer("pointerleave", 200.0, 100.0);
    frames(2).await;
    assert!(!chart.is_painted(".chart-overlay"));
    assert_eq!(chart.text(".chart-legend"), before, "the last bar again");
}

#[wasm_bindgen_test]
async fn a_tap_sets_the_crosshair_and_a_finger_that_drags_moves_the_view_without_one() {
    let page = Page::open();
    let chart = page.candles(series(0..2_000)).await;
    chart.point("touch", "pointerdown", 200.0, 100.0);
    chart.point("touch", "pointerup", 201.0, 101.0);
    frames(2).await;
    assert!(chart.is_painted(".chart-overlay"), "no crosshair after a tap");
    let newest = chart.snapshot();
    chart.point("touch", "pointerdown", 200.0, 100.0);
    chart.point("touch", "pointermove", 300.0, 100.0);
    chart.point("touch", "pointerup", 300.0, 100.0);
    frames(2).await;
    assert!(!chart.is_painted(".chart-overlay"));
    assert_ne!(chart.snapshot(), newest);
}

#[wasm_bindgen_test]
async fn a_gap_is_hatched_and_no_candle_stands_in_it() {
    let page = Page::open();
    let whole = page.candles(series(0..60)).await;
    let holed = page.candles(series((0..40).chain(50..60))).await;
    let hatch = page.token("--chart-hatch");
    assert!(!whole.colours_above(".chart-base").contains(&hatch));
    assert!(holed.colours_above(".chart-base").contains(&hatch));
    // The newest bar's slot ends 24 px left of the price axis; ten slots of 8 px before that the gap of ten more ends.
    let axis = whole.axis_width();
    let middle_of_gap = 600.0 - axis - 24.0 - 14.5 * 8.0;
    let column = holed.column(".chart-base", middle_of_gap);
    assert!(!column.contains(&page.token("--up-fill")) && !column.contains(&page.token("--down-fill")));
    let column = whole.column(".chart-base", middle_of_gap);
    assert!(column.contains(&page.token("--up-fill")) || column.contains(&page.token("--down-fill")));
}

#[wasm_bindgen_test]
async fn keys_scroll_zoom_and_come_back_and_the_button_does_too() {
    let page = Page::open();
    let chart = page.candles(series(0..2_000)).await;
    assert!(chart.find(".chart-now").is_none());
    let newest = chart.snapshot();
    assert!(chart.key("ArrowLeft"), "the page must not scroll as well");
    frames(3).await;
    assert!(chart.find(".chart-now").is_some(), "no way back to now");
    assert_ne!(chart.snapshot(), newest);
    chart
        .find(".chart-now")
        .unwrap()
        .unchecked_into::<HtmlElement>()
        .click();
    frames(3).await;
    assert!(chart.find(".chart-now").is_none());
    assert_eq!(chart.snapshot(), newest);
    for (key, back) in [("Home", "End"), ("+", "-")] {
        assert!(chart.key(key));
        frames(3).await;
        assert_ne!(chart.snapshot(), newest, "{key}");
        assert!(chart.key(back));
        frames(3).await;
        assert_eq!(chart.snapshot(), newest, "{back} after {key}");
    }
    assert!(!chart.key("/"), "other keys belong to the page");
}

#[wasm_bindgen_test]
async fn dragging_and_the_wheel_move_the_view() {
    let page = Page::open();
    let chart = page.candles(series(0..2_000)).await;
    let newest = chart.snapshot();
    chart.pointer("pointerdown", 200.0, 100.0);
    chart.pointer("pointermove", 320.0, 100.0);
    chart.pointer("pointerup", 320.0, 100.0);
    chart.pointer("pointerleave", 320.0, 100.0);
    frames(3).await;
    let dragged = chart.snapshot();
    assert_ne!(dragged, newest);
    let options = WheelEventInit::new();
    options.set_delta_y(-120.0);
    options.set_bubbles(true);
    options.set_cancelable(true);
    let event = WheelEvent::new_with_event_init_dict("wheel", &options).unwrap();
    let untouched = chart.canvas(".chart-base").dispatch_event(&event).unwrap();
    assert!(!untouched, "the page must not scroll as well");
    frames(3).await;
    assert_ne!(chart.snapshot(), dragged);
}

#[wasm_bindgen_test]
async fn older_bars_are_asked_for_once_and_shown() {
    let page = Page::open();
    let asked = Rc::new(RefCell::new(Vec::new()));
    let series = series(1_000..1_400);
    let on_older = {
        let asked = asked.clone();
        Callback::from(move |before| asked.borrow_mut().push(before))
    };
    let props = CandleChartProps {
        on_older,
        ..candle_props(series.clone(), ChartStatus::Ready)
    };
    let chart = page.mount::<CandleChart>(props).await;
    frames(3).await;
    assert!(
        asked.borrow().is_empty(),
        "400 bars are more than the first view and a half"
    );
    chart.key("Home");
    frames(3).await;
    chart.key("ArrowLeft");
    frames(3).await;
    assert_eq!(*asked.borrow(), [1_000 * MINUTE]);
    let before = chart.snapshot();
    series.write(|series| series.merge((600..1_000).map(bar)));
    frames(3).await;
    assert_ne!(chart.snapshot(), before, "older bars fill the free space");
    chart.key("Home");
    frames(3).await;
    assert_eq!(*asked.borrow(), [1_000 * MINUTE, 600 * MINUTE]);
    series.write(Series::mark_oldest_reached);
    chart.key("ArrowLeft");
    frames(3).await;
    assert_eq!(asked.borrow().len(), 2);
}

#[wasm_bindgen_test]
async fn the_picture_is_told_in_words() {
    let page = Page::open();
    let chart = page.candles(series((0..190).chain(195..200))).await;
    let canvas = chart.canvas(".chart-base");
    assert_eq!(canvas.get_attribute("role").as_deref(), Some("img"));
    let label = canvas.get_attribute("aria-label").unwrap();
    for part in ["BTC 1m candles", "195 bars", "Last price", "One gap"] {
        assert!(label.contains(part), "{part:?} is not in {label:?}");
    }
    let rows = chart.host.query_selector_all(".chart-table tbody tr").unwrap();
    assert_eq!(rows.length(), 10);
    assert_eq!(chart.chart().get_attribute("tabindex").as_deref(), Some("0"));
}

#[wasm_bindgen_test]
async fn loading_and_empty_say_so() {
    let page = Page::open();
    for (status, state, words) in [
        (ChartStatus::Loading, "loading", "Loading candles"),
        (ChartStatus::Ready, "empty", "No candles yet"),
    ] {
        let chart = page.mount::<CandleChart>(candle_props(series([]), status)).await;
        assert_eq!(chart.chart().get_attribute("data-state").as_deref(), Some(state));
        assert!(chart.text(".chart-message").contains(words));
    }
    let chart = page.candles(series([])).await;
    chart.series.as_ref().unwrap().write(|series| series.push(bar(1)));
    frames(4).await;
    assert_eq!(
        chart.chart().get_attribute("data-state").as_deref(),
        Some("ready")
    );
    assert!(chart.find(".chart-message").is_none());
}

#[wasm_bindgen_test]
async fn an_unmounted_chart_leaves_nobody_watching() {
    let page = Page::open();
    let series = series(0..50);
    let chart = page.candles(series.clone()).await;
    assert_eq!(series.watchers(), 1);
    chart.unmount().await;
    assert_eq!(series.watchers(), 0);
    series.write(|series| series.push(bar(51)));
    frames(2).await;
}

#[wasm_bindgen_test]
async fn depth_shows_both_sides_and_tells_what_is_under_the_pointer() {
    let page = Page::open();
    let book = book();
    let props = DepthChartProps {
        book: book.clone(),
        symbol: "BTC".into(),
        quote: "USD".into(),
        price_decimals: 1,
        status: ChartStatus::Ready,
    };
    let chart = page.mount::<DepthChart>(props).await;
    let pixels = chart.colours(".chart-base");
    assert!(pixels.contains(&page.token("--up-fill")) && pixels.contains(&page.token("--down-fill")));
    let label = chart.canvas(".chart-base").get_attribute("aria-label").unwrap();
    assert!(label.contains("buyers want 6 down to 97"), "{label}");
    let tip: HtmlElement = chart.find(".chart-tip").unwrap().unchecked_into();
    assert!(tip.hidden());
    chart.pointer("pointermove", 100.0, 100.0);
    frames(2).await;
    assert!(!tip.hidden());
    let words = tip.text_content().unwrap();
    for part in ["Price", "From mid", "−", "%", "BTC", "USD"] {
        assert!(words.contains(part), "{part:?} is not in {words:?}");
    }
    chart.pointer("pointerleave", 100.0, 100.0);
    frames(2).await;
    assert!(tip.hidden());
    book.write(|book| book.set([], []));
    frames(4).await;
    assert_eq!(
        chart.chart().get_attribute("data-state").as_deref(),
        Some("empty")
    );
}

#[wasm_bindgen_test]
async fn names_are_text_never_markup() {
    let page = Page::open();
    let name = "<img src=x onerror=alert(1)>";
    let props = DepthChartProps {
        book: book(),
        symbol: name.into(),
        quote: name.into(),
        price_decimals: 1,
        status: ChartStatus::Ready,
    };
    let depth = page.mount::<DepthChart>(props).await;
    depth.pointer("pointermove", 100.0, 100.0);
    let candles = CandleChartProps {
        symbol: name.into(),
        ..candle_props(series(0..50), ChartStatus::Ready)
    };
    let candles = page.mount::<CandleChart>(candles).await;
    frames(3).await;
    assert!(depth.find("img").is_none() && candles.find("img").is_none());
    assert!(depth.text(".chart-tip").contains(name));
}

#[wasm_bindgen_test]
async fn a_sparkline_follows_its_trail_without_a_render() {
    let page = Page::open();
    let trail = TrailHandle::new([3.0, 2.0, 1.0].into_iter().collect::<Trail>());
    let line = page
        .mount::<Sparkline>(SparklineProps { trail: trail.clone() })
        .await;
    let path = line.find("path").unwrap();
    assert_eq!(path.get_attribute("class").as_deref(), Some("down"));
    let before = path.get_attribute("d").unwrap();
    assert!(before.starts_with('M'), "{before}");
    trail.write(|trail| trail.push(9.0));
    frames(2).await;
    assert_ne!(path.get_attribute("d").unwrap(), before);
    assert_eq!(path.get_attribute("class").as_deref(), Some("up"));
    line.unmount().await;
    assert_eq!(trail.watchers(), 0);
}
