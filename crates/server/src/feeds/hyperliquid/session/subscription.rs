//! One source within a session: whether it is wanted, and how far the exchange followed.

use std::time::Duration;

use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::wire::{Act, BookPace, Source};

/// One source within a session.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    /// Whether it is to be subscribed.
    pub(super) is_wanted: bool,
    /// Once stood for a while without harm.
    pub(super) is_proven: bool,
    /// How far the exchange followed.
    pub(super) stage: Stage,
    /// Is to be unsubscribed and subscribed anew.
    pub(super) is_to_renew: bool,
    /// When news last came.
    pub(super) news: Option<Moment>,
    /// It was told that no news comes.
    pub(super) is_quiet: bool,
    /// How often it was subscribed anew in vain.
    pub(super) cures: u32,
    /// How often a subscribe was not answered.
    pub(super) unanswered: u32,
}

/// How far the exchange followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Stage {
    /// Not subscribed.
    #[default]
    Off,
    /// Asked for, by message number `number`.
    Subscribing { sent: Moment, number: u64 },
    /// Answered.
    Active { since: Moment },
    /// Asked to end.
    Unsubscribing { sent: Moment },
}

impl Subscription {
    /// What to send next.
    pub(super) fn next_act(&self) -> Option<Act> {
        match self.stage {
            Stage::Off if self.is_wanted => Some(Act::Subscribe),
            Stage::Active { .. } if !self.is_wanted || self.is_to_renew => Some(Act::Unsubscribe),
            Stage::Off | Stage::Active { .. } | Stage::Subscribing { .. } | Stage::Unsubscribing { .. } => {
                None
            }
        }
    }

    /// It is sent, as message number `number`.
    pub(super) fn act(&mut self, act: Act, number: u64, now: Moment) {
        self.stage = match act {
            Act::Subscribe => Stage::Subscribing { sent: now, number },
            Act::Unsubscribe => {
                self.is_to_renew = false;
                Stage::Unsubscribing { sent: now }
            }
        };
    }

    /// Whether nothing is left of it.
    pub(super) fn is_over(&self) -> bool {
        !self.is_wanted && self.stage == Stage::Off
    }

    /// Whether news should have come since `heard`. Where that is answered by subscribing anew, the answer gets twice
    /// the time at each further attempt.
    pub(super) fn is_overdue(&self, source: &Source, heard: Moment, now: Moment) -> bool {
        cadence(source).is_some_and(|cadence| now.since(heard) >= cadence * (1 << self.cures.min(4)))
    }

    /// The link is gone, and with it all that the exchange knew.
    pub(super) fn forget_link(&mut self) {
        self.stage = Stage::Off;
        self.is_to_renew = false;
        self.is_quiet = false;
        self.cures = 0;
        self.unanswered = 0;
    }
}

/// How long a source may be without news. Trades and bars may be quiet for as long as nobody trades.
fn cadence(source: &Source) -> Option<Duration> {
    match source {
        // Every 2 s.
        Source::Mids { .. } => Some(Duration::from_secs(10)),
        // Every 0.5 s.
        Source::Book {
            pace: BookPace::Fast, ..
        } => Some(Duration::from_secs(5)),
        // Every 5 s.
        Source::Book {
            pace: BookPace::Full, ..
        } => Some(Duration::from_secs(20)),
        // What happens on an account, nobody knows beforehand; their topics ask when they are in doubt.
        Source::Trades { .. }
        | Source::Candles { .. }
        | Source::Fills { .. }
        | Source::Orders { .. }
        | Source::OpenOrders { .. }
        | Source::Perps { .. }
        | Source::Balances { .. } => None,
    }
}
