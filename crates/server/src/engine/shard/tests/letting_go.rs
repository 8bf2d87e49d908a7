//! More is published than a shard can take: what is let go, each reads from the history, or is told how much is gone.

use serde_json::{Value, json};

use super::super::*;
use super::harness::{CLASSES, World, settings, topic};

#[tokio::test(start_paused = true)]
async fn what_a_shard_could_not_take_is_caught_up_without_anything_further_being_published() {
    let settings = settings()
        .with("history_publications", 100)
        .with("history_bytes", 1 << 26)
        .with("idle_secs", 86_400);
    let mut world = World::start(settings, 1).await;
    let mut callers = Vec::new();
    for payload in [
        json!({"channel": "room:a"}),
        json!({"channel": "room:a", "mode": "latest"}),
        json!({"channel": "room:a", "mode": "latest", "key": "k"}),
        json!({"channel": "room:b"}),
    ] {
        let mut caller = world.connect(0, CLASSES[0]).await;
        caller.ask(false, "subscribe", &payload);
        world.turn();
        callers.push((caller, Vec::new()));
    }
    world.publish(&topic("room:b"), &json!({"n": 1})).await;
    // Most are taken, the last are let go.
    let pad = "x".repeat(100_000);
    let last = 800;
    for n in 1..=last {
        world
            .publish(&topic("room:a"), &json!({"n": n, "k": n % 3, "pad": pad}))
            .await;
    }
    world.publish(&topic("room:b"), &json!({"n": 2})).await;
    let begun = std::time::Instant::now();
    let has_ended = |heard: &Vec<Value>, end: u64| heard.iter().any(|push| push["payload"]["n"] == end);
    loop {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the last does not come"
        );
        world.turn();
        for (caller, heard) in &mut callers {
            heard.extend(caller.read().expect("nobody is cut"));
        }
        let ends = [last, last, last, 2];
        if callers
            .iter()
            .zip(ends)
            .all(|((_, heard), end)| has_ended(heard, end))
        {
            break;
        }
    }
    let offsets = |heard: &[Value]| -> Vec<u64> {
        let pushes = heard.iter().filter(|push| push["type"] == "message");
        pushes.map(|push| push["offset"].as_u64().unwrap()).collect()
    };
    let every = &callers[0].1;
    let gap = every
        .iter()
        .find(|push| push["payload"]["state"] == "gap")
        .expect("it is told");
    let missed = gap["payload"]["gap"]["missed"].as_u64().unwrap();
    let got = offsets(every);
    assert!(got.is_sorted_by(|one, next| one < next), "each once, in order");
    assert_eq!(got.len() as u64 + missed, last, "nothing is lost in silence");
    assert!(
        got.ends_with(&(last - 50..=last).collect::<Vec<_>>()),
        "what the history has comes"
    );
    let newest: Vec<u64> = offsets(&callers[2].1).into_iter().rev().take(3).collect();
    assert_eq!(newest, [last, last - 1, last - 2], "the newest of each key");
    assert_eq!(offsets(&callers[3].1), [1, 2], "other topics lose nothing");
    callers.clear();
    world.turn();
    world.assert_empty();
}
