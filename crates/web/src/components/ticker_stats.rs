//! The figures of the ticker that change by themselves: the spread with the book, the age with time.

use nexus_protocol::{Symbol, Topic};
use yew::{Html, Properties, component, html};

use crate::format;
use crate::hooks::{use_clock, use_live, use_store};
use crate::state::listing::quote;
use crate::store::Ladder;

#[derive(PartialEq, Properties)]
pub(super) struct SpreadProps {
    pub(super) symbol: Symbol,
}

/// The distance between the best prices.
#[component]
pub(super) fn SpreadStat(props: &SpreadProps) -> Html {
    let store = use_store();
    let market = store.market(&props.symbol);
    use_live(&market.book);
    let (spread, decimals) = market
        .book
        .read(|book| (Ladder::spread_of(book), book.price_decimals));
    let text = spread.map_or("–".to_owned(), |spread| {
        format!(
            "{} ({}%)",
            format::fixed_float(spread.absolute, decimals),
            format::fixed_float(spread.percent, 3)
        )
    });
    html! {
        <div title={format!("Between the best bid and the best ask, in {}", quote(&props.symbol))}>
            <dt>{ "Spread" }</dt><dd>{ text }</dd>
        </div>
    }
}

/// How old the newest price is.
#[component]
pub(super) fn Age() -> Html {
    let store = use_store();
    let now = use_clock(1_000);
    let heard_at = store
        .feeds()
        .read(|feeds| feeds.of(&Topic::Prices(None)).and_then(|feed| feed.heard_at));
    html! {
        <div title={heard_at.map(format::date_and_time)}>
            <dt>{ "Updated" }</dt>
            <dd>{ heard_at.map_or("–".to_owned(), |at| format!("{} ago", format::age(now.saturating_sub(at) as f64))) }</dd>
        </div>
    }
}
