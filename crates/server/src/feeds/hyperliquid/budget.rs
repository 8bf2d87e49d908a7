//! What the exchange allows one address: counted here for all connections together, and kept below with a margin.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::Moment;

/// WebSocket connections at a time. The exchange's limit.
pub(crate) const MAX_CONNECTIONS: usize = 10;

/// Subscriptions of all connections. The exchange's limit.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 1_000;

/// Different users in the subscriptions of all connections. The exchange's limit (its texts also say 15).
pub(crate) const MAX_USERS: usize = 10;

/// Messages a minute: the exchange takes 2000.
const MESSAGES_PER_MINUTE: u32 = 1_900;

/// Messages in 100 ms, so that subscribing anew to everything is no burst.
const MESSAGES_PER_TICK: u32 = 20;

/// Attempts to connect a minute: the exchange takes 30. With less, three lines that are cut thrice in a row would wait
/// for the minute to end.
const CONNECTS_PER_MINUTE: u32 = 20;

/// Weight of HTTP requests a minute: the exchange gives 1200.
const WEIGHT_PER_MINUTE: u32 = 1_100;

const MINUTE: Duration = Duration::from_secs(60);

/// So much in any stretch of time so long.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    most: u32,
    span: Duration,
    used: u32,
    spent: VecDeque<(Moment, u32)>,
}

/// What all links share.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    messages: Allowance,
    ticks: Allowance,
    connects: Allowance,
}

impl Allowance {
    /// `most` in any `span`.
    pub(crate) fn new(most: u32, span: Duration) -> Self {
        Allowance {
            most,
            span,
            used: 0,
            spent: VecDeque::new(),
        }
    }

    /// What the exchange gives for HTTP requests.
    pub(crate) fn of_http_weight() -> Self {
        Allowance::new(WEIGHT_PER_MINUTE, MINUTE)
    }

    /// Spends, if there is enough left.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn take(&mut self, amount: u32, now: Moment) -> Result<(), Moment> {
        let at = self.ready(amount, now);
        if at > now {
            return Err(at);
        }
        self.spend(amount, now);
        Ok(())
    }

    /// Spends what was already used, whether or not there is enough left.
    pub(crate) fn spend(&mut self, amount: u32, now: Moment) {
        self.used = self.used.saturating_add(amount);
        self.spent.push_back((now, amount));
    }

    /// When so much can be spent; `now` or earlier if at once. More than the whole allowance can be spent when all is left.
    pub(crate) fn ready(&mut self, amount: u32, now: Moment) -> Moment {
        while let Some(&(at, spent)) = self.spent.front()
            && now >= at + self.span
        {
            self.spent.pop_front();
            self.used -= spent;
        }
        let mut over = self.used.saturating_add(amount).saturating_sub(self.most);
        let mut ready = now;
        for &(at, spent) in &self.spent {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(spent);
            ready = at + self.span;
        }
        ready
    }
}

impl Budget {
    /// The exchange's limits, with a margin.
    pub(crate) fn new() -> Self {
        Budget {
            messages: Allowance::new(MESSAGES_PER_MINUTE, MINUTE),
            ticks: Allowance::new(MESSAGES_PER_TICK, Duration::from_millis(100)),
            connects: Allowance::new(CONNECTS_PER_MINUTE, MINUTE),
        }
    }

    /// Spends one message, if that may be sent.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn take_message(&mut self, now: Moment) -> Result<(), Moment> {
        let at = self.messages.ready(1, now).max(self.ticks.ready(1, now));
        if at > now {
            return Err(at);
        }
        self.messages.spend(1, now);
        self.ticks.spend(1, now);
        Ok(())
    }

    /// Spends one attempt to connect, if that may be made.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn take_connect(&mut self, now: Moment) -> Result<(), Moment> {
        self.connects.take(1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::START + Duration::from_millis(millis)
    }

    #[test]
    fn an_allowance_is_never_exceeded_in_any_stretch() {
        let mut allowance = Allowance::new(5, Duration::from_millis(100));
        let mut rng = fastrand::Rng::with_seed(3);
        let mut spent: Vec<(u64, u32)> = Vec::new();
        for now in 0..5_000 {
            let amount = rng.u32(1..=3);
            if allowance.take(amount, at(now)).is_ok() {
                spent.push((now, amount));
            }
            let recent: u32 = spent
                .iter()
                .filter(|(at, _)| at + 100 > now)
                .map(|(_, amount)| amount)
                .sum();
            assert!(recent <= 5, "{recent} at {now}");
        }
        assert!(
            spent.iter().map(|(_, amount)| amount).sum::<u32>() > 200,
            "and is used"
        );
    }

    #[test]
    fn a_refusal_names_the_moment_from_which_it_works() {
        let mut allowance = Allowance::new(4, Duration::from_millis(100));
        allowance.take(3, at(0)).unwrap();
        allowance.take(1, at(10)).unwrap();
        assert_eq!(allowance.take(1, at(20)), Err(at(100)));
        assert_eq!(allowance.take(4, at(20)), Err(at(110)));
        assert_eq!(allowance.take(4, at(110)), Ok(()));
    }

    #[test]
    fn more_than_the_whole_can_be_spent_when_nothing_is() {
        let mut allowance = Allowance::new(4, Duration::from_millis(100));
        assert_eq!(allowance.take(9, at(0)), Ok(()));
        assert_eq!(allowance.take(1, at(99)), Err(at(100)));
    }

    #[test]
    fn messages_keep_both_the_minute_s_and_the_tick_s_limit() {
        let mut budget = Budget::new();
        let mut sent: VecDeque<u64> = VecDeque::new();
        for now in 0..120_000 {
            while budget.take_message(at(now)).is_ok() {
                sent.push_back(now);
            }
            while sent.front().is_some_and(|first| first + 60_000 <= now) {
                sent.pop_front();
            }
            assert!(sent.len() <= 2_000);
            assert!(sent.iter().rev().take_while(|sent| **sent + 100 > now).count() <= 20);
        }
    }
}
