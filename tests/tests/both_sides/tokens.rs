//! Tokens end: one is refreshed without a reconnect, one is not and signs out, on the wire and in the page.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Market, Page, Server, Settings, Stage, Tape, play, until};
use serde_json::{Value, json};

#[test]
fn a_token_is_refreshed_without_a_reconnect_and_nothing_is_missed() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let mut wire = server.connect().await?;
        let first = stage.token(&Claims::viewer("ann").expiring_in(4))?;
        let welcome = wire.auth(&first).await?;
        ensure!(welcome["type"] == "authenticated", "{welcome}");
        let ends = expiry(&welcome)?;
        wire.subscribe("trades", json!({"symbol": "BTC"})).await?;

        let second = stage.token(&Claims::viewer("ann").expiring_in(3_600))?;
        let again = wire.auth(&second).await?;
        ensure!(
            again["type"] == "authenticated" && expiry(&again)? > ends,
            "{again}"
        );

        // The same subscription goes on beyond the first token's end.
        let beyond = exchange.observe().await?.now + 8_000;
        let mut tape = Tape::default();
        while tape
            .trades()
            .next_back()
            .is_none_or(|trade| trade.timestamp < beyond)
        {
            tape.take(&wire.next_typed().await?);
        }
        let account = tape.check(&exchange.trades("BTC", tape.begins().unwrap_or_default()).await?)?;
        ensure!(account.declared == 0, "{} trades are missing", account.declared);
        Ok(())
    });
}

#[test]
fn a_token_that_is_not_refreshed_is_closed_with_4001_when_it_ends() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let mut wire = server.connect().await?;
        wire.auth(&stage.token(&Claims::viewer("ann").expiring_in(3))?)
            .await?;
        let end = wire.end(Duration::from_secs(15)).await?;
        ensure!(end.code == 4001, "closed with {end:?}");
        Ok(())
    });
}

#[test]
fn a_token_of_someone_else_does_not_take_over_a_connection() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let mut wire = server.connect().await?;
        wire.auth(&stage.token(&Claims::viewer("ann"))?).await?;
        let answer = wire.auth(&stage.token(&Claims::viewer("bob"))?).await?;
        ensure!(
            answer["error"]["code"] == "FORBIDDEN" || answer["error"]["code"] == "AUTH_FAILED",
            "{answer}"
        );
        Ok(())
    });
}

#[test]
fn a_page_signs_in_by_its_link_and_the_token_leaves_the_address() {
    play(async |stage| {
        let (_server, page, _) = signed_in(stage, 3_600).await?;
        let address: String = page.browser().script("return location.href", vec![]).await?;
        ensure!(!address.contains("token"), "the token stays in the address bar");
        Ok(())
    });
}

#[test]
fn a_page_refreshes_its_token_without_a_reconnect() {
    play(async |stage| {
        let (_server, page, _) = signed_in(stage, 25).await?;
        ensure!(page.sockets().await? == 1, "signing in took more than one socket");

        let token = stage.token(&Claims::viewer("ann").expiring_in(3_600))?;
        sign_in_by_hand(&page, &token).await?;

        // Beyond the end of the first token the page is live on the same socket.
        let ends = tokio::time::Instant::now() + Duration::from_secs(30);
        until("the first token has ended", Duration::from_secs(40), async || {
            ensure!(tokio::time::Instant::now() > ends, "not yet");
            Ok(())
        })
        .await?;
        page.says("live", Duration::from_secs(5)).await?;
        ensure!(page.sockets().await? == 1, "the refresh took a reconnect");
        Ok(())
    });
}

#[test]
fn a_page_whose_token_ends_says_signed_out_and_is_back_with_another() {
    play(async |stage| {
        let settings = Settings::default().with("NEXUS_ANONYMOUS", "");
        let (_server, page, _) = signed_in_with(stage, 12, settings).await?;

        page.says("signed-out", Duration::from_secs(40)).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        sign_in_by_hand(&page, &token).await?;

        page.says("live", Duration::from_secs(40)).await?;
        Ok(())
    });
}

fn expiry(welcome: &Value) -> anyhow::Result<String> {
    let expiry = welcome["payload"]["expires_at"]
        .as_str()
        .context("no end of the token")?;
    Ok(expiry.to_owned())
}

async fn signed_in(stage: &Stage, secs: i64) -> anyhow::Result<(Server, Page, nexus_e2e::Exchange)> {
    signed_in_with(stage, secs, Settings::default()).await
}

/// A live page that was opened by a sign-in link.
async fn signed_in_with(
    stage: &Stage,
    secs: i64,
    settings: Settings,
) -> anyhow::Result<(Server, Page, nexus_e2e::Exchange)> {
    let exchange = stage.exchange(Market::default()).await?;
    let server = stage.server(&exchange, settings).await?;
    let browser = stage.browser().await?;
    let token = stage.token(&Claims::viewer("ann").expiring_in(secs))?;
    let page = Page::open_live(&browser, &format!("{}/#token={token}", server.url())).await?;
    Ok((server, page, exchange))
}

/// Opens the dialog, types a token, and submits.
async fn sign_in_by_hand(page: &Page, token: &str) -> anyhow::Result<()> {
    if !page.shows("sign-in-dialog").await? {
        page.click("open-sign-in").await?;
    }
    page.shows_soon("sign-in-dialog", true).await?;
    page.click("token").await?;
    page.browser().insert(token).await?;
    page.click("sign-in").await?;
    page.shows_soon("sign-in-dialog", false).await
}
