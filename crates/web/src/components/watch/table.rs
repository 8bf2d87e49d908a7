//! The rows of the watchlist: only those that can be seen, in an order that does not move under the pointer.

use std::rc::Rc;

use nexus_protocol::Symbol;
use web_sys::{Element, FocusEvent, KeyboardEvent};
use yew::{
    Callback, Html, Properties, TargetCast, component, html, use_effect_with, use_mut_ref, use_node_ref,
    use_state_eq,
};

use super::head::SortHead;
use super::keys::Keys;
use super::row::WatchRow;
use super::use_stars;
use crate::browser;
use crate::hooks::{use_live, use_places, use_scroll_window, use_settings, use_store, use_touched};
use crate::state::order::Order;
use crate::state::place::Pane;
use crate::state::watch::{SortKey, Watch};

/// The height of a row if the stylesheet does not tell, in pixels.
const ROW: f64 = 44.0;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) watch: Rc<Watch>,
    pub(super) chosen: Option<Symbol>,
    /// Told how many rows there are, and whether their order is held.
    pub(super) on_shown: Callback<(usize, bool)>,
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
    let is_touched = use_touched(&scroller);
    let cursor = use_state_eq(|| 0_usize);
    let wants_focus = use_mut_ref(|| false);
    let order = use_mut_ref(Order::default);

    let (symbols, quotes, is_held) = store.prices().read(|board| {
        let mut order = order.borrow_mut();
        let rows = board.quotes().map(|quote| quote.row());
        order.renew(rows, board.len(), &props.watch, is_touched, browser::now());
        let symbols = order.symbols();
        let seen = symbols.iter().enumerate().skip(window.first).take(window.count);
        let quotes: Vec<_> = seen
            .filter_map(|(place, symbol)| Some((place, board.of(symbol)?.clone())))
            .collect();
        (symbols, quotes, order.is_held())
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
    let keys = Keys {
        scroller: scroller.clone(),
        row: *row,
        symbols: symbols.clone(),
        on_open: on_open.clone(),
        on_star: on_star.clone(),
        on_move: {
            let cursor = cursor.setter();
            Callback::from(move |place| {
                wants_focus.replace(true);
                cursor.set(place);
            })
        },
    };
    let on_key = Callback::from(move |event: KeyboardEvent| keys.handle(&event));
    let current = (*cursor).min(symbols.len().saturating_sub(1));
    let on_focus = {
        let cursor = cursor.setter();
        Callback::from(move |event: FocusEvent| {
            let target = event.target_dyn_into::<Element>();
            let place = target.and_then(|target| target.get_attribute("data-place")?.parse().ok());
            if let Some(place) = place {
                cursor.set(place);
            }
        })
    };
    html! {
        <div ref={scroller} class="watch-scroll panel-body-scroll" onfocusin={on_focus} onkeydown={on_key}>
            <table class="watch" role="table" aria-label="Coins" aria-rowcount={(symbols.len() + 1).to_string()}>
                <thead role="rowgroup"><tr class="watch-head" role="row" aria-rowindex="1">
                    for key in SortKey::ALL {
                        <SortHead key={key.word()} of={key} sort={props.watch.sort} />
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
