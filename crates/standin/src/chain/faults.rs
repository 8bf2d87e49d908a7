//! What can be made to go wrong, on demand: from a test through the handle, or over HTTP (`POST /_fault`).
//!
//! Some faults happen once (a cut, a strange frame), others stay until they are lifted (a stall). The chains go on
//! meanwhile, so what a client missed is a fact that can be asked for.

use serde::{Deserialize, Serialize};

use crate::chain::config::Shape;

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
    /// Closes with a close frame.
    Close {
        /// Close code.
        code: u16,
        /// Reason text.
        #[serde(default)]
        reason: String,
        /// Which connection.
        #[serde(default)]
        connection: Option<u64>,
    },
    /// Every connection falls silent without an end: nothing is sent, nothing is read.
    StallAll {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// New connections are accepted, but the upgrade is never answered.
    HangUpgrades {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Upgrades are refused with this status.
    RefuseUpgrades {
        /// 502, say.
        status: u16,
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// `connection_init` is never acknowledged.
    NoAck {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Notifications are lost.
    Drop {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Every notification comes twice.
    Duplicate {
        /// False lifts it.
        #[serde(default = "on")]
        on: bool,
    },
    /// Notifications come so many milliseconds late; 0 lifts it.
    Delay {
        /// By how much.
        ms: u64,
    },
    /// A notification of a kind that nobody knows, on every subscription.
    UnknownVariant,
    /// Notifications with the largest height that there is: a block that the node does not have, and a bundle.
    HugeHeight,
    /// A text frame that ends in the middle of its JSON.
    Malformed,
    /// A message of a type that the protocol does not have.
    UnknownType,
    /// A binary frame.
    Binary,
    /// Bytes that are no WebSocket frame at all; a sound client gives the connection up.
    BrokenFrame,
    /// Every subscription ends: with `complete` alone, or with errors before it.
    EndStreams {
        /// As the protocol has it (`error`) and not as the node does (`next` with errors, then `complete`).
        #[serde(default)]
        as_error: bool,
        /// What the errors say; none: the stream only completes.
        #[serde(default)]
        message: Option<String>,
    },
    /// The node asks whether the client is there.
    Ping,
    /// HTTP fails.
    Http {
        /// How.
        mode: HttpMode,
        /// For how many requests; without it until lifted by `clear` or mode `ok`.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Questions for blocks fail, while all others are answered.
    Blocks {
        /// How.
        mode: BlockMode,
        /// For how many questions; without it until lifted by `clear` or mode `ok`.
        #[serde(default)]
        times: Option<u32>,
    },
    /// A chain grows. Quietly: nobody is told.
    Grow {
        /// Which chain, counted from 0.
        #[serde(default)]
        chain: usize,
        /// By how many blocks.
        #[serde(default = "one")]
        blocks: u64,
        /// Whether nobody is told.
        #[serde(default)]
        quietly: bool,
    },
    /// The node is set up anew: the same chains with other blocks, so many of them.
    Reset {
        /// How many blocks each chain has then.
        #[serde(default)]
        blocks: u64,
    },
    /// The node speaks like another version from now on.
    Speak {
        /// Which.
        shape: Shape,
    },
}

/// How HTTP fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpMode {
    /// It does not.
    Ok,
    /// Status 500 with an HTML body.
    Html500,
    /// Status 200 with text that is no JSON.
    Garbage,
    /// No answer.
    Hang,
}

/// How questions for blocks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockMode {
    /// They do not.
    Ok,
    /// There is no such block.
    Null,
    /// An error.
    Error,
    /// `blocks` is not known; `block` works.
    Single,
}

fn on() -> bool {
    true
}

fn one() -> u64 {
    1
}

/// The faults that stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) stall_all: bool,
    pub(crate) hang_upgrades: bool,
    pub(crate) refuse: Option<u16>,
    pub(crate) no_ack: bool,
    pub(crate) drop: bool,
    pub(crate) duplicate: bool,
    pub(crate) delay_ms: u64,
    pub(crate) http: Option<(HttpMode, Option<u32>)>,
    pub(crate) blocks: Option<(BlockMode, Option<u32>)>,
}

/// What connections are told to do once.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Close {
        code: u16,
        reason: String,
    },
    Text(String),
    Binary,
    BreakFrame,
    /// A notification on every subscription, whatever its chain: its reason.
    Notify(serde_json::Value),
    End {
        as_error: bool,
        message: Option<String>,
    },
}

impl Standing {
    /// How this HTTP request fails.
    pub(crate) fn take_http(&mut self) -> HttpMode {
        take(&mut self.http).unwrap_or(HttpMode::Ok)
    }

    /// How this question for blocks fails.
    pub(crate) fn take_blocks(&mut self) -> BlockMode {
        take(&mut self.blocks).unwrap_or(BlockMode::Ok)
    }
}

fn take<T: Copy>(fault: &mut Option<(T, Option<u32>)>) -> Option<T> {
    let (mode, times) = fault.as_mut()?;
    let mode = *mode;
    match times {
        None => {}
        Some(0 | 1) => *fault = None,
        Some(times) => *times -= 1,
    }
    Some(mode)
}
