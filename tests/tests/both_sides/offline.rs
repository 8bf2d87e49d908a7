//! The browser loses its network, is put away, or sleeps: the page says so, and is back by itself.

use std::time::Duration;

use anyhow::ensure;
use nexus_e2e::{Cable, Exchange, Market, Page, Settings, Stage, play, until};

/// The heartbeat of the protocol (15 s), the same again until the link counts as dead, and a busy machine.
const HEARTBEAT: Duration = Duration::from_secs(50);
const BACK: Duration = Duration::from_secs(60);
/// How long some dozen trades may take: the market has its quiet hours.
const QUIET_HOURS: Duration = Duration::from_secs(150);

#[test]
fn a_browser_without_a_network_says_offline_and_is_back_with_it() {
    play(async |stage| {
        let (exchange, cable, page) = through_a_cable(stage).await?;

        let live = page.colours_of(&["tape", "book"]).await?;
        page.browser().go_offline(true).await?;
        cable.cut();

        page.says("offline", Duration::from_secs(10)).await?;
        page.dims(&live, Duration::from_secs(10)).await?;

        cable.mend();
        page.browser().go_offline(false).await?;

        page.says("live", BACK).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn a_pulled_cable_is_noticed_within_the_heartbeat_although_nobody_says_a_word() {
    play(async |stage| {
        let (exchange, cable, page) = through_a_cable(stage).await?;

        cable.pull_out();

        until("the chip says that the link is gone", HEARTBEAT, async || {
            let chip = page.chip().await?;
            ensure!(chip.state == "reconnecting", "it says {chip:?}");
            Ok(())
        })
        .await?;

        cable.mend();

        page.says("live", BACK).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn a_page_that_slept_is_back_with_every_trade_or_a_gap() {
    play(async |stage| {
        let (exchange, _cable, page) = through_a_cable(stage).await?;
        let asleep_at = exchange.observe().await?.now;

        page.browser().sleep(true).await?;
        until("enough happened meanwhile", QUIET_HOURS, async || {
            let missed = exchange.trades("BTC", asleep_at).await?.trades.len();
            ensure!(missed > 15, "only {missed} trades happened");
            Ok(())
        })
        .await?;
        page.browser().sleep(false).await?;
        // A page that slept is hidden until its window comes to the front.
        page.browser().hide(true).await?;
        page.browser().hide(false).await?;

        page.says("live", BACK).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn a_hidden_page_keeps_the_newest_and_shows_it_when_it_is_back() {
    play(async |stage| {
        let (exchange, _cable, page) = through_a_cable(stage).await?;

        page.browser().hide(true).await?;
        let hidden_at = exchange.observe().await?.now;
        until("enough happened meanwhile", QUIET_HOURS, async || {
            let missed = exchange.trades("BTC", hidden_at).await?.trades.len();
            ensure!(missed > 15, "only {missed} trades happened");
            Ok(())
        })
        .await?;
        page.browser().hide(false).await?;

        page.says("live", Duration::from_secs(20)).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        ensure!(
            page.sockets().await? == 1,
            "being hidden for a while is no reason to connect anew"
        );
        Ok(())
    });
}

/// A live page whose way to the server can be cut.
async fn through_a_cable(stage: &Stage) -> anyhow::Result<(Exchange, Cable, Page)> {
    let exchange = stage.exchange(Market::default()).await?;
    let server = stage.server(&exchange, Settings::default()).await?;
    let cable = Cable::to(server.address()).await?;
    let browser = stage.browser().await?;
    // A page whose network is gone cannot help but complain of it.
    for part in [
        "WebSocket connection to",
        "ERR_INTERNET_DISCONNECTED",
        "ERR_CONNECTION_RESET",
        "ERR_CONNECTION_REFUSED",
        // A name that is not of this machine, without TLS: the browser says which headers it then passes over.
        "Cross-Origin-Opener-Policy",
    ] {
        browser.expect_in_console(part);
    }
    let page = Page::open_live(&browser, &format!("{}/markets/BTC", cable.url())).await?;
    page.panel_is("tape", "ready", Duration::from_secs(20)).await?;
    page.record_tape().await?;
    Ok((exchange, cable, page))
}
