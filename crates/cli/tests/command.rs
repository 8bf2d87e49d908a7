//! `nexus command`, run as people run it, against a server that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::{Done, Nexus, next_request};
use nexus_client::script::{Connection, Script};
use nexus_protocol::{
    Ack, Command, CommandId, CommandResult, CommandStage, CommandStatus, ErrorCode, Json, MessageId, Outcome,
    Refusal, Reply, Request,
};

#[tokio::test]
async fn every_step_is_shown_and_what_came_back_printed() {
    let script = Script::listen().await;
    let args = ["pump-1", "set_target", r#"{"temperature":21.5}"#, "--ttl", "30s"];
    let nexus = start(&script, &args);
    let mut connection = greeted(&script).await;
    let (id, command) = order(&mut connection).await;
    assert_eq!(
        (command.device_id.as_str(), command.name.as_str()),
        ("pump-1", "set_target")
    );
    assert_eq!(command.args.unwrap().as_str(), r#"{"temperature":21.5}"#);
    assert_eq!((command.ttl_ms, command.confirm), (Some(30_000), false));
    for step in steps() {
        connection.reply(&id, &step).await;
    }
    connection.reply(&id, &done()).await;
    let done = end(nexus, connection).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "{\"was\":20}\n"));
    assert_eq!(done.stderr, "queued as c-17\nsent\ndelivered\ndone\n");
}

#[tokio::test]
async fn a_command_goes_on_through_a_broken_connection() {
    let script = Script::listen().await;
    let nexus = start(&script, &["pump-1", "calibrate"]);
    let mut first = greeted(&script).await;
    let (id, command) = order(&mut first).await;
    for step in steps() {
        first.reply(&id, &step).await;
    }
    first.cut();
    let mut second = greeted(&script).await;
    let (id, again) = order(&mut second).await;
    assert!(again == command && again.idempotency_key.is_some());
    for step in steps() {
        second.reply(&id, &step).await;
    }
    second.reply(&id, &done()).await;
    assert_eq!(end(nexus, second).await.code, 0);
}

#[tokio::test]
async fn the_exit_code_says_what_became_of_it() {
    let command_id = CommandId::parse("c-17").unwrap();
    let outcome = Outcome::Failed("the valve is stuck".to_owned());
    let failed = Reply::CommandResult(CommandResult { command_id, outcome });
    let refused = |code| Reply::Error(Refusal::new(code, "the valve is stuck"));
    for (reply, code, said) in [
        (failed, 3, "nexus: pump-1 could not do it: the valve is stuck\n"),
        (
            refused(ErrorCode::CommandFailed),
            3,
            "nexus: pump-1 could not do it: the valve is stuck\n",
        ),
        (
            refused(ErrorCode::DeviceOffline),
            4,
            "nexus: pump-1 is away: the valve is stuck\n",
        ),
        (refused(ErrorCode::Forbidden), 1, "nexus: the valve is stuck\n"),
    ] {
        let script = Script::listen().await;
        let nexus = start(&script, &["pump-1", "blink"]);
        let mut connection = greeted(&script).await;
        let (id, _) = order(&mut connection).await;
        connection.reply(&id, &reply).await;
        let done = end(nexus, connection).await;
        assert_eq!((done.code, done.stderr.as_str()), (code, said));
        assert_eq!(done.stdout, "");
    }
}

#[tokio::test]
async fn what_is_dangerous_wants_a_yes() {
    let script = Script::listen().await;
    let nexus = start(&script, &["pump-1", "reboot"]);
    let mut connection = greeted(&script).await;
    let (id, command) = order(&mut connection).await;
    assert!(!command.confirm);
    let mut refusal = Refusal::new(ErrorCode::InvalidParams, "`reboot` wants to be confirmed");
    refusal.details = Some(serde_json::json!({ "confirm": "required" }));
    connection.reply(&id, &Reply::Error(refusal)).await;
    let done = end(nexus, connection).await;
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("`reboot` is dangerous") && done.stderr.contains("--yes"),
        "{}",
        done.stderr
    );

    let nexus = start(&script, &["pump-1", "reboot", "--yes"]);
    let mut connection = greeted(&script).await;
    let (id, command) = order(&mut connection).await;
    assert!(command.confirm);
    connection.reply(&id, &self::done()).await;
    assert_eq!(end(nexus, connection).await.code, 0);
}

#[tokio::test]
async fn json_is_every_answer_as_it_comes_over_the_wire() {
    let script = Script::listen().await;
    let nexus = start(&script, &["pump-1", "blink", "--json", "--key", "k"]);
    let mut connection = greeted(&script).await;
    let (id, command) = order(&mut connection).await;
    assert_eq!(command.idempotency_key.unwrap().as_str(), "k");
    for step in steps() {
        connection.reply(&id, &step).await;
    }
    connection.reply(&id, &done()).await;
    let done = end(nexus, connection).await;
    let types: Vec<String> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].to_string())
        .collect();
    assert_eq!(
        types,
        [
            r#""ack""#,
            r#""command.status""#,
            r#""command.status""#,
            r#""command.result""#
        ]
    );
}

#[tokio::test]
async fn ctrl_c_leaves_the_command_to_itself_and_says_where_to_look() {
    let script = Script::listen().await;
    let mut nexus = start(&script, &["pump-1", "calibrate", "--json"]);
    let mut connection = greeted(&script).await;
    let (id, _) = order(&mut connection).await;
    connection.reply(&id, &steps()[0]).await;
    // It has been taken when it is printed.
    nexus.line().await;
    nexus.interrupt();
    let done = end(nexus, connection).await;
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("--filter command_id=c-17"),
        "{}",
        done.stderr
    );
}

fn start(script: &Script, args: &[&str]) -> Nexus {
    let server = script.url();
    Nexus::run(&[&["command"], args, &["--server", server.as_str()]].concat())
}

async fn greeted(script: &Script) -> Connection {
    let mut connection = script.accept().await;
    connection.greet().await;
    connection
}

async fn order(connection: &mut Connection) -> (MessageId, Command) {
    match next_request(connection).await {
        (id, Request::Command(command)) => (id, command),
        other => panic!("{other:?}"),
    }
}

async fn end(nexus: Nexus, connection: Connection) -> Done {
    assert_eq!(connection.close_code().await, 1000);
    nexus.done().await
}

/// Accepted, sent, delivered.
fn steps() -> [Reply; 3] {
    let command_id = CommandId::parse("c-17").unwrap();
    let status = |status| {
        let command_id = command_id.clone();
        Reply::CommandStatus(CommandStatus { command_id, status })
    };
    let ack = Ack {
        position: None,
        command_id: Some(command_id.clone()),
    };
    [
        Reply::Ack(ack),
        status(CommandStage::Sent),
        status(CommandStage::Delivered),
    ]
}

fn done() -> Reply {
    Reply::CommandResult(CommandResult {
        command_id: CommandId::parse("c-17").unwrap(),
        outcome: Outcome::Done(Some(Json::parse(r#"{"was":20}"#).unwrap())),
    })
}
