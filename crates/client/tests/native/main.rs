//! The native driver over real sockets, against servers that follow a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod wire;

use std::time::Duration;

use nexus_client::native::{Client, Events};
use nexus_client::script::{Connection, Script, bare_http};
use nexus_client::{
    Ask, AskError, Backoff, Config, Continuity, Event, LinkState, ServerUrl, Stop, Trouble, Wish,
};
use nexus_protocol::{
    Ack, ChannelName, CloseCode, Command, CommandId, CommandResult, CommandStage, CommandStatus, DeviceId,
    Epoch, History, Joined, Member, Offset, Outcome, Params, Reply, Request, Subscribe, Timestamp, Topic,
    UserId,
};

#[tokio::test]
async fn publications_come_in_order_and_through_a_broken_connection() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    want_room(&client).await;

    let mut first = script.accept().await;
    first.greet().await;
    let (id, request) = first.request().await;
    assert!(matches!(&request, Request::Subscribe(subscribe) if subscribe.recover.is_none()));
    first.subscribed(&id, &room(), 0, None).await;
    first.publish(&room(), 1).await;
    first.publish(&room(), 2).await;
    assert_eq!(offsets(&mut events, 2).await, [1, 2]);
    first.cut();

    let mut second = script.accept().await;
    second.greet().await;
    let (id, request) = second.request().await;
    let Request::Subscribe(subscribe) = request else {
        panic!("{request:?}");
    };
    assert_eq!(subscribe.recover.unwrap().offset, Offset(2));
    second.subscribed(&id, &room(), 2, Some(true)).await;
    second.publish(&room(), 3).await;
    let recovered = until(&mut events, |event| match event {
        Event::Subscribed { continuity, .. } => Some(*continuity),
        _ => None,
    });
    assert_eq!(recovered.await, Continuity::Recovered);
    assert_eq!(offsets(&mut events, 1).await, [3]);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_with_1000() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    let other = client.clone();
    let mut connection = script.accept().await;
    connection.greet().await;
    live(&mut events, &mut connection).await;

    drop(client);
    other.view(|_, _| ()).await.expect("the other handle is there");
    drop(other);
    assert_eq!(connection.close_code().await, 1000);
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn close_waits_until_the_server_has_confirmed_it() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    let mut connection = script.accept().await;
    connection.greet().await;
    live(&mut events, &mut connection).await;

    let (code, ()) = tokio::join!(connection.close_code(), client.close());
    assert_eq!(code, 1000);
}

#[tokio::test]
async fn an_application_that_is_slow_to_take_events_loses_none() {
    const MANY: u64 = 5_000;
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    want_room(&client).await;
    let mut connection = script.accept().await;
    connection.greet().await;
    let (id, _) = connection.request().await;
    connection.subscribed(&id, &room(), 0, None).await;

    // More than all queues between hold; the server's writes wait meanwhile in the sockets.
    let publisher = async {
        for offset in 1..=MANY {
            connection.publish(&room(), offset).await;
        }
        connection
    };
    let taker = async {
        // The driver is still there for orders, though nobody takes what it has to tell.
        for _ in 0..100 {
            client.view(|_, _| ()).await.unwrap();
        }
        offsets(&mut events, MANY as usize).await
    };
    let (_connection, taken) = tokio::join!(publisher, taker);
    assert!(taken.into_iter().eq(1..=MANY));
}

#[tokio::test]
async fn a_refused_handshake_says_what_to_do() {
    for (status, expected) in [
        ("403 Forbidden", "person"),
        ("401 Unauthorized", "token"),
        ("429 Too Many Requests", "wait"),
        ("502 Bad Gateway", "wait"),
    ] {
        let url = bare_http(status).await;
        let (_client, mut events) = Client::connect(config(url));
        let became = until(&mut events, |event| match event {
            Event::Link(LinkState::Stopped(Stop::NeedsPerson { code, .. })) => {
                assert_eq!(*code, CloseCode::Policy);
                Some("person")
            }
            Event::Link(LinkState::Stopped(Stop::NeedsToken(_))) => Some("token"),
            Event::Link(LinkState::Waiting { trouble, .. }) => {
                assert!(matches!(trouble, Trouble::Closed { reason, .. } if reason.contains(status)));
                Some("wait")
            }
            _ => None,
        });
        assert_eq!(became.await, expected, "{status}");
    }
}

#[tokio::test]
async fn a_server_without_our_subprotocol_is_not_talked_to() {
    let script = Script::listen().await;
    let (_client, mut events) = Client::connect(config(script.url()));
    script.accept_without_subprotocol().await;
    let waiting = until(&mut events, |event| {
        matches!(event, Event::Link(LinkState::Waiting { .. })).then_some(())
    });
    waiting.await;
}

#[tokio::test]
async fn an_ask_is_answered_or_its_time_is_up() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    let mut connection = script.accept().await;
    connection.greet().await;
    live(&mut events, &mut connection).await;

    let asked = client.ask(history(), Duration::from_secs(30));
    let answered = async {
        let (id, request) = connection.request().await;
        assert!(matches!(request, Request::History(_)));
        connection.history(&id, &room()).await;
    };
    let (answer, ()) = tokio::join!(asked, answered);
    assert!(matches!(answer.unwrap(), Reply::History(_)));

    let late = client.ask(history(), Duration::from_millis(50)).await;
    assert_eq!(late, Err(AskError::TimedOut));

    client.wish(Wish::End).await.unwrap();
    let ended = client.ask(history(), Duration::from_secs(30)).await;
    assert_eq!(ended, Err(AskError::Stopped));
}

#[tokio::test]
async fn what_comes_on_the_way_to_an_answer_is_shown_to_whoever_asked() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    let mut connection = script.accept().await;
    connection.greet().await;
    live(&mut events, &mut connection).await;

    let (shown, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let asked = client.ask_and_watch(command(), Duration::from_secs(30), move |reply| {
        shown.send(reply.type_name()).unwrap();
    });
    let answered = async {
        let (id, request) = connection.request().await;
        assert!(matches!(request, Request::Command(_)));
        let command_id = CommandId::parse("c-1").unwrap();
        connection.reply(&id, &Reply::Ack(Ack::default())).await;
        let status = CommandStatus {
            command_id: command_id.clone(),
            status: CommandStage::Sent,
        };
        connection.reply(&id, &Reply::CommandStatus(status)).await;
        let outcome = Outcome::Done(None);
        let result = CommandResult { command_id, outcome };
        connection.reply(&id, &Reply::CommandResult(result)).await;
    };
    let (answer, ()) = tokio::join!(asked, answered);
    assert!(matches!(answer, Ok(Reply::CommandResult(_))));
    assert_eq!(seen.recv().await, Some("ack"));
    assert_eq!(seen.recv().await, Some("command.status"));
    assert_eq!(seen.recv().await, None);
}

#[tokio::test]
async fn a_room_is_joined_again_on_the_next_connection_until_it_is_left() {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(config(script.url()));
    client.join(room()).await.unwrap();
    client.view(|_, _| ()).await.unwrap();
    let mut connection = entered(&script, &["ann"]).await;
    assert_eq!(members(&mut events).await, ["ann"]);
    connection.cut();

    connection = entered(&script, &["ann", "bob"]).await;
    assert_eq!(members(&mut events).await, ["ann", "bob"]);
    connection.pong().await;
    client.leave(room()).await.unwrap();
    assert!(matches!(connection.request().await.1, Request::Leave(_)));
    assert!(matches!(connection.request().await.1, Request::Unsubscribe(_)));
}

// --- helpers --------------------------------------------------------------------------------------------------------

/// A client that is quick to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_a_close_is_heard_though_something_is_sent_at_the_same_time() {
    let script = Script::listen().await;
    // Who closes first is a matter of luck: each try has its own.
    for _ in 0..200 {
        let (client, mut events) = Client::connect(config(script.url()));
        want_room(&client).await;
        let mut connection = script.accept().await;
        connection.greet().await;
        connection.close(4029, "too many new connections").await;
        let why = until(&mut events, |event| match event {
            Event::Link(LinkState::Waiting { trouble, .. }) => Some(trouble.clone()),
            _ => None,
        });
        let Trouble::Closed { code, .. } = why.await else {
            panic!("it was closed");
        };
        assert_eq!(code, CloseCode::TooManyRequests);
    }
}

fn config(server: ServerUrl) -> Config {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20)).unwrap();
    Config {
        backoff,
        ..Config::new(server)
    }
}

fn room() -> Topic {
    let name = ChannelName::parse("room:lobby").unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

/// Subscribes, and returns when the session knows it: before any server can have greeted.
async fn want_room(client: &Client) {
    client.subscribe(Subscribe::to(room())).await.unwrap();
    client.view(|_, _| ()).await.unwrap();
}

fn history() -> Ask {
    Ask::History(History {
        limit: None,
        reverse: false,
        ..History::newest(room(), 1)
    })
}

fn command() -> Ask {
    Ask::Command(Command {
        device_id: DeviceId::parse("pump-1").unwrap(),
        name: "reboot".to_owned(),
        args: None,
        ttl_ms: None,
        idempotency_key: None,
        confirm: false,
    })
}

/// The next connection, on which the room has been subscribed and joined.
async fn entered(script: &Script, users: &[&str]) -> Connection {
    let mut connection = script.accept().await;
    connection.greet().await;
    let (id, request) = connection.request().await;
    assert!(matches!(request, Request::Subscribe(_)));
    connection.subscribed(&id, &room(), 0, None).await;
    // A ping may have been sent before the room could be asked for.
    let (id, request) = match connection.request().await {
        (id, Request::Ping) => {
            connection.reply(&id, &Reply::Pong).await;
            connection.request().await
        }
        other => other,
    };
    assert!(matches!(request, Request::Join(_)), "{request:?}");
    let member = |user: &&str| Member {
        user: UserId::parse(user).unwrap(),
        since: Timestamp::from_millis(1_800_000_000_000),
    };
    let joined = Joined {
        room: "lobby".to_owned(),
        members: users.iter().map(member).collect(),
        epoch: Epoch::parse("e1").unwrap(),
        offset: Offset(0),
    };
    connection.reply(&id, &Reply::Joined(joined)).await;
    connection
}

/// The next list of all who are in a room.
async fn members(events: &mut Events) -> Vec<String> {
    until(events, |event| match event {
        Event::Presence { update, .. } => {
            let members = update.members.as_ref()?;
            Some(members.iter().map(|member| member.user.to_string()).collect())
        }
        _ => None,
    })
    .await
}

/// The first thing that `pick` picks.
async fn until<T>(events: &mut Events, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = events.next().await.expect("the session goes on");
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), search)
        .await
        .expect("it happens within a minute")
}

/// The offsets of the next so many publications.
async fn offsets(events: &mut Events, count: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    while offsets.len() < count {
        let next = until(events, |event| match event {
            Event::Publication { publication, .. } => Some(publication.offset.0),
            _ => None,
        });
        offsets.push(next.await);
    }
    offsets
}

/// Answers the ping that closes the greeting, and waits until the client is live.
async fn live(events: &mut Events, connection: &mut Connection) {
    connection.pong().await;
    let live = until(events, |event| {
        matches!(event, Event::Link(LinkState::Live)).then_some(())
    });
    live.await;
}
