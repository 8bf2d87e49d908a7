//! The chip says how the data is, and the link's phase where there is no data to speak of.

use nexus_client::Wish;
use nexus_protocol::{FeedState, Topic};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::html;

use super::stage::{Stage, now, prices};
use crate::components::{Chip, Dialog};
use crate::state::link::Phase;

async fn stage() -> Stage {
    let stage = Stage::show(|| html! { <Chip /> }).await;
    std::mem::forget(stage.store.want(&Topic::Prices(None)));
    stage.settle().await;
    stage
}

fn state(stage: &Stage) -> String {
    stage.attributes("chip", "data-state").concat()
}

#[wasm_bindgen_test]
async fn it_is_live_only_while_the_feed_is() {
    let stage = stage().await;
    assert_eq!(state(&stage), "resyncing");
    for (feed, word) in [
        (FeedState::Live, "live"),
        (FeedState::Stale, "stale"),
        (FeedState::Live, "live"),
    ] {
        stage.follow(&Topic::Prices(None), feed);
        stage.publish(Topic::Prices(None), prices(&[("BTC", "1.5")]));
        stage.settle().await;
        assert_eq!(state(&stage), word, "{feed:?}");
    }
}

#[wasm_bindgen_test]
async fn while_a_try_is_awaited_a_button_hastens_it() {
    let mut stage = stage().await;
    assert!(stage.find("reconnect-now").is_none());
    stage
        .link(Phase::Waiting {
            until: now() + 60_000,
            attempt: 3,
            reason: None,
        })
        .await;
    assert_eq!(state(&stage), "reconnecting");
    let text = stage.text("chip");
    assert!(
        text.contains("attempt 3") && (text.contains("60 s") || text.contains("1 min")),
        "{text}"
    );
    stage.click("reconnect-now").await;
    assert_eq!(stage.wishes.borrow().last(), Some(&Wish::ReconnectNow));
}

#[wasm_bindgen_test]
async fn every_phase_has_its_word() {
    let mut stage = stage().await;
    for (phase, word, label) in [
        (Phase::Connecting { attempt: 0 }, "reconnecting", "Connecting"),
        (Phase::Offline, "offline", "Offline"),
        (
            Phase::SignedOut {
                reason: "Expired.".into(),
            },
            "signed-out",
            "Signed out",
        ),
        (
            Phase::Stopped {
                reason: "Removed.".into(),
            },
            "offline",
            "Disconnected",
        ),
    ] {
        stage.link(phase).await;
        assert_eq!(state(&stage), word);
        assert!(stage.text("chip").contains(label), "{}", stage.text("chip"));
    }
}

#[wasm_bindgen_test]
async fn a_click_opens_the_details() {
    let stage = stage().await;
    stage.click("chip").await;
    assert_eq!(*stage.opened.borrow(), [Dialog::Link]);
}
