//! Keys on the levels of the book.

use web_sys::{HtmlElement, KeyboardEvent};
use yew::TargetCast;

use crate::browser;

/// Arrows move from level to level, across the spread.
pub(super) fn on_key(event: KeyboardEvent) {
    let forward = match event.key().as_str() {
        "ArrowDown" => true,
        "ArrowUp" => false,
        _ => return,
    };
    let Some(row) = event
        .target_dyn_into::<HtmlElement>()
        .filter(|element| element.has_attribute("data-side"))
    else {
        return;
    };
    event.prevent_default();
    let beside = if forward {
        row.next_element_sibling()
    } else {
        row.previous_element_sibling()
    };
    let across = || {
        let (side, wants) = if forward {
            (".book-bids", "tr:first-child")
        } else {
            (".book-asks", "tr:last-child")
        };
        let book = row.closest(".book").ok().flatten()?;
        let next = book.query_selector(&format!("{side} > {wants}")).ok().flatten()?;
        (row.parent_element() != next.parent_element()).then_some(next)
    };
    if let Some(next) = beside.or_else(across) {
        browser::focus(&next);
    }
}
