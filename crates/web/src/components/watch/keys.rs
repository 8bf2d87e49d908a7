//! Keys on the rows of the watchlist: move, open, star.

use std::rc::Rc;

use nexus_protocol::Symbol;
use web_sys::{Element, KeyboardEvent};
use yew::{Callback, NodeRef, TargetCast};

/// What a key on a row can do.
pub(super) struct Keys {
    /// What scrolls.
    pub(super) scroller: NodeRef,
    /// The height of a row, in pixels.
    pub(super) row: f64,
    /// Every row, also those that are not mounted.
    pub(super) symbols: Rc<Vec<Symbol>>,
    pub(super) on_open: Callback<Symbol>,
    pub(super) on_star: Callback<Symbol>,
    /// Told which row shall have the focus.
    pub(super) on_move: Callback<usize>,
}

impl Keys {
    /// Does what the key means, if it was pressed on a row.
    pub(super) fn handle(&self, event: &KeyboardEvent) {
        let place = event
            .target_dyn_into::<Element>()
            .and_then(|element| element.get_attribute("data-place")?.parse::<usize>().ok());
        let (Some(place), Some(list)) = (place, self.scroller.cast::<Element>()) else {
            return;
        };
        let last = self.symbols.len().saturating_sub(1);
        let page = (f64::from(list.client_height()) / self.row) as usize;
        let place = match event.key().as_str() {
            "ArrowDown" => (place + 1).min(last),
            "ArrowUp" => place.saturating_sub(1),
            "PageDown" => (place + page).min(last),
            "PageUp" => place.saturating_sub(page),
            "Home" => 0,
            "End" => last,
            "Enter" => return self.act(&self.on_open, place),
            "f" | "F" => return self.act(&self.on_star, place),
            _ => return,
        };
        event.prevent_default();
        show_row(&list, place, self.row);
        self.on_move.emit(place);
    }

    fn act(&self, act: &Callback<Symbol>, place: usize) {
        if let Some(symbol) = self.symbols.get(place) {
            act.emit(symbol.clone());
        }
    }
}

/// Scrolls just so far that a row can be seen, below the head that stays.
fn show_row(list: &Element, place: usize, row: f64) {
    let head = list.query_selector("thead").ok().flatten();
    let head = head.map_or(0.0, |head| f64::from(head.client_height()));
    let top = place as f64 * row;
    let (scrolled, height) = (f64::from(list.scroll_top()), f64::from(list.client_height()));
    if top < scrolled {
        list.set_scroll_top(top as i32);
    } else if top + row + head > scrolled + height {
        list.set_scroll_top((top + row + head - height).ceil() as i32);
    }
}
