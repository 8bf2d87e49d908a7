//! Who one is, as what, and until when.

use yew::{Html, Properties, component, html};

use crate::format;
use crate::hooks::{use_clock, use_link};
use crate::state::feed::Moment;
use crate::state::token::Token;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) token: Token,
}

/// The user, the role, the end.
#[component]
pub(super) fn Identity(props: &Props) -> Html {
    let now: Moment = use_clock(1_000);
    let link = use_link();
    let claims = props.token.claims();
    let user = link
        .identity
        .as_ref()
        .map(|identity| identity.user.to_string())
        .or(claims.sub.clone());
    let expires_at = link
        .identity
        .as_ref()
        .map(|identity| identity.expires_at)
        .or(claims.expires_at());
    html! {
        <dl class="facts">
            <div><dt>{ "User" }</dt><dd data-testid="user">{ user.unwrap_or_else(|| "not named".to_owned()) }</dd></div>
            if let Some(role) = claims.role {
                <div><dt>{ "Role" }</dt><dd>{ role }</dd></div>
            }
            if let Some(at) = expires_at {
                <div><dt>{ "Expires" }</dt><dd title={format::date_and_time(at)} data-testid="expires">
                    { if at > now { format!("in {}", format::span((at - now) as f64)) } else { "expired".to_owned() } }
                </dd></div>
            }
        </dl>
    }
}
