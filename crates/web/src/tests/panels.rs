//! Every panel has a loading, an empty, an error and a stale face, and never takes content away.

use nexus_client::Wish;
use nexus_protocol::{ErrorCode, FeedState, Refusal, Subscribe};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use yew::html;

use super::stage::{Stage, now, symbol, trades, trades_topic};
use crate::components::{Dialog, Panel, TapePanel};
use crate::state::feed::Stage as FeedStage;
use crate::state::link::Phase;

async fn stage() -> Stage {
    Stage::show(|| html! { <TapePanel symbol={symbol("BTC")} /> }).await
}

fn face(stage: &Stage) -> (String, String) {
    let attribute = |name| stage.attributes("panel-tape", name).concat();
    (attribute("data-state"), attribute("data-freshness"))
}

fn faces(stage: &Stage, state: &str, freshness: &str) {
    assert_eq!(face(stage), (state.to_owned(), freshness.to_owned()));
}

#[wasm_bindgen_test]
async fn a_panel_goes_through_its_faces_and_content_stays() {
    let mut stage = stage().await;
    faces(&stage, "loading", "loading");
    stage.follow(&trades_topic(), FeedState::Live);
    stage.settle().await;
    faces(&stage, "empty", "quiet");
    stage.publish(trades_topic(), trades(1..=2));
    stage.settle().await;
    faces(&stage, "ready", "live");
    stage.follow(&trades_topic(), FeedState::Stale);
    stage.settle().await;
    faces(&stage, "stale", "stale");
    assert!(
        stage
            .select(".panel-notice")
            .is_some_and(|notice| notice.text_content().unwrap().contains("Stale"))
    );
    stage.store.handle_link_lost();
    stage
        .link(Phase::Waiting {
            until: now() + 9_000,
            attempt: 1,
            reason: None,
        })
        .await;
    faces(&stage, "stale", "stale");
    stage.link(Phase::Resyncing).await;
    faces(&stage, "stale", "resyncing");
    assert_eq!(stage.all("tape-row").len(), 2, "the trades stay through it all");
}

#[wasm_bindgen_test]
async fn a_refused_topic_says_why_and_can_be_asked_for_again() {
    let stage = stage().await;
    let refusal = Refusal::new(ErrorCode::UpstreamDown, "the exchange does not answer");
    stage
        .store
        .handle_stage(&trades_topic(), FeedStage::Refused(refusal));
    stage.settle().await;
    faces(&stage, "error", "failed");
    assert!(stage.text("panel-tape").contains("The exchange does not answer."));
    let button = stage.select(".panel-message button").unwrap();
    button.unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(
        stage.wishes.borrow().last(),
        Some(&Wish::Subscribe(Subscribe::to(trades_topic())))
    );
}

#[wasm_bindgen_test]
async fn who_has_no_token_is_asked_to_sign_in_by_one_panel() {
    let stage = Stage::show(|| {
        html! {
            <Panel name="chart" title="Candles" topic={Some(trades_topic())} has_content=false speaks_for_link=true
                nothing={("".into(), "".into())} />
        }
    })
    .await;
    std::mem::forget(stage.store.want(&trades_topic()));
    let refusal = Refusal::new(ErrorCode::AuthFailed, "a token is needed");
    stage
        .store
        .handle_stage(&trades_topic(), FeedStage::Refused(refusal));
    stage.settle().await;
    let button = stage.select(".panel-message button").unwrap();
    button.unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(*stage.opened.borrow(), [Dialog::SignIn]);
}
