//! Many at once: a crowd of well-behaved clients, with some among them that are rude and some that never read. The rude
//! are closed, the slow are bounded, and the others notice neither.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nexus_e2e::{Claims, Knock, Market, Server, Settings, Wire, Witness, play, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const COINS: [&str; 3] = ["BTC", "ETH", "SOL"];
const WELL_BEHAVED: usize = 180;
const RUDE: usize = 12;
const DEAF: usize = 8;

/// What a deaf client may cost the server: its outbox, what one flush takes out of it, and its share of everything else.
const COST_OF_THE_DEAF: u64 = 2 << 20;
/// What any other connection may cost, with its subscriptions.
const COST_OF_A_CLIENT: u64 = 64 << 10;

/// How long the crowd goes on, by the exchange's clock.
const CROWDED_MS: u64 = 300_000;

#[test]
fn the_rude_and_the_deaf_do_not_disturb_a_crowd_nor_fill_the_memory() {
    play(async |stage| {
        // A fast market, so that whoever does not read soon has megabytes waiting.
        let market = Market {
            speed: 10.0,
            ..Market::default()
        };
        let exchange = stage.exchange(market).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let token = stage.token(&Claims::viewer("crowd"))?;
        // Some trades of before the beginning are replayed.
        let began = exchange.observe().await?.now - 3_600_000;
        let before = server.process().memory().await?;

        let mut witnesses = Vec::new();
        for number in 0..WELL_BEHAVED {
            let mut wire = server.connect().await?;
            wire.auth(&token).await?;
            witnesses.push(Witness::follow(wire, COINS[number % COINS.len()]).await?);
        }
        let stop = CancellationToken::new();
        let mut others = JoinSet::new();
        for _ in 0..DEAF {
            let wire = deafened(&server, &token).await?;
            let stop = stop.clone();
            others.spawn(async move {
                // Holds the connection open without reading from it.
                stop.cancelled().await;
                drop(wire);
                Ok(())
            });
        }
        for kind in 0..RUDE {
            let address = server.address();
            let stop = stop.clone();
            others.spawn(async move {
                // Being stopped is how an offender is meant to end.
                stop.run_until_cancelled(offend(address, kind))
                    .await
                    .unwrap_or(Ok(()))
            });
        }

        let then = exchange.observe().await?.now + CROWDED_MS;
        until(
            "enough time passed at the exchange",
            Duration::from_secs(90),
            async || {
                let now = exchange.observe().await?.now;
                ensure!(now >= then, "it is {now}, not yet {then}");
                Ok(())
            },
        )
        .await?;
        let during = server.process().memory().await?;

        let now = exchange.observe().await?.now;
        let mut tapes = Vec::new();
        for witness in witnesses {
            witness.reach(now).await?;
            tapes.push(witness.stop().await?);
        }
        let truths = [
            exchange.trades(COINS[0], began).await?,
            exchange.trades(COINS[1], began).await?,
            exchange.trades(COINS[2], began).await?,
        ];
        for (number, tape) in tapes.iter().enumerate() {
            let account = tape
                .check(&truths[number % COINS.len()])
                .with_context(|| format!("client {number}"))?;
            ensure!(
                account.declared == 0 && tape.declarations() == 0,
                "client {number} missed some: {account:?}"
            );
            ensure!(
                account.delivered > 100,
                "client {number} saw only {} trades",
                account.delivered
            );
        }
        stop.cancel();
        while let Some(other) = others.join_next().await {
            other??;
        }
        let allowed = before.now
            + DEAF as u64 * COST_OF_THE_DEAF
            + (WELL_BEHAVED + RUDE) as u64 * COST_OF_A_CLIENT
            // Histories of the topics that the deaf subscribed, one ring each.
            + (24 << 20);
        ensure!(
            during.peak < allowed,
            "the server grew from {} to {} MiB; {} would be right",
            before.now >> 20,
            during.peak >> 20,
            allowed >> 20
        );
        Ok(())
    });
}

/// A client that asks for a lot and will not read it.
async fn deafened(server: &Server, token: &str) -> anyhow::Result<Wire> {
    let Ok(mut wire) = server.knock(Knock::default().reading_slowly()).await? else {
        bail!("a slow client was not let in");
    };
    wire.auth(token).await?;
    wire.subscribe("prices", Value::Null).await?;
    for coin in ["BTC", "ETH", "SOL", "HYPE", "XRP", "DOGE"] {
        wire.subscribe("orderbook", json!({"symbol": coin, "depth": 20}))
            .await?;
        wire.subscribe("trades", json!({"symbol": coin})).await?;
    }
    Ok(wire)
}

/// Breaks one rule after the other, connection after connection, for ever.
async fn offend(address: std::net::SocketAddr, kind: usize) -> anyhow::Result<()> {
    loop {
        // Being refused at the door is an answer as well.
        let Ok(mut wire) = Wire::connect(address).await else {
            continue;
        };
        for round in 0..200 {
            let sent = match (kind + round) % 6 {
                0 => wire.send_text("{").await,
                1 => wire.send_text("x".repeat(200 * 1024)).await,
                2 => wire.send_binary(vec![0xFF; 1024]).await,
                3 => wire.send_as_text(vec![0xC3, 0x28]).await,
                4 => wire
                    .request("dance", json!({"with": "x".repeat(10_000)}))
                    .await
                    .map(|_| ()),
                _ => wire.request("ping", Value::Null).await.map(|_| ()),
            };
            if sent.is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_let_go_and_its_memory_with_it() {
    play(async |stage| {
        let exchange = stage
            .exchange(Market {
                speed: 20.0,
                ..Market::default()
            })
            .await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let token = stage.token(&Claims::viewer("deaf"))?;

        let deaf = deafened(&server, &token).await?;
        until(
            "the server has let the deaf client go",
            Duration::from_secs(120),
            async || {
                let clients = server.health().await?["websocket"]["clients"].as_u64();
                ensure!(clients == Some(0), "it counts {clients:?} clients");
                Ok(())
            },
        )
        .await?;
        drop(deaf);

        // The next one is served as if nothing had been.
        let mut wire = server.connect().await?;
        wire.subscribe("trades", json!({"symbol": "BTC"})).await?;
        wire.next_of("trades.update").await?;
        Ok(())
    });
}
