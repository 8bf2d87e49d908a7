//! What a session wants done, what it tells, and what it counts.

use nexus_protocol::{ChainId, ChainUpdate};

use crate::feeds::clock::Moment;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Output {
    /// Open a link; `handle_opened` or `handle_ended` says what came of it.
    Open,
    /// Send this.
    Send(String),
    /// Close the link. Nothing of it is to be handed in any more.
    HangUp,
    /// Something happened.
    Told(Told),
    /// Nothing before this moment, unless something comes.
    Wait(Option<Moment>),
}

/// Something happened.
#[derive(Debug)]
pub(crate) enum Told {
    /// The node took us in.
    Up,
    /// The link was lost, or could not be had.
    Lost,
    /// The link fell silent, or is heard again.
    Doubt,
    /// A chain's subscription was sent. Whether it stands, nothing says.
    Subscribed(ChainId),
    /// A notification.
    Notice(ChainId, Box<ChainUpdate>),
    /// A chain's subscription ended; it is tried again.
    Ended(ChainId, String),
    /// Something of a chain may have been lost.
    Doubtful(ChainId),
}

/// How the link is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LinkState {
    /// Nothing is wanted.
    Idle,
    /// Being opened for the first time.
    New,
    /// The node took us in and answers.
    Up,
    /// It was up a moment ago, or nothing comes on it.
    Lost(String),
    /// The node cannot be reached.
    Down(String),
}

/// What was counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Text frames.
    pub(crate) frames: u64,
    /// Messages of unknown types.
    pub(crate) unknown: u64,
    /// Messages that could not be read.
    pub(crate) garbled: u64,
    /// Binary frames.
    pub(crate) binary: u64,
    /// Messages that fit nothing that is going on.
    pub(crate) stray: u64,
    /// Refused subscriptions.
    pub(crate) errors: u64,
    /// Links that were opened.
    pub(crate) opened: u64,
    /// Links that were lost, or could not be opened.
    pub(crate) lost: u64,
}
