//! The watchlist: hundreds of coins of which few are mounted, searched, starred, sorted, and still under the pointer.

use nexus_protocol::{FeedState, Topic};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::html;

use super::stage::{Stage, prices, symbol};
use crate::components::WatchPanel;
use crate::state::place::Pane;

async fn stage(of: &[(&str, &str)]) -> Stage {
    let stage = Stage::show(|| html! { <WatchPanel chosen={Some(symbol("BTC"))} /> }).await;
    stage.follow(&Topic::Prices(None), FeedState::Live);
    stage.publish(Topic::Prices(None), prices(of));
    stage.settle().await;
    stage
}

const FEW: [(&str, &str); 4] = [
    ("BTC", "67241.5"),
    ("ETH", "3512.4"),
    ("METH", "3600"),
    ("PURR/USDC", "0.19"),
];

fn coins(stage: &Stage) -> Vec<String> {
    stage.attributes("watch-row", "data-symbol")
}

#[wasm_bindgen_test]
async fn of_many_coins_only_those_in_sight_are_mounted() {
    let names: Vec<String> = (0..500).map(|number| format!("C{number:03}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1.5")).collect();
    let stage = stage(&many).await;
    let mounted = coins(&stage).len();
    assert!((10..=60).contains(&mounted), "{mounted}");
    let scroller = stage.select(".watch-scroll").unwrap();
    scroller.set_scroll_top(44 * 300);
    stage.settle().await;
    assert!(coins(&stage).contains(&"C300".to_owned()), "{:?}", coins(&stage));
    assert!(!coins(&stage).contains(&"C000".to_owned()));
}

#[wasm_bindgen_test]
async fn a_search_lists_the_closest_first_and_enter_opens_it() {
    let stage = stage(&FEW).await;
    assert_eq!(coins(&stage), ["BTC", "ETH", "METH", "PURR/USDC"]);
    stage.fill("watch-search", "eth").await;
    assert_eq!(coins(&stage), ["ETH", "METH"]);
    let field = stage.find("watch-search").unwrap();
    stage.press(&field, "Enter").await;
    let went = stage.went.borrow().last().cloned().unwrap();
    assert_eq!((went.symbol, went.pane), (Some(symbol("ETH")), Pane::Chart));
    stage.press(&field, "Escape").await;
    assert_eq!(coins(&stage).len(), 4);
}

#[wasm_bindgen_test]
async fn a_star_keeps_a_coin_among_the_favourites() {
    let stage = stage(&FEW).await;
    let star = stage
        .select("[data-symbol='METH'] [data-testid='watch-star']")
        .unwrap();
    wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlElement>(star).click();
    stage.settle().await;
    assert!(stage.went.borrow().is_empty(), "a star does not open the coin");
    stage.click("watch-only-favourites").await;
    assert_eq!(coins(&stage), ["METH"]);
}

#[wasm_bindgen_test]
async fn a_change_of_price_is_told_by_figures_and_a_flash() {
    let stage = stage(&FEW).await;
    assert_eq!(stage.text("watch-price"), "67,241.5");
    assert!(
        stage
            .select(".flash-up, .flash-up-b, .flash-down, .flash-down-b")
            .is_none(),
        "nothing changed yet"
    );
    stage.publish(Topic::Prices(None), prices(&[("BTC", "67242.5")]));
    stage.settle().await;
    assert_eq!(stage.text("watch-price"), "67,242.5");
    assert!(
        stage
            .select("[data-symbol='BTC'] :is(.flash-up, .flash-up-b)")
            .is_some()
    );
    assert!(
        stage
            .select("[data-symbol='ETH'] :is(.flash-up, .flash-up-b)")
            .is_none()
    );
}

#[wasm_bindgen_test]
async fn arrows_move_through_the_rows_and_enter_opens() {
    let stage = stage(&FEW).await;
    let first = stage.find("watch-row").unwrap();
    crate::browser::focus(&first);
    stage.settle().await;
    for expected in ["ETH", "METH"] {
        let focused = crate::browser::document().unwrap().active_element().unwrap();
        stage.press(&focused, "ArrowDown").await;
        let focused = crate::browser::document().unwrap().active_element().unwrap();
        assert_eq!(focused.get_attribute("data-symbol").as_deref(), Some(expected));
    }
    let focused = crate::browser::document().unwrap().active_element().unwrap();
    stage.press(&focused, "Enter").await;
    assert_eq!(stage.went.borrow().last().unwrap().symbol, Some(symbol("METH")));
}

#[wasm_bindgen_test]
async fn a_chosen_column_sorts_at_once() {
    let stage = stage(&FEW).await;
    stage.click("sort-price").await;
    assert_eq!(coins_by_place(&stage), ["BTC", "METH", "ETH", "PURR/USDC"]);
    stage.click("sort-price").await;
    assert_eq!(coins_by_place(&stage), ["PURR/USDC", "ETH", "METH", "BTC"]);
}

/// Rows are placed by their number; their order in the document does not matter.
fn coins_by_place(stage: &Stage) -> Vec<String> {
    let mut rows: Vec<(usize, String)> = stage
        .all("watch-row")
        .iter()
        .map(|row| {
            (
                row.get_attribute("data-place").unwrap().parse().unwrap(),
                row.get_attribute("data-symbol").unwrap(),
            )
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, symbol)| symbol).collect()
}
