//! Orders and answers that are refused: nothing is stored, nobody hears of them, and whoever sent them goes on.

use serde_json::{Value, json};

use super::{done, gets, order};
use crate::harness::{World, settings};
use crate::publish::{are_refused, patient};

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
