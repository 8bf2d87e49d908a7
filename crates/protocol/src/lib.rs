//! The wire of Nexus, for both sides: what a client may send, what a server answers and pushes, and the types
//! that make a wrong message impossible to hold.
//!
//! This crate promises: decoding never panics and never allocates beyond the given size limit; a [`Topic`] that
//! parses is a topic that exists in the protocol; encoding and decoding are inverse. It must never do IO, read a
//! clock or draw randomness.
//!
//! Reading order: names and values ([`Topic`], [`Decimal`], [`Position`]), then messages ([`Request`], [`Reply`],
//! [`Push`]), then the codec ([`decode_request`], [`decode_server`]).

mod decimal;
mod ids;
mod json;
mod time;

mod channel_name;
mod filters;
mod params;
mod symbol;
mod topic;

mod position;

mod account;
mod activity;
mod chain;
mod close;
mod devices;
mod market;
mod push;
mod refusal;
mod reply;
mod request;

mod codec;
mod envelope;

pub mod classic;
pub mod msgpack;

#[doc(hidden)]
pub mod examples;

pub use account::{Account, AccountPosition, Balance, Fill, Fills, Order, OrderChange, Orders};
pub use activity::{AiUpdate, TaskState, TaskUpdate};
pub use chain::{ChainUpdate, Height};
pub use channel_name::{ChannelName, ChannelNameError};
pub use close::{CloseCode, ComeBack};
pub use codec::{
    DecodeError, FromServer, JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, Marks, PublicationHead, Rejected,
    append_reply, decode_request, decode_server, encode_push, encode_reply, encode_request,
};
pub use decimal::{Decimal, DecimalError};
pub use devices::{CommandOrder, CommandUpdate, SKEW_NOTED_MS, TelemetryUpdate};
pub use filters::{Condition, Filters, Range};
pub use ids::{ChainId, ClientId, CommandId, DeviceId, IdError, IdempotencyKey, MessageId, UserId};
pub use json::Json;
pub use market::{
    Book, BookLevel, Candle, Candles, Interval, Price, Prices, Side, Trade, TradeGap, Trades, UnknownInterval,
};
pub use params::{Params, TopicError};
pub use position::{Admit, Epoch, EpochError, Offset, Position};
pub use push::{
    ChannelStatus, Connected, FeedState, Gap, Limits, Payload, PresenceUpdate, Publication, Push, Shutdown,
    TYPING_HOLDS_MS,
};
pub use refusal::{ErrorCode, Refusal};
pub use reply::{
    Ack, Authenticated, CommandStage, CommandStatus, HistoryItem, HistoryPage, Joined, Left, Member,
    PresenceList, Reply, Subscribed, Unsubscribed,
};
pub use request::{
    Auth, Command, CommandReceived, CommandResult, History, Join, Mode, Outcome, Presence, Publish, Request,
    Subscribe, SubscriptionToken, Target, Telemetry, Typing,
};
pub use symbol::{Symbol, SymbolError};
pub use time::Timestamp;
pub use topic::{Depth, MAX_SYMBOLS, Subscription, Symbols, Topic};
