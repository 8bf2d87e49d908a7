//! However much data comes, the page is drawn at most once a frame, and what nobody shows costs no rendering.

use std::cell::Cell;

use nexus_protocol::FeedState;
use wasm_bindgen_test::wasm_bindgen_test;
use yew::{Html, component, html};

use super::stage::{Stage, trades, trades_topic};
use crate::hooks::{use_live, use_store, use_topic};

thread_local! {
    static RENDERED: Cell<u32> = const { Cell::new(0) };
}

#[component]
fn Counter() -> Html {
    use_topic(Some(trades_topic()));
    let tape = use_store().market(&super::stage::symbol("BTC")).tape;
    use_live(&tape);
    RENDERED.set(RENDERED.get() + 1);
    html! { <p data-testid="taken">{ tape.read(|tape| tape.taken()) }</p> }
}

#[wasm_bindgen_test]
async fn two_thousand_publications_between_two_frames_are_one_rendering() {
    let stage = Stage::show(|| html! { <Counter /> }).await;
    stage.follow(&trades_topic(), FeedState::Live);
    stage.settle().await;
    let before = RENDERED.get();
    for id in 1..=2_000 {
        stage.publish(trades_topic(), trades([id]));
    }
    stage.settle().await;
    assert_eq!(stage.text("taken"), "2000");
    assert!(
        RENDERED.get() - before <= 2,
        "{} renderings",
        RENDERED.get() - before
    );
}

#[wasm_bindgen_test]
async fn what_is_unmounted_is_not_rendered() {
    let stage = Stage::show(|| html! { <Counter /> }).await;
    let store = stage.store.clone();
    stage.leave().await;
    let before = RENDERED.get();
    store.market(&super::stage::symbol("BTC")).tape.write(|_| ());
    super::stage::frame().await;
    super::stage::frame().await;
    assert_eq!(RENDERED.get(), before);
}
