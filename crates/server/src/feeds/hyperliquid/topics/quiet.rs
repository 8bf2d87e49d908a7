//! When to ask whether an account is merely quiet. An account may be silent for hours, so silence alone is no sign; but
//! a subscription can die while its link lives on, and only the archive knows.

use std::time::Duration;

use crate::feeds::clock::Moment;

/// The first question.
const FIRST: Duration = Duration::from_secs(60);
/// How long it is asked at the latest, however quiet the account.
const LONGEST: Duration = Duration::from_secs(600);

/// When to ask next. The wait doubles each time that the account was merely quiet.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    due: Moment,
    times: u32,
}

impl Quiet {
    /// Begins at `now`.
    pub(super) fn new(now: Moment) -> Self {
        Quiet {
            due: now + FIRST,
            times: 0,
        }
    }

    /// The source spoke.
    pub(super) fn hear(&mut self, now: Moment) {
        *self = Quiet::new(now);
    }

    /// Everything is there up to now.
    pub(super) fn assure(&mut self, now: Moment) {
        self.times = self.times.saturating_add(1).min(8);
        self.due = now + FIRST.saturating_mul(1 << self.times).min(LONGEST);
    }

    /// Ask at this moment, if not before.
    pub(super) fn ask_by(&mut self, at: Moment) {
        self.due = self.due.min(at);
    }

    /// When to ask.
    pub(super) fn due(&self) -> Moment {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_account_is_asked_less_and_less_and_a_busy_one_never() {
        let at = |secs| Moment::START + Duration::from_secs(secs);
        let mut quiet = Quiet::new(at(0));
        let mut waits = Vec::new();
        for _ in 0..6 {
            let due = quiet.due();
            quiet.assure(due);
            waits.push(quiet.due().since(due).as_secs());
        }
        assert_eq!(waits, [120, 240, 480, 600, 600, 600]);
        for secs in 0..100 {
            quiet.hear(at(10_000 + secs * 50));
            assert!(quiet.due() > at(10_000 + secs * 50 + 50));
        }
    }
}
