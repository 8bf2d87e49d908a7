//! A chain's timeline: newest on top, missing heights named, kinds hidden and blocks found.

use std::rc::Rc;

use nexus_protocol::{ChainId, ChainUpdate, FeedState, Height, Json, Offset, Payload, Topic};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::{Callback, ContextProvider, Html, component, html, use_state};

use super::stage::Stage;
use crate::components::Timeline;
use crate::hooks::{Places, Step};
use crate::state::place::{Chains, Place};

fn chain() -> ChainId {
    ChainId::parse(&"e476187f".repeat(8)).unwrap()
}

#[component]
fn View() -> Html {
    let here = use_state(|| {
        Rc::new(Chains {
            chain: Some(chain()),
            ..Chains::default()
        })
    });
    let go = {
        let setter = here.setter();
        Callback::from(move |(place, _): (Place, Step)| {
            if let Place::Chains(place) = place {
                setter.set(Rc::new(place));
            }
        })
    };
    let places = Places {
        here: (*here).clone(),
        go,
    };
    html! {
        <ContextProvider<Places<Chains>> context={places}><Timeline chain={chain()} /></ContextProvider<Places<Chains>>>
    }
}

async fn stage(updates: &[ChainUpdate]) -> Stage {
    let stage = Stage::show(|| html! { <View /> }).await;
    let topic = Topic::Chain(chain());
    stage.follow(&topic, FeedState::Live);
    for (number, update) in (1..).zip(updates) {
        let payload = Payload::Json(Json::of(update).unwrap());
        stage.publish_as(topic.clone(), payload, Offset(number), None);
    }
    stage.settle().await;
    stage
}

fn block(height: u64) -> ChainUpdate {
    ChainUpdate::NewBlock {
        height: Height(height),
        hash: format!("{height:064x}"),
        timestamp_us: None,
        previous_hash: None,
        event_streams: vec!["prices".to_owned()],
        fetched: height == 12,
    }
}

fn round(height: u64) -> ChainUpdate {
    ChainUpdate::NewRound {
        height: Height(height),
        round: "fast".to_owned(),
    }
}

#[wasm_bindgen_test]
async fn blocks_stand_newest_first_and_a_missing_height_is_named_between() {
    let stage = stage(&[block(9), block(12), round(13), block(13)]).await;
    assert_eq!(stage.attributes("block", "data-height"), ["13", "12", "9"]);
    assert_eq!(stage.attributes("chain-gap", "data-from"), ["10"]);
    assert_eq!(stage.attributes("chain-gap", "data-to"), ["11"]);
    assert_eq!(stage.text("chain-tip"), "13");
    assert_eq!(stage.all("block-fetched").len(), 1);
    assert_eq!(stage.text("chain-state"), "live");
    assert_eq!(
        stage.attributes("copy", "data-text").last().unwrap(),
        &format!("{:064x}", 9)
    );
}

#[wasm_bindgen_test]
async fn a_kind_can_be_hidden_and_a_block_found() {
    let stage = stage(&[block(9), round(10), block(10)]).await;
    assert_eq!(stage.attributes("note", "data-kind"), ["rounds"]);
    let kinds = stage.all("chain-kind");
    let rounds = kinds
        .iter()
        .find(|kind| kind.get_attribute("data-kind").as_deref() == Some("rounds"));
    wasm_bindgen::JsCast::unchecked_ref::<web_sys::HtmlElement>(rounds.unwrap()).click();
    stage.settle().await;
    assert!(stage.find("note").is_none());
    stage.fill("chain-search", "9").await;
    assert_eq!(stage.attributes("block", "data-height"), ["9"]);
    stage.fill("chain-search", "00000a").await;
    assert_eq!(stage.attributes("block", "data-height"), ["10"]);
    stage.fill("chain-search", "77").await;
    assert!(stage.text("panel-chain").contains("Nothing found"));
}
