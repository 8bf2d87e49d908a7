//! What stands for each key survives, with the past of each device and the whole text of a stream.

use nexus_protocol::Timestamp;
use nexus_server::broker::{Begin, First, SnapshotOf};
use nexus_server::content::{Content, Keyed};
use nexus_server::encoded::frame_text;
use serde_json::{Value, json};

use crate::world::{crashed, join, keyed, open, publish, recovered, topic};

fn standing(pairs: Vec<(std::sync::Arc<str>, std::sync::Arc<str>)>) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(key, text)| (key.to_string(), text.to_string()))
        .collect()
}

#[tokio::test]
async fn the_newest_of_each_key_survives_even_where_the_history_does_not_reach() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    publish(&broker, "tasks", keyed("old", "0")).await;
    for at in 0..1_500 {
        let content = keyed(&format!("k{}", at % 3), &at.to_string());
        broker
            .publish(&topic("tasks"), content, Timestamp::EXAMPLE)
            .await
            .unwrap();
    }
    let last = publish(&broker, "tasks", keyed("new", "1")).await;
    let expected = [
        ("old", "0"),
        ("k0", "1497"),
        ("k1", "1498"),
        ("k2", "1499"),
        ("new", "1"),
    ];
    let expected = expected.map(|(key, text)| (key.to_owned(), text.to_owned()));
    assert_eq!(standing(broker.standing(&topic("tasks")).await), expected);
    let crash = crashed(dir.path());
    let broker = open(crash.path());
    assert_eq!(broker.store().unwrap().lost, 0);
    assert_eq!(standing(broker.standing(&topic("tasks")).await), expected);
    assert!(recovered(&broker, "tasks", &last.epoch, 502).await);
    assert!(!recovered(&broker, "tasks", &last.epoch, 501).await);
}

#[tokio::test]
async fn the_whole_of_a_stream_survives_and_its_chunks_are_not_multiplied() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let mut whole = String::new();
    for index in 0..200 {
        whole.push_str("word ");
        let content = Content::Keyed(Keyed {
            key: "s-1".into(),
            text: json!({"stream_id": "s-1", "index": index, "delta": "word "})
                .to_string()
                .into(),
            stands: Some(
                json!({"stream_id": "s-1", "index": index, "text": whole})
                    .to_string()
                    .into(),
            ),
            is_final: false,
        });
        publish(&broker, "ai", content).await;
    }
    let crash = crashed(dir.path());
    let broker = open(crash.path());
    assert_eq!(broker.store().unwrap().lost, 0);
    let standing = standing(broker.standing(&topic("ai")).await);
    assert_eq!(standing.len(), 1);
    let text: Value = serde_json::from_str(&standing[0].1).unwrap();
    assert_eq!((&text["text"], &text["index"]), (&json!(whole), &json!(199)));
}

#[tokio::test]
async fn a_snapshot_of_many_keys_comes_in_pieces_and_stands_for_one_offset() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    for at in 0..3_000 {
        let content = keyed(&format!("d-{}", at % 2_500), &json!({"at": at}).to_string());
        broker
            .publish(&topic("telemetry"), content, Timestamp::EXAMPLE)
            .await
            .unwrap();
    }
    let joined = join(&broker, "telemetry", Begin::Fresh).await;
    assert_eq!(
        (joined.first, joined.position.offset.0),
        (Some(First::Snapshot), 3_000)
    );
    let mut of = SnapshotOf {
        after: nexus_protocol::Offset::ZERO,
        until: None,
        bytes: 32 * 1024,
    };
    let mut seen = Vec::new();
    let mut pieces = 0;
    loop {
        let snapshot = broker.snapshot(&topic("telemetry"), of, None).await;
        pieces += 1;
        for frame in &snapshot.frames {
            let push: Value = serde_json::from_str(frame_text(frame)).unwrap();
            assert_eq!(
                (&push["offset"], &push["snapshot"]),
                (&json!(3_000), &json!(true))
            );
            seen.push(push["payload"]["at"].as_u64().unwrap());
        }
        assert!(snapshot.frames.iter().map(|frame| frame.len()).sum::<usize>() < 50 * 1024);
        if snapshot.reaches == snapshot.offset {
            break;
        }
        // Published meanwhile: it comes behind the snapshot and is no part of it.
        let content = keyed("late", "1");
        broker
            .publish(&topic("telemetry"), content, Timestamp::EXAMPLE)
            .await
            .unwrap();
        of = SnapshotOf {
            after: snapshot.reaches,
            until: Some(snapshot.offset),
            ..of
        };
    }
    assert!(pieces > 3);
    assert_eq!(seen, (500..3_000).collect::<Vec<u64>>());
}
