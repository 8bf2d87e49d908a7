//! How a session notices that news does not come as it should, and what it does about it.

use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::session::subscription::Stage;
use crate::feeds::hyperliquid::session::{
    ANSWER_WITHIN, DEAD_AFTER, HEALTHY_AFTER, IDLE_FOR, LONGEST_AFTER_LOSS, MAX_UNANSWERED, PONG_WITHIN,
    PROVEN_AFTER, Phase, RESCUE_FIRST, SILENT_AFTER, Session, Told, WATCH_EVERY,
};

impl Session {
    /// Takes note that something came; false if no link is up.
    pub(super) fn hear(&mut self, now: Moment) -> bool {
        let Phase::Up(up) = &mut self.phase else {
            return false;
        };
        self.counts.frames += 1;
        up.heard = now;
        if up.pauses.is_doubtful(now) {
            self.told.push_back(Told::Doubtful);
        }
        up.pauses.hear(now);
        if std::mem::take(&mut up.is_silent) {
            self.told.push_back(Told::Heard);
        }
        true
    }

    /// Looks at everything that time alone changes.
    pub(super) fn watch(&mut self, now: Moment) {
        let Phase::Up(up) = &mut self.phase else { return };
        if up.idle_since.is_some_and(|since| now.since(since) >= IDLE_FOR) {
            up.condemned = Some("nothing is wanted");
        }
        if up.awaits_pong && now.since(up.pinged) >= PONG_WITHIN {
            up.condemned = Some("the exchange did not answer a ping");
        }
        if now.since(up.watched) < WATCH_EVERY {
            return;
        }
        up.watched = now;
        if now.since(up.heard) >= DEAD_AFTER {
            up.condemned = Some("the exchange fell silent");
        }
        if now.since(up.heard) >= SILENT_AFTER && !up.is_silent {
            up.is_silent = true;
            self.told.push_back(Told::Silent);
        }
        if up
            .news_since
            .is_some_and(|since| now.since(since) >= HEALTHY_AFTER)
            && !up.is_silent
        {
            self.backoff.reset();
            self.young_deaths = 0;
        }
        let mut given_up = Vec::new();
        for (source, subscription) in &mut self.subscriptions {
            match subscription.stage {
                Stage::Off => {}
                Stage::Subscribing { sent, .. } => {
                    if now.since(sent) < ANSWER_WITHIN {
                        continue;
                    }
                    self.todo.push_back(source.clone());
                    if !subscription.is_wanted {
                        // It may be subscribed all the same, so it has to be unsubscribed.
                        subscription.stage = Stage::Active { since: now };
                        continue;
                    }
                    // Asked again: if only the answer was lost, the exchange says that it is subscribed already.
                    subscription.stage = Stage::Off;
                    subscription.unanswered += 1;
                    if subscription.unanswered >= MAX_UNANSWERED {
                        given_up.push(source.clone());
                    }
                }
                Stage::Unsubscribing { sent } => {
                    if now.since(sent) >= ANSWER_WITHIN {
                        subscription.stage = Stage::Off;
                        self.todo.push_back(source.clone());
                    }
                }
                Stage::Active { since } => {
                    if !subscription.is_proven && now.since(since) >= PROVEN_AFTER {
                        subscription.is_proven = true;
                        self.told.push_back(Told::Proven(source.clone()));
                    }
                    let heard = subscription.news.map_or(since, |news| news.max(since));
                    if !subscription.is_overdue(source, heard, now) {
                        continue;
                    }
                    if !subscription.is_quiet {
                        subscription.is_quiet = true;
                        self.told.push_back(Told::Quiet(source.clone()));
                    }
                    if subscription.cures >= 2 && now >= self.next_rescue && up.condemned.is_none() {
                        up.condemned = Some("a subscription stays silent");
                        self.next_rescue = now + RESCUE_FIRST + self.rescue.next(&mut self.rng);
                        continue;
                    }
                    subscription.cures += 1;
                    subscription.is_to_renew = true;
                    up.is_doubted = true;
                    self.todo.push_back(source.clone());
                }
            }
        }
        for source in given_up {
            self.subscriptions.remove(&source);
            self.told.push_back(Told::Refused(
                source,
                "the exchange does not answer this subscription",
            ));
        }
    }

    /// The link is gone.
    pub(super) fn lose(&mut self, reason: String, now: Moment) {
        self.counts.lost += 1;
        self.told.push_back(Told::Lost(reason));
        self.todo.clear();
        self.subscriptions
            .retain(|_, subscription| subscription.is_wanted);
        for subscription in self.subscriptions.values_mut() {
            subscription.forget_link();
        }
        self.wait_or_rest(now);
    }

    pub(super) fn wait_or_rest(&mut self, now: Moment) {
        self.phase = if self
            .subscriptions
            .values()
            .any(|subscription| subscription.is_wanted)
        {
            let until = match self.phase {
                // Still the pause of the same loss.
                Phase::Waiting { until } => until,
                // It was there a moment ago: however often that happened, what depends on it does not wait for long.
                Phase::Up(_) => now + self.backoff.next(&mut self.rng).min(LONGEST_AFTER_LOSS),
                Phase::Idle | Phase::Connecting => now + self.backoff.next(&mut self.rng),
            };
            Phase::Waiting { until }
        } else {
            Phase::Idle
        };
    }
}
