//! Never green while old: the upstream falls silent, loses a topic, or goes away, and the page says so within the
//! watchdog's time, dims what is old, and is live again when the upstream is.

use std::time::Duration;

use anyhow::ensure;
use nexus_e2e::{Exchange, Market, Page, Server, Settings, Stage, holds, play, until};
use serde_json::json;

/// The watchdog's time for the channels of a busy market, and a little for a busy machine.
const NOTICED: Duration = Duration::from_secs(30);
/// How long the server may take to find its upstream again, with all its back-off, and to fetch what was missed.
const RECOVERED: Duration = Duration::from_secs(90);

#[test]
fn a_silent_upstream_is_called_stale_dimmed_and_live_again_when_it_speaks() {
    play(async |stage| {
        let (exchange, _server, page) = watched(stage).await?;

        let live = page.colours_of(&["chart", "book", "tape"]).await?;
        exchange.stall(true).await?;

        page.says("stale", NOTICED).await?;
        page.dims(&live, NOTICED).await?;
        holds("the chip does not say live", Duration::from_secs(8), async || {
            let chip = page.chip().await?;
            ensure!(chip.state != "live", "{chip:?}");
            Ok(())
        })
        .await?;

        exchange.clear().await?;

        page.says("live", RECOVERED).await?;
        for panel in ["watch", "chart", "book", "tape"] {
            page.panel_is(panel, "ready", RECOVERED).await?;
        }
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn one_silent_topic_is_called_stale_while_the_others_go_on() {
    play(async |stage| {
        let (exchange, _server, page) = watched(stage).await?;
        let live = page.colours_of(&["book"]).await?;

        let book =
            json!({"type": "l2Book", "coin": "BTC", "nSigFigs": null, "mantissa": null, "fast": false});
        let fast = json!({"type": "l2Book", "coin": "BTC", "nSigFigs": null, "mantissa": null, "fast": true});
        for subscription in [&book, &fast] {
            exchange
                .fault(json!({"fault": "stall_topic", "subscription": stallable(subscription)}))
                .await?;
        }

        page.dims(&live, NOTICED).await?;
        let tape = page.panel("tape").await?;
        ensure!(tape.state == "ready", "trades go on, but the tape is {tape:?}");
        page.says("stale", NOTICED).await?;

        exchange.clear().await?;

        page.panel_is("book", "ready", RECOVERED).await?;
        page.says("live", RECOVERED).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn an_upstream_that_is_down_is_called_so_and_live_again_when_it_is_back() {
    play(async |stage| {
        let (exchange, server, page) = watched(stage).await?;
        let mut wire = server.connect().await?;
        wire.subscribe("trades", json!({"symbol": "BTC"})).await?;
        wire.next_of("trades.update").await?;

        exchange.go_down().await?;

        page.panel_is("tape", "stale", NOTICED).await?;
        until("the protocol says down", NOTICED, async || {
            let status = wire.next_of("channel.status").await?;
            ensure!(status["payload"]["state"] == "down", "it says {status}");
            Ok(())
        })
        .await?;
        holds("the chip does not say live", Duration::from_secs(8), async || {
            let chip = page.chip().await?;
            ensure!(chip.state != "live", "{chip:?}");
            Ok(())
        })
        .await?;

        exchange.clear().await?;

        page.says("live", RECOVERED).await?;
        page.panel_is("tape", "ready", RECOVERED).await?;
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

#[test]
fn a_cut_upstream_is_back_without_a_person_and_with_every_trade_or_a_gap() {
    play(async |stage| {
        let (exchange, _server, page) = watched(stage).await?;
        for _ in 0..3 {
            let opened = exchange.observe().await?.opened;
            exchange.cut().await?;
            until("the server has found the exchange again", RECOVERED, async || {
                let observed = exchange.observe().await?;
                ensure!(
                    observed.opened > opened && observed.is_subscribed("trades"),
                    "{observed:?}"
                );
                Ok(())
            })
            .await?;
            page.says("live", RECOVERED).await?;
        }
        page.tape_accounts_for(&exchange, "BTC").await?;
        Ok(())
    });
}

/// A live page of a market that is recorded.
async fn watched(stage: &Stage) -> anyhow::Result<(Exchange, Server, Page)> {
    let exchange = stage.exchange(Market::default()).await?;
    let server = stage.server(&exchange, Settings::default()).await?;
    let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;
    for panel in ["book", "tape"] {
        page.panel_is(panel, "ready", Duration::from_secs(20)).await?;
    }
    page.record_tape().await?;
    Ok((exchange, server, page))
}

/// The stand-in takes a subscription as a client writes it: without what is absent.
fn stallable(subscription: &serde_json::Value) -> serde_json::Value {
    let mut subscription = subscription.clone();
    if let Some(fields) = subscription.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    subscription
}
