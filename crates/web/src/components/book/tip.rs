//! What it would cost to trade down to the level that is pointed at.

use nexus_protocol::Symbol;
use yew::{Html, Properties, component, html};

use super::{Pointed, Side};
use crate::canvas::live::Live;
use crate::format;
use crate::hooks::use_live;
use crate::state::listing::{base, quote};
use crate::store::{Book, Group, Ladder};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) symbol: Symbol,
    pub(super) book: Live<Book>,
    pub(super) group: Group,
    pub(super) pointed: Pointed,
}

/// The tip beside the level.
#[component]
pub(super) fn BookTip(props: &Props) -> Html {
    use_live(&props.book);
    let Pointed { side, place, top } = props.pointed;
    let (ladder, decimals, size_decimals) = props.book.read(|book| {
        (
            Ladder::of(book, props.group),
            book.price_decimals,
            book.size_decimals,
        )
    });
    let rungs = match side {
        Side::Ask => &ladder.asks,
        Side::Bid => &ladder.bids,
    };
    let Some((rung, average)) = rungs.get(place).and_then(|rung| Some((rung, rung.average()?))) else {
        return Html::default();
    };
    let from_middle = ladder
        .spread
        .map(|spread| (average / spread.middle - 1.0).abs() * 100.0);
    html! {
        <div class="book-tip" style={format!("top: {top}px")} aria-live="off">
            <dl>
                <dt>{ "Average" }</dt><dd>{ format::fixed_float(average, decimals) }</dd>
                <dt>{ "Size" }</dt>
                <dd>{ format!("{} {}", format::fixed_float(rung.total, size_decimals), base(&props.symbol)) }</dd>
                <dt>{ "Value" }</dt><dd>{ format::money(rung.value, quote(&props.symbol)) }</dd>
                if let Some(percent) = from_middle {
                    <dt>{ "From the middle" }</dt><dd>{ format!("{}%", format::fixed_float(percent, 3)) }</dd>
                }
            </dl>
        </div>
    }
}
