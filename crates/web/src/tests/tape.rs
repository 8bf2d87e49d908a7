//! The tape: newest on top, complete or with its gaps named, and standing still when it is told to.

use nexus_client::Wish;
use nexus_protocol::{FeedState, Subscribe};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::html;

use super::stage::{Stage, symbol, trades, trades_topic};
use crate::components::TapePanel;

async fn stage() -> Stage {
    let stage = Stage::show(|| html! { <TapePanel symbol={symbol("BTC")} /> }).await;
    stage.follow(&trades_topic(), FeedState::Live);
    stage
}

fn shown(stage: &Stage) -> Vec<String> {
    stage.attributes("tape-row", "data-trade-id")
}

#[wasm_bindgen_test]
async fn mounted_is_subscribed_and_unmounted_is_not() {
    let stage = stage().await;
    assert_eq!(
        *stage.wishes.borrow(),
        [Wish::Subscribe(Subscribe::to(trades_topic()))]
    );
    let wishes = stage.leave().await;
    assert_eq!(wishes.borrow().last(), Some(&Wish::Unsubscribe(trades_topic())));
}

#[wasm_bindgen_test]
async fn the_newest_stands_on_top() {
    let stage = stage().await;
    stage.publish(trades_topic(), trades(1..=3));
    stage.settle().await;
    assert_eq!(shown(&stage), ["3", "2", "1"]);
    assert_eq!(stage.attributes("tape-row", "data-side"), ["Sell", "Buy", "Sell"]);
}

#[wasm_bindgen_test]
async fn after_a_break_what_does_not_overlap_is_named_as_a_gap() {
    let stage = stage().await;
    stage.publish(trades_topic(), trades(1..=3));
    stage.store.handle_break(&trades_topic());
    stage.publish(trades_topic(), trades(7..=8));
    stage.settle().await;
    assert_eq!(shown(&stage), ["8", "7", "3", "2", "1"]);
    assert_eq!(stage.attributes("tape-gap", "data-from"), ["3000"]);
    assert_eq!(stage.attributes("tape-gap", "data-to"), ["7000"]);
    let text = stage.text("tape-gap");
    assert!(
        text.contains("gap: trades between") && text.contains("are missing"),
        "{text}"
    );
}

#[wasm_bindgen_test]
async fn after_a_break_an_overlap_makes_the_tape_whole() {
    let stage = stage().await;
    stage.publish(trades_topic(), trades(1..=3));
    stage.store.handle_break(&trades_topic());
    stage.publish(trades_topic(), trades(2..=5));
    stage.settle().await;
    assert_eq!(shown(&stage), ["5", "4", "3", "2", "1"]);
    assert!(stage.find("tape-gap").is_none());
}

#[wasm_bindgen_test]
async fn paused_it_stands_still_and_counts_what_it_holds() {
    let stage = stage().await;
    stage.publish(trades_topic(), trades(1..=3));
    stage.settle().await;
    stage.hotkey(" ").await;
    stage.publish(trades_topic(), trades(4..=1_000));
    stage.settle().await;
    assert_eq!(shown(&stage), ["3", "2", "1"]);
    assert_eq!(stage.attributes("tape-resume", "data-held"), ["997"]);
    stage.click("tape-resume").await;
    assert_eq!(shown(&stage)[0], "1000");
    assert!(stage.find("tape-resume").is_none());
}

#[wasm_bindgen_test]
async fn only_what_can_be_seen_is_mounted() {
    let stage = stage().await;
    stage.publish(trades_topic(), trades(1..=400));
    stage.settle().await;
    let mounted = shown(&stage).len();
    assert!((20..=120).contains(&mounted), "{mounted} of 400");
}
