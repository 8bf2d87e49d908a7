//! `command`, `command.received`, `command.result`: orders to devices, and their results back.

mod faults;
mod refused;

use serde_json::{Value, json};

use crate::harness::{Client, World, settings};
use crate::telemetry::{connect_with, sign_in};

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
async fn a_refreshed_token_that_allows_less_ends_what_the_connection_stands_for() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "operator").await;
    let claims = |role: &str, devices: &[&str]| json!({"sub": "gateway", "role": role, "devices": devices});
    let (mut gateway, _) = connect_with(&world, claims("device", &["gateway", "room-1"])).await;
    let report = json!({"device_id": "room-1", "metrics": {"light": 1}});
    assert_eq!(gateway.ask("telemetry", report).await["type"], "ack");
    for (role, devices, is_there) in [
        ("device", vec!["*"], [true, true]),
        ("device", vec!["gateway"], [true, false]),
        ("viewer", vec!["*"], [false, false]),
    ] {
        sign_in(&mut gateway, claims(role, &devices)).await;
        for (device, is_there) in ["gateway", "room-1"].into_iter().zip(is_there) {
            let now = json!({"device_id": device, "name": "blink", "ttl_ms": 0});
            if !is_there {
                assert_eq!(ann.is_refused("command", now).await, "DEVICE_OFFLINE");
                continue;
            }
            let (_, id) = order(&mut ann, now).await;
            assert_eq!(
                gets(&mut gateway).await["command_id"],
                id.as_str(),
                "{role} {devices:?}"
            );
            done(&mut gateway, &id, Value::Null).await;
        }
    }
}
