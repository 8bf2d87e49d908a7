//! What the server's announced limits leave us.

use std::time::Duration;

use nexus_protocol::Limits;

use crate::window::Window;

/// Servers count in windows of this length. The rest is for clocks that run differently.
const MINUTE: Duration = Duration::from_millis(60_500);

/// Counts messages and refusals on one link, so that the server never has to.
///
/// A message counts until a minute after its *answer* came: only then is it certain that the server's own window, which
/// began when the message arrived there, has moved past it. So no delay or jam on the way can push two minutes' worth
/// of messages into one minute of the server.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limits: Limits,
    // What the token allows in place of the announced messages.
    messages_per_minute: Option<u32>,
    unanswered: usize,
    // Of those, the ones whose answer may be a refusal.
    doubtful: usize,
    answered: Window,
    refusals: Window,
    // The server said RATE_LIMITED: nothing but signs of life before then.
    held_until: Duration,
}

/// What a message is for, which decides how much of the budget it may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// Signs of life, which are never refused: may use all of it.
    Vital,
    /// Signing in: may use all of it, the last refusal included.
    SignIn,
    /// What a person or program waits for.
    Wanted,
    /// A subscription that was refused before: may risk only half of the refusals, so that what fails again and again
    /// does not keep others waiting.
    Again,
}

/// Whether a message may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Allowance {
    /// Yes.
    Now,
    /// At this time, perhaps.
    At(Duration),
    /// When something that is open has been answered.
    AfterAnswer,
}

impl Budget {
    /// For a link of which nothing is known yet: the limits that the protocol names as defaults.
    pub(crate) fn unannounced() -> Self {
        Self::new(Limits {
            messages_per_minute: 100,
            errors_per_minute: 10,
            message_bytes: 128 * 1024,
            subscriptions: 256,
            outbox_bytes: 1024 * 1024,
            sign_in_ms: 10_000,
            idle_ms: 60_000,
        })
    }

    fn new(limits: Limits) -> Self {
        Budget {
            limits,
            messages_per_minute: None,
            unanswered: 0,
            doubtful: 0,
            answered: Window::new(MINUTE),
            refusals: Window::new(MINUTE),
            held_until: Duration::ZERO,
        }
    }

    /// The server announced its limits. What was sent before counts.
    pub(crate) fn announce(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Signed in: so many messages a minute from now on, or as many as were announced.
    pub(crate) fn sign_in(&mut self, messages_per_minute: Option<u32>) {
        self.messages_per_minute = messages_per_minute;
    }

    /// What the server announced.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// May a message for this purpose be sent now?
    pub(crate) fn allows(&mut self, now: Duration, purpose: Purpose) -> Allowance {
        let messages = self
            .messages_per_minute
            .unwrap_or(self.limits.messages_per_minute);
        let limit = messages.max(1) as usize;
        // For signs of life, whatever else is sent.
        let reserve = (limit / 10).max(2).min(limit - 1);
        let (most, most_refusals) = match purpose {
            Purpose::Vital => (limit, usize::MAX),
            Purpose::SignIn => (limit, self.limits.errors_per_minute.max(1) as usize),
            Purpose::Wanted => (limit - reserve, self.safe_refusals()),
            Purpose::Again => (limit - reserve, self.safe_refusals().div_ceil(2)),
        };
        match purpose {
            Purpose::Wanted | Purpose::Again if now < self.held_until => {
                return Allowance::At(self.held_until);
            }
            Purpose::Vital | Purpose::SignIn | Purpose::Wanted | Purpose::Again => {}
        }
        if self.unanswered + self.answered.count(now) >= most {
            let free = self.answered.falls_below(most.saturating_sub(self.unanswered));
            return if self.unanswered >= most {
                Allowance::AfterAnswer
            } else {
                free.map_or(Allowance::AfterAnswer, Allowance::At)
            };
        }
        if self.doubtful + self.refusals.count(now) >= most_refusals {
            let free = self
                .refusals
                .falls_below(most_refusals.saturating_sub(self.doubtful));
            return if self.doubtful >= most_refusals {
                Allowance::AfterAnswer
            } else {
                free.map_or(Allowance::AfterAnswer, Allowance::At)
            };
        }
        Allowance::Now
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self, purpose: Purpose) {
        self.unanswered += 1;
        if purpose != Purpose::Vital {
            self.doubtful += 1;
        }
    }

    /// A message that was sent for this purpose was answered, or never will be.
    pub(crate) fn answered(&mut self, now: Duration, purpose: Purpose) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if purpose != Purpose::Vital {
            self.doubtful = self.doubtful.saturating_sub(1);
        }
        self.answered.record(now);
    }

    /// The server refused something.
    pub(crate) fn refused(&mut self, now: Duration) {
        self.refusals.record(now);
    }

    /// The server has had too many messages, and says for how long to hold back.
    pub(crate) fn hold(&mut self, until: Duration) {
        self.held_until = self.held_until.max(until);
    }

    /// How many refusals may be earned in a minute; one less than allowed, where that leaves any.
    fn safe_refusals(&self) -> usize {
        (self.limits.errors_per_minute as usize).saturating_sub(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn budget(messages_per_minute: u32, errors_per_minute: u32) -> Budget {
        let mut budget = Budget::unannounced();
        budget.announce(Limits {
            messages_per_minute,
            errors_per_minute,
            ..budget.limits().clone()
        });
        budget
    }

    #[test]
    fn a_minute_begins_with_the_answer() {
        let mut budget = budget(20, 100);
        for _ in 0..18 {
            assert_eq!(budget.allows(secs(0), Purpose::Wanted), Allowance::Now);
            budget.sent(Purpose::Wanted);
        }
        assert_eq!(budget.allows(secs(0), Purpose::Wanted), Allowance::AfterAnswer);
        assert_eq!(
            budget.allows(secs(500), Purpose::Wanted),
            Allowance::AfterAnswer,
            "who knows where they are"
        );
        budget.answered(secs(500), Purpose::Wanted);
        assert_eq!(
            budget.allows(secs(501), Purpose::Wanted),
            Allowance::At(secs(500) + MINUTE)
        );
        assert_eq!(budget.allows(secs(500) + MINUTE, Purpose::Wanted), Allowance::Now);
    }

    #[test]
    fn signs_of_life_have_a_reserve() {
        let mut budget = budget(20, 100);
        while budget.allows(secs(0), Purpose::Wanted) == Allowance::Now {
            budget.sent(Purpose::Wanted);
        }
        for _ in 0..2 {
            assert_eq!(budget.allows(secs(0), Purpose::Vital), Allowance::Now);
            budget.sent(Purpose::Vital);
        }
        assert_ne!(budget.allows(secs(0), Purpose::Vital), Allowance::Now);
    }

    #[test]
    fn never_more_doubtful_messages_than_refusals_are_left() {
        let mut budget = budget(100, 10);
        for _ in 0..9 {
            assert_eq!(budget.allows(secs(0), Purpose::Wanted), Allowance::Now);
            budget.sent(Purpose::Wanted);
        }
        assert_eq!(budget.allows(secs(0), Purpose::Wanted), Allowance::AfterAnswer);
        for _ in 0..5 {
            budget.answered(secs(1), Purpose::Wanted);
            budget.refused(secs(1));
        }
        for _ in 0..4 {
            budget.answered(secs(1), Purpose::Wanted);
        }
        assert_eq!(
            budget.allows(secs(2), Purpose::Again),
            Allowance::At(secs(1) + MINUTE),
            "half is for others"
        );
        assert_eq!(budget.allows(secs(2), Purpose::Wanted), Allowance::Now);
    }

    #[test]
    fn rate_limited_holds_all_but_signs_of_life() {
        let mut budget = budget(100, 10);
        budget.hold(secs(7));
        assert_eq!(budget.allows(secs(1), Purpose::Wanted), Allowance::At(secs(7)));
        assert_eq!(budget.allows(secs(1), Purpose::Vital), Allowance::Now);
        assert_eq!(budget.allows(secs(7), Purpose::Wanted), Allowance::Now);
    }
}
