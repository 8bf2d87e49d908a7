//! An example of each push.

use crate::examples::*;

pub(super) fn all() -> Vec<(&'static str, &'static str, Push)> {
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
