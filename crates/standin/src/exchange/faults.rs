//! What can be made to go wrong, on demand: from a test through the handle, or over HTTP (`POST /_fault`).
//!
//! Some faults happen once (a cut, a strange frame), others stay until they are lifted (a stall). While they last the
//! market goes on, so what a client missed is a fact that can be asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::exchange::subscriptions::Subscription;

/// A fault. As JSON its name stands under `fault`: `{"fault":"cut","connection":3}`.
///
/// `connection` picks one connection by its id (see `/_state`); without it all are meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// Lifts every fault that stays.
    Clear,
    /// Resets the TCP connection, without a close frame.
    Cut {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// Closes with a close frame; by default as the venue rotates connections: 1000 `Expired`.
    Close {
        /// Close code.
        #[serde(default = "normal")]
        code: u16,
        /// Reason text.
        #[serde(default = "expired")]
        reason: String,
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// One topic sends nothing while others go on. A new subscription to it is acknowledged and stays silent, too.
    StallTopic {
        /// The topic.
        subscription: Subscription,
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Every connection falls silent: nothing is sent, nothing is read, protocol pings get no pong. New connections
    /// are accepted and are silent from the start.
    StallAll {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Connections made from now on are upgraded and then silent, while older ones go on.
    MuteNew {
        /// False lifts it, also for those that are silent.
        #[serde(default = "on")]
        on: bool,
    },
    /// New connections are accepted, but the upgrade is never answered.
    HangUpgrades {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Upgrades are refused with this status and an HTML body, as during the venue's own upgrades.
    RefuseUpgrades {
        /// 429 or 502, say.
        status: u16,
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Whether subscribing to an unknown coin drops the socket (as the venue does, the default) or only is not answered.
    DropOnUnknownCoin {
        /// The default is true.
        on: bool,
    },
    /// A text frame that ends in the middle of its JSON.
    Malformed {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// Bytes that are no WebSocket frame at all (a reserved opcode); a sound client gives the connection up.
    BrokenFrame {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// A frame of a channel that does not exist.
    UnknownChannel {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// All frames carry keys nobody has seen before.
    UnknownKeys {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// A binary frame.
    Binary {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// A text frame of so many bytes (default 1 MB) on an unknown channel.
    Huge {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
        /// Size.
        #[serde(default = "megabyte")]
        bytes: usize,
    },
    /// New connections are greeted with a line of plain text.
    Greeting {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// The latest trades of every `trades` topic come once more.
    DuplicateTrades {
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// After the ack of an unsubscribe one more frame of the topic arrives.
    FrameAfterUnsubscribe {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Acks of unsubscribes come late, by so many milliseconds of the venue's time; 0 lifts it.
    LateUnsubscribeAck {
        /// Delay.
        ms: i64,
    },
    /// `/info` fails.
    Http {
        /// How.
        mode: HttpMode,
        /// For how many requests; without it until lifted by `clear` or mode `ok`.
        #[serde(default)]
        times: Option<u32>,
    },
}

/// How `/info` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpMode {
    /// It does not.
    Ok,
    /// Status 500 with an HTML body.
    Html500,
    /// Status 429.
    TooMany,
    /// The right answer, after two seconds of the venue's time.
    Slow,
    /// No answer.
    Hang,
}

fn normal() -> u16 {
    1_000
}

fn expired() -> String {
    "Expired".to_owned()
}

fn on() -> bool {
    true
}

fn megabyte() -> usize {
    1 << 20
}

/// Most bytes of a huge frame.
pub(crate) const HUGEST: usize = 64 << 20;

/// The faults that stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) stall_all: bool,
    pub(crate) stalled: BTreeSet<Subscription>,
    pub(crate) mute_new: bool,
    pub(crate) hang_upgrades: bool,
    pub(crate) refuse: Option<u16>,
    pub(crate) keep_on_unknown_coin: bool,
    pub(crate) unknown_keys: bool,
    pub(crate) greeting: bool,
    pub(crate) frame_after_unsubscribe: bool,
    pub(crate) late_unsubscribe_ack: i64,
    pub(crate) http: Option<(HttpMode, Option<u32>)>,
}

/// What one connection is told to do once.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Close { code: u16, reason: String },
    SendText(String),
    SendBinary(Vec<u8>),
    BreakFrame,
    RepeatTrades,
}

/// What a fault comes to.
pub(crate) enum Effect {
    /// The standing faults changed.
    Stands,
    /// One or all connections are cut.
    Cut(Option<u64>),
    /// One or all connections get an order.
    Order(Option<u64>, Order),
}

impl Standing {
    /// Takes a fault in and says what is to be done about it.
    pub(crate) fn apply(&mut self, fault: Fault) -> Effect {
        match fault {
            Fault::Clear => *self = Self::default(),
            Fault::Cut { connection } => return Effect::Cut(connection),
            Fault::Close {
                code,
                reason,
                connection,
            } => {
                return Effect::Order(connection, Order::Close { code, reason });
            }
            Fault::StallTopic {
                subscription,
                on: true,
            } => {
                self.stalled.insert(subscription);
            }
            Fault::StallTopic {
                subscription,
                on: false,
            } => {
                self.stalled.remove(&subscription);
            }
            Fault::StallAll { on } => self.stall_all = on,
            Fault::MuteNew { on } => self.mute_new = on,
            Fault::HangUpgrades { on } => self.hang_upgrades = on,
            Fault::RefuseUpgrades { status, on } => self.refuse = on.then_some(status),
            Fault::DropOnUnknownCoin { on } => self.keep_on_unknown_coin = !on,
            Fault::Malformed { connection } => {
                let text = r#"{"channel":"trades","data":[{"coin":"BTC","side":"#.to_owned();
                return Effect::Order(connection, Order::SendText(text));
            }
            Fault::BrokenFrame { connection } => return Effect::Order(connection, Order::BreakFrame),
            Fault::UnknownChannel { connection } => {
                let text = r#"{"channel":"surprise","data":{"of":["another",1,null]}}"#.to_owned();
                return Effect::Order(connection, Order::SendText(text));
            }
            Fault::UnknownKeys { on } => self.unknown_keys = on,
            Fault::Binary { connection } => {
                return Effect::Order(connection, Order::SendBinary(vec![0x00, 0xFF, 0x7B, 0x22, 0x80]));
            }
            Fault::Huge { connection, bytes } => {
                let frame = |filler: &str| format!(r#"{{"channel":"notice","data":"{filler}"}}"#);
                let filler = "x".repeat(bytes.min(HUGEST).saturating_sub(frame("").len()));
                return Effect::Order(connection, Order::SendText(frame(&filler)));
            }
            Fault::Greeting { on } => self.greeting = on,
            Fault::DuplicateTrades { connection } => return Effect::Order(connection, Order::RepeatTrades),
            Fault::FrameAfterUnsubscribe { on } => self.frame_after_unsubscribe = on,
            Fault::LateUnsubscribeAck { ms } => self.late_unsubscribe_ack = ms.max(0),
            Fault::Http {
                mode: HttpMode::Ok, ..
            } => self.http = None,
            Fault::Http { mode, times } => self.http = Some((mode, times)),
        }
        Effect::Stands
    }

    /// How the next `/info` request fails, if it does.
    pub(crate) fn take_http(&mut self) -> Option<HttpMode> {
        let (mode, times) = self.http.as_mut()?;
        let mode = *mode;
        if let Some(times) = times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.http = None;
            }
        }
        Some(mode)
    }
}
