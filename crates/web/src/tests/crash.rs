//! After a panic the page says so, and what it offers works without the program.

use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlElement;

use crate::app::crash;
use crate::browser;

#[wasm_bindgen_test]
fn the_last_screen_offers_a_link_that_loads_the_page_anew() {
    crash::show().unwrap();
    let screen = browser::find("[data-testid=crash]").unwrap();
    let reload = screen.query_selector("a").unwrap().unwrap();
    assert_eq!(
        reload.get_attribute("href").as_deref(),
        Some(""),
        "an empty address is the page itself"
    );
    assert!(screen.query_selector("[role=alertdialog]").unwrap().is_some());
    assert!(
        screen
            .unchecked_ref::<HtmlElement>()
            .inner_text()
            .contains("has stopped")
    );
    screen.remove();
}
