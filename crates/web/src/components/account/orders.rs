//! Orders: open ones first, then what became of the others.

use std::rc::Rc;

use nexus_protocol::{Order, OrderChange};
use yew::{Html, Properties, classes, component, html};

use super::cells::{Ago, Coin, PriceText, SideWord, amount, gap_row, more_row};
use crate::canvas::live::Live;
use crate::hooks::{use_clock, use_live, use_store};
use crate::state::account::{change_words, filled_share};
use crate::state::feed::Moment;
use crate::store::AccountBoard;

/// The most rows that are mounted; more open orders than this are counted.
const SHOWN: usize = 150;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) board: Live<AccountBoard>,
}

/// The orders.
#[component]
pub(super) fn OrdersTable(props: &Props) -> Html {
    use_live(&props.board);
    let now = use_store().server_time(use_clock(30_000));
    let ((open, closed), gaps) = props
        .board
        .read(|board| (board.orders(), board.order_gaps().to_vec()));
    let hidden = open.len().saturating_sub(SHOWN);
    html! {
        <div class="account-scroll panel-body-scroll" tabindex="0" role="region" aria-label="Orders">
            if open.is_empty() && closed.is_empty() {
                <p class="account-none">{ "No orders" }</p>
            } else {
                <table class="account-table" role="table" aria-label="Orders">
                    <thead role="rowgroup"><tr role="row">
                        <th role="columnheader">{ "Coin" }</th>
                        <th role="columnheader">{ "Side" }</th>
                        <th role="columnheader" class="num">{ "Price" }</th>
                        <th role="columnheader" class="num">{ "Size" }</th>
                        <th role="columnheader" class="account-wide">{ "Filled" }</th>
                        <th role="columnheader">{ "Status" }</th>
                        <th role="columnheader" class="num account-wide">{ "Time" }</th>
                    </tr></thead>
                    <tbody role="rowgroup">
                        for (from, to) in gaps.iter().rev() { { gap_row("Changes of orders", *from, *to, "7") } }
                        for order in open.iter().take(SHOWN) { <Row key={order.id} order={order.clone()} {now} /> }
                        if hidden > 0 {
                            <tr role="row"><td role="cell" colspan="7" class="faint">{ format!("and {hidden} more open orders") }</td></tr>
                        }
                        if !closed.is_empty() && !open.is_empty() {
                            <tr class="account-divider" role="row"><td role="cell" colspan="7">{ "History" }</td></tr>
                        }
                        for order in closed.iter().take(SHOWN) { <Row key={order.id} order={order.clone()} {now} /> }
                    </tbody>
                </table>
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct RowProps {
    order: Rc<Order>,
    now: Moment,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let order = &props.order;
    let (sign, word) = change_words(order.change);
    let share = filled_share(order);
    let class = match order.change {
        OrderChange::Created | OrderChange::Updated => "",
        OrderChange::Filled => "order-filled",
        OrderChange::Cancelled => "order-closed",
        OrderChange::Rejected => "order-rejected",
    };
    html! {
        <>
        <tr class={classes!(class)} role="row" data-testid="order-row" data-order-id={order.id.to_string()} data-change={word.to_lowercase()}>
            <td role="cell"><Coin symbol={order.symbol.clone()} /></td>
            <td role="cell"><SideWord side={order.side} /></td>
            <td role="cell" class="num"><PriceText symbol={order.symbol.clone()} price={order.price.clone()} /></td>
            <td role="cell" class="num">{ amount(order.original_size.as_str(), 0) }</td>
            <td role="cell" class="account-wide">
                <span class="order-share" title={format!("{} of {} left", order.size, order.original_size)}>
                    <progress class="meter" max="100" value={format!("{:.0}", share * 100.0)} aria-label="Filled"></progress>
                    <span>{ format!("{:.0}%", (share * 100.0).floor()) }</span>
                </span>
            </td>
            <td role="cell" class="order-status" title={order.status.clone()}><span aria-hidden="true">{ sign }</span>{ " " }{ word }</td>
            <td role="cell" class="num account-wide"><Ago at={order.timestamp} now={props.now} /></td>
        </tr>
        { more_row(format!("{} more", order.id), html! {
            <>{ format!("{:.0}% filled · ", (share * 100.0).floor()) }<Ago at={order.timestamp} now={props.now} /></>
        }) }
        </>
    }
}
