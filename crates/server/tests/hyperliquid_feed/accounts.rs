//! Accounts: every fill and every change of an order once and in order, or its gap is declared; ten accounts at a time.

mod ledger;

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_protocol::{Account, ErrorCode, FeedState, Order, OrderChange, Orders, Topic, UserId};
use nexus_server::broker::First;
use nexus_standin::exchange::account::Address;
use nexus_standin::exchange::{Config, Fault, HttpMode, Subscription};

use self::ledger::{assert_every_change, assert_every_fill, fills, of_the_time_before, orders};
use crate::world::{SPEED, Viewer, World};

const ANN: &str = "0x00000000000000000000000000000000000000A1";
const ANN_LOWER: &str = "0x00000000000000000000000000000000000000a1";

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn of(user: &str) -> String {
    format!(r#"{{"userId":"{user}"}}"#)
}

fn address(number: usize) -> String {
    format!("0x{number:040x}")
}

/// Lets the last things that happened arrive, and says up to when everything should be there.
async fn settle(world: &World, viewers: &mut [&mut Viewer]) -> i64 {
    let until = world.exchange.clock().now();
    for viewer in viewers {
        let so_far = viewer.payloads.len();
        viewer
            .until("live, with news of later", |viewer| {
                viewer.state() == Some(FeedState::Live) && viewer.payloads.len() > so_far
            })
            .await;
        world.pass(Duration::from_secs(10)).await;
        viewer.note();
    }
    until
}

#[tokio::test]
async fn an_account_is_followed_from_its_past_on() {
    let world = World::new().await;
    let mut of_fills = world.watch("user_fills", &of(ANN)).await;
    let mut of_orders = world.watch("user_orders", &of(ANN)).await;
    let mut of_account = world.watch("account_updates", &of(ANN)).await;
    for viewer in [&mut of_fills, &mut of_orders, &mut of_account] {
        viewer.until_live().await;
        viewer.until_more(1).await;
    }
    let from = world.exchange.clock().now();
    let (past, _) = fills(&of_fills);
    // The newest 200, but for those that share their time with one that is older.
    let older = of_the_time_before(&world, ANN, past[0].3);
    assert!(
        past.len() + older > 200,
        "the last ones come first: {}",
        past.len()
    );
    let first: Vec<Order> = orders(&of_orders).0;
    assert!(
        first.iter().any(|order| order.change == OrderChange::Created),
        "open ones"
    );
    assert!(
        first.iter().any(|order| order.change == OrderChange::Filled),
        "and closed ones"
    );
    let past: Orders = serde_json::from_str(&of_orders.payloads[0]).unwrap();
    assert!(
        past.orders.len() <= 200,
        "but not too many: {}",
        past.orders.len()
    );

    // Whoever comes later gets all orders as one push, the last fills one by one, and the newest state.
    assert_eq!(world.first(&of_orders.topic).await, Some(First::Snapshot));
    assert_eq!(world.first(&of_fills.topic).await, Some(First::Missed));
    assert_eq!(world.first(&of_account.topic).await, Some(First::Snapshot));

    world.pass(Duration::from_secs(60)).await;
    let until = settle(&world, &mut [&mut of_fills, &mut of_orders]).await;
    assert_every_fill(&world, &of_fills, ANN, until, true);
    assert_every_change(&world, &of_orders, ANN, from, until);
    let changes: BTreeSet<String> = orders(&of_orders)
        .0
        .iter()
        .map(|order| format!("{:?}", order.change))
        .collect();
    assert_eq!(changes.len(), 5, "{changes:?}");

    of_account.note();
    let account: Account = serde_json::from_str(of_account.payloads.last().unwrap()).unwrap();
    assert_eq!(account.address, ANN_LOWER);
    assert!(account.value.to_f64() > 1_000.0 && account.balances.len() == 2);
    // Fills come every few seconds, and a state with each.
    let passed = (world.exchange.clock().now() - from) / 1_000;
    assert!(
        of_account.payloads.len() as i64 <= passed + 60,
        "{}",
        of_account.payloads.len()
    );
    world.end().await;
}

#[tokio::test]
async fn two_viewers_and_two_names_share_one_upstream_subscription() {
    let world = World::new().await;
    world.feeds.bind(&user("ann"), ANN).unwrap();
    let mut one = world.watch("user_fills", &of("ann")).await;
    one.until_live().await;
    let mut two = world.watch("user_fills", &of("ann")).await;
    // An admin asks by the address itself.
    let mut admin = world.watch("user_fills", &of(ANN_LOWER)).await;
    for viewer in [&mut two, &mut admin] {
        viewer.until_live().await;
    }
    let until = settle(&world, &mut [&mut one, &mut two, &mut admin]).await;
    assert_every_fill(&world, &one, ANN, until, true);
    assert_every_fill(&world, &admin, ANN, until, true);
    let observed = world.exchange.observe();
    let asked: Vec<&String> = observed
        .connections
        .iter()
        .flat_map(|connection| &connection.messages)
        .filter(|message| message.contains("userFills"))
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    world.end().await;
}

#[tokio::test]
async fn a_user_without_an_address_is_refused_with_what_to_do() {
    let world = World::new().await;
    let refused = world
        .feeds
        .check(&Topic::UserFills(user("bob")))
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidParams);
    assert_eq!(
        refused.message,
        "no address is bound to this user; the token needs the claim `address`"
    );
    let refused = world.feeds.bind(&user("bob"), "0xBob").unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidParams);
    assert!(
        world.exchange.observe().connections.is_empty(),
        "nobody asked the exchange"
    );
    world.end().await;
}

#[tokio::test]
async fn the_eleventh_account_is_refused_and_gets_in_when_another_leaves() {
    let world = World::new().await;
    let mut viewers = Vec::new();
    for number in 0..10 {
        viewers.push(world.watch("account_updates", &of(&address(number))).await);
    }
    for viewer in &mut viewers {
        viewer.until_live().await;
    }
    let eleventh = Topic::AccountUpdates(user(&address(10)));
    let refused = world.feeds.check(&eleventh).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UpstreamDown);
    assert!(refused.message.contains("10 accounts"), "{}", refused.message);
    assert!(refused.retry_after_ms.is_some());
    // Another channel of an account that is followed is no other account.
    world
        .watch("user_fills", &of(&address(3)))
        .await
        .until_live()
        .await;

    // Who slips through between two checks waits, is told so, and gets in.
    let mut slipped = world.watch_unchecked(eleventh).await;
    slipped.until_state(FeedState::Down).await;
    let reason = slipped.statuses.last().unwrap().reason.clone().unwrap();
    assert!(reason.contains("10 accounts"), "{reason}");
    drop(viewers.pop());
    slipped.until_live().await;
    let observed = world.exchange.observe();
    let users: BTreeSet<&str> = observed
        .connections
        .iter()
        .flat_map(|connection| &connection.subscriptions)
        .filter_map(|normal| Some(normal.split_once(r#""user":""#)?.1.split_once('"')?.0))
        .collect();
    assert!(users.len() <= 10, "{users:?}");
    world.end().await;
}

#[tokio::test]
async fn a_fill_that_a_topic_left_out_is_found_by_the_chain_of_positions() {
    let world = World::new().await;
    let mut viewer = world.watch("user_fills", &of(ANN)).await;
    viewer.until_live().await;
    let subscription = Subscription::UserFills {
        user: Address::parse(ANN).unwrap(),
        aggregate_by_time: false,
    };
    for _ in 0..3 {
        for on in [true, false] {
            let subscription = subscription.clone();
            world.exchange.fault(Fault::StallTopic { subscription, on });
            world.pass(Duration::from_secs(if on { 25 } else { 65 })).await;
            viewer.note();
        }
    }
    let until = settle(&world, &mut [&mut viewer]).await;
    assert_every_fill(&world, &viewer, ANN, until, false);
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_order_that_a_topic_left_out_is_found_by_the_list_of_open_ones() {
    let world = World::new().await;
    let mut viewer = world.watch("user_orders", &of(ANN)).await;
    viewer.until_live().await;
    let subscription = Subscription::UserHistoricalOrders {
        user: Address::parse(ANN).unwrap(),
    };
    let from = world.exchange.clock().now();
    world.exchange.fault(Fault::StallTopic {
        subscription,
        on: true,
    });
    world.pass(Duration::from_secs(60)).await;
    world.exchange.fault(Fault::Clear);
    let until = settle(&world, &mut [&mut viewer]).await;
    assert_every_change(&world, &viewer, ANN, from, until - 30_000);
    world.end().await;
}

#[tokio::test]
async fn what_a_page_of_the_archive_does_not_reach_is_a_declared_gap() {
    let world = World::with(Config {
        speed: SPEED,
        account_rows: 12,
        ..Config::small()
    })
    .await;
    let mut of_fills = world.watch("user_fills", &of(ANN)).await;
    let mut of_orders = world.watch("user_orders", &of(ANN)).await;
    of_fills.until_live().await;
    of_orders.until_live().await;
    let from = world.exchange.clock().now();
    world.exchange.fault(Fault::RefuseUpgrades {
        status: 502,
        on: true,
    });
    world.exchange.fault(Fault::Cut { connection: None });
    for viewer in [&mut of_fills, &mut of_orders] {
        let told = viewer.statuses.len();
        viewer
            .until_told_since(told.saturating_sub(1), &[FeedState::Stale, FeedState::Down])
            .await;
    }
    world.pass(Duration::from_secs(120)).await;
    world.exchange.fault(Fault::Clear);
    let until = settle(&world, &mut [&mut of_fills, &mut of_orders]).await;
    for viewer in [&of_fills, &of_orders] {
        assert!(
            !viewer.gaps().is_empty(),
            "{}: the gap is announced",
            viewer.topic
        );
    }
    assert!(!fills(&of_fills).1.is_empty(), "and stands in the payload");
    assert!(!orders(&of_orders).1.is_empty());
    assert_every_fill(&world, &of_fills, ANN, until, true);
    assert_every_change(&world, &of_orders, ANN, from, until);
    world.end().await;
}

#[tokio::test]
async fn bad_frames_cost_nothing() {
    let world = World::new().await;
    let mut of_fills = world.watch("user_fills", &of(ANN)).await;
    let mut of_orders = world.watch("user_orders", &of(ANN)).await;
    of_fills.until_live().await;
    of_orders.until_live().await;
    let from = world.exchange.clock().now();
    for fault in [
        Fault::Malformed { connection: None },
        Fault::UnknownChannel { connection: None },
        Fault::Binary { connection: None },
        Fault::UnknownKeys { on: true },
        Fault::Huge {
            connection: None,
            bytes: 1 << 20,
        },
        Fault::Malformed { connection: None },
        Fault::Greeting { on: true },
        Fault::Cut { connection: None },
        Fault::BrokenFrame { connection: None },
    ] {
        world.exchange.fault(fault);
        world.pass(Duration::from_secs(12)).await;
    }
    let until = settle(&world, &mut [&mut of_fills, &mut of_orders]).await;
    assert_every_fill(&world, &of_fills, ANN, until, true);
    assert_every_change(&world, &of_orders, ANN, from, until);
    world.end().await;
}

/// A smaller brother of the hour of everything: five minutes of an account through cuts, stalls and restarts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_minutes_of_faults_lose_no_fill_and_no_change_in_silence() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("NEXUS_FEED_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let seconds = number("NEXUS_FEED_SECONDS").unwrap_or(300);
    println!("NEXUS_FEED_SEED={seed} NEXUS_FEED_SECONDS={seconds}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = World::with(Config {
        speed: 30.0,
        seed,
        ..Config::small()
    })
    .await;
    let mut of_fills = world.watch("user_fills", &of(ANN)).await;
    let mut of_orders = world.watch("user_orders", &of(ANN)).await;
    let mut of_account = world.watch("account_updates", &of(ANN)).await;
    for viewer in [&mut of_fills, &mut of_orders, &mut of_account] {
        viewer.until_live().await;
    }
    let from = world.exchange.clock().now();
    let end = from + i64::try_from(seconds * 1_000).unwrap();
    while world.exchange.clock().now() < end {
        world.pass(Duration::from_secs_f64(rng.f64() * 15.0)).await;
        let secs = Duration::from_secs_f64(2.0 + rng.f64() * 20.0);
        let (fault, lasts) = match rng.u32(..8) {
            0 | 1 => (Fault::Cut { connection: None }, None),
            2 => (Fault::StallAll { on: true }, Some(secs + Duration::from_secs(20))),
            3 => (Fault::Malformed { connection: None }, None),
            4 => (
                Fault::RefuseUpgrades {
                    status: 502,
                    on: true,
                },
                Some(secs),
            ),
            5 => (
                Fault::Http {
                    mode: [HttpMode::Html500, HttpMode::Slow][rng.usize(..2)],
                    times: None,
                },
                Some(secs),
            ),
            6 => (Fault::MuteNew { on: true }, Some(secs)),
            _ => {
                println!("{} restart", world.exchange.clock().now());
                world.exchange.kill().await;
                world.pass(secs).await;
                world.exchange.restart().await.unwrap();
                continue;
            }
        };
        println!("{} {fault:?} for {lasts:?}", world.exchange.clock().now());
        world.exchange.fault(fault);
        if let Some(lasts) = lasts {
            world.pass(lasts).await;
            world.exchange.fault(Fault::Clear);
        }
    }
    let until = settle(&world, &mut [&mut of_fills, &mut of_orders, &mut of_account]).await;
    println!(
        "{} fills, {} changes, gaps {:?} {:?}",
        fills(&of_fills).0.len(),
        orders(&of_orders).0.len(),
        fills(&of_fills).1,
        orders(&of_orders).1
    );
    assert_every_fill(&world, &of_fills, ANN, until, true);
    assert_every_change(&world, &of_orders, ANN, from, until);
    world.end().await;
}
