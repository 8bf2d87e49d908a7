//! The last trade's price, between the two sides of the book.

use nexus_protocol::Side as Taker;
use yew::{Html, Properties, classes, component, html};

use crate::canvas::live::Live;
use crate::format;
use crate::hooks::use_live;
use crate::store::{Entry, Tape};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) tape: Live<Tape>,
    /// Digits behind the point of a price.
    pub(super) decimals: usize,
}

/// The last trade's price, coloured by who crossed the spread.
#[component]
pub(super) fn Last(props: &Props) -> Html {
    use_live(&props.tape);
    let last = props.tape.read(|tape| {
        tape.newest_first().find_map(|entry| match entry {
            Entry::Trade(trade) => Some(trade.clone()),
            Entry::Gap { .. } => None,
        })
    });
    let class = last.as_ref().map(|last| match last.side {
        Taker::Buy => "up",
        Taker::Sell => "down",
    });
    html! {
        <td role="cell" class={classes!("book-last", "delta", class)} title="Last trade">
            { last.map_or("–".to_owned(), |last| format::fixed(&last.price, props.decimals)) }
        </td>
    }
}
