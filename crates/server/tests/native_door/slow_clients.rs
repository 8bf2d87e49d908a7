//! Clients that do not read: bounded, closed with 4008, and nobody else's trouble.

use std::time::Duration;

use serde_json::json;

use crate::harness::{End, World, frame, settings};

/// Waits until a metric has a value that is right.
async fn until(world: &World, name: &str, is_right: impl Fn(u64) -> bool) {
    let waiting = async {
        while !is_right(world.metric(name).await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::harness::DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{name}"));
}

#[tokio::test]
async fn clients_that_never_read_are_bounded_and_closed_and_others_go_on() {
    const SLOW: usize = 5;
    World::disturbed(
        settings().with("slow_secs", 0.5).with("outbox_bytes", 200_000),
        async |world| {
            let mut slow = Vec::new();
            for number in 0..SLOW {
                let mut client = world.connect_narrow().await;
                for channel in 0..10 {
                    client.subscribe(&format!("room:{channel}")).await;
                }
                if number % 2 == 0 {
                    client
                        .subscribe_with(json!({"channel": "room:0", "mode": "latest"}))
                        .await;
                }
                slow.push(client);
            }
            let word = format!("\"{}\"", "x".repeat(10_000));
            let mut most = 0;
            for round in 0..300 {
                for channel in 0..10 {
                    world.publish(&format!("room:{channel}"), &word).await;
                }
                if round % 20 == 0 {
                    most = most.max(world.metric("nexus_waiting_bytes").await);
                }
            }
            // Outbox, what was handed to the socket, and one publication beyond.
            assert!(
                most <= (SLOW * (200_000 + 128 * 1024)) as u64,
                "{most} bytes waited"
            );
            until(world, "nexus_connections", |left| left == 1).await;
            assert_eq!(world.metric("nexus_waiting_bytes").await, 0);
            for mut client in slow {
                // Whoever still reads soon enough finds out why; the rest finds a dead link.
                match client.end().await {
                    End::Closed(code, _) => assert_eq!(code, 4008),
                    End::Broken => {}
                }
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_client_that_reads_again_in_time_learns_why_it_was_closed() {
    let world = World::start(settings().with("slow_secs", 0.3)).await;
    let mut client = world.connect_narrow().await;
    client.subscribe("events").await;
    let word = format!("\"{}\"", "x".repeat(10_000));
    for _ in 0..200 {
        world.publish("events", &word).await;
    }
    until(&world, "nexus_subscriptions", |left| left == 0).await;
    assert_eq!(client.code().await, 4008);
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_waits_for_itself() {
    // Room for all of it, the compressed forms that the history reckons with included.
    let settings = settings().with("slow_secs", 1.0).with("history_bytes", 4 << 20);
    World::disturbed(settings, async |world| {
        let word = format!("\"{}\"", "x".repeat(10_000));
        for _ in 0..90 {
            world.publish("events", &word).await;
        }
        let mut client = world.connect_narrow().await;
        let question = frame(0x81, br#"{"type":"history","payload":{"channel":"events"}}"#);
        for _ in 0..90 {
            client.send_raw(&question).await;
        }
        // One answer has 900 KB, of which the kernel takes a part.
        until(world, "nexus_waiting_bytes", |bytes| bytes > 400_000).await;
        assert!(
            world.metric("nexus_waiting_bytes").await < 2_000_000,
            "one answer waits, not ninety"
        );
        until(world, "nexus_connections", |left| left == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_pings_and_never_reads_waits_for_itself() {
    let settings = settings()
        .with("slow_secs", 1.0)
        .with("messages_per_minute", 100_000_000);
    World::disturbed(settings, async |world| {
        let mut client = world.connect_narrow().await;
        let pings = frame(0x89, b"").repeat(10_000);
        // It sends until the server reads no more, and for as long as it is not sent away.
        let pinging = tokio::spawn(async move {
            for _ in 0..10_000 {
                client.send_raw(&pings).await;
            }
        });
        let mut most = 0;
        until(world, "nexus_waiting_bytes", |bytes| bytes > 0).await;
        while world.metric("nexus_connections").await > 1 {
            most = most.max(world.metric("nexus_waiting_bytes").await);
        }
        pinging.abort();
        assert!(most < 64 * 1024, "{most} bytes of pongs waited");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_reads_is_not_closed() {
    const WORDS: u64 = 300;
    let settings = settings().with("slow_secs", 1.5).with("history_bytes", 64 << 20);
    let world = World::start(settings).await;
    let mut client = world.connect_narrow().await;
    client.subscribe("events").await;
    let word = format!("\"{}\"", "x".repeat(10_000));
    for _ in 0..WORDS {
        world.publish("events", &word).await;
    }
    // Each pause is much shorter than the limit, all of them together are longer.
    let mut pause = tokio::time::interval(Duration::from_millis(15));
    for number in 1..=WORDS {
        pause.tick().await;
        assert_eq!(client.next_of("events.update").await["offset"], number);
    }
    assert_eq!(client.ask("ping", json!(null)).await["type"], "pong");
}
