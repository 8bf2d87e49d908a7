//! Everything by keyboard: search, rows, help, pause, and a focus that can be seen.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Page, Settings, Stage, holds, play, until};

const SOON: Duration = Duration::from_secs(15);

#[test]
fn slash_searches_arrows_choose_and_enter_opens() {
    play(async |stage| {
        let page = live_page(stage).await?;
        let browser = page.browser().clone();

        browser.press("/").await?;
        until("the search field has the focus", SOON, async || {
            let focused = page.focused().await?;
            ensure!(focused == "watch-search", "the focus is on {focused}");
            Ok(())
        })
        .await?;
        browser.write("ETH").await?;
        until("only what was searched is listed", SOON, async || {
            let rows = page.watched().await?;
            ensure!(
                !rows.is_empty() && rows.iter().all(|(coin, _)| coin.contains("ETH")),
                "{rows:?}"
            );
            Ok(())
        })
        .await?;
        browser.press("Enter").await?;
        until("the found coin is chosen", SOON, async || {
            let chosen = page.attribute("ticker", "data-symbol").await?;
            ensure!(chosen == "ETH", "{chosen} is");
            Ok(())
        })
        .await?;
        let address: String = browser.script("return location.pathname", vec![]).await?;
        ensure!(address == "/markets/ETH", "the address is {address}");
        Ok(())
    });
}

#[test]
fn arrows_walk_through_the_rows() {
    play(async |stage| {
        let page = live_page(stage).await?;
        let browser = page.browser().clone();
        let before = page.attribute("ticker", "data-symbol").await?;

        page.click("watch-row").await?;
        for _ in 0..3 {
            browser.press("ArrowDown").await?;
        }
        browser.press("Enter").await?;

        until("another coin is chosen", SOON, async || {
            let chosen = page.attribute("ticker", "data-symbol").await?;
            ensure!(chosen != before, "{chosen} still is");
            Ok(())
        })
        .await
    });
}

#[test]
fn question_mark_helps_and_escape_closes() {
    play(async |stage| {
        let page = live_page(stage).await?;
        let browser = page.browser().clone();
        browser.press("?").await?;
        page.shows_soon("help-dialog", true).await?;
        browser.press("Escape").await?;
        page.shows_soon("help-dialog", false).await
    });
}

#[test]
fn space_holds_the_tape_and_counts_what_it_holds() {
    play(async |stage| {
        let page = live_page(stage).await?;
        let browser = page.browser().clone();
        let newest = async || {
            let newest: String = browser
                .script(
                    "return document.querySelector('[data-testid=\"tape-row\"]').dataset.tradeId",
                    vec![],
                )
                .await?;
            anyhow::Ok(newest)
        };
        until("the tape moves", Duration::from_secs(60), async || {
            newest().await.map(|_| ())
        })
        .await?;

        browser.press(" ").await?;
        page.shows_soon("tape-resume", true).await?;
        let held = newest().await?;
        until(
            "the tape counts what it holds",
            Duration::from_secs(60),
            async || {
                let count: u64 = page.attribute("tape-resume", "data-held").await?.parse()?;
                ensure!(count > 3, "it counts {count}");
                Ok(())
            },
        )
        .await?;
        holds("the tape stands still", Duration::from_secs(3), async || {
            ensure!(newest().await? == held, "it moved");
            Ok(())
        })
        .await?;

        browser.press(" ").await?;
        page.shows_soon("tape-resume", false).await?;
        until("the tape moves again", Duration::from_secs(60), async || {
            ensure!(newest().await? != held, "it does not");
            Ok(())
        })
        .await
    });
}

#[test]
fn the_focus_is_visible_wherever_tab_goes() {
    play(async |stage| {
        let page = live_page(stage).await?;
        let browser = page.browser().clone();
        let mut visited = std::collections::BTreeSet::new();
        for step in 0..40 {
            browser.press("Tab").await?;
            // Past the last one the focus leaves the page.
            let Ok(visible) = page.focus_is_visible().await else {
                continue;
            };
            let focused = page.focused().await?;
            ensure!(
                visible,
                "step {step}: the focus is on `{focused}`, and nobody can see it"
            );
            visited.insert(focused);
        }
        ensure!(visited.len() >= 8, "tab reaches only {visited:?}");
        Ok(())
    });
}

async fn live_page(stage: &Stage) -> anyhow::Result<Page> {
    let exchange = stage.exchange(Market::default()).await?;
    let server = stage.server(&exchange, Settings::default()).await?;
    let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;
    until("the watchlist is filled", SOON, async || {
        let rows = page.watched().await?;
        ensure!(rows.len() >= 5, "{} rows", rows.len());
        Ok(())
    })
    .await
    .context("a page to press keys on")?;
    Ok(page)
}
