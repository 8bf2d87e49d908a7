//! `nexus pub`, `history` and `presence`, run as people run them, against a server that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::{Nexus, next_request};
use nexus_client::script::{Connection, Script};
use nexus_protocol::{
    Ack, Epoch, ErrorCode, HistoryItem, HistoryPage, Joined, Json, Member, MessageId, Offset, Params,
    Position, PresenceList, Publish, Refusal, Reply, Request, Timestamp, UserId,
};

#[tokio::test]
async fn a_message_is_published_once_even_through_a_broken_connection() {
    let script = Script::listen().await;
    let nexus = start(&script, &["pub", "room:lobby", r#"{"text":"hello"}"#]);
    let mut first = greeted(&script).await;
    let (_, publish) = publish_request(&mut first).await;
    assert_eq!(publish.channel.as_str(), "room:lobby");
    assert_eq!(publish.data.as_str(), r#"{"text":"hello"}"#);
    first.cut();

    let mut second = greeted(&script).await;
    let (id, again) = publish_request(&mut second).await;
    assert_eq!(again, publish, "under the same key");
    second.reply(&id, &ack(1041)).await;
    assert_eq!(second.close_code().await, 1000);
    let done = nexus.done().await;
    assert_eq!(
        (done.code, done.stdout.as_str(), done.stderr.as_str()),
        (0, "e1:1041\n", "")
    );
}

#[tokio::test]
async fn a_room_is_joined_before_one_talks_in_it() {
    for is_let_in in [true, false] {
        let script = Script::listen().await;
        let nexus = start(&script, &["pub", "room:lobby", "1", "--join"]);
        let mut connection = greeted(&script).await;
        let (id, Request::Subscribe(subscribe)) = next_request(&mut connection).await else {
            panic!("the room is subscribed");
        };
        connection.subscribed(&id, &subscribe.topic, 0, None).await;
        let (id, Request::Join(join)) = next_request(&mut connection).await else {
            panic!("the room is joined");
        };
        if is_let_in {
            let joined = Joined {
                room: join.room,
                members: Vec::new(),
                epoch: Epoch::parse("e1").unwrap(),
                offset: Offset(0),
            };
            connection.reply(&id, &Reply::Joined(joined)).await;
            let (id, _) = publish_request(&mut connection).await;
            connection.reply(&id, &ack(1)).await;
        } else {
            let refusal = Refusal::new(ErrorCode::Forbidden, "it is full");
            connection.reply(&id, &Reply::Error(refusal)).await;
        }
        connection.close_code().await;
        let done = nexus.done().await;
        let expected = match is_let_in {
            true => (0, "e1:1\n", ""),
            false => (1, "", "nexus: it is full\n"),
        };
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), expected);
    }
}

#[tokio::test]
async fn what_stands_on_standard_input_is_published() {
    let script = Script::listen().await;
    let args = [
        "pub",
        "events",
        "-",
        "--json",
        "--key",
        "k",
        "--server",
        script.url().as_str(),
    ]
    .map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let nexus = Nexus::run_fed(&args, "{\"n\":\n 1}\n").await;
    let mut connection = greeted(&script).await;
    let (id, publish) = publish_request(&mut connection).await;
    assert_eq!(publish.data.as_str(), "{\"n\":\n 1}");
    assert_eq!(publish.idempotency_key.unwrap().as_str(), "k");
    connection.reply(&id, &ack(7)).await;
    connection.close_code().await;
    assert_eq!(nexus.done().await.stdout, "{\"epoch\":\"e1\",\"offset\":7}\n");
}

#[tokio::test]
async fn each_line_is_published_in_order_until_one_is_no_json() {
    let script = Script::listen().await;
    let server = script.url();
    let args = [
        "pub",
        "events",
        "--lines",
        "--key",
        "run",
        "--server",
        server.as_str(),
    ];
    let nexus = Nexus::run_fed(&args, "1\n\n{\"b\":2}\nthree\n4\n").await;
    let mut connection = greeted(&script).await;
    for (offset, data, key) in [(1, "1", "run-1"), (2, r#"{"b":2}"#, "run-3")] {
        let (id, publish) = publish_request(&mut connection).await;
        assert_eq!(publish.data.as_str(), data);
        assert_eq!(publish.idempotency_key.unwrap().as_str(), key);
        connection.reply(&id, &ack(offset)).await;
    }
    connection.close_code().await;
    let done = nexus.done().await;
    assert_eq!((done.code, done.stdout.as_str()), (1, "e1:1\ne1:2\n"));
    assert!(done.stderr.starts_with("nexus: line 4: "), "{}", done.stderr);
    assert!(
        done.stderr.ends_with("; 2 messages before it were published\n"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn history_is_printed_in_the_order_in_which_it_was_published() {
    for (more, printed, asked_reverse) in [
        (&[][..], [5, 6, 7], true),
        (&["--reverse"], [7, 6, 5], true),
        (&["--since", "e1:4"], [5, 6, 7], false),
        (&["--until", "e1:8"], [5, 6, 7], true),
    ] {
        let script = Script::listen().await;
        let args = [
            &["history", "events", "--limit", "3", "--filter", "kind=deploy"],
            more,
        ]
        .concat();
        let nexus = start(&script, &args);
        let mut connection = greeted(&script).await;
        let (id, Request::History(history)) = next_request(&mut connection).await else {
            panic!("history is asked for");
        };
        assert_eq!((history.limit, history.reverse), (Some(3), asked_reverse));
        let until = history
            .until
            .map(|until| format!("{}:{}", until.epoch, until.offset));
        let wanted = more.contains(&"--until").then(|| "e1:8".to_owned());
        assert_eq!(until, wanted, "{more:?}");
        assert_eq!(
            serde_json::to_string(&history.filters).unwrap(),
            r#"{"kind":"deploy"}"#
        );
        let mut items: Vec<_> = (5..=7).map(item).collect();
        if asked_reverse {
            items.reverse();
        }
        let page = HistoryPage {
            channel: history.topic.channel_name(),
            params: Params::default(),
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(7),
            items,
            more: true,
        };
        connection.reply(&id, &Reply::History(page)).await;
        connection.close_code().await;
        let done = nexus.done().await;
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected: String = printed
            .iter()
            .map(|offset| format!("2027-01-15T08:00:00.00{offset}Z #{offset} ann {{\"n\":{offset}}}\n"))
            .collect();
        assert_eq!(done.stdout, expected, "{more:?}");
        let go_on = match asked_reverse {
            true => "--until e1:5",
            false => "--since e1:7",
        };
        assert!(done.stderr.contains(go_on), "{more:?}: {}", done.stderr);
    }
}

#[tokio::test]
async fn who_is_there_is_printed_one_a_line() {
    for (json, printed) in [
        (
            false,
            "ann     since 2027-01-15T08:00:00.000Z\npump-1  since 2027-01-15T08:00:00.000Z\n",
        ),
        (
            true,
            "{\"user\":\"ann\",\"since\":\"2027-01-15T08:00:00.000Z\"}\n{\"user\":\"pump-1\",\"since\":\"2027-01-15T08:00:00.000Z\"}\n",
        ),
    ] {
        let script = Script::listen().await;
        let args = match json {
            true => &["presence", "telemetry", "--json"][..],
            false => &["presence", "telemetry"],
        };
        let nexus = start(&script, args);
        let mut connection = greeted(&script).await;
        let (id, Request::Presence(target)) = next_request(&mut connection).await else {
            panic!("presence is asked for");
        };
        let member = |user| Member {
            user: UserId::parse(user).unwrap(),
            since: Timestamp::from_millis(1_800_000_000_000),
        };
        let list = PresenceList {
            channel: target.topic.channel_name(),
            params: Params::default(),
            members: vec![member("ann"), member("pump-1")],
        };
        connection.reply(&id, &Reply::Presence(list)).await;
        connection.close_code().await;
        let done = nexus.done().await;
        assert_eq!((done.code, done.stdout.as_str()), (0, printed), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_refusal_is_one_sentence() {
    for (args, code, said) in [
        (
            &["pub", "events", "1"][..],
            ErrorCode::AuthFailed,
            "nexus: sign in first; give a token with --token-file, or make one with `nexus token`\n",
        ),
        (
            &["history", "room:a"],
            ErrorCode::Forbidden,
            "nexus: sign in first\n",
        ),
        (
            &["presence", "room:a"],
            ErrorCode::TokenExpired,
            "nexus: the token has expired; make another with `nexus token`\n",
        ),
    ] {
        let script = Script::listen().await;
        let nexus = start(&script, args);
        let mut connection = greeted(&script).await;
        let (id, _) = next_request(&mut connection).await;
        let refusal = Refusal::new(code, "sign in first");
        connection.reply(&id, &Reply::Error(refusal)).await;
        connection.close_code().await;
        let done = nexus.done().await;
        assert_eq!((done.code, done.stderr.as_str()), (1, said));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_time() {
    // A port that was free a moment ago, on which nobody listens.
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let nexus = Nexus::run(&["presence", "room:a", "--timeout", "300ms", "--server", &nobody]);
    let done = nexus.done().await;
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("within 300ms"), "{}", done.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    for (args, said) in [
        (&["pub", "events", "hello"][..], r#"'"hello"'"#),
        (&["pub", "events"], "JSON"),
        (&["pub", "Events", "1"], "channel name"),
        (&["pub", "event", "{}"], "there is no channel `event`"),
        (&["pub", "events", "1", "--lines"], "cannot be used with"),
        (&["pub", "events", "1", "--key", "a b"], "--key a b"),
        (&["pub", "events", "1", "--join"], "events is no room"),
        (&["history", "events", "--limit", "0"], "limit"),
        (&["history", "events", "--since", "7"], "epoch:offset"),
        (&["history", "events", "--until", "7"], "epoch:offset"),
        (&["history", "trades"], "symbol"),
        (&["presence", "nowhere"], "nowhere"),
        (&["sub", "telemetry", "--filter", "pump-1"], "device_id=pump-1"),
        (&["command", "pump 1", "reboot"], "device id"),
        (&["command", "pump-1", "reboot", "{"], "JSON"),
        (&["command", "pump-1", "reboot", "--ttl", "soon"], "ttl"),
    ] {
        let done = Nexus::run(args).done().await;
        assert_eq!(done.code, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{args:?}");
    }
}

fn start(script: &Script, args: &[&str]) -> Nexus {
    let server = script.url();
    Nexus::run(&[args, &["--server", server.as_str()]].concat())
}

async fn greeted(script: &Script) -> Connection {
    let mut connection = script.accept().await;
    connection.greet().await;
    connection
}

async fn publish_request(connection: &mut Connection) -> (MessageId, Publish) {
    match next_request(connection).await {
        (id, Request::Publish(publish)) => (id, publish),
        other => panic!("{other:?}"),
    }
}

fn ack(offset: u64) -> Reply {
    Reply::Ack(Ack {
        position: Some(Position {
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(offset),
        }),
        command_id: None,
    })
}

fn item(offset: u64) -> HistoryItem {
    HistoryItem {
        offset: Some(Offset(offset)),
        timestamp: Timestamp::from_millis(1_800_000_000_000 + offset),
        from: Some(UserId::parse("ann").unwrap()),
        payload: Json::parse(&format!(r#"{{"n":{offset}}}"#)).unwrap(),
    }
}
