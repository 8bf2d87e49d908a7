//! `tasks` and `ai`: what follows is published, what is a repeat is acknowledged, and a late viewer gets what stands.

use serde_json::{Value, json};

use crate::harness::{Client, World, settings};

async fn publish(client: &mut Client, channel: &str, data: Value) -> Value {
    client
        .ask("publish", json!({"channel": channel, "data": data}))
        .await
}

#[tokio::test]
async fn a_task_runs_to_its_end_and_is_over_then() {
    let world = World::start(settings()).await;
    let mut producer = world.connect_as("ann", "operator").await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("tasks").await;
    for (data, expected) in [
        (
            json!({"task_id": "t", "title": "Backup", "state": "queued"}),
            "ack",
        ),
        (json!({"task_id": "t", "progress": 0.5}), "ack"),
        (json!({"task_id": "t", "progress": 0.4}), "error"),
        (json!({"task_id": "t", "state": "done", "progress": 1}), "ack"),
        (json!({"task_id": "t", "state": "done"}), "ack"),
        (json!({"task_id": "t", "state": "failed"}), "error"),
        (json!({"task_id": "t", "progress": 1}), "error"),
        (json!({"task_id": "u"}), "ack"),
    ] {
        assert_eq!(
            publish(&mut producer, "tasks", data.clone()).await["type"],
            expected,
            "{data}"
        );
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let push = viewer.next().await;
        let payload = &push["payload"];
        seen.push((
            payload["task_id"].clone(),
            payload["state"].clone(),
            payload["progress"].clone(),
        ));
    }
    assert_eq!(
        seen,
        [
            (json!("t"), json!("queued"), Value::Null),
            (json!("t"), Value::Null, json!(0.5)),
            (json!("t"), json!("done"), json!(1)),
            (json!("u"), Value::Null, Value::Null),
        ]
    );
    let mut late = world.connect_as("late", "viewer").await;
    late.subscribe("tasks").await;
    for (id, state) in [("t", json!("done")), ("u", Value::Null)] {
        let push = late.next().await;
        assert_eq!(push["snapshot"], true, "{push}");
        assert_eq!(
            (&push["payload"]["task_id"], &push["payload"]["state"]),
            (&json!(id), &state)
        );
    }
}

#[tokio::test]
async fn a_stream_is_numbered_without_gaps_and_a_late_viewer_gets_it_whole() {
    let world = World::start(settings()).await;
    let mut producer = world.connect_as("ann", "operator").await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("ai").await;
    let first = publish(
        &mut producer,
        "ai",
        json!({"stream_id": "s", "title": "Answer", "chunk": "He", "model": "m"}),
    )
    .await;
    publish(
        &mut producer,
        "ai",
        json!({"stream_id": "s", "index": 1, "chunk": "llo"}),
    )
    .await;
    let again = publish(
        &mut producer,
        "ai",
        json!({"stream_id": "s", "index": 0, "chunk": "He"}),
    )
    .await;
    assert_eq!(again["payload"], first["payload"], "a repeat is where it was");
    for (data, expected) in [
        (json!({"stream_id": "s", "index": 3, "chunk": "!"}), Some(2)),
        (json!({"stream_id": "s", "index": 0, "chunk": "Ho"}), None),
        (json!({"stream_id": "new", "index": 1, "chunk": "Ho"}), Some(0)),
    ] {
        let refused = publish(&mut producer, "ai", data).await;
        assert_eq!(refused["error"]["code"], "INVALID_PARAMS", "{refused}");
        assert_eq!(
            refused["error"]["details"]["expected"],
            json!(expected),
            "{refused}"
        );
    }
    for (index, chunk) in [(0, "He"), (1, "llo")] {
        let push = viewer.next().await;
        assert_eq!(
            (&push["payload"]["index"], &push["payload"]["chunk"]),
            (&json!(index), &json!(chunk))
        );
    }
    let mut late = world.connect_as("late", "viewer").await;
    late.subscribe("ai").await;
    let whole = late.next().await;
    assert_eq!(whole["snapshot"], true, "{whole}");
    assert_eq!(
        whole["payload"],
        json!({"stream_id": "s", "title": "Answer", "index": 1, "text": "Hello"})
    );
    publish(
        &mut producer,
        "ai",
        json!({"stream_id": "s", "chunk": "!", "done": true}),
    )
    .await;
    for client in [&mut viewer, &mut late] {
        let push = client.next().await;
        assert_eq!(
            push["payload"],
            json!({"stream_id": "s", "index": 2, "chunk": "!", "done": true})
        );
    }
    let more = publish(&mut producer, "ai", json!({"stream_id": "s", "chunk": "more"})).await;
    assert_eq!(more["error"]["code"], "INVALID_PARAMS");
}

#[tokio::test]
async fn two_producers_of_one_stream_never_give_the_same_number() {
    let world = World::start(settings().with("messages_per_minute", 1_000)).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("ai").await;
    let mut producers = tokio::task::JoinSet::new();
    for name in ["ann", "bob", "cleo", "dan"] {
        let mut producer = world.connect_as(name, "operator").await;
        producers.spawn(async move {
            for _ in 0..25 {
                let ack = publish(&mut producer, "ai", json!({"stream_id": "s", "chunk": "x"})).await;
                assert_eq!(ack["type"], "ack", "{ack}");
            }
        });
    }
    producers.join_all().await;
    for index in 0..100 {
        assert_eq!(viewer.next().await["payload"]["index"], index);
    }
}

#[tokio::test]
async fn tasks_and_streams_go_on_where_they_stood_before_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let kept = || {
        settings()
            .with("store", true)
            .with("data_dir", dir.path().display())
    };
    let mut world = World::start(kept()).await;
    let mut producer = world.connect_as("ann", "operator").await;
    publish(&mut producer, "tasks", json!({"task_id": "t", "progress": 0.5})).await;
    publish(&mut producer, "ai", json!({"stream_id": "s", "chunk": "one "})).await;
    publish(&mut producer, "ai", json!({"stream_id": "s", "chunk": "two "})).await;
    producer.leave().await;
    world.begin_to_end();
    world.ended().await;

    let world = World::start(kept()).await;
    let mut producer = world.connect_as("ann", "operator").await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    for (channel, data, expected) in [
        ("tasks", json!({"task_id": "t", "progress": 0.4}), "error"),
        ("tasks", json!({"task_id": "t", "progress": 0.6}), "ack"),
        (
            "ai",
            json!({"stream_id": "s", "index": 1, "chunk": "two "}),
            "ack",
        ),
        (
            "ai",
            json!({"stream_id": "s", "index": 3, "chunk": "four"}),
            "error",
        ),
        (
            "ai",
            json!({"stream_id": "s", "index": 2, "chunk": "three"}),
            "ack",
        ),
    ] {
        let answer = publish(&mut producer, channel, data.clone()).await;
        assert_eq!(answer["type"], expected, "{data} {answer}");
    }
    viewer.subscribe("ai").await;
    assert_eq!(viewer.next().await["payload"]["text"], "one two three");
}
