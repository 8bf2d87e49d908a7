//! The levels of the book.

use nexus_protocol::Symbol;
use web_sys::{Element, FocusEvent, PointerEvent};
use yew::{AttrValue, Callback, Html, Properties, TargetCast, component, html};

use super::keys::on_key;
use super::last::Last;
use super::row::BookRow;
use super::{Pointed, Side};
use crate::canvas::live::Live;
use crate::format;
use crate::hooks::use_live;
use crate::state::listing::{base, quote, with_unit};
use crate::store::{Book, Group, Ladder, Rung, Tape};

/// Levels behind the first five that are older than the others by so much are dimmed, in milliseconds.
const OLD: u64 = 5_000;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) symbol: Symbol,
    pub(super) book: Live<Book>,
    pub(super) tape: Live<Tape>,
    pub(super) group: Group,
    pub(super) on_point: Callback<Option<Pointed>>,
}

/// The levels.
#[component]
pub(super) fn BookTable(props: &Props) -> Html {
    use_live(&props.book);
    let (ladder, decimals, size_decimals, is_old) = props.book.read(|book| {
        let is_old = book.deep_lag().is_some_and(|lag| lag > OLD);
        (
            Ladder::of(book, props.group),
            book.price_decimals,
            book.size_decimals,
            is_old,
        )
    });
    let rows = |side: Side, rungs: &[Rung]| -> Vec<Html> {
        let row = |(place, rung): (usize, &Rung)| {
            html! {
                <BookRow key={place} {side} {place} price={AttrValue::from(rung.price.clone())} {decimals}
                    size={AttrValue::from(format::fixed_float(rung.size, size_decimals))}
                    total={AttrValue::from(format::fixed_float(rung.total, size_decimals))}
                    share={(rung.share * 1_000.0).round() as u16} is_old={is_old && rung.is_deep} />
            }
        };
        rungs.iter().enumerate().map(row).collect()
    };
    let mut asks = rows(Side::Ask, &ladder.asks);
    asks.reverse();
    let bids = rows(Side::Bid, &ladder.bids);
    let leave = |on_point: &Callback<Option<Pointed>>| on_point.reform(|_: PointerEvent| None);
    let on_over = props
        .on_point
        .reform(|event: PointerEvent| pointed(event.target_dyn_into::<Element>()));
    let on_focus = props
        .on_point
        .reform(|event: FocusEvent| pointed(event.target_dyn_into::<Element>()));
    let on_blur = props.on_point.reform(|_: FocusEvent| None);
    html! {
        <table class="book" role="table" aria-label={format!("Order book {}", props.symbol)} onpointerover={on_over}
            onpointerleave={leave(&props.on_point)} onfocusin={on_focus} onfocusout={on_blur} onkeydown={on_key}>
            <thead role="rowgroup"><tr class="book-head" role="row">
                <th role="columnheader">{ with_unit("Price", quote(&props.symbol)) }</th>
                <th role="columnheader" class="num">{ with_unit("Size", base(&props.symbol)) }</th>
                <th role="columnheader" class="num">{ with_unit("Total", base(&props.symbol)) }</th>
            </tr></thead>
            <tbody class="book-side book-asks" role="rowgroup">{ for asks }</tbody>
            <tbody class="book-mid" role="rowgroup">
                <tr role="row" class="book-spread" data-testid="book-spread">
                    <Last tape={props.tape.clone()} {decimals} />
                    <td role="cell" class="book-spread-value">
                        if let Some(spread) = ladder.spread {
                            <span>{ "Spread" }</span>{ " " }{ format::fixed_float(spread.absolute, decimals) }{ " " }
                            <span>{ format!("{}%", format::fixed_float(spread.percent, 3)) }</span>
                        }
                    </td>
                    <td role="cell" class="visually-hidden"></td>
                </tr>
            </tbody>
            <tbody class="book-side book-bids" role="rowgroup">{ for bids }</tbody>
        </table>
    }
}

/// The level that an element belongs to.
fn pointed(element: Option<Element>) -> Option<Pointed> {
    let row = element?.closest(".book-row").ok().flatten()?;
    let side = match row.get_attribute("data-side")?.as_str() {
        "ask" => Side::Ask,
        _ => Side::Bid,
    };
    let place = row.get_attribute("data-place")?.parse().ok()?;
    let panel = row.closest(".panel").ok().flatten()?;
    let top = row.get_bounding_client_rect().top() - panel.get_bounding_client_rect().top();
    Some(Pointed {
        side,
        place,
        top: top as i32,
    })
}
