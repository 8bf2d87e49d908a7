//! Counts the trades of a market minute by minute against the number that the exchange's own bars give.
//!
//! The exchange numbers nothing, so a source that leaves something out in a pause of ordinary length cannot be found
//! out by looking at it. But each state of a one-minute bar says how many trades the minute has had. That a bar counts
//! what the trades list is not documented: so it is believed only after whole minutes agreed, and never again once a
//! bar counted less.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::feeds::hyperliquid::clock::Moment;

/// The length of the bars that count.
const MINUTE: u64 = 60_000;
/// How long trades may come after the bar that counts them: channels are not in order among each other.
const GRACE: Duration = Duration::from_secs(3);
/// So many trades of a minute that both count are a proof that they count the same.
const PROOF: u64 = 20;
/// So many proofs, or whole minutes in which both agreed, are wanted before a difference is believed.
const AGREED: u32 = 2;
/// Minutes that are remembered.
const REMEMBERED: usize = 4;

/// Counts the trades of one market.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    minutes: BTreeMap<u64, Minute>,
    /// The minute in which the count was last broken: only those behind it are counted from their beginning.
    broken: u64,
    agreed: u32,
    is_distrusted: bool,
}

/// One minute.
#[derive(Debug, Default)]
struct Minute {
    /// Trades that were published.
    ours: u64,
    /// What the bar says, and since when.
    theirs: Option<(u64, Moment)>,
    /// The time of the last trade at which both agreed.
    agreed_at: Option<u64>,
    /// Since when the tape lacks trades that the bar counts, and how many at least.
    short: Option<(Moment, u64)>,
    base: Base,
    /// Trades that were published when the base was known.
    known_from: u64,
    /// Was counted as a proof that both count the same.
    is_proof: bool,
    is_settled: bool,
}

/// What the bar counts beyond what was published, rightly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Base {
    /// Nothing: the minute is counted from its beginning.
    #[default]
    Nothing,
    /// The count was broken; until this moment it is found out by how much.
    Learning { until: Moment, beyond: u64 },
}

impl Tally {
    /// A trade was published.
    pub(crate) fn count(&mut self, time: u64) {
        let minute = time - time % MINUTE;
        if self.minutes.is_empty() {
            self.broken = minute;
        }
        self.minutes.entry(minute).or_default().ours += 1;
        while self.minutes.len() > REMEMBERED {
            self.minutes.pop_first();
        }
    }

    /// A bar of a minute has had so many trades.
    pub(crate) fn hear(&mut self, minute: u64, trades: u64, now: Moment) {
        if self
            .minutes
            .first_key_value()
            .is_none_or(|(first, _)| minute < *first)
        {
            return;
        }
        let is_broken = minute <= self.broken;
        let it = self.minutes.entry(minute).or_default();
        if it.theirs.is_none_or(|(before, _)| trades > before) {
            it.theirs = Some((trades, now));
        }
        if is_broken && it.base == Base::Nothing {
            it.base = Base::Learning {
                until: now + GRACE,
                beyond: 0,
            };
        }
        if let Base::Learning { until, beyond } = &mut it.base
            && now < *until
        {
            *beyond = (*beyond).max(trades.saturating_sub(it.ours));
            it.known_from = it.ours;
        }
        while self.minutes.len() > REMEMBERED {
            self.minutes.pop_first();
        }
    }

    /// Something was published or heard; `last` is the time of the last trade that was published.
    pub(crate) fn compare(&mut self, last: u64, now: Moment) {
        let Some(it) = self.minutes.get_mut(&(last - last % MINUTE)) else {
            return;
        };
        let Some((theirs, _)) = it.theirs else { return };
        let ours = it.ours + it.base.beyond();
        if theirs > ours {
            let (since, least) = it.short.unwrap_or((now, u64::MAX));
            it.short = Some((since, least.min(theirs - ours)));
            return;
        }
        it.short = None;
        if theirs < ours {
            return;
        }
        it.agreed_at = Some(last);
        if !it.is_proof && it.ours >= it.known_from + PROOF {
            it.is_proof = true;
            self.agreed = self.agreed.saturating_add(1);
        }
    }

    /// Trades up to this time may be missing, and that is declared: the count of their minutes says nothing.
    pub(crate) fn break_until(&mut self, time: u64) {
        self.broken = self.broken.max(time - time % MINUTE);
        for (_, it) in self.minutes.range_mut(..=self.broken) {
            // Learned anew with the next state of the bar.
            it.base = Base::Nothing;
            it.theirs = None;
            it.agreed_at = None;
            it.short = None;
        }
    }

    /// The time from which on trades are missing, if the count shows that some are.
    pub(crate) fn poll(&mut self, now: Moment) -> Option<u64> {
        if self.is_distrusted {
            return None;
        }
        let newest = self
            .minutes
            .iter()
            .rev()
            .find_map(|(minute, it)| Some((*minute, it.theirs?.1)));
        let (newest, newest_heard) = newest?;
        for (minute, it) in &mut self.minutes {
            let Some((theirs, _)) = it.theirs else { continue };
            if let Base::Learning { until, .. } = it.base
                && now < until + GRACE
            {
                continue;
            }
            let ours = it.ours + it.base.beyond();
            let is_closed = *minute < newest && now >= newest_heard + GRACE;
            let short = match it.short {
                Some((since, least)) if now >= since + GRACE => least.min(theirs.saturating_sub(ours)),
                Some(_) | None if is_closed => theirs.saturating_sub(ours),
                Some(_) | None => 0,
            };
            if short > 0 && self.agreed >= AGREED {
                // From here on so many more are right.
                let beyond = it.base.beyond() + theirs - ours;
                it.base = Base::Learning { until: now, beyond };
                it.short = None;
                it.is_settled = true;
                return Some(it.agreed_at.unwrap_or(*minute));
            }
            if is_closed && *minute > self.broken && !it.is_settled {
                it.is_settled = true;
                if theirs < ours {
                    self.is_distrusted = true;
                    tracing::warn!(
                        "bars count less than the trades list; they are no measure of completeness"
                    );
                    return None;
                }
                if theirs == ours && !it.is_proof {
                    self.agreed = self.agreed.saturating_add(1);
                }
            }
        }
        None
    }

    /// When [`Tally::poll`] may find something.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let short = self.minutes.values().filter_map(|it| Some(it.short?.0 + GRACE));
        short
            .min()
            .filter(|_| self.agreed >= AGREED && !self.is_distrusted)
    }
}

impl Base {
    fn beyond(self) -> u64 {
        match self {
            Base::Nothing => 0,
            Base::Learning { beyond, .. } => beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 600_000;

    fn at(secs: u64) -> Moment {
        Moment::START + Duration::from_secs(secs)
    }

    /// A trade a second from the beginning of a minute, each counted by the bar; every trade of `lost` only there.
    fn run(lost: std::ops::Range<u64>, seconds: u64, per_trade: u64) -> Vec<(u64, u64)> {
        let mut tally = Tally::default();
        let mut found = Vec::new();
        for second in 0..seconds {
            let time = START + second * 1_000;
            if !lost.contains(&second) {
                tally.count(time);
            }
            let minute = time - time % MINUTE;
            tally.hear(minute, ((time - minute) / 1_000 + 1) * per_trade, at(second));
            tally.compare(time, at(second));
            if let Some(from) = tally.poll(at(second)) {
                found.push((second, (from - START) / 1_000));
            }
        }
        found
    }

    #[test]
    fn what_the_bars_count_and_the_tape_lacks_is_found_once_within_seconds() {
        assert_eq!(run(200..202, 400, 1), [(203, 199)]);
    }

    #[test]
    fn nothing_is_found_where_nothing_is_missing() {
        assert_eq!(run(0..0, 1_000, 1), []);
    }

    #[test]
    fn bars_that_count_something_else_are_not_believed() {
        assert_eq!(run(200..202, 1_000, 2), [], "twice as many");
        assert_eq!(run(200..202, 1_000, 0), [], "none");
    }

    #[test]
    fn a_loss_before_the_bars_are_trusted_is_not_found() {
        assert_eq!(run(10..12, 58, 1), []);
    }

    #[test]
    fn after_a_declared_gap_it_goes_on_with_what_the_bar_says_then() {
        let mut tally = Tally::default();
        let mut found = Vec::new();
        for second in 0..600 {
            let time = START + second * 1_000;
            let minute = time - time % MINUTE;
            if !(250..260).contains(&second) && !(275..277).contains(&second) {
                if second == 260 {
                    tally.break_until(time);
                }
                tally.count(time);
            }
            if !(250..260).contains(&second) {
                tally.hear(minute, (time - minute) / 1_000 + 1, at(second));
                tally.compare(time, at(second));
                found.extend(tally.poll(at(second)).map(|_| second));
            }
        }
        assert!(
            matches!(found[..], [second] if (276..=281).contains(&second)),
            "{found:?}"
        );
    }
}
