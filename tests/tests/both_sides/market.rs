//! What the page shows is what the exchange says: prices that move, a book that is not crossed, every trade, and the word
//! "simulated" where a stand-in speaks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Page, Settings, play, until};

/// How far back a shown number may have come from: the slowest cadence of the exchange and a busy machine.
const RECENT_MS: u64 = 20_000;

#[test]
fn the_watchlist_shows_the_prices_of_the_exchange_and_they_move() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;
        let began = exchange.observe().await?.now - RECENT_MS;

        let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        until(
            "five coins showed three prices each",
            Duration::from_secs(60),
            async || {
                for (coin, price) in page.watched().await? {
                    shown.entry(coin).or_default().insert(price);
                }
                let moving = shown.values().filter(|prices| prices.len() >= 3).count();
                ensure!(moving >= 5, "{moving} coins did, of {}", shown.len());
                Ok(())
            },
        )
        .await?;

        for (coin, prices) in &shown {
            let said = exchange.mids(coin, began).await?;
            for price in prices.iter().filter(|price| !price.is_empty()) {
                let number = number(price).with_context(|| coin.clone())?;
                ensure!(
                    said.iter().any(|mid| same(*mid, number)),
                    "{coin} was shown at {price}, where it never was"
                );
            }
        }
        Ok(())
    });
}

#[test]
fn the_order_book_is_the_exchanges_and_never_crossed() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;
        page.panel_is("book", "ready", Duration::from_secs(20)).await?;
        let began = exchange.observe().await?.now - RECENT_MS;

        let mut seen = BTreeSet::new();
        until(
            "the book changed ten times",
            Duration::from_secs(40),
            async || {
                let book = page.book().await?;
                let best_bid = *book.bids.first().context("no bids")?;
                let best_ask = *book.asks.last().context("no asks")?;
                ensure!(best_bid < best_ask, "the book is crossed: {book:?}");
                ensure!(
                    book.bids.is_sorted_by(|upper, lower| upper > lower),
                    "bids out of order: {book:?}"
                );
                ensure!(
                    book.asks.is_sorted_by(|upper, lower| upper > lower),
                    "asks out of order: {book:?}"
                );
                ensure!(
                    book.bids.len() >= 5 && book.asks.len() >= 5,
                    "a thin book: {book:?}"
                );
                seen.insert((best_bid.to_bits(), best_ask.to_bits()));
                ensure!(seen.len() >= 10, "it changed {} times", seen.len());
                Ok(())
            },
        )
        .await?;

        let touches = exchange.touches("BTC", began).await?;
        for (bid, ask) in seen {
            let (bid, ask) = (f64::from_bits(bid), f64::from_bits(ask));
            ensure!(
                touches
                    .iter()
                    .any(|touch| same(touch.0, bid) && same(touch.1, ask)),
                "the best bid was shown as {bid} and the best ask as {ask}, which they never were"
            );
        }
        Ok(())
    });
}

#[test]
fn the_tape_shows_every_trade_that_happened() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let page = Page::open_live(
            &stage.browser().await?,
            &format!("{}/markets/BTC?tab=tape", server.url()),
        )
        .await?;
        page.panel_is("tape", "ready", Duration::from_secs(20)).await?;
        page.record_tape().await?;

        let tape = until(
            "the tape showed sixty trades",
            Duration::from_secs(150),
            async || {
                let tape = page.recorded_tape().await?;
                ensure!(tape.trades.len() >= 60, "it showed {}", tape.trades.len());
                Ok(tape)
            },
        )
        .await?;

        let (_, first) = tape.trades.first().context("no trade")?;
        let account = tape.check(&exchange.trades("BTC", *first).await?)?;
        ensure!(
            account.declared == 0 && tape.gaps.is_empty(),
            "gaps although nothing happened: {:?}",
            tape.gaps
        );
        Ok(())
    });
}

#[test]
fn the_page_says_that_the_data_is_simulated_and_its_charts_are_drawn() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;

        page.shows_soon("simulated", true).await?;
        for panel in ["chart", "depth"] {
            until(
                &format!("the {panel} is drawn"),
                Duration::from_secs(30),
                async || {
                    let colours = page.canvas_colours(panel).await?;
                    ensure!(colours > 4, "its canvas has {colours} colours");
                    Ok(())
                },
            )
            .await?;
        }
        page.browser().picture().await?.is_drawn()
    });
}

/// A price as people read it.
fn number(text: &str) -> anyhow::Result<f64> {
    let digits: String = text
        .chars()
        .filter(|char| char.is_ascii_digit() || *char == '.')
        .collect();
    digits.parse().with_context(|| format!("`{text}` is no price"))
}

fn same(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}
