//! The Devices view: who is there, what they measure, what they are told to do.

use nexus_client::{Ask, AskError, AskId, Wish};
use nexus_protocol::{
    Ack, Command, CommandId, CommandStage, CommandStatus, ErrorCode, Json, Member, Payload, PresenceList,
    Refusal, Reply, Timestamp, Topic, UserId,
};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::{Html, html};

use super::stage::{Stage, now};
use super::visit::Visit;
use crate::state::feed::Stage::Followed;
use crate::state::link::Phase;
use crate::state::place::Devices;
use crate::state::settings::Settings;
use crate::views::DevicesView;

fn show() -> Html {
    html! { <Visit<Devices>><DevicesView /></Visit<Devices>> }
}

fn telemetry(device: &str, metrics: &str) -> Payload {
    json(&format!(r#"{{"device_id":"{device}","metrics":{metrics}}}"#))
}

fn json(text: &str) -> Payload {
    Payload::Json(Json::parse(text).unwrap())
}

async fn view() -> Stage {
    Stage::show_to("ada", Settings::default(), show).await
}

async fn with_devices() -> Stage {
    let stage = view().await;
    for topic in [Topic::Telemetry, Topic::Commands] {
        stage.store.handle_stage(&topic, Followed);
    }
    stage.publish(
        Topic::Telemetry,
        telemetry("boiler", r#"{"temperature_c":54.5,"pressure_bar":1.82}"#),
    );
    stage.publish(Topic::Telemetry, telemetry("door", r#"{"open":1}"#));
    stage.calm().await;
    stage
}

fn asked(stage: &Stage, is_it: impl Fn(&Ask) -> bool) -> Option<(AskId, Ask)> {
    stage.wishes.borrow().iter().rev().find_map(|wish| match wish {
        Wish::Ask { id, ask, .. } if is_it(ask) => Some((*id, ask.clone())),
        _ => None,
    })
}

fn command(stage: &Stage) -> Option<(AskId, Command)> {
    match asked(stage, |ask| matches!(ask, Ask::Command(_)))? {
        (id, Ask::Command(command)) => Some((id, command)),
        _ => None,
    }
}

#[wasm_bindgen_test]
async fn a_device_shows_its_values_with_units_and_its_state_follows_the_connection() {
    let stage = with_devices().await;
    assert_eq!(stage.attributes("device-row", "data-device"), ["boiler", "door"]);
    assert_eq!(
        stage.attributes("metric", "data-metric"),
        ["pressure_bar", "temperature_c"]
    );
    assert!(
        stage.text("panel-values").contains("Temperature54.5°C"),
        "{}",
        stage.text("panel-values")
    );
    let (id, _) = asked(&stage, |ask| matches!(ask, Ask::Presence(_))).unwrap();
    let list = PresenceList {
        channel: Topic::Telemetry.channel_name(),
        params: Topic::Telemetry.params(),
        members: vec![Member {
            user: UserId::parse("boiler").unwrap(),
            since: Timestamp::from_millis(now()),
        }],
    };
    stage.store.handle_answer(id, Ok(Reply::Presence(list)));
    stage.calm().await;
    assert_eq!(
        stage.attributes("device-row", "data-state"),
        ["online", "offline"]
    );
}

#[wasm_bindgen_test]
async fn a_command_is_checked_sent_and_followed_to_its_end() {
    let stage = with_devices().await;
    stage.fill("command-name", "set_target").await;
    stage.fill("command-args", "{target: 55}").await;
    stage.click("command-send").await;
    assert!(stage.text("args-error").contains("not JSON"));
    assert!(command(&stage).is_none(), "nothing is sent before it is right");

    stage.fill("command-args", r#"{"target":55}"#).await;
    stage.click("command-send").await;
    let (id, sent) = command(&stage).unwrap();
    assert_eq!(
        (sent.device_id.as_str(), sent.name.as_str(), sent.confirm),
        ("boiler", "set_target", false)
    );

    let command_id = CommandId::parse("c1").unwrap();
    let ack = Ack {
        position: None,
        command_id: Some(command_id.clone()),
    };
    stage.store.handle_progress(id, Reply::Ack(ack));
    for status in [CommandStage::Sent, CommandStage::Delivered] {
        let status = CommandStatus {
            command_id: command_id.clone(),
            status,
        };
        stage.store.handle_progress(id, Reply::CommandStatus(status));
    }
    stage.calm().await;
    assert_eq!(stage.attributes("command", "data-status"), ["delivered"]);
    assert_eq!(
        stage.attributes("command-step", "data-reached"),
        ["true", "true", "true", "false"]
    );
    let refusal = Refusal::new(ErrorCode::CommandFailed, "valve 3 does not move");
    stage.store.handle_answer(id, Err(AskError::Refused(refusal)));
    stage.calm().await;
    assert_eq!(stage.attributes("command", "data-status"), ["failed"]);
    assert_eq!(stage.text("command-error"), "valve 3 does not move");
}

#[wasm_bindgen_test]
async fn a_dangerous_command_wants_a_persons_word() {
    let stage = with_devices().await;
    stage.fill("command-name", "reboot").await;
    stage.click("command-send").await;
    let (id, first) = command(&stage).unwrap();
    let mut refusal = Refusal::new(ErrorCode::InvalidParams, "dangerous");
    refusal.details = Some(serde_json::json!({ "confirm": "required" }));
    stage.store.handle_answer(id, Err(AskError::Refused(refusal)));
    stage.settle().await;
    assert!(stage.find("confirm-dialog").is_some());
    stage.click("command-confirm").await;
    let (again, second) = command(&stage).unwrap();
    assert_ne!(id, again);
    assert!(!first.confirm && second.confirm && second.name == "reboot");
}

#[wasm_bindgen_test]
async fn who_may_not_is_told_what_it_takes() {
    let stage = with_devices().await;
    stage.fill("command-name", "reboot").await;
    stage.click("command-send").await;
    let (id, _) = command(&stage).unwrap();
    let refusal = Refusal::new(ErrorCode::Forbidden, "not with this token");
    stage.store.handle_answer(id, Err(AskError::Refused(refusal)));
    stage.settle().await;
    assert!(stage.text("command-refused").contains("operator"));

    let anonymous = Stage::show(show).await;
    anonymous.publish(Topic::Telemetry, telemetry("boiler", r#"{"t":1}"#));
    anonymous.calm().await;
    assert!(anonymous.find("command-barred").is_some() && anonymous.find("command-send").is_none());
}

#[wasm_bindgen_test]
async fn without_any_device_one_reads_how_to_connect_the_first() {
    let stage = view().await;
    assert!(
        stage.find("devices-welcome").is_none(),
        "not before the server has answered"
    );
    stage.store.handle_stage(&Topic::Telemetry, Followed);
    stage.settle().await;
    assert!(
        stage
            .text("devices-welcome")
            .contains("nexus simulate --devices 5")
    );
}

#[wasm_bindgen_test]
async fn values_stay_and_dim_when_the_link_breaks() {
    let mut stage = with_devices().await;
    stage.link(Phase::Offline).await;
    let panel = stage.find("panel-values").unwrap();
    assert_eq!(panel.get_attribute("data-state").as_deref(), Some("stale"));
    assert!(stage.text("panel-values").contains("54.5"));
}
