//! The rows of the watchlist: only those that can be seen, in an order that does not move under the pointer.

use std::rc::Rc;

use nexus_protocol::Symbol;
use web_sys::{Element, FocusEvent, HtmlElement, KeyboardEvent, PointerEvent};
use yew::{
    Callback, Html, MouseEvent, Properties, TargetCast, component, html, use_effect_with, use_mut_ref,
    use_node_ref, use_state_eq,
};

use super::row::WatchRow;
use super::use_stars;
use crate::browser;
use crate::hooks::{use_live, use_places, use_scroll_window, use_settings, use_store};
use crate::state::feed::Moment;
use crate::state::order::{arranged, held};
use crate::state::place::Pane;
use crate::state::watch::{SortKey, Watch};
use crate::store::Quote;

/// The order is made anew at most so often, in milliseconds.
const ORDER_PACE: Moment = 1_000;
/// The height of a row if the stylesheet does not tell, in pixels.
const ROW: f64 = 44.0;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) watch: Rc<Watch>,
    pub(super) chosen: Option<Symbol>,
    /// Told how many rows there are, and whether their order is held.
    pub(super) on_shown: Callback<(usize, bool)>,
}

/// The order of the rows, and what it was made from.
#[derive(Default)]
struct Order {
    symbols: Rc<Vec<Symbol>>,
    watch: Rc<Watch>,
    known: usize,
    made_at: Moment,
    is_held: bool,
}

impl Order {
    /// Makes the order anew where the choices are others, or where it is time and nobody points at it.
    fn renew(
        &mut self,
        quotes: impl Iterator<Item = Rc<Quote>>,
        known: usize,
        watch: &Rc<Watch>,
        is_touched: bool,
    ) {
        let now = browser::now();
        let is_another_choice = self.watch != *watch;
        if !is_another_choice && known == self.known && now.saturating_sub(self.made_at) < ORDER_PACE {
            return;
        }
        let fresh = arranged(quotes.map(|quote| quote.row()), watch);
        let kept = is_touched && !is_another_choice;
        let symbols = if kept {
            held(&self.symbols, &fresh)
        } else {
            fresh.clone()
        };
        let is_held = kept && symbols != fresh;
        if symbols != *self.symbols {
            self.symbols = Rc::new(symbols);
        }
        (self.watch, self.known, self.made_at, self.is_held) = (watch.clone(), known, now, is_held);
    }
}

/// The table.
#[component]
pub(super) fn WatchTable(props: &Props) -> Html {
    let store = use_store();
    let stars = use_stars();
    let places = use_places();
    let flashes = use_settings().flash;
    use_live(store.prices());
    let scroller = use_node_ref();
    let row = use_state_eq(|| browser::css_length("--row-watch").unwrap_or(ROW));
    let window = use_scroll_window(&scroller, *row);
    let is_touched = use_state_eq(|| false);
    let cursor = use_state_eq(|| 0_usize);
    let wants_focus = use_mut_ref(|| false);
    let order = use_mut_ref(Order::default);

    let (symbols, quotes, is_held) = store.prices().read(|board| {
        let mut order = order.borrow_mut();
        order.renew(board.quotes().cloned(), board.len(), &props.watch, *is_touched);
        let symbols = order.symbols.clone();
        let seen = symbols.iter().enumerate().skip(window.first).take(window.count);
        let quotes: Vec<_> = seen
            .filter_map(|(place, symbol)| Some((place, board.of(symbol)?.clone())))
            .collect();
        (symbols, quotes, order.is_held)
    });
    use_effect_with(
        (symbols.len(), is_held, props.on_shown.clone()),
        |(count, is_held, on_shown)| {
            on_shown.emit((*count, *is_held));
        },
    );
    // A row far away is mounted only after the list has scrolled to it.
    use_effect_with((*cursor, window), {
        let (wants_focus, scroller) = (wants_focus.clone(), scroller.clone());
        move |(cursor, _)| {
            let selector = format!("[data-place='{cursor}']");
            let row = scroller
                .cast::<Element>()
                .and_then(|list| list.query_selector(&selector).ok().flatten());
            if let Some(row) = row
                && wants_focus.replace(false)
            {
                browser::focus(&row);
            }
        }
    });

    let on_open = {
        let places = places.clone();
        Callback::from(move |symbol: Symbol| {
            places.turn(|place| {
                place.symbol = Some(symbol);
                place.pane = Pane::Chart;
            });
        })
    };
    let on_star = {
        let stars = stars.clone();
        Callback::from(move |symbol: Symbol| stars.turn(symbol))
    };
    let last = symbols.len().saturating_sub(1);
    let current = (*cursor).min(last);
    let on_key = {
        let (cursor, symbols, row, scroller) = (cursor.setter(), symbols.clone(), *row, scroller.clone());
        let (on_open, on_star) = (on_open.clone(), on_star.clone());
        Callback::from(move |event: KeyboardEvent| {
            let step = scroller
                .cast::<Element>()
                .map_or(1, |list| (f64::from(list.client_height()) / row) as usize);
            let place = match event.key().as_str() {
                "ArrowDown" => (current + 1).min(last),
                "ArrowUp" => current.saturating_sub(1),
                "PageDown" => (current + step).min(last),
                "PageUp" => current.saturating_sub(step),
                "Home" => 0,
                "End" => last,
                key @ ("Enter" | "f" | "F") => {
                    let act = if key == "Enter" { &on_open } else { &on_star };
                    if is_row(&event) {
                        symbols
                            .get(current)
                            .iter()
                            .for_each(|symbol| act.emit((*symbol).clone()));
                    }
                    return;
                }
                _ => return,
            };
            event.prevent_default();
            wants_focus.replace(true);
            cursor.set(place);
            if let Some(list) = scroller.cast::<Element>() {
                show_row(&list, place, row);
            }
        })
    };
    let on_focus = {
        let (is_touched, cursor) = (is_touched.setter(), cursor.setter());
        Callback::from(move |event: FocusEvent| {
            let Some(target) = event.target_dyn_into::<HtmlElement>() else {
                return;
            };
            // A click focuses as well, but then the pointer tells when someone has gone.
            if target.matches(":focus-visible").unwrap_or(false) {
                is_touched.set(true);
            }
            if let Some(place) = target
                .get_attribute("data-place")
                .and_then(|place| place.parse().ok())
            {
                cursor.set(place);
            }
        })
    };
    let touch = |is: bool| {
        let is_touched = is_touched.setter();
        move || is_touched.set(is)
    };
    let (enter, leave, blur) = (touch(true), touch(false), touch(false));
    let on_enter = Callback::from(move |event: PointerEvent| {
        if event.pointer_type() == "mouse" {
            enter();
        }
    });
    html! {
        <div ref={scroller} class="watch-scroll panel-body-scroll" onpointerenter={on_enter}
            onpointerleave={Callback::from(move |_: PointerEvent| leave())} onfocusin={on_focus}
            onfocusout={Callback::from(move |_: FocusEvent| blur())} onkeydown={on_key}>
            <table class="watch" role="table" aria-label="Coins" aria-rowcount={(symbols.len() + 1).to_string()}>
                <thead role="rowgroup"><tr class="watch-head" role="row" aria-rowindex="1">
                    for key in SortKey::ALL {
                        { sort_head(key, &props.watch, &places) }
                    }
                </tr></thead>
                <tbody class="vlist" role="rowgroup" style={format!("height: calc({} * var(--row-watch))", symbols.len())}>
                    for (place, quote) in quotes {
                        <WatchRow key={quote.symbol.as_str()} place={place} is_current={place == current}
                            is_chosen={props.chosen.as_ref() == Some(&quote.symbol)} is_starred={stars.has(&quote.symbol)}
                            flashes={flashes} quote={quote.clone()} on_open={on_open.clone()} on_star={on_star.clone()} />
                    }
                </tbody>
            </table>
            if symbols.is_empty() {
                <div class="panel-message" role="status"><h3>{ "No coin found" }</h3>
                    <p>{ if stars.only { "Star a coin to see it here." } else { "Try fewer letters, or another group." } }</p>
                </div>
            }
        </div>
    }
}

fn sort_head(key: SortKey, watch: &Watch, places: &crate::hooks::Places) -> Html {
    let sort = match (watch.sort.key == key, watch.sort.descending) {
        (true, true) => "descending",
        (true, false) => "ascending",
        (false, _) => "none",
    };
    let places = places.clone();
    let on_click = Callback::from(move |_: MouseEvent| {
        places.adjust(|place| place.sort = place.sort.clicked(key));
    });
    let class = matches!(key, SortKey::Price | SortKey::Change).then_some("num");
    html! {
        <th role="columnheader" {class} aria-sort={sort}>
            <button type="button" class="sort" data-testid={format!("sort-{}", key.word())} onclick={on_click}>
                { key.label() }
            </button>
        </th>
    }
}

/// Whether the key was pressed on a row and not on a button inside it.
fn is_row(event: &KeyboardEvent) -> bool {
    event
        .target_dyn_into::<Element>()
        .is_some_and(|element| element.has_attribute("data-place"))
}

/// Scrolls just so far that a row can be seen, below the head that stays.
fn show_row(list: &Element, place: usize, row: f64) {
    let head = list
        .query_selector("thead")
        .ok()
        .flatten()
        .map_or(0.0, |head| f64::from(head.client_height()));
    let top = place as f64 * row;
    let (scrolled, height) = (f64::from(list.scroll_top()), f64::from(list.client_height()));
    if top < scrolled {
        list.set_scroll_top(top as i32);
    } else if top + row + head > scrolled + height {
        list.set_scroll_top((top + row + head - height).ceil() as i32);
    }
}
