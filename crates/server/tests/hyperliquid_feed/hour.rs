//! An hour of everything that can go wrong, at random, in half a minute. The seed is printed; set
//! `NEXUS_FEED_SEED` to repeat it and `NEXUS_FEED_SECONDS` for another stretch of the exchange's time.

use std::time::Duration;

use nexus_protocol::FeedState;
use nexus_standin::exchange::{Config, Fault, HttpMode, Subscription};

use crate::trades::assert_complete;
use crate::world::{Viewer, World};

/// How much faster than the wall everybody lives.
const SPEED: f64 = 100.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_cuts_and_stalls_loses_repeats_and_reorders_nothing_in_silence() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("NEXUS_FEED_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let seconds = number("NEXUS_FEED_SECONDS").unwrap_or(3_600);
    println!("NEXUS_FEED_SEED={seed} NEXUS_FEED_SECONDS={seconds}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = World::with(Config {
        speed: SPEED,
        seed,
        ..Config::small()
    })
    .await;
    let mut tapes = Vec::new();
    for coin in ["BTC", "ETH", "SOL"] {
        tapes.push((
            coin,
            world.watch("trades", &format!(r#"{{"symbol":"{coin}"}}"#)).await,
        ));
    }
    let mut others = Vec::new();
    for (channel, params) in [
        ("prices", "{}"),
        ("orderbook", r#"{"symbol":"BTC","depth":5}"#),
        ("orderbook", r#"{"symbol":"BTC","depth":20}"#),
        ("candles", r#"{"symbol":"BTC","interval":"1m"}"#),
    ] {
        others.push(world.watch(channel, params).await);
    }
    for viewer in all(&mut tapes, &mut others) {
        viewer.until_live().await;
    }

    let end = world.exchange.clock().now() + i64::try_from(seconds * 1_000).unwrap();
    let mut happened = Vec::new();
    while world.exchange.clock().now() < end {
        world.pass(Duration::from_secs_f64(rng.f64() * 30.0)).await;
        let (fault, lasts) = fault(&mut rng);
        happened.push((world.exchange.clock().now(), format!("{fault:?} for {lasts:?}")));
        world.exchange.fault(fault);
        if let Some(lasts) = lasts {
            world.pass(lasts).await;
            world.exchange.fault(Fault::Clear);
        }
        for viewer in all(&mut tapes, &mut others) {
            viewer.note();
        }
    }
    world.exchange.fault(Fault::Clear);
    for viewer in all(&mut tapes, &mut others) {
        let so_far = viewer.payloads.len();
        viewer
            .until("live again, with news", |viewer| {
                viewer.state() == Some(FeedState::Live) && viewer.payloads.len() > so_far
            })
            .await;
    }
    for (at, what) in &happened {
        println!("{at} {what}");
    }
    for (coin, viewer) in &tapes {
        println!(
            "{coin}: {} trades, {} gaps",
            viewer.trades().len(),
            viewer.gaps().len()
        );
    }
    println!("{:#?}", world.feeds.report());
    for (coin, viewer) in &tapes {
        assert_complete(&world, coin, viewer);
        let announced = viewer.gaps().len();
        let declared = viewer.trades().iter().filter(|(gap, _)| gap.is_some()).count();
        assert_eq!(
            announced, declared,
            "each gap is announced and stands on the tape"
        );
    }
    world.end().await;
}

fn all<'a>(
    tapes: &'a mut [(&'static str, Viewer)],
    others: &'a mut [Viewer],
) -> impl Iterator<Item = &'a mut Viewer> {
    tapes.iter_mut().map(|(_, viewer)| viewer).chain(others)
}

/// Something that goes wrong, and for how long if it lasts.
fn fault(rng: &mut fastrand::Rng) -> (Fault, Option<Duration>) {
    let coin = ["BTC", "ETH", "SOL"][rng.usize(..3)].to_owned();
    // The exchange numbers nothing: that it left something out in a pause as short as those between trades, nobody can
    // see. So what stalls here, stalls for longer.
    let stretch = |rng: &mut fastrand::Rng, most: f64| Some(Duration::from_secs_f64(10.0 + rng.f64() * most));
    match rng.u32(..16) {
        0..=3 => (Fault::Cut { connection: None }, None),
        4 => (
            Fault::Close {
                code: 1_000,
                reason: "Expired".to_owned(),
                connection: None,
            },
            None,
        ),
        5 => (
            Fault::Close {
                code: 1_000,
                reason: "Inactive".to_owned(),
                connection: None,
            },
            None,
        ),
        6 | 7 => (
            Fault::StallTopic {
                subscription: Subscription::Trades { coin },
                on: true,
            },
            stretch(rng, 60.0),
        ),
        8 => (Fault::StallAll { on: true }, stretch(rng, 60.0)),
        9 => (
            Fault::RefuseUpgrades {
                status: 502,
                on: true,
            },
            stretch(rng, 20.0),
        ),
        10 => (Fault::HangUpgrades { on: true }, stretch(rng, 20.0)),
        11 => (Fault::Malformed { connection: None }, None),
        12 => (
            Fault::Huge {
                connection: None,
                bytes: 1 << 20,
            },
            None,
        ),
        13 => (Fault::DuplicateTrades { connection: None }, None),
        14 => {
            let mode = [
                HttpMode::Html500,
                HttpMode::TooMany,
                HttpMode::Slow,
                HttpMode::Hang,
            ][rng.usize(..4)];
            (Fault::Http { mode, times: None }, stretch(rng, 30.0))
        }
        _ => (Fault::LateUnsubscribeAck { ms: 3_000 }, stretch(rng, 30.0)),
    }
}
