//! How much is too much: messages, refusals, bytes, subscriptions, connections.

use anyhow::{Context, ensure};
use nexus_e2e::{Knock, Settings};
use serde_json::{Value, json};

use super::{closed, disturb, ends, padded, refused};

#[test]
fn the_101st_message_in_a_minute_is_refused_with_a_time_to_wait() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        for number in 1..=100 {
            let answer = wire.ask("ping", Value::Null).await?;
            ensure!(
                answer["type"] == "pong",
                "message {number} was answered with {answer}"
            );
        }
        let answer = wire.ask("ping", Value::Null).await?;
        refused(&answer, "RATE_LIMITED")?;
        let wait = answer["error"]["retry_after_ms"]
            .as_u64()
            .context("no time to wait")?;
        ensure!((1..=60_000).contains(&wait), "wait {wait} ms");
        Ok(())
    });
}

#[test]
fn the_11th_refusal_in_a_minute_is_closed_with_1008() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        for _ in 1..=10 {
            refused(&wire.ask("dance", Value::Null).await?, "UNKNOWN_MESSAGE_TYPE")?;
        }
        wire.request("dance", Value::Null).await?;
        ends(&mut wire, 1008).await
    });
}

#[test]
fn a_message_over_the_limit_is_closed_with_1009() {
    disturb(Settings::default(), async |scene| {
        for bytes in [128 * 1024 + 1, 1024 * 1024] {
            let mut wire = scene.server.connect().await?;
            // The server may close before it took all of it; what counts is what it says.
            let _ = wire.send_text(padded(bytes)).await;
            ends(&mut wire, 1009)
                .await
                .with_context(|| format!("{bytes} bytes of text"))?;

            let mut wire = scene.server.connect().await?;
            let _ = wire.send_binary(vec![0; bytes]).await;
            ends(&mut wire, 1009)
                .await
                .with_context(|| format!("{bytes} bytes, binary"))?;
        }
        Ok(())
    });
}

#[test]
fn a_message_just_within_the_limit_is_answered() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        wire.send_text(padded(128 * 1024)).await?;
        let answer = wire.answer("padded").await?;
        ensure!(answer["type"] == "pong", "{answer}");
        Ok(())
    });
}

#[test]
fn the_257th_subscription_is_refused_and_the_others_stay() {
    // So many requests are more than a minute allows.
    disturb(
        Settings::default().with("NEXUS_MESSAGES_PER_MINUTE", 1_000),
        async |scene| {
            let mut wire = scene.server.connect().await?;
            let coins = scene.coins().await?;
            let topics = coins.iter().flat_map(|coin| {
                (1..=20).map(
                    move |depth| json!({"channel": "orderbook", "params": {"symbol": coin, "depth": depth}}),
                )
            });
            let mut topics = topics.take(257);
            for number in 1..=256 {
                let topic = topics.next().context("too few coins")?;
                let answer = wire.ask("subscribe", topic).await?;
                ensure!(answer["type"] == "subscribed", "subscription {number}: {answer}");
            }
            let answer = wire
                .ask("subscribe", topics.next().context("too few coins")?)
                .await?;
            refused(&answer, "TOO_MANY_SUBSCRIPTIONS")?;
            wire.next_of("orderbook.update").await?;
            Ok(())
        },
    );
}

#[test]
fn the_11th_connection_in_a_minute_is_closed_with_4029() {
    let settings = Settings::default()
        .with("NEXUS_CONNECTIONS_PER_MINUTE", 10)
        .with("NEXUS_EXEMPT_LOOPBACK", false);
    disturb(settings, async |scene| {
        // The witness was the first.
        let mut wires = Vec::new();
        for _ in 2..=10 {
            let mut wire = scene.server.connect().await?;
            wire.next_of("connected").await?;
            wires.push(wire);
        }
        closed(scene.server.knock(Knock::default()).await?, 4029).await?;
        for wire in &mut wires {
            let answer = wire.ask("ping", Value::Null).await?;
            ensure!(answer["type"] == "pong", "{answer}");
        }
        Ok(())
    });
}

#[test]
fn every_limit_is_announced_before_it_can_be_broken() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        let connected = wire.next().await?;
        ensure!(
            connected["type"] == "connected",
            "the first message is {connected}"
        );
        let expected = json!({
            "messages_per_minute": 100,
            "errors_per_minute": 10,
            "message_bytes": 131_072,
            "subscriptions": 256,
            "outbox_bytes": 1_048_576,
            "sign_in_ms": 10_000,
            "idle_ms": 60_000,
        });
        ensure!(
            connected["payload"]["limits"] == expected,
            "announced is {connected}"
        );
        ensure!(
            connected["payload"]["protocol"] == "nexus.v1.json",
            "the protocol is {connected}"
        );
        Ok(())
    });
}
