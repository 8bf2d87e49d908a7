//! Dialogs keep the focus inside, close by Esc, and say what is wrong beside what is wrong.

use std::cell::Cell;

use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{HtmlDialogElement, HtmlElement};
use yew::{Callback, html};

use super::stage::Stage;
use crate::components::{Dialog, Dialogs};

/// `{"sub":"ada","role":"operator","exp":4000000000}`
const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJyb2xlIjoib3BlcmF0b3IiLCJleHAiOjQwMDAwMDAwMDB9.c2ln";

thread_local! {
    static CLOSED: Cell<u32> = const { Cell::new(0) };
}

fn closing() -> Callback<()> {
    Callback::from(|()| CLOSED.set(CLOSED.get() + 1))
}

#[wasm_bindgen_test]
async fn a_dialog_is_modal_and_takes_the_focus() {
    let stage = Stage::show(|| html! { <Dialogs open={Some(Dialog::Help)} on_close={closing()} /> }).await;
    let dialog: HtmlDialogElement = stage.find("help-dialog").unwrap().unchecked_into();
    assert!(dialog.open() && dialog.matches(":modal").unwrap());
    let focused = crate::browser::document().unwrap().active_element().unwrap();
    assert!(dialog.contains(Some(&focused)), "the focus is outside");
}

#[wasm_bindgen_test]
async fn esc_closes() {
    let stage =
        Stage::show(|| html! { <Dialogs open={Some(Dialog::Settings)} on_close={closing()} /> }).await;
    let before = CLOSED.get();
    let cancel = web_sys::Event::new("cancel").unwrap();
    stage
        .find("settings-dialog")
        .unwrap()
        .dispatch_event(&cancel)
        .unwrap();
    assert_eq!(CLOSED.get(), before + 1, "Esc is a `cancel` of the dialog");
}

#[wasm_bindgen_test]
async fn what_is_no_token_is_refused_beside_the_field_and_a_token_signs_in() {
    let stage = Stage::show(|| html! { <Dialogs open={Some(Dialog::SignIn)} on_close={closing()} /> }).await;
    stage.fill("token", "nonsense").await;
    submit(&stage).await;
    let error = stage
        .select("[role=alert]")
        .and_then(|error| error.text_content())
        .unwrap_or_default();
    assert!(error.contains("not a token"), "{error}");
    assert!(stage.signed_in.borrow().is_empty());
    stage.fill("token", TOKEN).await;
    submit(&stage).await;
    let signed_in = stage.signed_in.borrow();
    let [(token, is_remembered)] = &signed_in[..] else {
        panic!("signed in {} times", signed_in.len())
    };
    assert_eq!((token.as_str(), *is_remembered), (TOKEN, false));
}

async fn submit(stage: &Stage) {
    stage
        .find("sign-in")
        .unwrap()
        .unchecked_into::<HtmlElement>()
        .click();
    stage.settle().await;
}
