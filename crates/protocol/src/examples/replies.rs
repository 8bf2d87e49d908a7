//! An example of each reply.

use crate::examples::*;

pub(super) fn all() -> Vec<(&'static str, &'static str, Reply)> {
    let book = Topic::OrderBook(btc(), Depth::DEFAULT);
    vec![
        (
            "authenticated",
            "Signed in.",
            Reply::Authenticated(Authenticated {
                user: parsed(UserId::parse("ann")),
                expires_at: NOW,
                messages_per_minute: None,
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
                key: None,
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
                key: None,
                contiguous: true,
                status: Some(ChannelStatus::new(FeedState::Live, NOW)),
            }),
        ),
        (
            "subscribed, by key",
            "Of each place the newest report follows, every half second at most.",
            Reply::Subscribed(Subscribed {
                channel: channel("events"),
                params: Params::default(),
                filters: Filters::default(),
                epoch: position().epoch,
                offset: position().offset,
                recovered: None,
                mode: Mode::Latest,
                throttle_ms: Some(500),
                key: Some("place.id".to_owned()),
                contiguous: false,
                status: None,
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
                epoch: position().epoch,
                offset: position().offset,
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
                    from: Some(member("ann").user),
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
