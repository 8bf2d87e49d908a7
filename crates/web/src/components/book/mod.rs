//! The order book: asks above, bids below, the spread between them.

mod keys;
mod last;
mod row;
mod table;
mod tip;

use nexus_protocol::{Depth, Symbol, Topic};
use web_sys::HtmlSelectElement;
use yew::{Callback, Event, Html, Properties, TargetCast, component, html, use_state_eq};

use super::panel::Panel;
use crate::format;
use crate::hooks::{use_selected, use_store, use_topic};
use crate::store::Group;
use table::BookTable;
use tip::BookTip;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
}

/// A level that is pointed at.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Pointed {
    side: Side,
    /// Which rung from the spread.
    place: usize,
    /// Where it stands in the panel, in pixels.
    top: i32,
}

/// A side of the book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// Sellers.
    Ask,
    /// Buyers.
    Bid,
}

/// The topic of the book that is shown: as deep as the exchange gives.
pub(super) fn topic(symbol: &Symbol) -> Topic {
    Topic::OrderBook(symbol.clone(), Depth::MAX)
}

/// The order book.
#[component]
pub(crate) fn BookPanel(props: &Props) -> Html {
    let store = use_store();
    let topic = topic(&props.symbol);
    use_topic(Some(topic.clone()));
    let market = store.market(&props.symbol);
    let (is_known, decimals, lag) = use_selected(&market.book, (), |book, ()| {
        // Whole seconds, so that this renders once a second at most.
        (
            book.is_known,
            book.price_decimals,
            book.deep_lag().filter(|lag| *lag >= 1_000).map(|lag| lag / 1_000),
        )
    });
    let group = use_state_eq(|| Group(1));
    let pointed = use_state_eq(|| None::<Pointed>);
    let on_group = {
        let setter = group.setter();
        Callback::from(move |event: Event| {
            let value = event
                .target_dyn_into::<HtmlSelectElement>()
                .and_then(|select| select.value().parse().ok());
            setter.set(Group(value.unwrap_or(1)));
        })
    };
    let on_point = {
        let setter = pointed.setter();
        Callback::from(move |now| setter.set(now))
    };
    let tools = html! {
        <select class="select select-small" aria-label="Price step" title="Price step" data-testid="book-group"
            onchange={on_group}>
            for one in Group::ALL {
                <option value={one.0.to_string()} selected={one == *group}>{ one.label(decimals) }</option>
            }
        </select>
    };
    let foot = html! {
        <>
            <span>{ "20 levels a side" }</span>
            if let Some(lag) = lag {
                <span title="The exchange sends the first five levels of a side at once, and those behind them less often.">
                    { format!("behind the 5th {} older", format::span(lag as f64 * 1_000.0)) }
                </span>
            }
        </>
    };
    html! {
        <Panel name="book" title="Order book" {tools} {foot} topic={Some(topic)} has_content={is_known}
            nothing={("No orders".into(), "Nobody wants to buy or sell now.".into())}
            float={pointed.map(|pointed| html! {
                <BookTip symbol={props.symbol.clone()} book={market.book.clone()} group={*group} {pointed} />
            }).unwrap_or_default()}>
            <BookTable symbol={props.symbol.clone()} book={market.book.clone()} tape={market.tape.clone()} group={*group}
                {on_point} />
        </Panel>
    }
}
