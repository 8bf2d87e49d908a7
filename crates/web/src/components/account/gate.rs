//! Whose account is shown, and what is missing where none can be.

use nexus_protocol::{ErrorCode, Topic, UserId};
use yew::{Html, MouseEvent, Properties, component, html, use_context};

use super::fills::FillsTable;
use super::orders::OrdersTable;
use super::positions::PositionsTable;
use super::summary::Summary;
use crate::components::dialogs::{Dialog, OpenDialog};
use crate::components::icon::{Glyph, Icon};
use crate::components::panel::Panel;
use crate::hooks::{use_link, use_selected, use_store, use_token_desk, use_topic};
use crate::state::account::Below;
use crate::state::face::sentence;
use crate::state::feed::Stage;
use crate::store::AccountBoard;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) tab: Below,
    pub(super) head: Html,
}

/// The account of whoever is signed in.
#[component]
pub(super) fn AccountPanel(props: &Props) -> Html {
    let link = use_link();
    let desk = use_token_desk();
    let user = link
        .identity
        .as_ref()
        .and_then(|identity| UserId::parse(&identity.user).ok());
    match user {
        Some(user) => html! { <UserPanel {user} tab={props.tab} head={props.head.clone()} /> },
        None if desk.token.is_some() => html! {
            <Panel name="account" title="Account" head={props.head.clone()} topic={None} has_content=false
                nothing={("".into(), "".into())} />
        },
        None => html! { <SignedOut head={props.head.clone()} /> },
    }
}

#[derive(PartialEq, Properties)]
struct UserProps {
    user: UserId,
    tab: Below,
    head: Html,
}

#[component]
fn UserPanel(props: &UserProps) -> Html {
    let store = use_store();
    let user = &props.user;
    let account = Topic::AccountUpdates(user.clone());
    let orders = Topic::UserOrders(user.clone());
    let fills = Topic::UserFills(user.clone());
    // All three, whichever is shown: another tab is there at once, and nothing that happens meanwhile is missed.
    use_topic(Some(account.clone()));
    use_topic(Some(orders.clone()));
    use_topic(Some(fills.clone()));
    let board = store.account(user);
    let (topic, nothing) = match props.tab {
        Below::Depth | Below::Positions => (
            account,
            (
                "Nothing is known of the account yet",
                "It appears with the exchange's first answer.",
            ),
        ),
        Below::Orders => (
            orders,
            ("No orders", "They appear as they are placed at the exchange."),
        ),
        Below::Fills => (fills, ("No fills", "They appear as orders are filled.")),
    };
    let has_content = use_selected(&board, props.tab, |board: &AccountBoard, tab| match tab {
        Below::Depth | Below::Positions => board.account().is_some(),
        Below::Orders => board.has_orders,
        Below::Fills => board.has_fills,
    });
    let forbidden = use_selected(store.feeds(), topic.clone(), |feeds, topic| {
        match feeds.of(topic).map(|feed| feed.stage) {
            Some(Stage::Refused(refusal))
                if matches!(refusal.code, ErrorCode::Forbidden | ErrorCode::InvalidParams) =>
            {
                Some(refusal.message)
            }
            _ => None,
        }
    });
    if let Some(why) = forbidden.filter(|_| !has_content) {
        return html! { <Unbound head={props.head.clone()} user={user.clone()} {why} /> };
    }
    html! {
        <Panel name="account" title="Account" head={props.head.clone()} topic={Some(topic)} {has_content}
            nothing={(nothing.0.into(), nothing.1.into())}>
            <div class="account">
                <Summary board={board.clone()} />
                { match props.tab {
                    Below::Depth | Below::Positions => html! { <PositionsTable {board} /> },
                    Below::Orders => html! { <OrdersTable {board} /> },
                    Below::Fills => html! { <FillsTable {board} /> },
                } }
            </div>
        </Panel>
    }
}

#[derive(PartialEq, Properties)]
struct UnboundProps {
    head: Html,
    user: UserId,
    why: String,
}

/// The token names no account at the exchange: what it needs.
#[component]
fn Unbound(props: &UnboundProps) -> Html {
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let command = format!(
        "nexus token --sub {} --role viewer --claims '{{\"address\":\"0x…\"}}'",
        props.user
    );
    html! {
        <section class="panel pane-account" data-testid="panel-account" data-state="error" aria-label="Account">
            <header class="panel-head">{ props.head.clone() }</header>
            <div class="panel-body"><div class="panel-message" role="alert">
                <Glyph of={Icon::Warning} /><h3>{ "This token shows no account" }</h3>
                <p>{ format!("{} A token shows the account whose address stands in it; the operator makes one with", sentence(&props.why)) }</p>
                <code class="account-command">{ command }</code>
                <button type="button" class="button button-small"
                    onclick={open.reform(|_: MouseEvent| Dialog::SignIn)}>{ "Use another token" }</button>
            </div></div>
        </section>
    }
}

#[derive(PartialEq, Properties)]
struct SignedOutProps {
    head: Html,
}

#[component]
fn SignedOut(props: &SignedOutProps) -> Html {
    let open = use_context::<OpenDialog>().unwrap_or_default();
    html! {
        <section class="panel pane-account" data-testid="panel-account" data-state="empty" aria-label="Account">
            <header class="panel-head">{ props.head.clone() }</header>
            <div class="panel-body"><div class="panel-message">
                <Glyph of={Icon::Person} /><h3>{ "Sign in to see your account" }</h3>
                <p>{ "Orders, fills and positions of the address in your token, as they change." }</p>
                <button type="button" class="button button-primary button-small" data-testid="account-sign-in"
                    onclick={open.reform(|_: MouseEvent| Dialog::SignIn)}>{ "Sign in" }</button>
            </div></div>
        </section>
    }
}
