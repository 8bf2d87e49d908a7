//! Links that break, fall silent, are refused or carry strange things: what was subscribed comes back, and meanwhile
//! nothing is called live.

use std::time::Duration;

use nexus_protocol::FeedState;
use nexus_server::feeds::LinkReport;
use nexus_standin::exchange::{Config, Fault, Subscription};

use crate::trades::assert_complete;
use crate::world::{SPEED, Viewer, World, topic};

/// A viewer of each kind, all live.
async fn audience(world: &World) -> Vec<Viewer> {
    let mut viewers = Vec::new();
    for (channel, params) in [
        ("prices", "{}"),
        ("trades", r#"{"symbol":"BTC"}"#),
        ("orderbook", r#"{"symbol":"BTC","depth":5}"#),
        ("orderbook", r#"{"symbol":"BTC","depth":20}"#),
        ("candles", r#"{"symbol":"BTC","interval":"1m"}"#),
    ] {
        viewers.push(world.watch(channel, params).await);
    }
    for viewer in &mut viewers {
        viewer.until_live().await;
    }
    viewers
}

/// Something goes wrong: everybody hears of it, and everybody is live again afterwards, with news.
async fn disturb(world: &World, viewers: &mut [Viewer], fault: Fault, states: &[FeedState]) {
    let told: Vec<usize> = viewers.iter().map(|viewer| viewer.statuses.len()).collect();
    world.exchange.fault(fault);
    for (viewer, told) in viewers.iter_mut().zip(told) {
        viewer.until_told_since(told, states).await;
    }
}

async fn all_live_again(viewers: &mut [Viewer]) {
    for viewer in viewers {
        let payloads = viewer.payloads.len();
        viewer
            .until("live again, with news", |viewer| {
                viewer.state() == Some(FeedState::Live) && viewer.payloads.len() > payloads
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_told_at_once_and_mended() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    disturb(
        &world,
        &mut viewers,
        Fault::Cut { connection: None },
        &[FeedState::Stale, FeedState::Resyncing],
    )
    .await;
    all_live_again(&mut viewers).await;
    assert_complete(&world, "BTC", &viewers[1]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_with_1000_is_no_end() {
    for reason in ["Expired", "Inactive"] {
        let world = World::new().await;
        let mut viewers = audience(&world).await;
        let fault = Fault::Close {
            code: 1_000,
            reason: reason.to_owned(),
            connection: None,
        };
        disturb(&world, &mut viewers, fault, &[FeedState::Stale]).await;
        let said = |viewer: &Viewer| {
            viewer
                .statuses
                .iter()
                .any(|it| it.reason.as_ref().is_some_and(|it| it.contains(reason)))
        };
        assert!(viewers.iter().all(said), "the reason is passed on");
        all_live_again(&mut viewers).await;
        assert_complete(&world, "BTC", &viewers[1]);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_is_gone_is_down_until_it_is_back() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    world.exchange.kill().await;
    for viewer in &mut viewers {
        viewer.until_state(FeedState::Down).await;
        let why = viewer
            .statuses
            .iter()
            .rfind(|status| status.state == FeedState::Down);
        assert!(why.unwrap().reason.is_some());
    }
    world
        .report_until("down", |report| report.state == LinkReport::Down)
        .await;
    world.exchange.restart().await.unwrap();
    all_live_again(&mut viewers).await;
    assert_complete(&world, "BTC", &viewers[1]);
    world
        .report_until("up", |report| report.state == LinkReport::Up)
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_with_html_is_down_and_names_the_status() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    world.exchange.fault(Fault::RefuseUpgrades {
        status: 502,
        on: true,
    });
    disturb(
        &world,
        &mut viewers,
        Fault::Cut { connection: None },
        &[FeedState::Down],
    )
    .await;
    assert!(
        viewers[0]
            .statuses
            .iter()
            .any(|it| it.reason.as_ref().is_some_and(|it| it.contains("502")))
    );
    world.exchange.fault(Fault::Clear);
    all_live_again(&mut viewers).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_is_never_answered_is_given_up() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    world.exchange.fault(Fault::HangUpgrades { on: true });
    disturb(
        &world,
        &mut viewers,
        Fault::Cut { connection: None },
        &[FeedState::Down],
    )
    .await;
    world.exchange.fault(Fault::Clear);
    all_live_again(&mut viewers).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_falls_silent_is_stale_within_the_watchdogs_time_and_replaced() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    let start = world.exchange.clock().now();
    disturb(
        &world,
        &mut viewers,
        Fault::StallAll { on: true },
        &[FeedState::Stale, FeedState::Down],
    )
    .await;
    let took = world.exchange.clock().now() - start;
    assert!(took < 40_000, "the slowest took {took} ms");
    world.exchange.fault(Fault::Clear);
    all_live_again(&mut viewers).await;
    assert_complete(&world, "BTC", &viewers[1]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_topic_that_falls_silent_is_stale_alone_and_heals() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    let mids = || Subscription::AllMids { dex: None };
    let others: Vec<usize> = viewers[1..].iter().map(|viewer| viewer.statuses.len()).collect();
    let start = world.exchange.clock().now();
    world.exchange.fault(Fault::StallTopic {
        subscription: mids(),
        on: true,
    });
    viewers[0].until_state(FeedState::Stale).await;
    let took = world.exchange.clock().now() - start;
    assert!(took < 25_000, "it took {took} ms");
    for (viewer, told) in viewers[1..].iter_mut().zip(others) {
        viewer.note();
        assert_eq!(
            viewer.statuses.len(),
            told,
            "{}: {:?}",
            viewer.topic,
            viewer.statuses
        );
    }
    world.exchange.fault(Fault::StallTopic {
        subscription: mids(),
        on: false,
    });
    all_live_again(&mut viewers[..1]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_frames_are_counted_and_survived() {
    let world = World::new().await;
    world.exchange.fault(Fault::Greeting { on: true });
    world.exchange.fault(Fault::UnknownKeys { on: true });
    let mut viewers = audience(&world).await;
    let opened = world.exchange.observe().opened;
    for fault in [
        Fault::Malformed { connection: None },
        Fault::UnknownChannel { connection: None },
        Fault::Binary { connection: None },
        Fault::Huge {
            connection: None,
            bytes: 1 << 20,
        },
        Fault::DuplicateTrades { connection: None },
    ] {
        world.exchange.fault(fault);
    }
    world
        .report_until("everything strange was counted", |report| {
            let counts = report.counts;
            counts.garbled_frames >= 1 && counts.binary_frames >= 1 && counts.unknown_frames >= 3
        })
        .await;
    all_live_again(&mut viewers).await;
    assert_complete(&world, "BTC", &viewers[1]);
    assert_eq!(
        world.exchange.observe().opened,
        opened,
        "nothing of this costs a link"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_beyond_all_measure_ends_the_link_and_no_more() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    disturb(
        &world,
        &mut viewers[..1],
        Fault::Huge {
            connection: None,
            bytes: 20 << 20,
        },
        &[FeedState::Stale, FeedState::Resyncing],
    )
    .await;
    all_live_again(&mut viewers).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_coin_never_reaches_the_exchange() {
    let world = World::new().await;
    let mut viewers = audience(&world).await;
    let opened = world.exchange.observe().opened;
    let mut unknown = world
        .watch_unchecked(topic("trades", r#"{"symbol":"NOPE"}"#))
        .await;
    unknown.until_state(FeedState::Down).await;
    assert!(
        unknown
            .statuses
            .last()
            .unwrap()
            .reason
            .as_ref()
            .unwrap()
            .contains("NOPE")
    );
    all_live_again(&mut viewers).await;
    assert_eq!(world.exchange.observe().opened, opened);
    assert!(!format!("{:?}", world.exchange.observe()).contains("NOPE"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_is_kept_alive_though_nothing_happens_on_it() {
    // An hour of two minutes: the exchange closes links on which it sent nothing for 60 s.
    let world = World::with(Config {
        speed: SPEED * 2.0,
        ..Config::small()
    })
    .await;
    let symbol = (1..12).map(|index| format!("@{index}")).min_by_key(|name| {
        let now = world.exchange.clock().now();
        world.exchange.trades(name, now - 3_600_000, now).len()
    });
    let params = format!(r#"{{"symbol":"{}"}}"#, symbol.unwrap());
    let mut quiet = world.watch("trades", &params).await;
    quiet.until_live().await;
    let opened = world.exchange.observe().opened;
    world.pass(Duration::from_secs(180)).await;
    quiet.note();
    assert_eq!(
        quiet.state(),
        Some(FeedState::Live),
        "quiet is not stale: {:?}",
        quiet.statuses
    );
    assert_eq!(world.exchange.observe().opened, opened);
    world.end().await;
}
