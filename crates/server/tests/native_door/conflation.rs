//! The newest of each key, no oftener than wanted, and the count of what is not sent: by the channel's own keys and by a
//! field that the subscription names, changed while publications come, recovered, filtered, on slow links.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_server::config::Settings;
use nexus_server::content::{Content, Keyed};
use serde_json::{Value, json};

use crate::harness::{Client, World, now, settings, topic};

/// Settings in which one who changes their mind often is not stopped.
fn world() -> Settings {
    settings()
        .with("anonymous", "room:*,prices,events,telemetry,tasks,ai,trades")
        .with("messages_per_minute", 100_000)
        .with("history_publications", 5_000)
        .with("history_bytes", 1 << 26)
}

async fn report(world: &World, device: &str, site: u64, n: u64) {
    let text = json!({"device_id": device, "site": site, "n": n}).to_string();
    let content = Content::Keyed(Keyed {
        key: device.into(),
        text: text.into(),
        stands: None,
        is_final: false,
    });
    let stored = world.broker.publish(&topic("telemetry"), content, now()).await;
    stored.unwrap();
}

async fn event(world: &World, key: &str, n: u64) {
    world
        .publish("events", &json!({"of": {"key": key}, "n": n}).to_string())
        .await;
}

/// The next publications: offset, how many each stands for, `n`.
async fn next(client: &mut Client, kind: &str, count: usize) -> Vec<(u64, u64, u64)> {
    let mut got = Vec::new();
    while got.len() < count {
        let push = client.next_of(kind).await;
        got.push((
            push["offset"].as_u64().unwrap(),
            push["conflated"].as_u64().unwrap_or_default(),
            push["payload"]["n"].as_u64().unwrap_or_default(),
        ));
    }
    got
}

#[tokio::test]
async fn a_throttle_on_a_channel_with_keys_drops_no_key() {
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    let subscribed = client
        .subscribe_with(json!({"channel": "telemetry", "throttle": 300}))
        .await;
    assert_eq!(
        (&subscribed["mode"], &subscribed["key"], &subscribed["throttle"]),
        (&json!("latest"), &json!("device_id"), &json!(300))
    );
    report(&world, "a", 1, 1).await;
    assert_eq!(next(&mut client, "telemetry.update", 1).await, [(1, 0, 1)]);
    for n in 2..=7 {
        report(&world, ["a", "b", "c"][n as usize % 3], 1, n).await;
    }
    assert_eq!(
        next(&mut client, "telemetry.update", 3).await,
        [(5, 3, 5), (6, 0, 6), (7, 0, 7)]
    );
}

#[tokio::test]
async fn by_a_field_the_newest_of_each_value_comes_first_and_afterwards() {
    let world = World::start(world()).await;
    for (n, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
        event(&world, key, n).await;
    }
    let mut client = world.connect().await;
    let wanted = json!({"channel": "events", "key": "of.key", "throttle": 250});
    let subscribed = client.subscribe_with(wanted.clone()).await;
    assert_eq!(
        (&subscribed["mode"], &subscribed["key"], &subscribed["contiguous"]),
        (&json!("latest"), &json!("of.key"), &json!(false))
    );
    assert_eq!(subscribed["offset"], 0, "from where the history begins");
    let first = next(&mut client, "events.update", 3).await;
    assert_eq!(first, [(2, 1, 2), (3, 0, 3), (4, 0, 4)]);
    for (n, key) in [(5, "a"), (6, "d"), (7, "a"), (8, "a"), (9, "d")] {
        event(&world, key, n).await;
    }
    let then = next(&mut client, "events.update", 2).await;
    assert_eq!(then, [(8, 3, 8), (9, 0, 9)]);
    // What has no such field is of one key as well.
    for payload in ["1", "[]", r#"{"of":{"key":null}}"#] {
        world.publish("events", payload).await;
    }
    assert_eq!(next(&mut client, "events.update", 1).await, [(12, 2, 0)]);

    // A topic with keys of its own is kept by another field alike.
    for (n, device) in [(1, "a"), (2, "b"), (3, "c")] {
        report(&world, device, 7, n).await;
    }
    let by_site = json!({"channel": "telemetry", "key": "site", "throttle": 250, "snapshot": false});
    assert_eq!(client.subscribe_with(by_site).await["key"], "site");
    report(&world, "a", 7, 4).await;
    assert_eq!(next(&mut client, "telemetry.update", 1).await, [(4, 0, 4)]);
    for (n, device, site) in [(5, "a", 7), (6, "b", 7), (7, "c", 8)] {
        report(&world, device, site, n).await;
    }
    let then = next(&mut client, "telemetry.update", 2).await;
    assert_eq!(then, [(6, 1, 6), (7, 0, 7)]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    client.subscribe("events").await;
    let long = "x".repeat(300);
    for (channel, more, says) in [
        ("events", json!({"key": "k", "mode": "every"}), "latest"),
        ("events", json!({"throttle": 5, "mode": "every"}), "latest"),
        ("events", json!({"key": ""}), "is no field"),
        ("events", json!({"key": "a..b"}), "is no field"),
        ("events", json!({"key": "a.b.c.d.e"}), "more than 4"),
        ("events", json!({"key": long}), "longer than"),
        ("prices", json!({"key": "price"}), "its key is `symbol`"),
        ("ai", json!({"key": "title"}), "its key is `stream_id`"),
        (
            "trades",
            json!({"key": "id", "params": {"symbol": "BTC"}}),
            "leave `key` out",
        ),
    ] {
        let mut payload = more;
        payload["channel"] = json!(channel);
        let answer = client.ask("subscribe", payload).await;
        assert_eq!(answer["error"]["code"], "INVALID_PARAMS", "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let answer = client
        .ask("subscribe", json!({"channel": "events", "key": 7}))
        .await;
    assert_eq!(answer["error"]["code"], "INVALID_MESSAGE");
    world.publish("events", "1").await;
    assert_eq!(next(&mut client, "events.update", 1).await, [(1, 0, 0)]);
    for (channel, key) in [
        ("telemetry", "device_id"),
        ("tasks", "task_id"),
        ("ai", "stream_id"),
    ] {
        let named = json!({"channel": channel, "key": key});
        assert_eq!(
            client.subscribe_with(named).await["key"],
            key,
            "its own may be named"
        );
    }
}

#[tokio::test]
async fn recovering_by_key_gives_the_newest_of_each_or_says_that_something_is_missing() {
    let world = World::start(world().with("history_publications", 8)).await;
    let epoch = world.publish("events", "0").await.epoch;
    for n in 2..=6 {
        event(&world, ["a", "b"][n as usize % 2], n).await;
    }
    let wanted = |offset: u64| {
        let recover = json!({"epoch": epoch, "offset": offset});
        json!({"channel": "events", "key": "of.key", "throttle": 200, "recover": recover})
    };
    let mut client = world.connect().await;
    let subscribed = client.subscribe_with(wanted(2)).await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["offset"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(
        next(&mut client, "events.update", 2).await,
        [(5, 2, 5), (6, 0, 6)]
    );
    let current = client.subscribe_with(wanted(6)).await;
    assert_eq!(current["recovered"], true);

    // With filters, what is not selected counts as seen.
    let mut filtered = wanted(2);
    filtered["filters"] = json!({"n": {"lt": 6}});
    let mut other = world.connect().await;
    assert_eq!(other.subscribe_with(filtered).await["recovered"], true);
    assert_eq!(next(&mut other, "events.update", 2).await, [(4, 1, 4), (5, 0, 5)]);
    other.leave().await;

    for n in 7..=20 {
        event(&world, ["a", "b", "c"][n as usize % 3], n).await;
    }
    let mut late = world.connect().await;
    let subscribed = late.subscribe_with(wanted(6)).await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["offset"]),
        (&json!(false), &json!(12)),
        "all that there is, and the plain word that it is not all"
    );
    let all = next(&mut late, "events.update", 3).await;
    assert_eq!(all, [(18, 5, 18), (19, 0, 19), (20, 0, 20)]);
}

#[tokio::test]
async fn more_keys_than_may_wait_all_come_in_the_end() {
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    client
        .subscribe_with(json!({"channel": "events", "key": "of.key", "throttle": 400}))
        .await;
    event(&world, "0", 1).await;
    assert_eq!(next(&mut client, "events.update", 1).await, [(1, 0, 1)]);
    for n in 2..=3_001 {
        event(&world, &(n % 1_500).to_string(), n).await;
    }
    let mut newest = BTreeMap::new();
    let mut reached = 1;
    while reached < 3_001 {
        let push = client.next().await;
        assert_eq!(push["type"], "events.update", "{push}");
        let offset = push["offset"].as_u64().unwrap();
        assert_eq!(
            reached + push["conflated"].as_u64().unwrap_or_default() + 1,
            offset
        );
        reached = offset;
        newest.insert(push["payload"]["of"]["key"].to_string(), offset);
    }
    let mut newest: Vec<u64> = newest.into_values().collect();
    newest.sort_unstable();
    assert_eq!(newest, (1_502..=3_001).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_history_no_longer_has_is_declared_by_key_as_well() {
    let world = World::start(world().with("history_publications", 100)).await;
    let mut client = world.connect().await;
    client
        .subscribe_with(json!({"channel": "events", "key": "of.key", "throttle": 400}))
        .await;
    event(&world, "0", 1).await;
    assert_eq!(next(&mut client, "events.update", 1).await, [(1, 0, 1)]);
    for n in 2..=2_000 {
        event(&world, &n.to_string(), n).await;
    }
    let status = client.next().await;
    assert_eq!(
        status["payload"]["gap"],
        json!({"kind": "publications", "missed": 1_899, "offset": 1_900})
    );
    let rest = next(&mut client, "events.update", 100).await;
    let expected: Vec<_> = (1_901..=2_000).map(|n| (n, 0, n)).collect();
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn what_was_selected_and_is_gone_before_it_was_sent_is_declared() {
    let world = World::start(world().with("history_publications", 50)).await;
    let mut client = world.connect().await;
    let wanted = |throttle: u32| {
        let filters = json!({"kind": "rare"});
        json!({"channel": "events", "mode": "latest", "throttle": throttle, "filters": filters})
    };
    client.subscribe_with(wanted(60_000)).await;
    world.publish("events", r#"{"kind":"rare","n":1}"#).await;
    assert_eq!(next(&mut client, "events.update", 1).await, [(1, 0, 1)]);
    world.publish("events", r#"{"kind":"rare","n":2}"#).await;
    for _ in 3..=200 {
        world.publish("events", r#"{"kind":"common"}"#).await;
    }
    // It waited for the throttle, and goes on from there: nothing that is left is of its kind.
    let subscribed = client.subscribe_with(wanted(1)).await;
    assert_eq!(subscribed["offset"], 1);
    let status = client.next_of("channel.status").await;
    let gap = json!({"kind": "publications", "missed": 149, "offset": 150});
    assert_eq!(status["payload"]["gap"], gap);
    world.publish("events", r#"{"kind":"rare","n":3}"#).await;
    assert_eq!(next(&mut client, "events.update", 1).await, [(201, 0, 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_link_ends_with_the_newest_of_each_key_and_knows_the_count() {
    let world = World::start(world()).await;
    let mut client = world.connect_narrow().await;
    client
        .subscribe_with(json!({"channel": "events", "key": "k", "filters": {"even": true}}))
        .await;
    let pad = "x".repeat(4_000);
    for n in 0..3_000 {
        let payload = json!({"k": n % 40, "n": n, "even": n % 2 == 0, "pad": pad});
        world.publish("events", &payload.to_string()).await;
    }
    let mut newest = BTreeMap::new();
    let (mut came, mut conflated) = (0, 0);
    while came + conflated < 1_500 {
        let push = client.next_of("events.update").await;
        came += 1;
        conflated += push["conflated"].as_u64().unwrap_or_default();
        newest.insert(
            push["payload"]["k"].as_u64().unwrap(),
            push["payload"]["n"].as_u64().unwrap(),
        );
    }
    assert_eq!(
        came + conflated,
        1_500,
        "each that is selected came, or is counted"
    );
    assert!(conflated > 0, "the test is about a link that is too slow");
    let expected: BTreeMap<u64, u64> = (0..20).map(|k| (2 * k, 2_960 + 2 * k)).collect();
    assert_eq!(newest, expected);
}

/// One who changes what it wants again and again, and checks that it loses nothing in silence.
struct Fickle {
    client: Client,
    position: u64,
    /// The newest of each key.
    newest: BTreeMap<u64, u64>,
    contiguous: bool,
}

impl Fickle {
    fn take(&mut self, push: &Value) {
        assert_eq!(push["type"], "events.update", "{push}");
        assert_eq!(push.get("snapshot"), None, "{push}");
        let offset = push["offset"].as_u64().unwrap();
        let conflated = push["conflated"].as_u64().unwrap_or_default();
        assert_eq!(
            self.position + conflated + 1,
            offset,
            "nothing twice, and nothing in silence: {push}"
        );
        assert!(conflated == 0 || !self.contiguous, "{push}");
        self.position = offset;
        let payload = &push["payload"];
        self.newest
            .insert(payload["k"].as_u64().unwrap(), payload["n"].as_u64().unwrap());
    }

    async fn change(&mut self, wanted: Value) {
        let id = self.client.request("subscribe", wanted).await;
        loop {
            let message = self.client.next().await;
            if message["id"] == id.as_str() {
                assert_eq!(message["type"], "subscribed", "{message}");
                let payload = &message["payload"];
                assert_eq!(
                    payload["offset"], self.position,
                    "it goes on from where it stands"
                );
                self.contiguous = payload["contiguous"].as_bool().unwrap();
                return;
            }
            self.take(&message);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn settings_that_change_while_publications_come_lose_and_repeat_nothing() {
    const CLIENTS: u64 = 8;
    const WORDS: u64 = 20_000;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let world = World::start(world().with("history_publications", WORDS as usize)).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = world.connect().await;
        client.subscribe("events").await;
        let fickle = Fickle {
            client,
            position: 0,
            newest: BTreeMap::new(),
            contiguous: true,
        };
        clients.push((fastrand::Rng::with_seed(seed ^ number), fickle));
    }
    let broker = world.broker.clone();
    let publisher = tokio::spawn(async move {
        for n in 0..WORDS {
            let content = Content::Whole(json!({"k": n % 13, "n": n}).to_string().into());
            broker.publish(&topic("events"), content, now()).await.unwrap();
            if n % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let listeners: Vec<_> = clients
        .into_iter()
        .map(|(mut rng, mut fickle)| {
            tokio::spawn(async move {
                while fickle.position < WORDS {
                    let wanted = match rng.u8(..4) {
                        0 => json!({"channel": "events"}),
                        1 => json!({"channel": "events", "key": "k"}),
                        _ => json!({"channel": "events", "key": "k", "throttle": rng.u8(1..60)}),
                    };
                    fickle.change(wanted).await;
                    for _ in 0..rng.u16(..200) {
                        if fickle.position == WORDS {
                            break;
                        }
                        let push = fickle.client.next().await;
                        fickle.take(&push);
                    }
                }
                let expected: BTreeMap<u64, u64> = (WORDS - 13..WORDS).map(|n| (n % 13, n)).collect();
                assert_eq!(fickle.newest, expected, "after quiet, the newest of each key");
            })
        })
        .collect();
    for task in std::iter::once(publisher).chain(listeners) {
        tokio::time::timeout(crate::harness::DEADLINE * 3, task)
            .await
            .expect("in time")
            .unwrap();
    }
}

#[tokio::test]
async fn a_throttle_holds_over_time_and_the_last_value_comes() {
    const THROTTLE: Duration = Duration::from_millis(100);
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    let began = tokio::time::Instant::now();
    client
        .subscribe_with(json!({"channel": "events", "mode": "latest", "throttle": 100}))
        .await;
    let broker = world.broker.clone();
    let publisher = tokio::spawn(async move {
        for n in 0..60_u64 {
            let content = Content::Whole(json!({"n": n}).to_string().into());
            broker.publish(&topic("events"), content, now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut pushes = 0;
    let mut position = 0;
    while position < 60 {
        let (offset, conflated, n) = next(&mut client, "events.update", 1).await[0];
        assert_eq!((position + conflated + 1, n + 1), (offset, offset));
        position = offset;
        pushes += 1;
        // However late they are read: so many cannot have been sent any sooner.
        let most = began.elapsed().as_millis() / THROTTLE.as_millis() + 1;
        assert!(pushes <= most, "{pushes} pushes in {:?}", began.elapsed());
    }
    publisher.await.unwrap();
}
