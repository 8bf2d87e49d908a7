//! The lines of the tape. As many are mounted as can be seen; scrolling down mounts more.

use std::rc::Rc;

use nexus_protocol::Symbol;
use web_sys::Element;
use yew::{Callback, Event, Html, Properties, TargetCast, component, html, use_state_eq};

use super::row::{GapRow, TradeRow};
use crate::canvas::live::Live;
use crate::hooks::use_live;
use crate::state::listing::{base, quote, with_unit};
use crate::store::{Entry, Tape};

/// Lines are mounted by so many.
const PORTION: usize = 60;
/// This near to the end of what is mounted more is, in pixels.
const NEAR: i32 = 400;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) symbol: Symbol,
    pub(super) tape: Live<Tape>,
    /// What is shown in place of the tape as it is now.
    pub(super) paused: Option<Rc<Vec<Entry>>>,
}

/// The lines.
#[component]
pub(super) fn TapeList(props: &Props) -> Html {
    use_live(&props.tape);
    let mounted = use_state_eq(|| PORTION);
    let on_scroll = {
        let mounted = mounted.clone();
        Callback::from(move |event: Event| {
            let Some(list) = event.target_dyn_into::<Element>() else {
                return;
            };
            if list.scroll_top() == 0 {
                mounted.set(PORTION);
            } else if list.scroll_top() + list.client_height() + NEAR > list.scroll_height() {
                mounted.set(*mounted + PORTION);
            }
        })
    };
    let decimals = props.tape.read(Tape::decimals);
    // The bars are drawn against the biggest trade of all that are kept, not of those in sight, so that they hold still.
    let amount = |largest: f64, entry: &Entry| largest.max(entry.amount());
    let largest = match &props.paused {
        Some(paused) => paused.iter().fold(0.0, amount),
        None => props.tape.read(|tape| tape.newest_first().fold(0.0, amount)),
    };
    let lines: Vec<Entry> = match &props.paused {
        Some(paused) => paused.iter().take(*mounted).cloned().collect(),
        None => props
            .tape
            .read(|tape| tape.newest_first().take(*mounted).cloned().collect()),
    };
    html! {
        <table class="tape" role="table" aria-label={format!("Trades {}", props.symbol)}>
            <thead role="rowgroup"><tr class="tape-head" role="row">
                <th role="columnheader">{ with_unit("Price", quote(&props.symbol)) }</th>
                <th role="columnheader" class="num">{ with_unit("Size", base(&props.symbol)) }</th>
                <th role="columnheader" class="num">{ "Time" }</th>
            </tr></thead>
            <tbody class="tape-body" role="rowgroup" tabindex="0" aria-label="Trades, newest first" onscroll={on_scroll}>
                for line in lines {
                    { match line {
                        Entry::Trade(trade) => html! { <TradeRow key={trade.key} trade={trade.clone()} {decimals} {largest} /> },
                        Entry::Gap { key, from, to } => html! { <GapRow {key} {from} {to} /> },
                    } }
                }
            </tbody>
        </table>
    }
}
