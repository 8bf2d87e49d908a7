//! `nexus sub`, run as people run it, against a server that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::Nexus;
use nexus_client::script::{Connection, Script};
use nexus_protocol::{
    ChannelName, Epoch, ErrorCode, MessageId, Offset, Params, Position, Refusal, Reply, Request, Subscribe,
    Subscribed, Topic,
};

#[tokio::test]
async fn publications_are_printed_one_a_line_until_there_are_enough() {
    let script = Script::listen().await;
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--count",
        "2",
        "--server",
        script.url().as_str(),
    ]);
    let mut connection = script.accept().await;
    let (id, subscribe) = greet(&mut connection).await;
    assert_eq!(subscribe.topic, room());
    connection.subscribed(&id, &room(), 0, None).await;
    for offset in 1..=3 {
        connection.publish(&room(), offset).await;
    }
    assert_eq!(connection.close_code().await, 1000);

    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", done.stdout);
    assert!(
        lines[0].ends_with(r#"Z #1 {"n":1}"#) && lines[1].ends_with(r#"Z #2 {"n":2}"#),
        "{lines:?}"
    );
    assert!(
        done.stderr.contains("subscribed to room:lobby"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("--recover e1:2\n"),
        "the third, which came and was not printed, is still to come: {}",
        done.stderr
    );
    assert!(!done.stderr.contains('\u{1b}'), "no colours outside a terminal");
}

#[tokio::test]
async fn json_is_the_message_of_the_wire() {
    let script = Script::listen().await;
    let server = script.url();
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--json",
        "--count=1",
        "--server",
        server.as_str(),
    ]);
    let mut connection = script.accept().await;
    let (id, _) = greet(&mut connection).await;
    connection.subscribed(&id, &room(), 7, None).await;
    connection.publish(&room(), 8).await;
    connection.close_code().await;

    let done = nexus.done().await;
    let line = r#"{"type":"message","channel":"room:lobby","offset":8,"timestamp":"2027-01-15T08:00:00.000Z","payload":{"n":8}}"#;
    assert_eq!(done.stdout, format!("{line}\n"));
}

#[tokio::test]
async fn pretty_is_indented() {
    let script = Script::listen().await;
    let server = script.url();
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--pretty",
        "--count=1",
        "--server",
        server.as_str(),
    ]);
    let mut connection = script.accept().await;
    let (id, _) = greet(&mut connection).await;
    connection.subscribed(&id, &room(), 0, None).await;
    connection.publish(&room(), 1).await;
    connection.close_code().await;

    let done = nexus.done().await;
    assert!(
        done.stdout.ends_with(" #1\n{\n  \"n\": 1\n}\n"),
        "{}",
        done.stdout
    );
}

#[tokio::test]
async fn options_become_the_subscription() {
    let options = [
        "--param",
        "symbols=BTC,ETH",
        "--latest",
        "--throttle",
        "250",
        "--since",
        "2026-11-03T01:53:54Z",
    ];
    let subscribe = subscription(&[&["prices"], &options[..]].concat()).await;
    let params = Params::default().with("symbols", vec!["BTC", "ETH"]);
    assert_eq!(subscribe.topic, topic("prices", params));
    assert_eq!(subscribe.throttle_ms, Some(250));
    assert_eq!(subscribe.mode, Some(nexus_protocol::Mode::Latest));
    assert_eq!(subscribe.since.unwrap().to_string(), "2026-11-03T01:53:54.000Z");

    let options = [
        "--params",
        r#"{"symbol":"BTC"}"#,
        "--recover",
        "k3v9:1041",
        "--every",
    ];
    let subscribe = subscription(&[&["trades"], &options[..]].concat()).await;
    assert_eq!(
        subscribe.topic,
        topic("trades", Params::default().with("symbol", "BTC"))
    );
    let Position { epoch, offset } = subscribe.recover.unwrap();
    assert_eq!((epoch.as_str(), offset.0), ("k3v9", 1041));
    assert_eq!(subscribe.mode, Some(nexus_protocol::Mode::Every));

    let options = [
        "events",
        "--mode",
        "latest",
        "--throttle",
        "200",
        "--key",
        "place.id",
    ];
    let subscribe = subscription(&options).await;
    assert_eq!(subscribe.mode, Some(nexus_protocol::Mode::Latest));
    assert_eq!(
        (subscribe.throttle_ms, subscribe.key.as_deref()),
        (Some(200), Some("place.id"))
    );
    let by_key = subscription(&["events", "--key", "kind"]).await;
    assert_eq!((by_key.mode, by_key.key.as_deref()), (None, Some("kind")));
}

#[tokio::test]
async fn what_was_conflated_is_counted() {
    let script = Script::listen().await;
    let server = script.url();
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--key=k",
        "--count=2",
        "--server",
        server.as_str(),
    ]);
    let mut connection = script.accept().await;
    let (id, subscribe) = greet(&mut connection).await;
    let subscribed = Reply::Subscribed(Subscribed {
        channel: room().channel_name(),
        params: Params::default(),
        filters: Default::default(),
        epoch: Epoch::parse("e1").unwrap(),
        offset: Offset(0),
        recovered: None,
        mode: nexus_protocol::Mode::Latest,
        throttle_ms: Some(200),
        key: subscribe.key,
        contiguous: false,
        status: None,
    });
    connection.reply(&id, &subscribed).await;
    connection.publish(&room(), 1).await;
    connection.publish(&room(), 5).await;
    connection.close_code().await;
    let done = nexus.done().await;
    assert!(
        done.stdout.ends_with(" #5 (3 conflated) {\"n\":5}\n"),
        "{}",
        done.stdout
    );
    assert!(
        done.stderr
            .contains("subscribed to room:lobby: the newest of each k, every 200 ms at most\n"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn a_broken_connection_is_told_and_healed() {
    let script = Script::listen().await;
    let mut nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--count",
        "2",
        "--server",
        script.url().as_str(),
    ]);
    let mut first = script.accept().await;
    let (id, _) = greet(&mut first).await;
    first.subscribed(&id, &room(), 0, None).await;
    first.publish(&room(), 1).await;
    // It has been taken when it is printed.
    assert!(nexus.line().await.ends_with(r#"{"n":1}"#));
    first.cut();

    let mut second = script.accept().await;
    let (id, subscribe) = greet(&mut second).await;
    assert_eq!(subscribe.recover.as_ref().unwrap().offset.0, 1);
    // The ring does not reach back: the next is the fifth.
    second.subscribed(&id, &room(), 4, Some(false)).await;
    second.publish(&room(), 5).await;
    second.close_code().await;

    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.lines().eq_by_end(&[r#"{"n":5}"#]), "{}", done.stdout);
    assert!(done.stderr.contains("attempt 2 in "), "{}", done.stderr);
    assert!(
        done.stderr.contains("room:lobby: 3 publications lost (2 to 4)"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn a_refusal_ends_it_with_one_sentence() {
    for (code, says) in [
        (
            ErrorCode::InvalidParams,
            r#"nexus: trades{"symbol":"NOPE"} is refused: as the server says it"#,
        ),
        (
            ErrorCode::AuthFailed,
            r#"nexus: trades{"symbol":"NOPE"} is not for everyone; give a token with --token-file (see `nexus token`)"#,
        ),
    ] {
        let script = Script::listen().await;
        let server = script.url();
        let nexus = Nexus::run(&[
            "sub",
            "trades",
            "--param",
            "symbol=NOPE",
            "--server",
            server.as_str(),
        ]);
        let mut connection = script.accept().await;
        let (id, _) = greet(&mut connection).await;
        let refusal = Refusal::new(code, "as the server says it");
        connection.reply(&id, &Reply::Error(refusal)).await;

        let done = nexus.done().await;
        assert_eq!((done.code, done.stdout.as_str()), (1, ""));
        assert_eq!(done.stderr.lines().last(), Some(says));
    }
}

#[tokio::test]
async fn a_token_is_sent_first_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "the.secret.token\n").unwrap();
    let script = Script::listen().await;
    let server = script.url();
    let file = file.to_str().unwrap();
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--token-file",
        file,
        "--server",
        server.as_str(),
    ]);
    let mut connection = script.accept().await;
    connection.greet().await;
    let (id, request) = connection.request().await;
    let Request::Auth(auth) = request else {
        panic!("{request:?}");
    };
    assert_eq!(auth.token, "the.secret.token");
    let refusal = Refusal::new(ErrorCode::AuthFailed, "the token is wrong");
    connection.reply(&id, &Reply::Error(refusal)).await;

    let done = nexus.done().await;
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .contains("the token is wrong: usually it was signed with another secret"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("the.secret.token"), "{}", done.stderr);
}

#[tokio::test]
async fn a_closed_pipe_ends_it_quietly() {
    let script = Script::listen().await;
    let mut nexus = Nexus::run(&["sub", "room:lobby", "--server", script.url().as_str()]);
    let mut connection = script.accept().await;
    let (id, _) = greet(&mut connection).await;
    connection.subscribed(&id, &room(), 0, None).await;
    connection.publish(&room(), 1).await;
    assert!(nexus.line().await.ends_with(r#"{"n":1}"#));
    nexus.close_stdout();
    connection.publish(&room(), 2).await;
    assert_eq!(connection.close_code().await, 1000);

    let done = nexus.done().await;
    assert_eq!(done.code, 0);
    assert!(
        !done.stderr.contains("panic") && !done.stderr.contains("nexus:"),
        "{}",
        done.stderr
    );
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_well() {
    let script = Script::listen().await;
    let mut nexus = Nexus::run(&["sub", "room:lobby", "--server", script.url().as_str()]);
    let mut connection = script.accept().await;
    let (id, _) = greet(&mut connection).await;
    connection.subscribed(&id, &room(), 0, None).await;
    connection.publish(&room(), 1).await;
    nexus.line().await;
    nexus.interrupt();
    assert_eq!(connection.close_code().await, 1000);

    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("--recover e1:1"), "{}", done.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_at_once() {
    for (args, says) in [
        (&["sub", "trades"][..], "`symbol` is missing"),
        (&["sub", "price"], "there is no channel `price`"),
        (&["sub", "Prices"], "a channel name is like"),
        (&["sub", "prices", "--param", "symbols"], "name=value"),
        (&["sub", "prices", "--params", "[1]"], "params are a JSON object"),
        (&["sub", "prices", "--recover", "7"], "epoch:offset"),
        (&["sub", "prices", "--every", "--latest"], "cannot be used with"),
        (
            &["sub", "events", "--mode=latest", "--every"],
            "cannot be used with",
        ),
        (
            &["sub", "events", "--mode=every", "--key=kind"],
            "skip what is in between",
        ),
        (&["sub", "prices", "--server", "ftp://a"], "http://"),
    ] {
        let done = Nexus::run(args).done().await;
        assert_eq!(done.code, 2, "{args:?} {}", done.stderr);
        assert!(done.stderr.contains(says), "{args:?} {}", done.stderr);
    }
}

// --- helpers --------------------------------------------------------------------------------------------------------

fn room() -> Topic {
    topic("room:lobby", Params::default())
}

fn topic(channel: &str, params: Params) -> Topic {
    Topic::parse(&ChannelName::parse(channel).unwrap(), params)
        .unwrap()
        .topic
}

/// Greets, and waits for the subscribe. A ping may come before, if the greeting is faster than the wish.
async fn greet(connection: &mut Connection) -> (MessageId, Subscribe) {
    connection.greet().await;
    loop {
        let (id, request) = connection.request().await;
        match request {
            Request::Subscribe(subscribe) => return (id, subscribe),
            Request::Ping => connection.reply(&id, &Reply::Pong).await,
            other => panic!("{other:?}"),
        }
    }
}

/// What is subscribed with these arguments.
async fn subscription(args: &[&str]) -> Subscribe {
    let script = Script::listen().await;
    let server = script.url();
    let _nexus = Nexus::run(&[&["sub"], args, &["--server", server.as_str()]].concat());
    let mut connection = script.accept().await;
    greet(&mut connection).await.1
}

/// Compares the ends of lines.
trait EqByEnd<'a>: Iterator<Item = &'a str> + Sized {
    fn eq_by_end(self, ends: &[&str]) -> bool {
        let lines: Vec<&str> = self.collect();
        lines.len() == ends.len() && lines.iter().zip(ends).all(|(line, end)| line.ends_with(end))
    }
}

impl<'a, I: Iterator<Item = &'a str>> EqByEnd<'a> for I {}
