//! A shard that panicked cuts its clients and goes on.

use serde_json::{Value, json};

use super::harness::{CLASSES, Caller, World, settings, topic};

fn hears(world: &mut World, caller: &mut Caller, n: u64) -> bool {
    let mut heard: Vec<Value> = Vec::new();
    for _ in 0..100 {
        world.turn();
        heard.extend(caller.read().expect("it is not cut"));
        if heard.iter().any(|push| push["payload"]["n"] == n) {
            return true;
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_begins_anew_cuts_its_clients_and_serves_those_who_come() {
    let mut world = World::start(settings(), 2).await;
    let channel = json!({"channel": "room:a"});
    let mut callers = Vec::new();
    for shard in [0, 0, 1] {
        let mut caller = world.connect(shard, CLASSES[0]).await;
        caller.ask(false, "subscribe", &channel);
        world.turn();
        callers.push(caller);
    }
    world.publish(&topic("room:a"), &json!({"n": 1})).await;
    for caller in &mut callers {
        assert!(hears(&mut world, caller, 1));
    }

    world.shards[0].begin_anew();

    let mut elsewhere = callers.pop().expect("three came");
    assert!((0..100).any(|_| callers[0].read().is_none()), "it is cut");
    // Into the place that one of them had.
    let mut next = world.connect(0, CLASSES[0]).await;
    next.ask(false, "subscribe", &channel);
    world.turn();
    world.publish(&topic("room:a"), &json!({"n": 2})).await;
    assert!(hears(&mut world, &mut next, 2));
    assert!(
        hears(&mut world, &mut elsewhere, 2),
        "the other shard was not disturbed"
    );
    assert_eq!(world.gateway.hub.seats(), 2);
    assert_eq!(world.gateway.metrics.panics.get(), 1);
}
