//! One level of the book.

use yew::{AttrValue, Html, Properties, classes, component, html};

use super::Side;
use crate::format;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) side: Side,
    /// Which rung from the spread; rows keep their place, so that nothing moves under the pointer.
    pub(super) place: usize,
    /// In plain digits.
    pub(super) price: AttrValue,
    /// Digits behind the point of a price.
    pub(super) decimals: usize,
    pub(super) size: AttrValue,
    pub(super) total: AttrValue,
    /// The total as a share of the deepest, in thousandths.
    pub(super) share: u16,
    /// Whether the level is older than the first ones by some seconds.
    pub(super) is_old: bool,
}

/// One level.
#[component]
pub(super) fn BookRow(props: &Props) -> Html {
    let side = match props.side {
        Side::Ask => "ask",
        Side::Bid => "bid",
    };
    // The best bid is where the tab key stops; arrows lead to the others.
    let is_stop = props.side == Side::Bid && props.place == 0;
    html! {
        <tr class={classes!("book-row", props.is_old.then_some("is-stale"))} role="row" data-testid="book-row"
            data-side={side} data-place={props.place.to_string()} data-price={props.price.clone()}
            tabindex={if is_stop { "0" } else { "-1" }} style={format!("--depth: {:.3}", f64::from(props.share) / 1_000.0)}>
            <td role="cell" class="book-price">{ format::fixed(&props.price, props.decimals) }</td>
            <td role="cell" class="num">{ &props.size }</td>
            <td role="cell" class="num">{ &props.total }</td>
        </tr>
    }
}
