//! Open positions, and the balances of the spot account.

use nexus_protocol::{AccountPosition, Balance};
use yew::{Html, Properties, classes, component, html};

use super::cells::{Coin, PriceText, amount, dollars, dollars_gained, more_row};
use crate::canvas::live::Live;
use crate::hooks::use_live;
use crate::store::AccountBoard;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) board: Live<AccountBoard>,
}

/// The positions.
#[component]
pub(super) fn PositionsTable(props: &Props) -> Html {
    use_live(&props.board);
    let Some(account) = props.board.read(AccountBoard::account) else {
        return Html::default();
    };
    html! {
        <div class="account-scroll panel-body-scroll" tabindex="0" role="region" aria-label="Positions and balances">
            if account.positions.is_empty() {
                <p class="account-none">{ "No open positions" }</p>
            } else {
                <table class="account-table" role="table" aria-label="Positions">
                    <thead role="rowgroup"><tr role="row">
                        <th role="columnheader">{ "Coin" }</th>
                        <th role="columnheader" class="num">{ "Size" }</th>
                        <th role="columnheader" class="num account-wide">{ "Entry" }</th>
                        <th role="columnheader" class="num">{ "Value" }</th>
                        <th role="columnheader" class="num">{ "Unrealised" }</th>
                        <th role="columnheader" class="num account-wide">{ "Leverage" }</th>
                        <th role="columnheader" class="num account-wide">{ "Liquidation" }</th>
                    </tr></thead>
                    <tbody role="rowgroup">
                        for position in &account.positions { { position_row(position) } }
                    </tbody>
                </table>
            }
            if !account.balances.is_empty() {
                <table class="account-table" role="table" aria-label="Balances">
                    <thead role="rowgroup"><tr role="row">
                        <th role="columnheader">{ "Token" }</th>
                        <th role="columnheader" class="num">{ "Total" }</th>
                        <th role="columnheader" class="num">{ "In orders" }</th>
                    </tr></thead>
                    <tbody role="rowgroup">for balance in &account.balances { { balance_row(balance) } }</tbody>
                </table>
            }
        </div>
    }
}

fn position_row(position: &AccountPosition) -> Html {
    let is_short = position.size.as_str().starts_with('-');
    let (class, word) = if is_short {
        ("down", "Short")
    } else {
        ("up", "Long")
    };
    let price = |price: &Option<nexus_protocol::Decimal>| match price {
        Some(price) => html! { <PriceText symbol={position.symbol.clone()} price={price.clone()} /> },
        None => html! { "–" },
    };
    html! {
        <>
        <tr role="row" key={position.symbol.as_str()} data-testid="position-row" data-symbol={position.symbol.to_string()}>
            <td role="cell"><Coin symbol={position.symbol.clone()} />
                <span class={classes!("account-side", class)}>{ word }</span></td>
            <td role="cell" class="num">{ amount(position.size.as_str(), 0) }</td>
            <td role="cell" class="num account-wide">{ price(&position.entry_price) }</td>
            <td role="cell" class="num">{ dollars(position.value.as_str()) }</td>
            <td role="cell" class="num" data-testid="position-pnl">{ dollars_gained(position.unrealized_pnl.as_str()) }</td>
            <td role="cell" class="num account-wide">{ format!("{}×", position.leverage) }</td>
            <td role="cell" class="num account-wide">{ price(&position.liquidation_price) }</td>
        </tr>
        { more_row(format!("{} more", position.symbol), html! {
            <>{ format!("{}× · entry ", position.leverage) }{ price(&position.entry_price) }{ " · liquidation " }{ price(&position.liquidation_price) }</>
        }) }
        </>
    }
}

fn balance_row(balance: &Balance) -> Html {
    html! {
        <tr role="row" key={balance.token.clone()} data-testid="balance-row">
            <td role="cell">{ &balance.token }</td>
            <td role="cell" class="num">{ amount(balance.total.as_str(), 2) }</td>
            <td role="cell" class="num">{ amount(balance.held.as_str(), 2) }</td>
        </tr>
    }
}
