//! Devices and commands: one that dies in the middle of a command, one that is away, and a server that is killed between.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Server, Settings, Stage, Wire, play, until};
use serde_json::{Value, json};

const DEVICE: &str = "pump-1";

#[test]
fn a_device_that_dies_in_the_middle_of_a_command_gets_it_again_and_finishes_it() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut device = device(stage, &server).await?;
        let mut operator = someone(stage, &server, "ann", "operator").await?;
        let order = json!({"device_id": DEVICE, "name": "fill", "args": {"litres": 3}, "ttl_ms": 120_000});
        let id = operator.request("command", order).await?;
        let ack = operator.answer(&id).await?;
        let command = ack["payload"]["command_id"]
            .as_str()
            .context("no command_id")?
            .to_owned();

        let push = device.next_of("command").await?;
        ensure!(push["payload"]["command_id"] == command.as_str(), "{push}");
        ensure!(push["payload"]["args"]["litres"] == 3, "{push}");
        ensure!(push["payload"]["redelivered"].is_null(), "{push}");
        device
            .ask("command.received", json!({"command_id": command}))
            .await?;
        reaches(&mut operator, &id, "delivered").await?;

        // In the middle of it the power fails.
        drop(device);
        let mut device = self::device(stage, &server).await?;
        let again = device.next_of("command").await?;
        ensure!(again["payload"]["command_id"] == command.as_str(), "{again}");
        ensure!(again["payload"]["redelivered"] == true, "{again}");
        let result = json!({"command_id": command, "ok": true, "result": {"litres": 3}});
        ensure!(device.ask("command.result", result.clone()).await?["type"] == "ack");
        let end = operator.answer(&id).await?;
        ensure!(end["type"] == "command.result", "{end}");
        ensure!(end["payload"]["result"]["litres"] == 3, "{end}");

        // Twice is once; another result than the first is refused; the device goes on.
        ensure!(device.ask("command.result", result).await?["type"] == "ack");
        let other = json!({"command_id": command, "ok": false, "error": "no"});
        let refused = device.ask("command.result", other).await?;
        ensure!(refused["error"]["code"] == "INVALID_PARAMS", "{refused}");
        ensure!(device.ask("ping", Value::Null).await?["type"] == "pong");

        let steps = steps_of(&mut operator, &command).await?;
        ensure!(steps.first().is_some_and(|step| step == "queued"), "{steps:?}");
        ensure!(steps.last().is_some_and(|step| step == "done"), "{steps:?}");
        ensure!(
            steps.iter().filter(|step| *step == "done").count() == 1,
            "{steps:?}"
        );
        Ok(())
    });
}

#[test]
fn a_command_waits_for_its_device_through_a_kill_of_the_server() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut operator = someone(stage, &server, "ann", "operator").await?;
        let order = json!({
            "device_id": DEVICE, "name": "fill", "ttl_ms": 300_000, "idempotency_key": "fill-once",
        });
        let ack = operator.ask("command", order.clone()).await?;
        let command = ack["payload"]["command_id"]
            .as_str()
            .context("no command_id")?
            .to_owned();

        let server = server.kill_and_restart(async || Ok(())).await?;

        // The sender asks again, as one does who does not know; it is the same command.
        let mut operator = someone(stage, &server, "ann", "operator").await?;
        let id = operator.request("command", order).await?;
        let ack = operator.answer(&id).await?;
        ensure!(ack["payload"]["command_id"] == command.as_str(), "{ack}");
        let mut device = device(stage, &server).await?;
        let push = device.next_of("command").await?;
        ensure!(push["payload"]["command_id"] == command.as_str(), "{push}");
        device
            .ask("command.result", json!({"command_id": command, "ok": true}))
            .await?;
        reaches_end(&mut operator, &id).await?;

        let server = server.kill_and_restart(async || Ok(())).await?;
        let mut auditor = someone(stage, &server, "eve", "operator").await?;
        let steps = steps_of(&mut auditor, &command).await?;
        ensure!(
            steps.first().is_some_and(|step| step == "queued")
                && steps.last().is_some_and(|step| step == "done"),
            "who ordered what, and what became of it, is known after two kills: {steps:?}"
        );
        Ok(())
    });
}

#[test]
fn a_command_that_nobody_takes_expires_and_its_late_answer_is_refused() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut operator = someone(stage, &server, "ann", "operator").await?;
        let order = json!({"device_id": DEVICE, "name": "fill", "ttl_ms": 1_000});
        let id = operator.request("command", order).await?;
        let ack = operator.answer(&id).await?;
        let command = ack["payload"]["command_id"].clone();
        let end = reaches_end(&mut operator, &id).await?;
        ensure!(end["error"]["code"] == "DEVICE_OFFLINE", "{end}");

        let mut device = device(stage, &server).await?;
        let late = device
            .ask("command.result", json!({"command_id": command, "ok": true}))
            .await?;
        ensure!(late["type"] == "error", "{late}");
        let dangerous = json!({"device_id": DEVICE, "name": "reboot"});
        let refused = operator.ask("command", dangerous).await?;
        ensure!(refused["error"]["details"]["confirm"] == "required", "{refused}");
        Ok(())
    });
}

#[test]
fn what_devices_reported_survives_a_kill() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let claims = Claims::of(DEVICE, "device").with("messages_per_minute", 10_000);
        let mut device = server.connect().await?;
        device.auth(&stage.token(&claims)?).await?;
        for number in 0..150 {
            let report = json!({"device_id": DEVICE, "metrics": {"rpm": number}});
            let ack = device.ask("telemetry", report).await?;
            ensure!(ack["type"] == "ack", "{ack}");
        }

        let server = server.kill_and_restart(async || Ok(())).await?;

        let mut viewer = someone(stage, &server, "eve", "viewer").await?;
        let history = json!({"channel": "telemetry", "filters": {"device_id": DEVICE}, "limit": 500});
        let page = viewer.ask("history", history).await?;
        let values: Vec<f64> = page["payload"]["items"]
            .as_array()
            .context("no items")?
            .iter()
            .filter_map(|item| item["payload"]["metrics"]["rpm"].as_f64())
            .collect();
        let expected: Vec<f64> = (0..150).map(f64::from).collect();
        ensure!(
            values == expected,
            "what was acknowledged is there, once and in order: {values:?}"
        );
        viewer.subscribe("telemetry", Value::Null).await?;
        let latest = viewer.next_of("telemetry.update").await?;
        ensure!(latest["snapshot"] == true, "{latest}");
        ensure!(latest["payload"]["metrics"]["rpm"] == 149.0, "{latest}");
        Ok(())
    });
}

#[test]
fn the_list_of_devices_says_who_is_there() {
    play(async |stage| {
        let server = stage
            .server_before(None, Settings::default().with("NEXUS_PRESENCE_GRACE_SECS", 1))
            .await?;
        let mut viewer = someone(stage, &server, "eve", "viewer").await?;
        viewer.subscribe("telemetry", Value::Null).await?;
        let device = device(stage, &server).await?;
        let update = viewer.next_of("presence.update").await?;
        ensure!(update["payload"]["joined"][0]["user"] == DEVICE, "{update}");
        let list = viewer.ask("presence", json!({"channel": "telemetry"})).await?;
        ensure!(list["payload"]["members"][0]["user"] == DEVICE, "{list}");
        device.close().await;
        let update = viewer.next_of("presence.update").await?;
        ensure!(update["payload"]["left"][0]["user"] == DEVICE, "{update}");
        until("the list is empty", Duration::from_secs(10), async || {
            let mut viewer = someone(stage, &server, "eve", "viewer").await?;
            let list = viewer.ask("presence", json!({"channel": "telemetry"})).await?;
            ensure!(list["payload"]["members"] == json!([]), "{list}");
            Ok(())
        })
        .await
    });
}

async fn someone(stage: &Stage, server: &Server, sub: &str, role: &'static str) -> anyhow::Result<Wire> {
    let mut wire = server.connect().await?;
    let answer = wire.auth(&stage.token(&Claims::of(sub, role))?).await?;
    ensure!(answer["type"] == "authenticated", "{answer}");
    Ok(wire)
}

async fn device(stage: &Stage, server: &Server) -> anyhow::Result<Wire> {
    someone(stage, server, DEVICE, "device").await
}

/// Waits until a command is so far.
async fn reaches(operator: &mut Wire, id: &str, status: &str) -> anyhow::Result<()> {
    loop {
        let message = operator.answer(id).await?;
        ensure!(
            message["type"] == "command.status",
            "{status} was due, and came {message}"
        );
        if message["payload"]["status"] == status {
            return Ok(());
        }
    }
}

/// Waits until a command is over; gives the last message.
async fn reaches_end(operator: &mut Wire, id: &str) -> anyhow::Result<Value> {
    loop {
        let message = operator.answer(id).await?;
        if message["type"] != "command.status" {
            return Ok(message);
        }
    }
}

/// The steps of a command, as the audit trail has them.
async fn steps_of(wire: &mut Wire, command: &str) -> anyhow::Result<Vec<String>> {
    let history = json!({"channel": "commands", "filters": {"command_id": command}, "limit": 100});
    let page = wire.ask("history", history).await?;
    let items = page["payload"]["items"]
        .as_array()
        .with_context(|| format!("{page}"))?;
    for item in items {
        ensure!(item["payload"]["by"] == "ann", "{item}");
    }
    Ok(items
        .iter()
        .filter_map(|item| item["payload"]["status"].as_str().map(str::to_owned))
        .collect())
}
