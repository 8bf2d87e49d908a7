//! The server is killed and comes back: the page says so, subscribes again by itself, and its tape is complete or names
//! what it lacks.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Browser, Exchange, Market, Page, Server, Settings, play, until};

/// How long a page may take to notice, to wait out its back-off, and to be live again.
const BACK: Duration = Duration::from_secs(60);
/// How long some dozen trades may take: the market has its quiet hours.
const QUIET_HOURS: Duration = Duration::from_secs(150);

#[test]
fn after_a_kill_the_page_comes_back_with_every_trade_where_the_source_reaches_back() {
    play(async |stage| {
        // An exchange that remembers more than happens in a restart.
        let market = Market {
            recent_trades: 400,
            ..Market::default()
        };
        let (exchange, server, page) = watched_tape(stage, market).await?;

        let server = server
            .kill_and_restart(async || {
                page.says("reconnecting", Duration::from_secs(5)).await?;
                Ok(())
            })
            .await?;

        back_again(&page).await?;
        let (account, tape) = page.tape_accounts_for(&exchange, "BTC").await?;
        ensure!(
            account.declared == 0,
            "{} trades are missing although the exchange still had them",
            account.declared
        );
        ensure!(
            tape.gaps.is_empty(),
            "a gap is named where nothing is missing: {:?}",
            tape.gaps
        );
        drop(server);
        Ok(())
    });
}

#[test]
fn after_a_kill_the_page_names_the_gap_where_the_source_does_not_reach_back() {
    play(async |stage| {
        // The venue's own ten: a few seconds of a busy market.
        let (exchange, server, page) = watched_tape(stage, Market::default()).await?;
        let killed_at = exchange.observe().await?.now;

        let server = server
            .kill_and_restart(async || {
                page.says("reconnecting", Duration::from_secs(5)).await?;
                until(
                    "more happened than the exchange remembers",
                    QUIET_HOURS,
                    async || {
                        let missed = exchange.trades("BTC", killed_at).await?.trades.len();
                        ensure!(missed > 20, "only {missed} trades happened");
                        Ok(())
                    },
                )
                .await
            })
            .await?;

        back_again(&page).await?;
        let (account, tape) = page.tape_accounts_for(&exchange, "BTC").await?;
        ensure!(account.declared > 0, "nothing was missed, so nothing was tested");
        ensure!(
            tape.gaps.len() == 1,
            "one gap row would be right: {:?}",
            tape.gaps
        );
        page.shows_soon("tape-gap", true).await?;
        drop(server);
        Ok(())
    });
}

#[test]
fn while_the_server_is_away_nothing_is_called_live_and_everything_comes_back() {
    play(async |stage| {
        let (exchange, server, page) = watched_tape(stage, Market::default()).await?;
        let panels = ["watch", "chart", "book", "tape"];
        // The watchlist has too little colour to tell by.
        let live = page.colours_of(&["chart", "book", "tape"]).await?;

        let server = server
            .kill_and_restart(async || {
                page.says("reconnecting", Duration::from_secs(5)).await?;
                page.dims(&live, Duration::from_secs(10)).await?;
                page.panel_is("watch", "stale", Duration::from_secs(10)).await?;
                nexus_e2e::holds("the chip does not say live", Duration::from_secs(5), async || {
                    let chip = page.chip().await?;
                    ensure!(chip.state != "live", "{chip:?}");
                    Ok(())
                })
                .await
            })
            .await?;

        page.says("live", BACK).await?;
        for panel in panels {
            page.panel_is(panel, "ready", Duration::from_secs(30)).await?;
        }
        let now = exchange.observe().await?.now;
        until(
            "the book is of after the restart",
            Duration::from_secs(20),
            async || {
                let book = page.book().await?;
                let bid = *book.bids.first().context("no bids")?;
                let touches = exchange.touches("BTC", now).await?;
                ensure!(
                    touches
                        .iter()
                        .any(|touch| (touch.0 - bid).abs() < f64::EPSILON * bid),
                    "{book:?}"
                );
                Ok(())
            },
        )
        .await?;
        page.click("chip").await?;
        page.shows_soon("last-return", true).await?;
        let told = page.text("last-return").await?;
        ensure!(
            told.to_lowercase().contains("back after"),
            "the chip's details say `{told}` of the return"
        );
        drop(server);
        Ok(())
    });
}

/// A live page with a tape that is being recorded and has shown some trades.
async fn watched_tape(stage: &nexus_e2e::Stage, market: Market) -> anyhow::Result<(Exchange, Server, Page)> {
    let exchange = stage.exchange(market).await?;
    let server = stage.server(&exchange, Settings::default()).await?;
    let browser: Rc<Browser> = stage.browser().await?;
    // A page whose server is gone cannot help but complain of it.
    browser.expect_in_console("WebSocket connection to");
    browser.expect_in_console("ERR_CONNECTION_REFUSED");
    let page = Page::open_live(&browser, &format!("{}/markets/BTC", server.url())).await?;
    page.panel_is("tape", "ready", Duration::from_secs(20)).await?;
    page.record_tape().await?;
    page.record_chip().await?;
    until("the tape showed some trades", QUIET_HOURS, async || {
        let shown = page.recorded_tape().await?.trades.len();
        ensure!(shown >= 20, "it showed {shown}");
        Ok(())
    })
    .await?;
    Ok((exchange, server, page))
}

/// Waits until the page is live, after it said that it was not.
async fn back_again(page: &Page) -> anyhow::Result<()> {
    page.says("live", BACK).await?;
    let states = page.recorded_chip().await?;
    ensure!(
        states.contains(&"reconnecting".to_owned()),
        "the chip only said {states:?}"
    );
    Ok(())
}
