//! `command`, `command.received`, `command.result`: orders to devices, with devices that are away, die, answer twice, late
//! or with junk.

use serde_json::{Value, json};

use crate::harness::{Client, World, settings};
use crate::publish::{are_refused, patient};
use crate::telemetry::connect_with;

/// Orders something; the request's id, and the command's.
async fn order(client: &mut Client, payload: Value) -> (String, String) {
    let request = client.request("command", payload).await;
    loop {
        let answer = client.next().await;
        if answer["id"] == request.as_str() {
            assert_eq!(answer["type"], "ack", "{answer}");
            let id = answer["payload"]["command_id"].as_str().unwrap().to_owned();
            return (request, id);
        }
        let is_of_earlier = answer["type"].as_str().unwrap().starts_with("command.");
        assert!(is_of_earlier, "{answer}");
    }
}

/// The next answer under a request's id must be this status.
async fn status_is(client: &mut Client, request: &str, status: &str) {
    let push = client.next().await;
    assert_eq!(push["type"], "command.status", "{push}");
    assert_eq!(
        (&push["id"], &push["payload"]["status"]),
        (&json!(request), &json!(status))
    );
}

async fn received(device: &mut Client, id: &str) -> Value {
    device.ask("command.received", json!({"command_id": id})).await
}

async fn done(device: &mut Client, id: &str, result: Value) -> Value {
    let payload = json!({"command_id": id, "ok": true, "result": result});
    device.ask("command.result", payload).await
}

/// The next command that a device gets.
async fn gets(device: &mut Client) -> Value {
    device.next_of("command").await["payload"].clone()
}

/// The steps of a command that a viewer sees.
async fn steps(viewer: &mut Client, count: usize) -> Vec<String> {
    let mut steps = Vec::new();
    for _ in 0..count {
        let push = viewer.next_of("commands.update").await;
        steps.push(push["payload"]["status"].as_str().unwrap().to_owned());
    }
    steps
}

#[tokio::test]
async fn an_order_goes_to_the_device_and_its_result_comes_back_under_the_same_id() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("commands").await;
    let mut device = world.connect_as("pump", "device").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let wanted = json!({"device_id": "pump", "name": "blink", "args": {"times": 3}});
    let (request, id) = order(&mut ann, wanted).await;
    status_is(&mut ann, &request, "sent").await;
    let command = gets(&mut device).await;
    assert_eq!(command["command_id"], id.as_str());
    assert_eq!(
        (&command["name"], &command["args"]),
        (&json!("blink"), &json!({"times": 3}))
    );
    assert_eq!(command.get("redelivered"), None);
    assert_eq!(received(&mut device, &id).await["type"], "ack");
    status_is(&mut ann, &request, "delivered").await;
    assert_eq!(done(&mut device, &id, json!({"blinked": 3})).await["type"], "ack");
    let result = ann.next().await;
    assert_eq!(
        (&result["type"], &result["id"]),
        (&json!("command.result"), &json!(request))
    );
    assert_eq!(
        result["payload"],
        json!({"command_id": id, "ok": true, "result": {"blinked": 3}})
    );
    assert_eq!(
        steps(&mut viewer, 4).await,
        ["queued", "sent", "delivered", "done"]
    );
    let page = viewer.ask("history", json!({"channel": "commands"})).await;
    let last = page["payload"]["items"].as_array().unwrap().last().unwrap()["payload"].clone();
    for (field, value) in [
        ("by", json!("ann")),
        ("name", json!("blink")),
        ("result", json!({"blinked": 3})),
    ] {
        assert_eq!(
            last[field], value,
            "the audit trail says who, what and what came of it"
        );
    }
    let metrics = String::from_utf8(world.get("/metrics", &[]).await.2).unwrap();
    assert!(
        metrics.contains(r#"nexus_commands_total{event="done"} 1"#),
        "{metrics}"
    );
    assert_eq!(world.metric("nexus_devices").await, 1);
    assert_eq!(world.metric("nexus_commands_open").await, 0);
}

#[tokio::test]
async fn what_the_device_could_not_do_is_an_error_that_says_why() {
    let world = World::start(settings()).await;
    let mut device = world.connect_as("pump", "device").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let (request, id) = order(&mut ann, json!({"device_id": "pump", "name": "open"})).await;
    status_is(&mut ann, &request, "sent").await;
    gets(&mut device).await;
    let failed = json!({"command_id": id, "ok": false, "error": "the pump is locked"});
    assert_eq!(device.ask("command.result", failed).await["type"], "ack");
    let error = ann.next().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(request), &json!("COMMAND_FAILED"))
    );
    assert_eq!(error["error"]["message"], "the pump is locked");
    assert_eq!(error["error"]["details"]["command_id"], id.as_str());
}

#[tokio::test]
async fn a_device_that_was_away_gets_it_when_it_returns_and_an_impatient_order_is_refused() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "operator").await;
    let now = json!({"device_id": "pump", "name": "blink", "ttl_ms": 0});
    assert_eq!(ann.is_refused("command", now.clone()).await, "DEVICE_OFFLINE");
    let (request, id) = order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    let mut device = world.connect_as("pump", "device").await;
    status_is(&mut ann, &request, "sent").await;
    assert_eq!(gets(&mut device).await["command_id"], id.as_str());
    let (_, second) = order(&mut ann, now).await;
    assert_eq!(gets(&mut device).await["command_id"], second.as_str());
}

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
async fn a_gateway_stands_for_the_devices_that_it_reports_for() {
    let world = World::start(settings()).await;
    let claims = json!({"sub": "gateway", "role": "device", "devices": ["gateway", "room-*"]});
    let (mut gateway, _) = connect_with(&world, claims).await;
    let mut ann = world.connect_as("ann", "operator").await;
    let (request, id) = order(&mut ann, json!({"device_id": "room-1", "name": "blink"})).await;
    let report = json!({"device_id": "room-1", "metrics": {"light": 1}});
    assert_eq!(gateway.ask("telemetry", report).await["type"], "ack");
    status_is(&mut ann, &request, "sent").await;
    let command = gets(&mut gateway).await;
    assert_eq!(
        (&command["command_id"], &command["device_id"]),
        (&json!(id), &json!("room-1"))
    );
    assert_eq!(done(&mut gateway, &id, json!(1)).await["type"], "ack");
    let other = json!({"device_id": "hall-1", "metrics": {"light": 1}});
    assert_eq!(gateway.is_refused("telemetry", other).await, "FORBIDDEN");
    assert_eq!(world.metric("nexus_devices").await, 2);
    gateway.leave().await;
    let refused = ann
        .is_refused(
            "command",
            json!({"device_id": "room-1", "name": "blink", "ttl_ms": 0}),
        )
        .await;
    assert_eq!(refused, "DEVICE_OFFLINE");
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
async fn dangerous_commands_want_a_confirmation() {
    let world = World::start(settings().with("dangerous_commands", "reboot,firmware.*")).await;
    let mut ann = world.connect_as("ann", "operator").await;
    for (name, is_dangerous) in [
        ("reboot", true),
        ("firmware.update", true),
        ("rebooted", false),
        ("shutdown", false),
    ] {
        let wanted = json!({"device_id": "pump", "name": name});
        if !is_dangerous {
            order(&mut ann, wanted).await;
            continue;
        }
        let refused = ann.ask("command", wanted).await;
        assert_eq!(refused["error"]["code"], "INVALID_PARAMS", "{refused}");
        assert_eq!(refused["error"]["details"], json!({"confirm": "required"}));
        order(
            &mut ann,
            json!({"device_id": "pump", "name": name, "confirm": true}),
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_said_nothing_is_stored_and_no_device_hears_of_it() {
    let world = World::start(patient()).await;
    let mut device = world.connect_as("pump", "device").await;
    let with = |name: &str, value: Value| {
        let mut order = json!({"device_id": "pump", "name": "blink"});
        order[name] = value;
        order
    };
    let mut cases = vec![
        (with("args", json!("x".repeat(16_383))), "INVALID_PARAMS"),
        (with("ttl_ms", json!(86_400_001)), "INVALID_PARAMS"),
        (with("ttl_ms", json!(u64::MAX)), "INVALID_PARAMS"),
        (with("ttl_ms", json!(-1)), "INVALID_MESSAGE"),
        (with("ttl_ms", json!("1s")), "INVALID_MESSAGE"),
        (with("device_id", json!("")), "INVALID_MESSAGE"),
        (with("device_id", json!("x".repeat(65))), "INVALID_MESSAGE"),
        (with("device_id", json!(7)), "INVALID_MESSAGE"),
        (with("idempotency_key", json!("")), "INVALID_MESSAGE"),
        (with("confirm", json!("yes")), "INVALID_MESSAGE"),
        (json!({"device_id": "pump"}), "INVALID_MESSAGE"),
        (json!({"name": "blink"}), "INVALID_MESSAGE"),
        (with("name", json!("reboot")), "INVALID_PARAMS"),
    ];
    for name in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
        cases.push((with("name", json!(name)), "INVALID_PARAMS"));
    }
    let mut ann = world.connect_as("ann", "operator").await;
    are_refused(&world, &mut ann, "command", &["commands"], cases).await;
    for (role, code) in [("viewer", "FORBIDDEN"), ("device", "FORBIDDEN")] {
        let mut client = world.connect_as("eve", role).await;
        let cases = vec![(with("ttl_ms", json!(0)), code)];
        are_refused(&world, &mut client, "command", &["commands"], cases).await;
    }
    let mut nobody = world.connect().await;
    are_refused(
        &world,
        &mut nobody,
        "command",
        &["commands"],
        vec![(with("ttl_ms", json!(1)), "AUTH_FAILED")],
    )
    .await;
    assert_eq!(device.ask("ping", Value::Null).await["type"], "pong");
    assert!(device.has_nothing_waiting());
}

#[tokio::test]
async fn junk_and_others_answers_are_refused_and_the_command_goes_on() {
    let world = World::start(patient()).await;
    let mut device = world.connect_as("pump", "device").await;
    let mut fan = world.connect_as("fan", "device").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let (request, id) = order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    gets(&mut device).await;
    let of = |id: &str| json!({"command_id": id, "ok": true});
    let unknown = "00000000-0000-7000-8000-000000000000";
    let cases = vec![
        (of(unknown), "INVALID_PARAMS"),
        (of(""), "INVALID_MESSAGE"),
        (json!({"command_id": id}), "INVALID_MESSAGE"),
        (json!({"command_id": id, "ok": "yes"}), "INVALID_MESSAGE"),
        (json!({"command_id": 7, "ok": true}), "INVALID_MESSAGE"),
        (
            json!({"command_id": id, "ok": true, "result": "x".repeat(16_383)}),
            "INVALID_PARAMS",
        ),
        (
            json!({"command_id": id, "ok": false, "error": "x".repeat(1_001)}),
            "INVALID_PARAMS",
        ),
        (Value::Null, "INVALID_MESSAGE"),
    ];
    are_refused(&world, &mut device, "command.result", &["commands"], cases).await;
    let cases = vec![
        (json!({"command_id": unknown}), "INVALID_PARAMS"),
        (json!({}), "INVALID_MESSAGE"),
    ];
    are_refused(&world, &mut device, "command.received", &["commands"], cases).await;
    for kind in ["command.received", "command.result"] {
        are_refused(
            &world,
            &mut fan,
            kind,
            &["commands"],
            vec![(of(&id), "FORBIDDEN")],
        )
        .await;
        are_refused(
            &world,
            &mut ann,
            kind,
            &["commands"],
            vec![(of(&id), "FORBIDDEN"), (of(unknown), "FORBIDDEN")],
        )
        .await;
        let mut nobody = world.connect().await;
        let cases = vec![(of(&id), "AUTH_FAILED"), (of(unknown), "AUTH_FAILED")];
        are_refused(&world, &mut nobody, kind, &["commands"], cases).await;
    }
    assert_eq!(done(&mut device, &id, json!(1)).await["type"], "ack");
    assert_eq!(
        done(&mut device, &id, json!(1)).await["type"],
        "ack",
        "the same again"
    );
    assert_eq!(
        done(&mut device, &id, json!(2)).await["error"]["code"],
        "INVALID_PARAMS",
        "another result"
    );
    let result = ann.next_of("command.result").await;
    assert_eq!(
        (&result["id"], &result["payload"]["result"]),
        (&json!(request), &json!(1))
    );
}

#[tokio::test]
async fn so_many_commands_may_wait_for_one_device_and_no_more() {
    let world = World::start(patient()).await;
    let mut ann = world.connect_as("ann", "operator").await;
    for _ in 0..100 {
        order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
    }
    let refused = ann
        .ask("command", json!({"device_id": "pump", "name": "blink"}))
        .await;
    assert_eq!(refused["error"]["code"], "RATE_LIMITED", "{refused}");
    assert!(refused["error"]["retry_after_ms"].as_u64().is_some());
    order(&mut ann, json!({"device_id": "fan", "name": "blink"})).await;
    let mut device = world.connect_as("pump", "device").await;
    for _ in 0..100 {
        let id = gets(&mut device).await["command_id"].as_str().unwrap().to_owned();
        assert_eq!(done(&mut device, &id, Value::Null).await["type"], "ack");
    }
    order(&mut ann, json!({"device_id": "pump", "name": "blink"})).await;
}
