//! `publish`: what goes where, from whom, once; and what is refused stores nothing and disturbs nobody.

use nexus_server::config::Settings;
use serde_json::{Value, json};

use crate::harness::{Client, World, settings};

/// Many messages, and many that are wrong.
pub(crate) fn patient() -> Settings {
    settings()
        .with("messages_per_minute", 10_000)
        .with("errors_per_minute", 10_000)
}

/// A request per line, each to be refused with its code. Afterwards nothing was published on any of the channels that a
/// witness listens to, and the connection goes on.
pub(crate) async fn are_refused(
    world: &World,
    client: &mut Client,
    kind: &str,
    channels: &[&str],
    cases: Vec<(Value, &str)>,
) {
    let mut witness = world.connect_as("witness", "admin").await;
    let mut before = Vec::new();
    for channel in channels {
        before.push(
            witness
                .subscribe_with(json!({"channel": channel, "snapshot": false}))
                .await,
        );
    }
    for (payload, code) in cases {
        let refused = client.is_refused(kind, payload.clone()).await;
        assert_eq!(refused, code, "{payload}");
    }
    assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
    for (channel, before) in channels.iter().zip(before) {
        let page = witness.ask("history", json!({"channel": channel})).await;
        assert_eq!(
            page["payload"]["offset"], before["offset"],
            "{channel}: nothing was stored"
        );
    }
    assert_eq!(witness.ask("ping", Value::Null).await["type"], "pong");
    assert!(witness.has_nothing_waiting(), "the witness saw something");
    witness.leave().await;
}

#[tokio::test]
async fn what_is_published_comes_to_subscribers_as_it_was_written_and_with_who_wrote_it() {
    let world = World::start(settings()).await;
    let mut operator = world.connect_as("ann", "operator").await;
    let mut admin = world.connect_as("root", "admin").await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    for (channel, data, kind) in [
        (
            "events",
            r#"{"kind":"door", "open":true,"big":1.50}"#,
            "events.update",
        ),
        (
            "tasks",
            r#"{"task_id":"t","progress":0.50, "eta":3}"#,
            "tasks.update",
        ),
        (
            "ai",
            r#"{"stream_id":"s","index":0,"chunk":"a", "model":"m"}"#,
            "ai.update",
        ),
        ("room:a", r#"[1, "two" ,{"three":3}]"#, "message"),
    ] {
        viewer
            .subscribe_with(json!({"channel": channel, "snapshot": false}))
            .await;
        operator
            .send(&format!(
                r#"{{"type":"publish","id":"p","payload":{{"channel":"{channel}","data":{data}}}}}"#
            ))
            .await;
        let ack = operator.next().await;
        assert_eq!((&ack["type"], &ack["id"]), (&json!("ack"), &json!("p")), "{ack}");
        let text = viewer.next_text().await;
        assert!(text.contains(data), "{text}");
        let push: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&push["type"], &push["from"]), (&json!(kind), &json!("ann")));
        assert_eq!(push["offset"], ack["payload"]["offset"]);
    }
    viewer
        .subscribe_with(json!({"channel": "system", "snapshot": false}))
        .await;
    let notice = json!({"channel": "system", "data": {"text": "maintenance at noon"}});
    assert_eq!(admin.ask("publish", notice).await["type"], "ack");
    assert_eq!(viewer.next_of("message").await["from"], "root");
}

#[tokio::test]
async fn who_may_not_publish_is_refused_and_nothing_is_stored() {
    let world = World::start(patient()).await;
    let channels = [
        "events",
        "tasks",
        "ai",
        "system",
        "room:a",
        "telemetry",
        "commands",
    ];
    let data = json!({"task_id": "t", "stream_id": "s"});
    let on = |channel: &str| json!({"channel": channel, "data": data});
    for (role, refused, code) in [
        (
            "",
            vec!["events", "tasks", "ai", "system", "room:a", "prices", "telemetry"],
            "AUTH_FAILED",
        ),
        ("viewer", vec!["events", "tasks", "ai", "system"], "FORBIDDEN"),
        (
            "device",
            vec!["events", "tasks", "ai", "system", "room:a"],
            "FORBIDDEN",
        ),
        (
            "operator",
            vec![
                "system",
                "telemetry",
                "commands",
                "prices",
                "orderbook",
                "trades",
                "candles",
                "user_orders",
                "user_fills",
                "account_updates",
                "chain",
            ],
            "FORBIDDEN",
        ),
        (
            "admin",
            vec!["telemetry", "commands", "prices", "chain"],
            "FORBIDDEN",
        ),
        ("admin", vec!["weather", "nowhere:a"], "UNKNOWN_CHANNEL"),
        ("operator", vec!["event", "nowhere:a"], "UNKNOWN_CHANNEL"),
    ] {
        let mut client = match role {
            "" => world.connect().await,
            role => world.connect_as("someone", role).await,
        };
        let cases = refused.into_iter().map(|channel| (on(channel), code)).collect();
        are_refused(&world, &mut client, "publish", &channels, cases).await;
    }
}

#[tokio::test]
async fn who_takes_a_channel_for_one_to_publish_on_is_told_what_to_do() {
    let world = World::start(settings()).await;
    let mut operator = world.connect_as("ann", "operator").await;
    for (channel, word) in [
        ("telemetry", "`telemetry`"),
        ("commands", "`command`"),
        ("trades", "exchange"),
    ] {
        let answer = operator
            .ask("publish", json!({"channel": channel, "data": {}}))
            .await;
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_has_not_the_channel_s_shape_is_refused_and_nothing_is_stored() {
    let world = World::start(patient()).await;
    let mut admin = world.connect_as("root", "admin").await;
    let mut cases = Vec::new();
    for channel in ["events", "system", "tasks", "ai"] {
        for data in [json!(1), json!("text"), json!([1]), Value::Null] {
            cases.push((json!({"channel": channel, "data": data}), "INVALID_PARAMS"));
        }
    }
    let long = "x".repeat(4_097);
    for (channel, data) in [
        ("tasks", json!({})),
        ("tasks", json!({"task_id": 7})),
        ("tasks", json!({"task_id": ""})),
        ("tasks", json!({"task_id": "t", "state": "sleeping"})),
        ("tasks", json!({"task_id": "t", "progress": 1.1})),
        ("tasks", json!({"task_id": "t", "progress": "half"})),
        ("ai", json!({})),
        ("ai", json!({"stream_id": "s", "index": -1})),
        ("ai", json!({"stream_id": "s", "index": 1, "chunk": "x"})),
        ("ai", json!({"stream_id": "s", "index": null, "chunk": "x"})),
        ("ai", json!({"stream_id": "s", "text": "all"})),
        ("ai", json!({"stream_id": "s", "chunk": long})),
    ] {
        cases.push((json!({"channel": channel, "data": data}), "INVALID_PARAMS"));
    }
    for payload in [
        json!({"data": {}}),
        json!({"channel": 1, "data": {}}),
        json!({"channel": "room:a", "data": 1, "idempotency_key": ""}),
        json!({"channel": "room:a", "data": 1, "idempotency_key": "x".repeat(65)}),
    ] {
        cases.push((payload, "INVALID_MESSAGE"));
    }
    let channels = ["events", "system", "tasks", "ai", "room:a"];
    are_refused(&world, &mut admin, "publish", &channels, cases).await;
}

#[tokio::test]
async fn the_same_key_is_published_once_and_answered_with_the_first_position() {
    let world = World::start(settings()).await;
    let mut witness = world.connect_as("eve", "viewer").await;
    witness.subscribe("room:a").await;
    let mut first = world.connect_as("ann", "operator").await;
    let mut second = world.connect_as("ann", "operator").await;
    let mut other = world.connect_as("bob", "operator").await;
    let say = |word: &str| json!({"channel": "room:a", "data": word, "idempotency_key": "k"});
    let ack = first.ask("publish", say("once")).await;
    assert_eq!(ack["payload"]["offset"], 1, "{ack}");
    for client in [&mut first, &mut second] {
        assert_eq!(
            client.ask("publish", say("once")).await["payload"],
            ack["payload"]
        );
        assert_eq!(client.is_refused("publish", say("other")).await, "INVALID_PARAMS");
        let elsewhere = json!({"channel": "room:b", "data": "once", "idempotency_key": "k"});
        assert_eq!(client.is_refused("publish", elsewhere).await, "INVALID_PARAMS");
    }
    assert_eq!(other.ask("publish", say("bob's")).await["payload"]["offset"], 2);
    assert_eq!(witness.next().await["payload"], "once");
    assert_eq!(witness.next().await["payload"], "bob's");
}

#[tokio::test]
async fn who_wants_no_ack_gets_none_and_is_told_of_a_refusal_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let settings = patient()
        .with("store", true)
        .with("data_dir", dir.path().display());
    let world = World::start(settings).await;
    let mut listener = world.connect().await;
    listener.subscribe("room:a").await;
    let mut ann = world.connect_as("ann", "operator").await;
    for payload in [
        json!({"channel": "room:a", "data": 1, "ack": false}),
        json!({"channel": "room:a", "data": 2, "ack": false, "idempotency_key": "k"}),
        json!({"channel": "tasks", "data": {"task_id": "t"}, "ack": false}),
    ] {
        ann.request("publish", payload).await;
    }
    let refused = ann
        .is_refused("publish", json!({"channel": "prices", "data": 3, "ack": false}))
        .await;
    assert_eq!(refused, "FORBIDDEN");
    assert_eq!(ann.ask("ping", Value::Null).await["type"], "pong");
    // The key holds, and whoever wants to know later is told.
    let again = json!({"channel": "room:a", "data": 2, "idempotency_key": "k"});
    assert_eq!(ann.ask("publish", again).await["payload"]["offset"], 2);
    assert!(ann.has_nothing_waiting(), "an ack came that nobody wanted");
    for word in [1, 2] {
        assert_eq!(listener.next().await["payload"], word);
    }
    let wrong = json!({"channel": "room:a", "data": 3, "ack": 0});
    assert_eq!(ann.is_refused("publish", wrong).await, "INVALID_MESSAGE");
}
