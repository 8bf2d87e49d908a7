//! One example of each message: what the golden tests hold, and what `docs/PROTOCOL.md` shows.
//!
//! Not part of the API that programs use.

use std::collections::BTreeMap;

use crate::*;

/// Who sends a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// A client.
    Client,
    /// The server.
    Server,
}

/// A message as it stands on the wire.
#[derive(Clone, Debug)]
pub struct Example {
    /// The `type`, with a suffix where a type has several examples.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// The text of the frame.
    pub text: String,
}

/// Every example, in the order of the documentation.
pub fn all() -> Vec<Example> {
    let mut examples: Vec<Example> = requests()
        .into_iter()
        .map(|(name, about, request)| Example {
            name,
            about,
            sender: Sender::Client,
            text: encode_request(&id("m1"), &request),
        })
        .collect();
    examples.extend(replies().into_iter().map(|(name, about, reply)| Example {
        name,
        about,
        sender: Sender::Server,
        text: encode_reply(Some(&id("m1")), &reply, NOW),
    }));
    examples.extend(pushes().into_iter().map(|(name, about, push)| Example {
        name,
        about,
        sender: Sender::Server,
        text: encode_push(&push, NOW),
    }));
    examples
}

const NOW: Timestamp = Timestamp::EXAMPLE;

/// A value that every example is made of parses.
fn id(text: &str) -> MessageId {
    MessageId::parse(text).expect("an example id is short and printable")
}

fn parsed<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("the parts of examples are right")
}

fn position() -> Position {
    Position {
        epoch: parsed(Epoch::parse("k3v9q2ax")),
        offset: Offset(1041),
    }
}

fn btc() -> Symbol {
    parsed(Symbol::parse("BTC"))
}

fn decimal(text: &str) -> Decimal {
    parsed(Decimal::parse(text))
}

fn json(text: &str) -> Json {
    parsed(Json::parse(text))
}

fn channel(name: &str) -> ChannelName {
    parsed(ChannelName::parse(name))
}

fn member(name: &str) -> Member {
    Member {
        user: parsed(UserId::parse(name)),
        since: NOW,
    }
}

fn command_id() -> CommandId {
    parsed(CommandId::parse("c-7f3a"))
}

fn pump() -> DeviceId {
    parsed(DeviceId::parse("device-001"))
}

fn lobby() -> Topic {
    Topic::Named(channel("room:lobby"))
}

fn requests() -> Vec<(&'static str, &'static str, Request)> {
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
            "subscribe, with everything",
            "Each option that there is.",
            Request::Subscribe(Subscribe {
                since: Some(NOW),
                mode: Some(Mode::Latest),
                throttle_ms: Some(250),
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
                idempotency_key: None,
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
            "presence",
            "Asks who is there.",
            Request::Presence(Target { topic: lobby() }),
        ),
        (
            "history",
            "Asks for the 300 bars before a time.",
            Request::History(History {
                topic: Topic::Candles(btc(), Interval::Hour1),
                since: None,
                before: Some(NOW),
                limit: Some(300),
                reverse: true,
            }),
        ),
        ("ping", "Asks whether the server is there.", Request::Ping),
    ]
}

fn replies() -> Vec<(&'static str, &'static str, Reply)> {
    let book = Topic::OrderBook(btc(), Depth::DEFAULT);
    vec![
        (
            "authenticated",
            "Signed in.",
            Reply::Authenticated(Authenticated {
                user: parsed(UserId::parse("ann")),
                expires_at: NOW,
            }),
        ),
        (
            "subscribed",
            "Pushes follow: first a snapshot, then the live ones.",
            Reply::Subscribed(Subscribed {
                channel: book.channel_name(),
                params: book.params(),
                filters: Filters::default(),
                epoch: position().epoch,
                offset: position().offset,
                recovered: None,
                mode: Mode::Latest,
                throttle_ms: None,
                contiguous: false,
                status: Some(ChannelStatus {
                    simulated: true,
                    ..ChannelStatus::new(FeedState::Live, NOW)
                }),
            }),
        ),
        (
            "subscribed, recovered",
            "Everything behind the given position follows.",
            Reply::Subscribed(Subscribed {
                channel: channel("trades"),
                params: Topic::Trades(btc()).params(),
                filters: Filters::default(),
                epoch: position().epoch,
                offset: position().offset,
                recovered: Some(true),
                mode: Mode::Every,
                throttle_ms: None,
                contiguous: true,
                status: Some(ChannelStatus::new(FeedState::Live, NOW)),
            }),
        ),
        (
            "unsubscribed",
            "No more pushes follow.",
            Reply::Unsubscribed(Unsubscribed {
                channel: book.channel_name(),
                params: book.params(),
            }),
        ),
        (
            "ack",
            "Published, and where it stands.",
            Reply::Ack(Ack {
                position: Some(position()),
                command_id: None,
            }),
        ),
        (
            "command.status",
            "How far a command is.",
            Reply::CommandStatus(CommandStatus {
                command_id: command_id(),
                status: CommandStage::Delivered,
            }),
        ),
        (
            "command.result",
            "What became of a command.",
            Reply::CommandResult(CommandResult {
                command_id: command_id(),
                outcome: Outcome::Failed("the pump is locked".to_owned()),
            }),
        ),
        (
            "joined",
            "In the room, and who else is.",
            Reply::Joined(Joined {
                room: "lobby".to_owned(),
                members: vec![member("ann"), member("bob")],
            }),
        ),
        (
            "left",
            "Out of the room.",
            Reply::Left(Left {
                room: "lobby".to_owned(),
            }),
        ),
        (
            "presence",
            "Who is there.",
            Reply::Presence(PresenceList {
                channel: channel("room:lobby"),
                params: Params::default(),
                members: vec![member("ann")],
            }),
        ),
        (
            "history",
            "A page of the past.",
            Reply::History(HistoryPage {
                channel: channel("room:lobby"),
                params: Params::default(),
                epoch: position().epoch,
                offset: position().offset,
                items: vec![HistoryItem {
                    offset: Some(position().offset),
                    timestamp: NOW,
                    payload: json(r#"{"text":"hello"}"#),
                }],
                more: false,
            }),
        ),
        ("pong", "The server is there.", Reply::Pong),
        (
            "error",
            "Refused, and what to do.",
            Reply::Error(
                Refusal::new(
                    ErrorCode::RateLimited,
                    "more than 100 messages in a minute; wait and send again",
                )
                .retry_after_ms(1_200),
            ),
        ),
    ]
}

fn pushes() -> Vec<(&'static str, &'static str, Push)> {
    let published = |topic: Topic, snapshot: bool, payload: Payload| {
        Push::Publication(Publication {
            topic,
            offset: position().offset,
            snapshot,
            timestamp: NOW,
            payload,
        })
    };
    let text = |topic: Topic, text: &str| published(topic, false, Payload::Json(json(text)));
    let user = || parsed(UserId::parse("ann"));
    let level = |price: &str, size: &str| BookLevel {
        price: decimal(price),
        size: decimal(size),
    };
    let price = Price {
        price: decimal("106296.0"),
        change24h: Some(decimal("-1.27")),
        volume24h: Some(decimal("3316947851.6990442276")),
        timestamp: NOW.as_millis(),
    };
    let book = Book {
        symbol: btc(),
        bids: vec![level("106295.0", "0.971"), level("106294.0", "2.4")],
        asks: vec![level("106296.0", "0.0439"), level("106297.0", "1.1")],
        timestamp: NOW.as_millis(),
        deep_timestamp: None,
    };
    let trades = Trades {
        symbol: btc(),
        trades: vec![Trade {
            id: 293_353_986_402_527,
            price: decimal("106296.0"),
            size: decimal("0.00017"),
            side: Side::Sell,
            timestamp: NOW.as_millis(),
        }],
        gap: None,
    };
    let candles = Candles {
        symbol: btc(),
        interval: Interval::Minute1,
        candles: vec![Candle {
            time: 1_793_670_780_000,
            open: decimal("106290.0"),
            high: decimal("106301.0"),
            low: decimal("106288.0"),
            close: decimal("106296.0"),
            volume: decimal("12.0407"),
            count: 20,
        }],
    };
    let gap = TradeGap {
        from: NOW.as_millis() - 9_000,
        to: NOW.as_millis(),
    };
    let after_gap = Trades {
        gap: Some(gap),
        ..trades.clone()
    };
    vec![
        (
            "connected",
            "The first message: who one is here, and what one may do.",
            Push::Connected(Connected {
                client_id: parsed(ClientId::parse("019a4f6e-7b1c-7d10-a3c5-0d4b8f1e2a60")),
                server_time: NOW,
                protocol: JSON_SUBPROTOCOL.to_owned(),
                heartbeat_ms: 15_000,
                limits: Limits {
                    messages_per_minute: 100,
                    errors_per_minute: 10,
                    message_bytes: 131_072,
                    subscriptions: 256,
                    outbox_bytes: 1_048_576,
                    sign_in_ms: 10_000,
                    idle_ms: 60_000,
                },
            }),
        ),
        (
            "prices.update",
            "The symbols that changed.",
            published(
                Topic::Prices(None),
                false,
                Payload::Prices(Prices::from([(btc(), price)])),
            ),
        ),
        (
            "orderbook.update",
            "The whole book; here as the snapshot after `subscribe`.",
            published(Topic::OrderBook(btc(), Depth::DEFAULT), true, Payload::Book(book)),
        ),
        (
            "trades.update",
            "New trades.",
            published(Topic::Trades(btc()), false, Payload::Trades(trades)),
        ),
        (
            "trades.update, after a gap",
            "Trades before these are missing, and could not be fetched.",
            published(Topic::Trades(btc()), false, Payload::Trades(after_gap)),
        ),
        (
            "candles.update",
            "The bars that changed; one with the time of an earlier one replaces it.",
            published(
                Topic::Candles(btc(), Interval::Minute1),
                false,
                Payload::Candles(candles),
            ),
        ),
        (
            "user_orders.update",
            "One user's orders.",
            text(Topic::UserOrders(user()), r#"{"kind":"created"}"#),
        ),
        (
            "user_fills.update",
            "One user's fills.",
            text(Topic::UserFills(user()), r#"{"fills":[]}"#),
        ),
        (
            "account_updates.update",
            "One user's account.",
            text(Topic::AccountUpdates(user()), r#"{"balances":[]}"#),
        ),
        (
            "telemetry.update",
            "What a device measured.",
            text(
                Topic::Telemetry,
                r#"{"device_id":"device-001","metrics":{"temperature":21.5}}"#,
            ),
        ),
        (
            "commands.update",
            "What became of a command.",
            text(
                Topic::Commands,
                r#"{"command_id":"c-7f3a","device_id":"device-001","status":"done"}"#,
            ),
        ),
        (
            "tasks.update",
            "Progress of a task.",
            text(Topic::Tasks, r#"{"task_id":"t-1","progress":0.4}"#),
        ),
        (
            "ai.update",
            "The next chunk of a text.",
            text(Topic::Ai, r#"{"stream_id":"s-1","chunk":"Hel"}"#),
        ),
        (
            "events.update",
            "Something happened.",
            text(Topic::Events, r#"{"kind":"door","open":true}"#),
        ),
        (
            "chain.update",
            "A notification of a chain.",
            text(
                Topic::Chain(parsed(ChainId::parse("e476187f"))),
                r#"{"kind":"new_block","height":12}"#,
            ),
        ),
        (
            "message",
            "A publication on any other channel.",
            text(lobby(), r#"{"text":"hello"}"#),
        ),
        (
            "presence.update",
            "Someone came.",
            Push::Presence(
                lobby(),
                PresenceUpdate {
                    joined: vec![member("bob")],
                    left: Vec::new(),
                },
            ),
        ),
        (
            "channel.status, stale",
            "The source went silent.",
            Push::Status(
                Topic::Trades(btc()),
                ChannelStatus {
                    reason: Some("no news from the exchange for 11 s".to_owned()),
                    ..ChannelStatus::new(FeedState::Stale, NOW)
                },
            ),
        ),
        (
            "channel.status, gap of this client",
            "The client was too slow, and the history no longer reaches back.",
            Push::Status(
                lobby(),
                ChannelStatus {
                    gap: Some(Gap::Publications {
                        missed: 312,
                        offset: position().offset,
                    }),
                    ..ChannelStatus::new(FeedState::Gap, NOW)
                },
            ),
        ),
        (
            "channel.status, gap of the source",
            "News of the source never reached the server.",
            Push::Status(
                Topic::Trades(btc()),
                ChannelStatus {
                    gap: Some(Gap::Source {
                        from: gap.from,
                        to: gap.to,
                    }),
                    ..ChannelStatus::new(FeedState::Gap, NOW)
                },
            ),
        ),
        (
            "shutdown",
            "A planned end; this client comes back after its own delay.",
            Push::Shutdown(Shutdown {
                message: "the server restarts".to_owned(),
                reconnect_after_ms: 1_840,
            }),
        ),
    ]
}
