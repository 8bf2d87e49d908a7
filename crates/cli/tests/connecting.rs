//! What all commands have in common: who we are, a server that takes no more connections, and nobody who listens.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::{Nexus, next_request};
use nexus_client::script::Script;
use nexus_protocol::{Authenticated, Reply, Request, Timestamp, UserId};

const TOO_MANY: (u16, &str) = (4029, "too many new connections; wait a minute");

#[tokio::test]
async fn the_exit_code_is_the_same_when_nobody_reads_what_went_wrong() {
    for (args, code) in [
        (&["pub", "events", "no JSON"][..], 2),
        (&["history", "events", "--token-file", "/nowhere/token"], 1),
        (&["simulate", "--secret-file", "/nowhere/secret"], 1),
    ] {
        let done = Nexus::run_unheard(args).done().await;
        assert_eq!(done.code, code, "{args:?}");
    }
}

#[tokio::test]
async fn what_was_typed_goes_over_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "of-the-file\n").unwrap();
    for (typed, expected) in [
        (&["--token-file", "token"][..], "of-the-file"),
        (&["--token", "typed"], "typed"),
        (&[], "of-the-environment"),
    ] {
        let script = Script::listen().await;
        let server = script.url();
        let args = [&["presence", "room:a", "--server", server.as_str()], typed].concat();
        let nexus = Nexus::run_with(&args, &[("NEXUS_TOKEN", "of-the-environment")], dir.path());
        let mut connection = script.accept().await;
        connection.greet().await;
        let (id, request) = next_request(&mut connection).await;
        let Request::Auth(auth) = request else {
            panic!("{request:?}");
        };
        assert_eq!(auth.token, expected, "{typed:?}");
        connection.reply(&id, &signed_in()).await;
        drop(nexus);
    }
}

#[tokio::test]
async fn two_tokens_that_were_typed_contradict_each_other() {
    for command in [&["presence", "room:a"][..], &["bench"]] {
        let args = [command, &["--token", "a", "--token-file", "b"]].concat();
        let done = Nexus::run(&args).done().await;
        assert_eq!(done.code, 2);
        assert!(done.stderr.contains("cannot be used with"), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_server_that_takes_no_more_connections_is_told_at_once() {
    for args in [
        &["pub", "events", "{}"][..],
        &["pub", "room:lobby", "1", "--join"],
        &["history", "events"],
        &["presence", "room:a"],
    ] {
        let script = Script::listen().await;
        let server = script.url();
        let nexus = Nexus::run(&[args, &["--server", server.as_str()]].concat());
        script.accept().await.close(TOO_MANY.0, TOO_MANY.1).await;
        let done = nexus.done().await;
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{args:?}");
        for part in [
            "4029",
            "wait a minute",
            "--lines",
            "connections_per_minute",
            "exempt_loopback",
        ] {
            assert!(done.stderr.contains(part), "{args:?}: {part} in {}", done.stderr);
        }
        assert!(
            !done.stderr.contains("is the server there"),
            "{args:?}: {}",
            done.stderr
        );
        assert_eq!(done.stderr.lines().count(), 1, "{args:?}: {}", done.stderr);
    }
}

#[tokio::test]
async fn who_has_the_patience_waits_and_is_told_how_long() {
    for args in [
        &["presence", "room:a", "--timeout", "5m"][..],
        &["command", "pump-1", "reboot"],
    ] {
        let script = Script::listen().await;
        let server = script.url();
        let mut nexus = Nexus::run(&[args, &["--server", server.as_str()]].concat());
        script.accept().await.close(TOO_MANY.0, TOO_MANY.1).await;
        let said = nexus.error_line().await;
        assert!(
            said.contains("connections_per_minute") && said.contains("again in "),
            "{said}"
        );
    }
}

fn signed_in() -> Reply {
    Reply::Authenticated(Authenticated {
        messages_per_minute: None,
        user: UserId::parse("ann").unwrap(),
        expires_at: Timestamp::MAX,
    })
}
