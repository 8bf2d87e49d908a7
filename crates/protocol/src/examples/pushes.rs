//! An example of each push.

use crate::examples::*;

pub(super) fn all() -> Vec<(&'static str, &'static str, Push)> {
    let published = |topic: Topic, snapshot: bool, payload: Payload| {
        Push::Publication(Publication {
            topic,
            offset: position().offset,
            snapshot,
            conflated: 0,
            timestamp: NOW,
            from: None,
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
            "Orders that changed.",
            text(
                Topic::UserOrders(user()),
                r#"{"orders":[{"id":315452584853,"symbol":"ETH","side":"buy","price":"2080.0","size":"0.0","original_size":"0.01","change":"filled","status":"filled","timestamp":1793670834518,"placed_at":1793670820000}]}"#,
            ),
        ),
        (
            "user_fills.update",
            "Fills, oldest first.",
            text(
                Topic::UserFills(user()),
                r#"{"fills":[{"id":16227536601206,"order_id":315452584853,"symbol":"ETH","side":"buy","price":"2080.0","size":"0.01","direction":"Open Long","closed_pnl":"0.0","fee":"0.0093","fee_token":"USDC","timestamp":1793670834518}]}"#,
            ),
        ),
        (
            "account_updates.update",
            "The whole account.",
            text(
                Topic::AccountUpdates(user()),
                r#"{"address":"0x00000000000000000000000000000000000000a1","value":"1043.71","withdrawable":"940.2","margin_used":"103.5","positions":[{"symbol":"ETH","size":"0.01","entry_price":"2080.0","value":"20.9","unrealized_pnl":"0.1","leverage":10}],"timestamp":1793670834518}"#,
            ),
        ),
        (
            "telemetry.update",
            "What a device measured.",
            text(
                Topic::Telemetry,
                r#"{"device_id":"device-001","metrics":{"temperature":21.5},"at":"2026-11-03T01:53:50.000Z","skew_ms":-4518}"#,
            ),
        ),
        (
            "commands.update",
            "A step in the life of a command.",
            text(
                Topic::Commands,
                r#"{"command_id":"c-7f3a","device_id":"device-001","name":"reboot","args":{"delay_s":5},"by":"ann","status":"done","ordered_at":"2026-11-03T01:53:50.000Z","expires_at":"2026-11-03T01:54:50.000Z","result":{"uptime_s":3}}"#,
            ),
        ),
        (
            "tasks.update",
            "Progress of a task.",
            text(
                Topic::Tasks,
                r#"{"task_id":"t-1","title":"Nightly backup","state":"running","progress":0.4}"#,
            ),
        ),
        (
            "ai.update",
            "The next chunk of a text.",
            text(Topic::Ai, r#"{"stream_id":"s-1","index":3,"chunk":"Hel"}"#),
        ),
        (
            "ai.update, what there is so far",
            "After `subscribe`, one for each stream; the chunks behind `index` follow.",
            published(
                Topic::Ai,
                true,
                Payload::Json(json(
                    r#"{"stream_id":"s-1","title":"Answer","index":3,"text":"Well. Hel"}"#,
                )),
            ),
        ),
        (
            "events.update",
            "Something happened.",
            text(Topic::Events, r#"{"kind":"door","open":true}"#),
        ),
        (
            "events.update, in place of others",
            "Three publications behind the push before are not sent: this one stands for them.",
            Push::Publication(Publication {
                topic: Topic::Events,
                offset: position().offset,
                snapshot: false,
                conflated: 3,
                timestamp: NOW,
                from: None,
                payload: Payload::Json(json(r#"{"place":{"id":"north"},"visitors":41}"#)),
            }),
        ),
        (
            "chain.update",
            "A notification of a chain.",
            text(
                Topic::Chain(parsed(ChainId::parse("e476187f"))),
                r#"{"kind":"new_block","height":"42","hash":"a2a2a2a2"}"#,
            ),
        ),
        (
            "message",
            "A publication on any other channel.",
            Push::Publication(Publication {
                topic: lobby(),
                offset: position().offset,
                snapshot: false,
                conflated: 0,
                timestamp: NOW,
                from: Some(user()),
                payload: Payload::Json(json(r#"{"text":"hello"}"#)),
            }),
        ),
        (
            "presence.update",
            "Someone came.",
            Push::Presence(
                lobby(),
                PresenceUpdate {
                    joined: vec![member("bob")],
                    ..PresenceUpdate::default()
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
            "The client is too far behind, and the history no longer reaches back.",
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
            "presence.update, typing",
            "Someone is typing.",
            Push::Presence(
                lobby(),
                PresenceUpdate {
                    typing: vec![user()],
                    ..PresenceUpdate::default()
                },
            ),
        ),
        (
            "command",
            "To a device: do this.",
            Push::Command(CommandOrder {
                command_id: command_id(),
                device_id: pump(),
                name: "reboot".to_owned(),
                args: Some(json(r#"{"delay_s":5}"#)),
                expires_at: NOW,
                redelivered: false,
            }),
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
