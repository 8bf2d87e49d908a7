//! Fills, newest first, and their sums.

use std::rc::Rc;

use nexus_protocol::Fill;
use web_sys::Element;
use yew::{Callback, Event, Html, Properties, TargetCast, component, html, use_state_eq};

use super::cells::{Ago, Coin, PriceText, SideWord, amount, gain, gap_row, more_row};
use crate::canvas::live::Live;
use crate::format;
use crate::hooks::{use_clock, use_live, use_store};
use crate::state::account::FillEntry;
use crate::state::feed::Moment;
use crate::store::AccountBoard;

/// Rows are mounted by so many.
const PORTION: usize = 60;
/// This near to the end of what is mounted more is, in pixels.
const NEAR: i32 = 300;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) board: Live<AccountBoard>,
}

/// The fills.
#[component]
pub(super) fn FillsTable(props: &Props) -> Html {
    use_live(&props.board);
    let now = use_store().server_time(use_clock(30_000));
    let mounted = use_state_eq(|| PORTION);
    let on_scroll = {
        let mounted = mounted.clone();
        Callback::from(move |event: Event| {
            if let Some(list) = event.target_dyn_into::<Element>()
                && list.scroll_top() + list.client_height() + NEAR > list.scroll_height()
            {
                mounted.set(*mounted + PORTION);
            }
        })
    };
    let (entries, count) = props.board.read(|board| {
        let entries: Vec<FillEntry> = board.fills().take(*mounted).cloned().collect();
        let is_fill = |entry: &&FillEntry| matches!(entry, FillEntry::Fill(_));
        (entries, board.fills().filter(is_fill).count())
    });
    if entries.is_empty() {
        return html! { <p class="account-none">{ "No fills" }</p> };
    }
    html! {
        <>
            <div class="account-scroll panel-body-scroll" tabindex="0" role="region" aria-label="Fills" onscroll={on_scroll}>
                <table class="account-table" role="table" aria-label="Fills, newest first">
                    <thead role="rowgroup"><tr role="row">
                        <th role="columnheader">{ "Coin" }</th>
                        <th role="columnheader">{ "Side" }</th>
                        <th role="columnheader" class="num">{ "Price" }</th>
                        <th role="columnheader" class="num">{ "Size" }</th>
                        <th role="columnheader" class="num account-wide">{ "Fee" }</th>
                        <th role="columnheader" class="num">{ "Closed PnL" }</th>
                        <th role="columnheader" class="num account-wide">{ "Time" }</th>
                    </tr></thead>
                    <tbody role="rowgroup">
                        for entry in entries {
                            { match entry {
                                FillEntry::Fill(fill) => html! { <Row key={format!("{}-{}", fill.id, fill.order_id)} fill={fill.clone()} {now} /> },
                                FillEntry::Gap { from, to } => gap_row("Fills", from, to, "7"),
                            } }
                        }
                    </tbody>
                </table>
            </div>
            <Totals board={props.board.clone()} {count} />
        </>
    }
}

#[derive(PartialEq, Properties)]
struct RowProps {
    fill: Rc<Fill>,
    now: Moment,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let fill = &props.fill;
    html! {
        <>
        <tr role="row" data-testid="fill-row" data-fill-id={fill.id.to_string()} title={fill.direction.clone()}>
            <td role="cell"><Coin symbol={fill.symbol.clone()} /></td>
            <td role="cell"><SideWord side={fill.side} /></td>
            <td role="cell" class="num"><PriceText symbol={fill.symbol.clone()} price={fill.price.clone()} /></td>
            <td role="cell" class="num">{ amount(fill.size.as_str(), 0) }</td>
            <td role="cell" class="num account-wide">{ amount(fill.fee.as_str(), 2) }<small class="faint">{ format!(" {}", fill.fee_token) }</small></td>
            <td role="cell" class="num">{ gain(fill.closed_pnl.as_str(), 2) }</td>
            <td role="cell" class="num account-wide"><Ago at={fill.timestamp} now={props.now} /></td>
        </tr>
        { more_row(format!("{}-{} more", fill.id, fill.order_id), html! {
            <>{ format!("{} · fee {} {} · ", fill.direction, amount(fill.fee.as_str(), 2), fill.fee_token) }<Ago at={fill.timestamp} now={props.now} /></>
        }) }
        </>
    }
}

#[derive(PartialEq, Properties)]
struct TotalsProps {
    board: Live<AccountBoard>,
    count: usize,
}

/// What the fills that are kept come to.
#[component]
fn Totals(props: &TotalsProps) -> Html {
    let (pnl, fees) = props.board.read(AccountBoard::totals);
    let exact = |text: Option<String>, shown: fn(&str) -> Html| {
        text.map_or_else(|| html! { "–" }, |text| shown(&text))
    };
    html! {
        <footer class="panel-foot account-totals" data-testid="fill-totals">
            <span>{ format!("{} fills", format::count(props.count as u64)) }</span>
            <span>{ "Fees " }
                for (place, (token, sum)) in fees.into_iter().enumerate() {
                    if place > 0 { { ", " } }
                    { exact(sum.text(), |text| html! { { amount(text, 2) } }) }{ format!(" {token}") }
                }
            </span>
            <span>{ "Closed PnL " }{ exact(pnl.text(), |text| gain(text, 2)) }</span>
        </footer>
    }
}
