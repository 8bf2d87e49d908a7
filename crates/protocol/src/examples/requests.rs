//! An example of each request.

use std::collections::BTreeMap;

use crate::examples::*;

pub(super) fn all() -> Vec<(&'static str, &'static str, Request)> {
    let device_filter = || {
        Filters(BTreeMap::from([(
            "device_id".to_owned(),
            Condition::Equals("device-001".into()),
        )]))
    };
    vec![
        (
            "auth",
            "Signs in, or refreshes the token of a connection that goes on.",
            Request::Auth(Auth {
                token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln".to_owned(),
            }),
        ),
        (
            "subscribe",
            "Listens to the order book of one market.",
            Request::Subscribe(Subscribe::to(Topic::OrderBook(btc(), Depth::DEFAULT))),
        ),
        (
            "subscribe, filtered",
            "Listens to one device of all.",
            Request::Subscribe(Subscribe {
                filters: device_filter(),
                ..Subscribe::to(Topic::Telemetry)
            }),
        ),
        (
            "subscribe, after a reconnect",
            "Asks for everything behind the last publication that it has.",
            Request::Subscribe(Subscribe {
                recover: Some(position()),
                ..Subscribe::to(Topic::Trades(btc()))
            }),
        ),
        (
            "subscribe, by key",
            "Of each place the newest report alone, every half second at most.",
            Request::Subscribe(Subscribe {
                throttle_ms: Some(500),
                key: Some("place.id".to_owned()),
                ..Subscribe::to(Topic::Events)
            }),
        ),
        (
            "subscribe, with everything",
            "Each option that there is.",
            Request::Subscribe(Subscribe {
                since: Some(NOW),
                mode: Some(Mode::Latest),
                throttle_ms: Some(250),
                key: Some("symbol".to_owned()),
                snapshot: false,
                ..Subscribe::to(Topic::Prices(Symbols::new([btc(), parsed(Symbol::parse("ETH"))])))
            }),
        ),
        (
            "unsubscribe",
            "Stops listening.",
            Request::Unsubscribe(Target {
                topic: Topic::OrderBook(btc(), Depth::DEFAULT),
            }),
        ),
        (
            "publish",
            "Publishes on a channel.",
            Request::Publish(Publish {
                channel: channel("room:lobby"),
                data: json(r#"{"text":"hello"}"#),
                idempotency_key: Some(parsed(IdempotencyKey::parse("7b1c"))),
                ack: true,
            }),
        ),
        (
            "publish, no ack",
            "Publishes, and wants to hear of it only if it is refused.",
            Request::Publish(Publish {
                channel: channel("room:lobby"),
                data: json(r#"{"x":3,"y":4}"#),
                idempotency_key: None,
                ack: false,
            }),
        ),
        (
            "telemetry",
            "A device reports.",
            Request::Telemetry(Telemetry {
                device_id: pump(),
                metrics: BTreeMap::from([("humidity".to_owned(), 41.0), ("temperature".to_owned(), 21.5)]),
                at: Some(NOW),
            }),
        ),
        (
            "command",
            "Orders a device to do something.",
            Request::Command(Command {
                device_id: pump(),
                name: "reboot".to_owned(),
                args: Some(json(r#"{"delay_s":5}"#)),
                ttl_ms: Some(60_000),
                idempotency_key: Some(parsed(IdempotencyKey::parse("9f01"))),
                confirm: true,
            }),
        ),
        (
            "command.received",
            "The device has got it and will do it.",
            Request::CommandReceived(CommandReceived {
                command_id: command_id(),
            }),
        ),
        (
            "command.result",
            "The device says what became of it.",
            Request::CommandResult(CommandResult {
                command_id: command_id(),
                outcome: Outcome::Done(Some(json(r#"{"uptime_s":3}"#))),
            }),
        ),
        (
            "join",
            "Enters a room.",
            Request::Join(Join {
                room: "lobby".to_owned(),
            }),
        ),
        (
            "leave",
            "Leaves a room.",
            Request::Leave(Join {
                room: "lobby".to_owned(),
            }),
        ),
        (
            "typing",
            "Shows the others that one is typing.",
            Request::Typing(Typing {
                room: "lobby".to_owned(),
                typing: true,
            }),
        ),
        (
            "presence",
            "Asks who is there.",
            Request::Presence(Target { topic: lobby() }),
        ),
        (
            "history",
            "Asks for the 300 bars before a time.",
            Request::History(History {
                before: Some(NOW),
                ..History::newest(Topic::Candles(btc(), Interval::Hour1), 300)
            }),
        ),
        (
            "history, filtered",
            "Asks for the last values of one device.",
            Request::History(History {
                filters: Filters(BTreeMap::from([(
                    "device_id".to_owned(),
                    Condition::Equals("device-001".into()),
                )])),
                ..History::newest(Topic::Telemetry, 500)
            }),
        ),
        (
            "history, further back",
            "Asks for the page before the last item of the page before.",
            Request::History(History {
                until: Some(position()),
                ..History::newest(lobby(), 50)
            }),
        ),
        ("ping", "Asks whether the server is there.", Request::Ping),
    ]
}
