//! The account below the chart: exact figures, open orders first, and what is missing where none can be shown.

use nexus_protocol::{ErrorCode, FeedState, Json, Offset, Payload, Refusal, Topic, UserId};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::html;

use super::stage::{Stage, symbol};
use crate::components::BelowPanel;
use crate::state::feed::Stage as FeedStage;
use crate::state::settings::Settings;

fn ann() -> UserId {
    UserId::parse("ann").unwrap()
}

async fn stage() -> Stage {
    Stage::show_to(
        "ann",
        Settings::default(),
        || html! { <BelowPanel symbol={symbol("BTC")} /> },
    )
    .await
}

fn publish(stage: &Stage, topic: Topic, json: &str) {
    stage.follow(&topic, FeedState::Live);
    stage.publish_as(topic, Payload::Json(Json::parse(json).unwrap()), Offset(1), None);
}

const ACCOUNT: &str = r#"{"address":"0xa1","value":"1234.50","withdrawable":"1000","margin_used":"234.5","timestamp":1,
    "positions":[{"symbol":"BTC","size":"-0.5","entry_price":"67000.0","value":"33500.0","unrealized_pnl":"-12.30","leverage":10},
    {"symbol":"ETH","size":"2","entry_price":"2000.0","value":"4000.0","unrealized_pnl":"0.10","leverage":3}]}"#;

const ORDERS: &str = r#"{"orders":[
    {"id":1,"symbol":"BTC","side":"buy","price":"65000.0","size":"0","original_size":"2","change":"filled","status":"filled","timestamp":5,"placed_at":1},
    {"id":2,"symbol":"BTC","side":"sell","price":"69000.0","size":"1","original_size":"4","change":"updated","status":"open","timestamp":3,"placed_at":2},
    {"id":3,"symbol":"BTC","side":"buy","price":"1.0","size":"1","original_size":"1","change":"rejected","status":"minTradeNtlRejected","timestamp":4,"placed_at":3}],
    "gap":{"from":1000,"to":9000}}"#;

const FILLS: &str = r#"{"fills":[
    {"id":1,"order_id":1,"symbol":"BTC","side":"buy","price":"65000.0","size":"0.1","direction":"Open Long","closed_pnl":"0.10","fee":"0.1","fee_token":"USDC","timestamp":1},
    {"id":2,"order_id":2,"symbol":"BTC","side":"sell","price":"66000.0","size":"0.1","direction":"Close Long","closed_pnl":"0.20","fee":"0.2","fee_token":"USDC","timestamp":2}]}"#;

#[wasm_bindgen_test]
async fn positions_show_side_sign_and_sum() {
    let stage = stage().await;
    stage.click("below-positions").await;
    publish(&stage, Topic::AccountUpdates(ann()), ACCOUNT);
    stage.settle().await;
    assert_eq!(stage.attributes("position-row", "data-symbol"), ["BTC", "ETH"]);
    assert!(stage.text("account-value").contains("1,234.50"));
    assert_eq!(stage.text("account-unrealized"), "\u{2212}12.20");
    let pnl = stage.find("position-pnl").unwrap();
    assert_eq!(pnl.text_content().unwrap(), "\u{2212}12.30");
    assert!(
        pnl.inner_html().contains("delta down"),
        "the arrow comes with the colour"
    );
}

#[wasm_bindgen_test]
async fn open_orders_stand_first_and_a_gap_is_named() {
    let stage = stage().await;
    stage.click("below-orders").await;
    publish(&stage, Topic::UserOrders(ann()), ORDERS);
    stage.settle().await;
    assert_eq!(stage.attributes("order-row", "data-order-id"), ["2", "1", "3"]);
    assert_eq!(
        stage.attributes("order-row", "data-change"),
        ["updated", "filled", "rejected"]
    );
    assert_eq!(stage.attributes("account-gap", "data-from"), ["1000"]);
}

#[wasm_bindgen_test]
async fn fills_stand_newest_first_with_exact_totals() {
    let stage = stage().await;
    stage.click("below-fills").await;
    publish(&stage, Topic::UserFills(ann()), FILLS);
    stage.settle().await;
    assert_eq!(stage.attributes("fill-row", "data-fill-id"), ["2", "1"]);
    let totals = stage.text("fill-totals");
    assert!(
        totals.contains("0.30 USDC") && totals.contains("+0.30"),
        "{totals}"
    );
}

#[wasm_bindgen_test]
async fn a_token_without_an_account_is_told_what_it_needs() {
    let stage = stage().await;
    stage.click("below-orders").await;
    let refusal = Refusal::new(ErrorCode::Forbidden, "the token names no address");
    stage
        .store
        .handle_stage(&Topic::UserOrders(ann()), FeedStage::Refused(refusal));
    stage.settle().await;
    let text = stage.text("panel-account");
    assert!(
        text.contains("names no address") && text.contains("--claims"),
        "{text}"
    );
}

#[wasm_bindgen_test]
async fn signed_out_one_is_asked_to_sign_in() {
    let stage = Stage::show(|| html! { <BelowPanel symbol={symbol("BTC")} /> }).await;
    stage.click("below-fills").await;
    stage.click("account-sign-in").await;
    assert_eq!(stage.opened.borrow().len(), 1);
}
