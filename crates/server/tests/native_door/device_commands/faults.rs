//! Devices that are away, die in the middle, answer late; senders and servers that come back.

use serde_json::{Value, json};

use super::{done, gets, order, received, status_is, steps};
use crate::harness::{World, settings};

#[tokio::test]
async fn an_order_that_nobody_takes_in_time_expires_by_itself() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("commands").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let (request, _) = order(
        &mut ann,
        json!({"device_id": "pump", "name": "blink", "ttl_ms": 100}),
    )
    .await;
    let error = ann.next().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(request), &json!("DEVICE_OFFLINE"))
    );
    assert_eq!(steps(&mut viewer, 2).await, ["queued", "expired"]);

    let mut device = world.connect_as("pump", "device").await;
    let (request, id) = order(
        &mut ann,
        json!({"device_id": "pump", "name": "blink", "ttl_ms": 200}),
    )
    .await;
    status_is(&mut ann, &request, "sent").await;
    assert_eq!(
        gets(&mut device).await["command_id"],
        id.as_str(),
        "what has expired does not come"
    );
    let error = ann.next().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(request), &json!("COMMAND_FAILED"))
    );
    for _ in 0..2 {
        let late = done(&mut device, &id, json!(1)).await;
        assert_eq!(late["error"]["code"], "INVALID_PARAMS", "{late}");
        assert!(late["error"]["message"].as_str().unwrap().contains("expired"));
    }
    assert_eq!(
        received(&mut device, &id).await["error"]["code"],
        "INVALID_PARAMS"
    );
    assert_eq!(
        steps(&mut viewer, 4).await,
        ["queued", "sent", "expired", "expired"]
    );
    let page = viewer
        .ask(
            "history",
            json!({"channel": "commands", "reverse": true, "limit": 1}),
        )
        .await;
    let note = page["payload"]["items"][0]["payload"]["error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(note.ends_with("it answered late"), "{note}");
}

#[tokio::test]
async fn a_device_that_is_killed_in_the_middle_gets_it_again_and_is_told_so() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("commands").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let mut device = world.connect_as("pump", "device").await;
    let (request, id) = order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    gets(&mut device).await;
    // Dropped without a word.
    drop(device);
    status_is(&mut ann, &request, "sent").await;
    status_is(&mut ann, &request, "queued").await;
    let mut device = world.connect_as("pump", "device").await;
    let again = gets(&mut device).await;
    assert_eq!(
        (&again["command_id"], &again["redelivered"]),
        (&json!(id), &json!(true))
    );
    received(&mut device, &id).await;
    drop(device);
    let mut device = world.connect_as("pump", "device").await;
    let again = gets(&mut device).await;
    assert_eq!(
        (&again["command_id"], &again["redelivered"]),
        (&json!(id), &json!(true))
    );
    done(&mut device, &id, json!("at last")).await;
    status_is(&mut ann, &request, "sent").await;
    status_is(&mut ann, &request, "delivered").await;
    assert_eq!(ann.next().await["payload"]["result"], "at last");
    let expected = ["queued", "sent", "queued", "sent", "delivered", "done"];
    assert_eq!(steps(&mut viewer, 6).await, expected);
}

#[tokio::test]
async fn a_sender_that_comes_back_with_its_key_is_attached_to_the_running_command() {
    let world = World::start(settings()).await;
    let mut device = world.connect_as("pump", "device").await;
    let wanted = json!({"device_id": "pump", "name": "blink", "args": [1], "idempotency_key": "k"});
    let mut ann = world.connect_as("ann", "operator").await;
    let (_, id) = order(&mut ann, wanted.clone()).await;
    gets(&mut device).await;
    ann.leave().await;
    received(&mut device, &id).await;
    let mut ann = world.connect_as("ann", "operator").await;
    let (request, again) = order(&mut ann, wanted.clone()).await;
    assert_eq!(again, id);
    status_is(&mut ann, &request, "delivered").await;
    done(&mut device, &id, json!(7)).await;
    assert_eq!(ann.next().await["payload"]["result"], 7);
    let (request, again) = order(&mut ann, wanted).await;
    assert_eq!(again, id);
    let result = ann.next().await;
    assert_eq!(
        (&result["id"], &result["payload"]["result"]),
        (&json!(request), &json!(7))
    );
    let other = json!({"device_id": "pump", "name": "blink", "args": [2], "idempotency_key": "k"});
    assert_eq!(ann.is_refused("command", other).await, "INVALID_PARAMS");
    assert_eq!(device.ask("ping", Value::Null).await["type"], "pong");
    assert!(device.has_nothing_waiting(), "it came once");
}

#[tokio::test]
async fn a_restart_keeps_what_waits_what_runs_and_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let kept = || {
        settings()
            .with("store", true)
            .with("data_dir", dir.path().display())
    };
    let mut world = World::start(kept()).await;
    let mut device = world.connect_as("pump", "device").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let keyed = |name: &str, of: &str| json!({"device_id": of, "name": name, "ttl_ms": 600_000, "idempotency_key": name});
    let (_, over) = order(&mut ann, keyed("over", "pump")).await;
    gets(&mut device).await;
    done(&mut device, &over, json!("was done")).await;
    let (_, running) = order(&mut ann, keyed("running", "pump")).await;
    gets(&mut device).await;
    received(&mut device, &running).await;
    let (_, waiting) = order(&mut ann, keyed("waiting", "fan")).await;
    world.begin_to_end();
    drop((device, ann));
    world.ended().await;

    let world = World::start(kept()).await;
    let mut ann = world.connect_as("ann", "operator").await;
    for (name, of, id) in [
        ("over", "pump", &over),
        ("running", "pump", &running),
        ("waiting", "fan", &waiting),
    ] {
        ann.request("command", keyed(name, of)).await;
        let ack = ann.next_of("ack").await;
        assert_eq!(ack["payload"]["command_id"], id.as_str(), "{name}");
        let stands = ann.next().await;
        match name {
            "over" => assert_eq!(stands["payload"]["result"], "was done"),
            "running" => assert_eq!(stands["payload"]["status"], "delivered"),
            _ => assert_eq!(stands["payload"]["status"], "queued"),
        }
    }
    let mut fan = world.connect_as("fan", "device").await;
    let command = gets(&mut fan).await;
    assert_eq!(
        (&command["command_id"], command.get("redelivered")),
        (&json!(waiting), None)
    );
    let mut pump = world.connect_as("pump", "device").await;
    let command = gets(&mut pump).await;
    assert_eq!(
        (&command["command_id"], &command["redelivered"]),
        (&json!(running), &json!(true))
    );
    done(&mut pump, &running, json!("done now")).await;
    assert_eq!(
        ann.next_of("command.result").await["payload"]["result"],
        "done now"
    );
}

#[tokio::test]
async fn commands_go_to_the_newest_connection_of_a_device() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "operator").await;
    let mut older = world.connect_as("pump", "device").await;
    let mut newer = world.connect_as("pump", "device").await;
    let (_, first) = order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    assert_eq!(gets(&mut newer).await["command_id"], first.as_str());
    done(&mut newer, &first, json!(1)).await;
    assert_eq!(older.ask("ping", Value::Null).await["type"], "pong");
    assert!(older.has_nothing_waiting());
    newer.leave().await;
    let (_, second) = order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    assert_eq!(gets(&mut older).await["command_id"], second.as_str());
    assert_eq!(done(&mut older, &second, json!(2)).await["type"], "ack");
}

#[tokio::test]
async fn the_audit_trail_of_a_command_outlives_what_others_do() {
    let world = World::start(settings().with("history_publications", 10)).await;
    let mut device = world.connect_as("pump-1", "device").await;
    let mut operator = world.connect_as("ann", "operator").await;
    let order = |name: String| json!({"device_id": "pump-1", "name": name});
    let first = operator.ask("command", order("first".to_owned())).await;
    let first = first["payload"]["command_id"].clone();
    device
        .ask("command.result", json!({"command_id": first, "ok": true}))
        .await;
    for number in 0..30 {
        let ack = operator.ask("command", order(format!("n{number}"))).await;
        let id = ack["payload"]["command_id"].clone();
        let done = json!({"command_id": id, "ok": true});
        assert_eq!(device.ask("command.result", done).await["type"], "ack");
    }
    let mut auditor = world.connect_as("eve", "operator").await;
    let page = auditor
        .ask(
            "history",
            json!({"channel": "commands", "filters": {"command_id": first}}),
        )
        .await;
    let steps: Vec<&str> = page["payload"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["payload"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(steps.first(), Some(&"queued"), "{page}");
    assert_eq!(steps.last(), Some(&"done"), "{page}");
}
