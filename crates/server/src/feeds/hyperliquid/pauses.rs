//! How long a source that speaks only when something happens may be silent before that is worth a question.

use std::time::Duration;

use crate::feeds::hyperliquid::clock::Moment;

/// A pause is worth a question when it is so many times the usual one.
const UNUSUAL: f64 = 5.0;
/// But never below this.
const SHORTEST: Duration = Duration::from_secs(3);
/// And always above this.
const LONGEST: Duration = Duration::from_secs(600);
/// How much a new pause counts in the mean.
const WEIGHT: f64 = 0.1;

/// The usual pause between news of one source, and since when nothing was heard.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    /// In seconds.
    mean: f64,
    heard: Moment,
    /// When it was last made sure that nothing was missed.
    assured: Moment,
    /// Questions in a row that found the source merely quiet.
    quiet: u32,
    /// A break lies in the pause, so that it says nothing about what is usual.
    is_broken: bool,
}

impl Pauses {
    /// Begins at `now`, with a guess of the usual pause.
    pub(crate) fn new(usual: Duration, now: Moment) -> Self {
        Pauses {
            mean: usual.as_secs_f64(),
            heard: now,
            assured: now,
            quiet: 0,
            is_broken: false,
        }
    }

    /// A better guess than the first, out of the archive.
    pub(crate) fn guess(&mut self, usual: Duration) {
        self.mean = usual.as_secs_f64();
    }

    /// Whether the pause that ends now is long enough that something may have been missed in it. That it was found
    /// harmless some time ago does not count: something may have been missed since.
    pub(crate) fn is_doubtful(&self, now: Moment) -> bool {
        now.since(self.heard) > self.threshold()
    }

    /// News came. An unusual pause makes such pauses more usual, but only step by step: an outage must not make the
    /// next one look ordinary.
    pub(crate) fn hear(&mut self, now: Moment) {
        if !std::mem::take(&mut self.is_broken) {
            let pause = now.since(self.heard).min(self.threshold());
            self.mean += WEIGHT * (pause.as_secs_f64() - self.mean);
        }
        self.heard = now;
        self.quiet = 0;
    }

    /// The source was merely quiet up to now.
    pub(crate) fn assure(&mut self, now: Moment) {
        self.assured = now;
        self.quiet = self.quiet.saturating_add(1);
    }

    /// A break was mended by other means than news of the source. That still has to show that it speaks.
    pub(crate) fn mend(&mut self, now: Moment) {
        self.assured = now;
        self.quiet = 0;
        self.is_broken = true;
    }

    /// When to ask whether the source is merely quiet. Each time that it is, the next question takes twice as long.
    pub(crate) fn question_due(&self) -> Moment {
        let wait = self
            .threshold()
            .saturating_mul(1 << self.quiet.min(8))
            .min(LONGEST);
        self.heard.max(self.assured) + wait
    }

    fn threshold(&self) -> Duration {
        Duration::try_from_secs_f64(self.mean * UNUSUAL)
            .unwrap_or(LONGEST)
            .clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Moment {
        Moment::START + Duration::from_secs_f64(secs)
    }

    #[test]
    fn only_an_unusual_pause_is_doubtful() {
        let mut busy = Pauses::new(Duration::from_secs(1), at(0.0));
        let mut slow = busy.clone();
        for step in 1..200 {
            busy.hear(at(f64::from(step) * 0.3));
            slow.hear(at(f64::from(step) * 20.0));
        }
        assert!(
            !busy.is_doubtful(at(199.0 * 0.3 + 2.9)),
            "never below three seconds"
        );
        assert!(busy.is_doubtful(at(199.0 * 0.3 + 3.1)));
        assert!(!slow.is_doubtful(at(199.0 * 20.0 + 90.0)));
        assert!(slow.is_doubtful(at(199.0 * 20.0 + 110.0)));
    }

    #[test]
    fn a_source_that_is_merely_quiet_is_asked_less_and_less() {
        let mut pauses = Pauses::new(Duration::from_secs(1), at(0.0));
        let mut asked = Vec::new();
        for _ in 0..12 {
            let due = pauses.question_due();
            asked.push(due);
            pauses.assure(due);
        }
        let waits: Vec<u64> = asked
            .windows(2)
            .map(|pair| pair[1].since(pair[0]).as_secs())
            .collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]);
    }
}
