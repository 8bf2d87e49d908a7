//! Subscribing: what comes first, what follows, in which order, and how it ends.

use std::time::Duration;

use nexus_protocol::{ChannelStatus, FeedState, Timestamp};
use nexus_server::content::{Content, Frame, Part, PartKey, Parts};
use serde_json::{Value, json};

use crate::harness::{Client, World, now, settings, topic};

fn parts(of: &[(&str, u64)]) -> Content {
    let frame = Frame {
        open: "{".into(),
        close: "}".into(),
        keep: 100,
    };
    let part = |(key, value): &(&str, u64)| Part {
        key: PartKey::Name((*key).into()),
        text: format!("\"{key}\":{value}").into(),
        is_final: false,
    };
    Content::Parts(Parts {
        frame: frame.into(),
        parts: of.iter().map(part).collect(),
    })
}

async fn payloads(client: &mut Client, count: usize) -> Vec<Value> {
    let mut payloads = Vec::new();
    for _ in 0..count {
        payloads.push(client.next().await["payload"].clone());
    }
    payloads
}

#[tokio::test]
async fn a_push_is_exactly_what_was_published() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    let subscribed = client.subscribe("room:a").await;
    assert_eq!(subscribed["offset"], 0);
    assert_eq!(subscribed["mode"], "every");
    assert_eq!(subscribed["contiguous"], true);
    let payload = "{ \"b\" :1.50,\"a\":\"\\u00e9\"}";
    world.publish("room:a", payload).await;
    let text = match futures_util::StreamExt::next(&mut client.socket).await {
        Some(Ok(message)) => message.into_text().unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    assert!(
        text.starts_with(r#"{"type":"message","channel":"room:a","offset":1,"timestamp":""#),
        "{text}"
    );
    assert!(text.ends_with(&format!(r#","payload":{payload}}}"#)), "{text}");
}

#[tokio::test]
async fn a_new_subscriber_of_every_gets_the_last_ones_first() {
    let world = World::start(settings().with("replay", 3)).await;
    for number in 1..=10 {
        world.publish("room:a", &number.to_string()).await;
    }
    let mut client = world.connect().await;
    let subscribed = client.subscribe("room:a").await;
    assert_eq!(subscribed["offset"], 7);
    world.publish("room:a", "11").await;
    assert_eq!(payloads(&mut client, 4).await, [8, 9, 10, 11]);
}

#[tokio::test]
async fn without_a_snapshot_only_news_come() {
    let world = World::start(settings()).await;
    world.publish("room:a", "1").await;
    let mut client = world.connect().await;
    let subscribed = client
        .subscribe_with(json!({"channel": "room:a", "snapshot": false}))
        .await;
    assert_eq!(subscribed["offset"], 1);
    world.publish("room:a", "2").await;
    assert_eq!(client.next().await["payload"], 2);
}

#[tokio::test]
async fn since_a_time_is_as_far_as_the_history_reaches() {
    let world = World::start(settings()).await;
    let room = topic("room:a");
    for number in 1..=5u64 {
        let content = Content::Whole(number.to_string().into());
        world
            .broker
            .publish(&room, content, Timestamp::from_millis(number * 1000))
            .await
            .unwrap();
    }
    let mut client = world.connect().await;
    let since = |millis| json!({"channel": "room:a", "since": Timestamp::from_millis(millis).to_string()});
    assert_eq!(client.subscribe_with(since(3_000)).await["offset"], 2);
    assert_eq!(payloads(&mut client, 3).await, [3, 4, 5]);
    let mut client = world.connect().await;
    assert_eq!(client.subscribe_with(since(6_000)).await["offset"], 5);
}

#[tokio::test]
async fn parts_begin_with_a_snapshot_of_all_and_go_on_with_what_changed() {
    let world = World::start(settings()).await;
    let prices = topic("prices");
    world
        .broker
        .publish(&prices, parts(&[("BTC", 1), ("ETH", 2)]), now())
        .await
        .unwrap();
    world
        .broker
        .publish(&prices, parts(&[("BTC", 3)]), now())
        .await
        .unwrap();
    let mut client = world.connect().await;
    let subscribed = client.subscribe("prices").await;
    assert_eq!(
        (&subscribed["offset"], &subscribed["mode"]),
        (&json!(2), &json!("latest"))
    );
    assert_eq!(subscribed["contiguous"], false);
    let snapshot = client.next().await;
    assert_eq!(
        (&snapshot["snapshot"], &snapshot["offset"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(snapshot["payload"], json!({"BTC": 3, "ETH": 2}));
    world
        .broker
        .publish(&prices, parts(&[("ETH", 4)]), now())
        .await
        .unwrap();
    let push = client.next().await;
    assert_eq!((push.get("snapshot"), &push["offset"]), (None, &json!(3)));
    assert_eq!(push["payload"], json!({"ETH": 4}));
}

#[tokio::test]
async fn a_throttle_merges_what_comes_between() {
    let world = World::start(settings()).await;
    let prices = topic("prices");
    world
        .broker
        .publish(&prices, parts(&[("BTC", 0)]), now())
        .await
        .unwrap();
    let mut client = world.connect().await;
    let subscribed = client
        .subscribe_with(json!({"channel": "prices", "params": {"throttle": 2_000}}))
        .await;
    assert_eq!(subscribed["throttle"], 2_000);
    assert_eq!(client.next().await["snapshot"], true);
    let began = tokio::time::Instant::now();
    for number in 1..=50 {
        world
            .broker
            .publish(&prices, parts(&[("BTC", number), ("ETH", number)]), now())
            .await
            .unwrap();
    }
    let push = client.next().await;
    assert!(
        began.elapsed() >= Duration::from_millis(1_500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(push["offset"], 51);
    assert_eq!(push["payload"], json!({"BTC": 50, "ETH": 50}));
    assert!(world.metric("nexus_publications_conflated_total").await >= 49);
}

#[tokio::test]
async fn news_of_the_source_come_in_order_and_to_who_subscribes_later() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    let status = |state| ChannelStatus::new(state, Timestamp::from_millis(7));
    world.publish("room:a", "1").await;
    world.set_status("room:a", status(FeedState::Stale)).await;
    world.set_status("room:a", status(FeedState::Stale)).await;
    world.publish("room:a", "2").await;
    world.set_status("room:a", status(FeedState::Gap)).await;
    world.set_status("room:a", status(FeedState::Live)).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let message = client.next().await;
        seen.push(if message["type"] == "channel.status" {
            message["payload"]["state"].clone()
        } else {
            message["offset"].clone()
        });
    }
    assert_eq!(json!(seen), json!([1, "stale", 2, "gap", "live"]));
    world.set_status("room:a", status(FeedState::Down)).await;
    let mut later = world.connect().await;
    assert_eq!(later.subscribe("room:a").await["status"]["state"], "down");
}

#[tokio::test]
async fn unsubscribing_ends_the_pushes_and_is_answered_even_twice() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    client.subscribe("room:b").await;
    for _ in 0..2 {
        let answer = client.ask("unsubscribe", json!({"channel": "room:a"})).await;
        assert_eq!(
            (&answer["type"], &answer["payload"]["channel"]),
            (&json!("unsubscribed"), &json!("room:a"))
        );
    }
    world.publish("room:a", "1").await;
    world.publish("room:b", "2").await;
    assert_eq!(client.next().await["payload"], 2);
    assert_eq!(world.metric("nexus_subscriptions").await, 1);
}

#[tokio::test]
async fn subscribing_again_changes_the_mode_and_loses_and_repeats_nothing() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    for number in 1..=100 {
        world.publish("room:a", &number.to_string()).await;
        if number % 10 == 0 {
            client.request("subscribe", json!({"channel": "room:a"})).await;
        }
    }
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let message = client.next().await;
        if message["type"] == "message" {
            seen.push(message["offset"].as_u64().unwrap());
        }
    }
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    let answer = client
        .subscribe_with(json!({"channel": "room:a", "mode": "latest"}))
        .await;
    assert_eq!(answer["contiguous"], false);
    assert_eq!(world.metric("nexus_subscriptions").await, 1);
}

#[tokio::test]
async fn a_page_of_the_past_is_read_in_either_direction() {
    let world = World::start(settings()).await;
    for number in 1..=10 {
        world.publish("room:a", &number.to_string()).await;
    }
    let mut client = world.connect().await;
    let mut page = async |payload: Value| {
        let answer = client.ask("history", payload).await;
        assert_eq!(answer["type"], "history", "{answer}");
        let payload = answer["payload"].clone();
        let offsets: Vec<u64> = payload["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["offset"].as_u64().unwrap())
            .collect();
        (offsets, payload)
    };
    let (all, first) = page(json!({"channel": "room:a"})).await;
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    assert_eq!((&first["offset"], &first["more"]), (&json!(10), &json!(false)));
    assert_eq!(first["items"][0]["payload"], 1);
    let (newest, page_of_3) = page(json!({"channel": "room:a", "limit": 3, "reverse": true})).await;
    assert_eq!((newest, &page_of_3["more"]), (vec![10, 9, 8], &json!(true)));
    let since = json!({"epoch": first["epoch"], "offset": 8});
    assert_eq!(
        page(json!({"channel": "room:a", "since": since})).await.0,
        [9, 10]
    );
    assert_eq!(page(json!({"channel": "room:nothing"})).await.0, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_joins_at_any_moment_sees_one_unbroken_order() {
    const WORDS: u64 = 3_000;
    const PUBLISHERS: u64 = 3;
    // These publishers wait for nobody, so the history must hold all: a reader whose thread the system lets wait for a few
    // milliseconds is otherwise told, rightly, of a gap.
    let settings = settings()
        .with("replay", 5)
        .with("history_publications", WORDS * PUBLISHERS)
        .with("history_bytes", 16 * 1024 * 1024);
    let world = World::start(settings).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(world.connect().await);
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let broker = world.broker.clone();
            tokio::spawn(async move {
                for word in 0..WORDS {
                    let content = Content::Whole(format!("[{publisher},{word}]").into());
                    broker.publish(&topic("events"), content, now()).await.unwrap();
                    if word % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let listeners: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                for _ in 0..fastrand::u32(..2_000) {
                    tokio::task::yield_now().await;
                }
                let subscribed = client.subscribe("events").await;
                let mut expected = subscribed["offset"].as_u64().unwrap();
                let mut next_of = [None; PUBLISHERS as usize];
                while expected < WORDS * PUBLISHERS {
                    let push = client.next().await;
                    if push["type"] == "channel.status" {
                        assert_ne!(push["payload"]["state"], "gap", "{push}");
                        continue;
                    }
                    expected += 1;
                    assert_eq!(push["offset"], expected);
                    let publisher = push["payload"][0].as_u64().unwrap() as usize;
                    let word = push["payload"][1].as_u64();
                    assert!(
                        next_of[publisher].is_none_or(|due| Some(due) == word),
                        "each publisher's own order holds"
                    );
                    next_of[publisher] = word.map(|word| word + 1);
                }
            })
        })
        .collect();
    for task in publishers.into_iter().chain(listeners) {
        tokio::time::timeout(crate::harness::DEADLINE * 3, task)
            .await
            .expect("in time")
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_gets_more_than_it_can_take_is_still_heard() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    let broker = world.broker.clone();
    let flood = tokio::spawn(async move {
        let room = topic("room:a");
        let word: std::sync::Arc<str> = format!("\"{}\"", "x".repeat(200_000)).into();
        loop {
            broker
                .publish(&room, Content::Whole(std::sync::Arc::clone(&word)), now())
                .await
                .unwrap();
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..20 {
        assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
    }
    let answer = client.ask("unsubscribe", json!({"channel": "room:a"})).await;
    assert_eq!(answer["type"], "unsubscribed");
    flood.abort();
}
