//! A subscription that ends, ends at once, however much waits for the shard: nothing of it comes behind the answer.

use serde_json::{Value, json};

use super::harness::{CLASSES, Caller, World, settings, topic};

/// More than a shard takes in one turn.
const MANY: u64 = 3_000;

/// A world with one member of `room:a`, whose shard has more before it than one turn takes.
async fn crowded(payload: &Value) -> (World, Caller) {
    let settings = settings()
        .with("namespaces", "room history=10000")
        .with("history_bytes", 1 << 26)
        .with("idle_secs", 86_400);
    let mut world = World::start(settings, 1).await;
    let mut caller = world.connect(0, CLASSES[0]).await;
    caller.ask(false, "subscribe", payload);
    while world.members(&topic("room:a")) == 0 {
        world.turn();
        caller.read().expect("it stays connected");
    }
    for n in 1..=MANY {
        world.publish(&topic("room:a"), &json!({"n": n})).await;
    }
    (world, caller)
}

/// Everything that comes until this is there.
fn hear(world: &mut World, caller: &mut Caller, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let begun = std::time::Instant::now();
    let mut heard = Vec::new();
    while !heard.iter().any(&is_last) {
        assert!(begun.elapsed().as_secs() < 20, "the last does not come");
        world.turn();
        heard.extend(caller.read().expect("it stays connected"));
    }
    heard
}

fn offsets(heard: &[Value]) -> Vec<u64> {
    let pushes = heard.iter().filter(|message| message["type"] == "message");
    pushes
        .map(|push| push["offset"].as_u64().expect("a number"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_behind_the_answer_that_a_subscription_has_ended() {
    let channel = json!({"channel": "room:a"});
    let (mut world, mut caller) = crowded(&channel).await;
    let left = caller.ask(false, "unsubscribe", &channel);
    let mut heard = hear(&mut world, &mut caller, |message| message["id"] == left.as_str());
    for _ in 0..20 {
        world.turn();
        heard.extend(caller.read().expect("it stays connected"));
    }
    let answer = heard.iter().position(|message| message["id"] == left.as_str());
    let behind = answer.map(|answer| offsets(&heard[answer..]));
    assert_eq!(behind, Some(Vec::new()));
    let before = offsets(&heard);
    assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_again_gets_each_publication_once() {
    for payload in [
        json!({"channel": "room:a"}),
        json!({"channel": "room:a", "mode": "latest"}),
    ] {
        let (mut world, mut caller) = crowded(&payload).await;
        caller.ask(false, "subscribe", &json!({"channel": "room:a"}));
        let heard = hear(&mut world, &mut caller, |push| push["offset"] == MANY);
        let got = offsets(&heard);
        assert!(got.is_sorted_by(|one, next| one < next), "{payload}: {got:?}");
        if payload["mode"].is_null() {
            assert_eq!(got, (1..=MANY).collect::<Vec<_>>());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_and_comes_back_in_one_breath_begins_where_the_answer_says() {
    let channel = json!({"channel": "room:a"});
    let (mut world, mut caller) = crowded(&channel).await;
    caller.ask(false, "unsubscribe", &channel);
    let back = caller.ask(false, "subscribe", &channel);
    let heard = hear(&mut world, &mut caller, |message| {
        message["offset"] == MANY || message["payload"]["offset"] == MANY
    });
    let answer = heard.iter().position(|message| message["id"] == back.as_str());
    let answer = answer.expect("it is answered");
    let from = heard[answer]["payload"]["offset"].as_u64().expect("a number");
    let before = offsets(&heard[..answer]);
    assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>());
    let behind = offsets(&heard[answer..]);
    let follows = |one: u64| one > from;
    assert!(behind.iter().all(|offset| follows(*offset)), "{from}: {behind:?}");
    assert!(behind.is_sorted_by(|one, next| one + 1 == *next), "{behind:?}");
}
