//! A line of the tape: a trade, or a gap.

use std::rc::Rc;

use nexus_protocol::{Side, Timestamp};
use yew::{Html, Properties, classes, component, html};

use crate::format;
use crate::state::feed::Moment;
use crate::store::TapeTrade;

#[derive(PartialEq, Properties)]
pub(super) struct TradeProps {
    pub(super) trade: Rc<TapeTrade>,
    /// Digits behind the point of a price and of a size.
    pub(super) decimals: (usize, usize),
    /// The biggest trade, which this one is drawn against.
    pub(super) largest: f64,
}

/// A trade: its price is coloured, and its arrow points, by who crossed the spread.
#[component]
pub(super) fn TradeRow(props: &TradeProps) -> Html {
    let TradeProps {
        trade,
        decimals: (price_decimals, size_decimals),
        largest,
    } = props;
    let weight = if *largest > 0.0 {
        trade.amount / largest
    } else {
        0.0
    };
    let (class, word) = match trade.side {
        Side::Buy => ("up", "Buy"),
        Side::Sell => ("down", "Sell"),
    };
    html! {
        <tr class="tape-row" role="row" data-testid="tape-row" data-trade-id={trade.id.to_string()}
            data-time={trade.at.to_string()} data-side={word} style={format!("--weight-of: {:.2}", weight)}>
            <td role="cell" class={classes!("tape-price", "delta", class)}>
                <span class="visually-hidden">{ word }{ " " }</span>{ format::fixed(&trade.price, *price_decimals) }
            </td>
            <td role="cell" class="num">{ format::fixed(&trade.size, *size_decimals) }</td>
            <td role="cell" class="num">
                <time datetime={Timestamp::from_millis(trade.at).to_string()}
                    title={format!("{} {}", format::time_with_millis(trade.at), format::zone(trade.at))}>
                    { format::time_of_day(trade.at) }
                </time>
            </td>
        </tr>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct GapProps {
    pub(super) from: Moment,
    pub(super) to: Moment,
}

/// A gap: trades are missing, and this is where.
#[component]
pub(super) fn GapRow(props: &GapProps) -> Html {
    let GapProps { from, to } = *props;
    let length = to.saturating_sub(from) as f64;
    // Within a second, seconds would name the same moment twice.
    let moment = if length < 2_000.0 {
        format::time_with_millis
    } else {
        format::time_of_day
    };
    let told = format!(
        "gap: trades between {} and {} are missing",
        moment(from),
        moment(to)
    );
    let head = if length < 1_000.0 {
        format!("Gap of {length:.0} ms")
    } else {
        format!("Gap of {}", format::span(length))
    };
    html! {
        <tr class="tape-gap" role="row" data-testid="tape-gap" data-from={from.to_string()} data-to={to.to_string()}>
            <td role="cell" colspan="3"><span>{ head }</span><small>{ told }</small></td>
        </tr>
    }
}
