//! What the account is worth, in one line.

use yew::{Html, Properties, component, html};

use super::cells::{dollars, dollars_gained};
use crate::canvas::live::Live;
use crate::format;
use crate::hooks::use_live;
use crate::state::account::Sum;
use crate::store::AccountBoard;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) board: Live<AccountBoard>,
}

/// Value, what may be withdrawn, margin, what is won or lost so far.
#[component]
pub(super) fn Summary(props: &Props) -> Html {
    use_live(&props.board);
    let Some(account) = props.board.read(AccountBoard::account) else {
        return Html::default();
    };
    let mut open = Sum::default();
    for position in &account.positions {
        open.add(position.unrealized_pnl.as_str());
    }
    html! {
        <dl class="account-summary" title={format!("{} · {}", account.address, format::date_and_time(account.timestamp))}>
            <div><dt>{ "Account value" }</dt><dd data-testid="account-value">{ dollars(account.value.as_str()) }<small>{ " USD" }</small></dd></div>
            <div><dt>{ "Unrealised" }</dt><dd data-testid="account-unrealized">
                { open.text().map_or_else(|| html! { "–" }, |text| dollars_gained(&text)) }</dd></div>
            <div><dt>{ "Withdrawable" }</dt><dd>{ dollars(account.withdrawable.as_str()) }</dd></div>
            <div><dt>{ "Margin used" }</dt><dd>{ dollars(account.margin_used.as_str()) }</dd></div>
        </dl>
    }
}
