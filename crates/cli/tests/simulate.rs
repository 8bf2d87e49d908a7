//! `nexus simulate`, run as people run it, against a server that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use std::collections::BTreeSet;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus::Nexus;
use nexus_client::script::{Connection, Script};
use nexus_protocol::{
    Ack, AiUpdate, Authenticated, CommandId, CommandOrder, DeviceId, Epoch, ErrorCode, Joined, MessageId,
    Offset, Outcome, Push, Refusal, Reply, Request, TaskUpdate, Timestamp, UserId,
};
use serde_json::Value;

const SECRET: &str = "a secret for tests, of 32 bytes and more";

#[tokio::test]
async fn a_device_signs_in_reports_and_obeys() {
    let script = Script::listen().await;
    let nexus = simulate(&script, &["--devices", "1", "--interval", "100ms", "--seed", "7"]);
    let mut connection = script.accept().await;
    connection.greet().await;
    let claims = sign_in(&mut connection).await;
    assert_eq!(
        (&claims["sub"], &claims["role"]),
        (&"pump-1".into(), &"device".into())
    );

    connection.push(&order("blink", false)).await;
    let mut reports = 0;
    let mut received = 0;
    let outcome = loop {
        let (id, request) = next(&mut connection).await;
        match request {
            Request::Telemetry(telemetry) => {
                assert_eq!(telemetry.device_id.as_str(), "pump-1");
                assert!(telemetry.metrics.contains_key("pressure_bar") && telemetry.at.is_some());
                reports += 1;
            }
            Request::CommandReceived(_) => received += 1,
            Request::CommandResult(result) => {
                connection.reply(&id, &ack()).await;
                break result.outcome;
            }
            other => panic!("{other:?}"),
        }
        connection.reply(&id, &ack()).await;
    };
    assert!(received == 1 && reports > 0);
    assert!(matches!(&outcome, Outcome::Done(Some(back)) if back.as_str().contains(r#""simulated":true"#)));

    connection.push(&order("blink", true)).await;
    let again = loop {
        let (id, request) = next(&mut connection).await;
        connection.reply(&id, &ack()).await;
        if let Request::CommandResult(result) = request {
            break result.outcome;
        }
    };
    assert_eq!(again, outcome, "it knows what it did");
    end(nexus, connection).await;
}

#[tokio::test]
async fn a_device_that_reboots_is_away_and_answers_when_it_is_back() {
    let script = Script::listen().await;
    let nexus = simulate(&script, &["--devices", "1", "--interval", "10s"]);
    let mut first = script.accept().await;
    first.greet().await;
    sign_in(&mut first).await;
    first.push(&order("reboot", false)).await;
    // It closes when what it had to say has been acknowledged.
    let closed = async {
        let mut received = 0;
        while let Some((id, request)) = first.next_request().await {
            received += usize::from(matches!(request, Request::CommandReceived(_)));
            first.reply(&id, &ack_or_pong(&request)).await;
        }
        received
    };
    assert_eq!(closed.await, 1);

    let mut second = script.accept().await;
    second.greet().await;
    sign_in(&mut second).await;
    let outcome = loop {
        let (id, request) = next(&mut second).await;
        second.reply(&id, &ack()).await;
        if let Request::CommandResult(result) = request {
            break result.outcome;
        }
    };
    assert!(matches!(outcome, Outcome::Done(_)));
    end(nexus, second).await;
}

#[tokio::test]
async fn work_is_published_by_an_operator_with_a_budget_of_its_own() {
    let script = Script::listen().await;
    let nexus = simulate(&script, &["--tasks", "--ai", "--events"]);
    let mut connection = script.accept().await;
    connection.greet().await;
    let claims = sign_in(&mut connection).await;
    assert_eq!(
        (&claims["role"], &claims["messages_per_minute"]),
        (&"operator".into(), &6000.into())
    );
    let mut channels = BTreeSet::new();
    let mut streams = BTreeSet::new();
    while channels.len() < 3 || streams.len() < 2 {
        let (id, request) = next(&mut connection).await;
        let Request::Publish(publish) = request else {
            panic!("{request:?}");
        };
        let value: Value = publish.data.read().unwrap();
        assert_eq!(value["simulated"], true);
        match publish.channel.as_str() {
            "tasks" => assert!(
                publish
                    .data
                    .read::<TaskUpdate>()
                    .unwrap()
                    .title
                    .unwrap()
                    .contains("simulated")
            ),
            "ai" => {
                streams.insert(publish.data.read::<AiUpdate>().unwrap().stream_id);
            }
            other => assert_eq!(other, "events"),
        }
        channels.insert(publish.channel.to_string());
        connection.reply(&id, &ack()).await;
    }
    end(nexus, connection).await;
}

#[tokio::test]
async fn bots_enter_a_room_type_and_talk() {
    let script = Script::listen().await;
    let nexus = simulate(&script, &["--room", "tea", "--seed", "1"]);
    let (first, second) = (script.accept().await, script.accept().await);
    let (first, second) = tokio::join!(entered(first), entered(second));
    assert_eq!(
        [first.1, second.1].into_iter().collect::<BTreeSet<_>>(),
        ["bot-ada".to_owned(), "bot-bo".to_owned()].into()
    );
    let typed_and_said = |mut connection: Connection| async move {
        let mut typed = false;
        loop {
            let (id, request) = next(&mut connection).await;
            connection.reply(&id, &ack()).await;
            match request {
                Request::Typing(typing) => typed = typing.typing && typing.room == "tea",
                Request::Publish(publish) => {
                    let message: Value = publish.data.read().unwrap();
                    assert!(typed && message["text"].is_string() && message["simulated"] == true);
                    return connection;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let (first, second) = tokio::join!(typed_and_said(first.0), typed_and_said(second.0));
    nexus.interrupt();
    let (a, b) = tokio::join!(first.close_code(), second.close_code());
    assert_eq!((a, b), (1000, 1000));
    assert_eq!(nexus.done().await.code, 0);
}

#[tokio::test]
async fn the_wrong_secret_ends_it_with_a_sentence_that_helps() {
    let script = Script::listen().await;
    let nexus = simulate(&script, &["--devices", "1"]);
    let mut connection = script.accept().await;
    connection.greet().await;
    let (id, request) = connection.request().await;
    assert!(matches!(request, Request::Auth(_)));
    let refusal = Refusal::new(ErrorCode::AuthFailed, "the token is not signed by this server");
    connection.reply(&id, &Reply::Error(refusal)).await;
    let done = nexus.done().await;
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("not signed by this server") && done.stderr.contains("--data-dir"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    for (args, code, said) in [
        (&["--room", "a b"][..], 2, "--room a b"),
        (&["--interval", "1ms"], 2, "100ms"),
        (&["--devices", "many"], 2, "--devices"),
        (&["--secret-file", "/nowhere/secret"], 1, "/nowhere/secret"),
    ] {
        let args = [&["simulate"], args].concat();
        let done = Nexus::run_with(&args, &[("NEXUS_JWT_SECRET", SECRET)], Path::new("."))
            .done()
            .await;
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
}

fn simulate(script: &Script, args: &[&str]) -> Nexus {
    let server = script.url();
    let args = [&["simulate"], args, &["--server", server.as_str()]].concat();
    Nexus::run_with(&args, &[("NEXUS_JWT_SECRET", SECRET)], Path::new("."))
}

/// Takes the token, which must be signed with the secret; gives what it says.
async fn sign_in(connection: &mut Connection) -> Value {
    let (id, request) = connection.request().await;
    let Request::Auth(auth) = request else {
        panic!("{request:?}");
    };
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::decode::<Value>(&auth.token, &key, &Validation::new(Algorithm::HS256)).unwrap();
    let now = Timestamp::from(std::time::SystemTime::now());
    let reply = Reply::Authenticated(Authenticated {
        user: UserId::parse(token.claims["sub"].as_str().unwrap()).unwrap(),
        expires_at: Timestamp::from_millis(now.as_millis() + 3_600_000),
        messages_per_minute: token.claims["messages_per_minute"]
            .as_u64()
            .map(|many| many as u32),
    });
    connection.reply(&id, &reply).await;
    token.claims
}

/// Signs a bot in, and lets it into its room; gives its name.
async fn entered(mut connection: Connection) -> (Connection, String) {
    connection.greet().await;
    let claims = sign_in(&mut connection).await;
    let (id, request) = next(&mut connection).await;
    let Request::Subscribe(subscribe) = request else {
        panic!("{request:?}");
    };
    connection.subscribed(&id, &subscribe.topic, 0, None).await;
    let (id, request) = next(&mut connection).await;
    let Request::Join(join) = request else {
        panic!("{request:?}");
    };
    let joined = Joined {
        room: join.room,
        members: Vec::new(),
        epoch: Epoch::parse("e1").unwrap(),
        offset: Offset(0),
    };
    connection.reply(&id, &Reply::Joined(joined)).await;
    (connection, claims["sub"].as_str().unwrap().to_owned())
}

/// The next request that is not about the connection itself.
async fn next(connection: &mut Connection) -> (MessageId, Request) {
    loop {
        match connection.request().await {
            (id, Request::Ping) => connection.reply(&id, &Reply::Pong).await,
            other => return other,
        }
    }
}

/// Ctrl-C ends it cleanly.
async fn end(nexus: Nexus, connection: Connection) {
    nexus.interrupt();
    assert_eq!(connection.close_code().await, 1000);
    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.ends_with("ended\n"), "{}", done.stdout);
}

fn order(name: &str, redelivered: bool) -> Push {
    Push::Command(CommandOrder {
        command_id: CommandId::parse("c-1").unwrap(),
        device_id: DeviceId::parse("pump-1").unwrap(),
        name: name.to_owned(),
        args: None,
        expires_at: Timestamp::from_millis(4_000_000_000_000),
        redelivered,
    })
}

fn ack() -> Reply {
    Reply::Ack(Ack::default())
}

fn ack_or_pong(request: &Request) -> Reply {
    match request {
        Request::Ping => Reply::Pong,
        _ => ack(),
    }
}
