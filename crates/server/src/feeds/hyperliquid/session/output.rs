//! What a session says: what its driver is to do, and what became of its sources.

use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::wire::{News, Source};

/// What [`Session::poll`] asks for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Output {
    /// Open the link, then say [`Session::handle_opened`] or [`Session::handle_failed`].
    Connect,
    /// Send this text.
    Send(String),
    /// Drop the link. The session takes it as closed already.
    HangUp,
    /// What happened.
    Told(Told),
    /// Nothing more before this moment, unless something arrives. The timer says what for.
    Wait(Option<(Moment, Timer)>),
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Told {
    /// The link is open. Subscriptions follow.
    Up,
    /// The link is gone. From here on every source misses news, until it is subscribed again.
    Lost(String),
    /// An attempt to open the link failed.
    Unreachable(String),
    /// A source is subscribed: what it sends from here on hangs together.
    Subscribed(Source),
    /// Market data of a source that is subscribed.
    News(Source, News),
    /// A list of trades that names no market.
    NoTrades,
    /// A source sent nothing for longer than it should; it is being subscribed anew.
    Quiet(Source),
    /// Nothing at all came for too long.
    Silent,
    /// Something came after all.
    Heard,
    /// News may be missing: a frame could not be read, or the link was silent for unusually long.
    Doubtful,
    /// A source stood for long enough to be trusted.
    Proven(Source),
    /// The link died right after this source was subscribed. It is left out from here on.
    Accused(Source),
    /// The exchange does not take this source, and why. It is left out from here on.
    Refused(Source, &'static str),
}

/// Why the session wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// The next attempt to connect is due.
    Reconnect,
    /// The budget of messages or connections has room again.
    Budget,
    /// A ping is due.
    Ping,
    /// A pong is overdue.
    Pong,
    /// Subscriptions are to be looked over: answers, silence, proof.
    Watch,
    /// A link that carries nothing is to be closed.
    Idle,
}

/// How a link ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// With a close frame. The exchange rotates links and ends idle ones so: nobody is to blame.
    Closed(String),
    /// Without a word.
    Cut(String),
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Frames of any kind.
    pub(crate) frames: u64,
    /// Frames of channels that this feed does not know.
    pub(crate) unknown: u64,
    /// Text frames that could not be read.
    pub(crate) garbled: u64,
    /// Binary frames, which the exchange should not send.
    pub(crate) binary: u64,
    /// Frames of sources that are not subscribed (any more, or yet).
    pub(crate) stray: u64,
    /// Error frames.
    pub(crate) complaints: u64,
    /// Links that were opened.
    pub(crate) opened: u64,
    /// Links that were lost or given up.
    pub(crate) lost: u64,
}

impl Counts {
    /// Both together.
    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            frames: self.frames + other.frames,
            unknown: self.unknown + other.unknown,
            garbled: self.garbled + other.garbled,
            binary: self.binary + other.binary,
            stray: self.stray + other.stray,
            complaints: self.complaints + other.complaints,
            opened: self.opened + other.opened,
            lost: self.lost + other.lost,
        }
    }
}
