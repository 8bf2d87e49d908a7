//! A server that is asked to end says so first: each client gets a delay of its own, so that a restart is no stampede.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Market, Settings, play, until};
use serde_json::json;

/// The grace that a server takes at most, and a little for a busy machine.
const GRACE: Duration = Duration::from_secs(35);

#[test]
fn each_client_is_told_its_own_delay_and_closed_with_1012() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let mut wires = Vec::new();
        for _ in 0..24 {
            let mut wire = server.connect().await?;
            wire.auth(&token).await?;
            wire.subscribe("trades", json!({"symbol": "BTC"})).await?;
            wires.push(wire);
        }

        server.terminate().await?;

        let mut delays = BTreeSet::new();
        for (number, wire) in wires.iter_mut().enumerate() {
            let shutdown = wire
                .next_of("shutdown")
                .await
                .with_context(|| format!("client {number}"))?;
            let delay = shutdown["payload"]["reconnect_after_ms"].as_u64();
            delays.insert(delay.with_context(|| format!("no delay in {shutdown}"))?);
            let end = wire
                .end(GRACE)
                .await
                .with_context(|| format!("client {number}"))?;
            ensure!(end.code == 1012, "client {number} was closed with {end:?}");
        }
        ensure!(
            delays.len() > 12,
            "24 clients got only {} delays: {delays:?}",
            delays.len()
        );
        ensure!(
            delays.iter().all(|delay| *delay <= 60_000),
            "nobody waits so long: {delays:?}"
        );
        let status = server.ended(GRACE).await?;
        ensure!(
            status.success(),
            "a planned end is a success, but it was {status}"
        );
        Ok(())
    });
}

#[test]
fn readiness_ends_the_moment_the_drain_begins_and_liveness_does_not() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        // Clients that do not hang up keep the drain going.
        let mut wires = Vec::new();
        for _ in 0..8 {
            let mut wire = server.connect().await?;
            wire.next_of("connected").await?;
            wires.push(wire);
        }
        ensure!(server.get("/health/ready").await?.0 == 200);

        let asked = Instant::now();
        server.terminate().await?;

        let limit = Duration::from_secs(2);
        until("/health/ready answers 503", limit, async || {
            let (status, _) = server.get("/health/ready").await?;
            ensure!(status == 503, "it answers {status}");
            Ok(())
        })
        .await
        .with_context(|| format!("{:?} after the signal", asked.elapsed()))?;
        let (status, body) = server.get("/health/live").await?;
        ensure!(status == 200, "/health/live answered {status}: {body}");
        drop(wires);
        server.ended(GRACE).await?;
        Ok(())
    });
}

#[test]
fn a_client_that_does_not_listen_cannot_hold_the_server_beyond_its_grace() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let settings = Settings::default().with("NEXUS_GRACE_SECS", 3);
        let server = stage.server(&exchange, settings).await?;
        let mut deaf = server.connect().await?;
        deaf.subscribe("prices", json!({})).await?;

        server.terminate().await?;

        let status = server.ended(Duration::from_secs(15)).await?;
        ensure!(
            status.success(),
            "a planned end is a success, but it was {status}"
        );
        drop(deaf);
        Ok(())
    });
}
