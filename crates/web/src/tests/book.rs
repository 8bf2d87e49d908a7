//! The order book: both sides from the spread outwards, grouped, and what a trade down to a level would cost.

use nexus_protocol::FeedState;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlSelectElement;
use yew::html;

use super::stage::{Stage, book, book_topic, bubble, symbol};
use crate::components::BookPanel;

async fn stage() -> Stage {
    let stage = Stage::show(|| html! { <BookPanel symbol={symbol("BTC")} /> }).await;
    stage.follow(&book_topic(), FeedState::Live);
    stage.publish(
        book_topic(),
        book(&["99.9", "99.8", "99.4"], &["100.1", "100.2", "101.0"]),
    );
    stage.settle().await;
    stage
}

fn prices(stage: &Stage) -> Vec<String> {
    stage.attributes("book-row", "data-price")
}

#[wasm_bindgen_test]
async fn the_best_prices_stand_at_the_spread() {
    let stage = stage().await;
    assert_eq!(
        prices(&stage),
        ["101.0", "100.2", "100.1", "99.9", "99.8", "99.4"]
    );
    assert_eq!(
        stage.attributes("book-row", "data-side"),
        ["ask", "ask", "ask", "bid", "bid", "bid"]
    );
    let spread = stage.text("book-spread");
    assert!(spread.contains("0.2") && spread.contains("0.200%"), "{spread}");
}

#[wasm_bindgen_test]
async fn another_step_groups_the_levels() {
    let stage = stage().await;
    let select: HtmlSelectElement = stage.find("book-group").unwrap().unchecked_into();
    select.set_value("10");
    bubble(&select, "change");
    stage.settle().await;
    assert_eq!(prices(&stage), ["101.0", "99.0"]);
}

#[wasm_bindgen_test]
async fn pointing_at_a_level_tells_the_average_down_to_it() {
    let stage = stage().await;
    let level = stage.select("[data-side='bid'][data-place='1']").unwrap();
    stage.point(&level, "pointerover").await;
    let tip = stage
        .select(".book-tip")
        .and_then(|tip| tip.text_content())
        .unwrap_or_default();
    // 99.9 and 99.8 at one each; a tick has one digit.
    assert!(
        tip.contains("Average99.8") || tip.contains("Average99.9"),
        "{tip}"
    );
    assert!(tip.contains("Size2"), "{tip}");
    let table = stage.select(".book").unwrap();
    stage.point(&table, "pointerleave").await;
    assert!(stage.select(".book-tip").is_none());
}

#[wasm_bindgen_test]
async fn arrows_cross_the_spread() {
    let stage = stage().await;
    let best_bid = stage.select("[data-side='bid'][data-place='0']").unwrap();
    crate::browser::focus(&best_bid);
    stage.press(&best_bid, "ArrowUp").await;
    let focused = crate::browser::document().unwrap().active_element().unwrap();
    assert_eq!(focused.get_attribute("data-price").as_deref(), Some("100.1"));
    stage.press(&focused, "ArrowDown").await;
    let focused = crate::browser::document().unwrap().active_element().unwrap();
    assert_eq!(focused.get_attribute("data-price").as_deref(), Some("99.9"));
}
