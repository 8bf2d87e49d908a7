//! What time brings about, and when it will do so next.

use std::time::Duration;

use nexus_protocol::{ErrorCode, Refusal};

use crate::link::{Phase, Probe, What};
use crate::session::{Reading, Session, State, close};
use crate::{AskError, Event, Timer, TokenNeed, Trouble, Wake};

/// Being woken later than promised by more than this: the machine slept, or the page was put to rest.
const SLEPT: Duration = Duration::from_secs(5);

impl Session {
    /// Lets time pass: whatever was due by `now` happens.
    pub(super) fn advance(&mut self, now: Duration) {
        let slept = self.wake_at.take().is_some_and(|at| now > at + SLEPT);
        // A driver whose clock goes back is taken to stand still.
        self.now = self.now.max(now);
        if slept {
            // Timers would now find the link dead that merely could not be listened to.
            self.doubt_link();
        }
        self.expire_asks();
        match &self.state {
            State::Connecting { deadline, .. } if *deadline <= self.now => {
                self.give_up(close::TOO_LATE, Trouble::NoConnection);
            }
            State::Waiting { .. } => self.retry_if_due(),
            State::Up(_) => self.advance_link(),
            State::Connecting { .. } | State::Stopped(_) => {}
        }
    }

    fn advance_link(&mut self) {
        let now = self.now;
        let State::Up(link) = &mut self.state else {
            return;
        };
        let reading = self.reading == Reading::Going;
        if reading && let Phase::Greeting { deadline, .. } = link.phase {
            if deadline <= now {
                self.give_up(close::TOO_LATE, Trouble::NoGreeting);
            }
            return;
        }
        let dead = match &link.probe {
            Some(probe) => probe.until <= now,
            None => link.dead_at().is_some_and(|at| at <= now),
        };
        if reading && dead {
            return self.give_up(close::SILENT, Trouble::Silent);
        }
        if let Phase::Live { since, proved } = &mut link.phase
            && !*proved
            && *since + self.config.healthy_after <= now
        {
            *proved = true;
            self.attempt = 0;
            self.backoff.reset();
            self.servers.proved();
        }
        if let Some(ends) = link.token_ends.take_if(|ends| ends.tell_at <= now) {
            let need = TokenNeed::ExpiresIn(ends.at.saturating_sub(now));
            self.tell(Event::TokenNeeded(need));
        }
        self.expire_requests();
        self.topics.retry_due(now);
        self.rooms.retry_due(now);
    }

    /// The link may have died unnoticed: it must answer a ping, soon. Until then it does not count as alive.
    pub(super) fn doubt_link(&mut self) {
        let until = self.now + self.config.probe_deadline;
        if let State::Up(link) = &mut self.state
            && link.is_ready()
            // One that is under way is not prolonged, or a link whose timers always come late would never be found dead.
            && link.probe.is_none()
        {
            link.probe = Some(Probe { request: None, until });
        }
    }

    /// Requests that the server has not answered in time: a subscribe is tried again later.
    fn expire_requests(&mut self) {
        let now = self.now;
        loop {
            let State::Up(link) = &mut self.state else {
                return;
            };
            let Some((request, sent)) = link.oldest_pending() else {
                return;
            };
            if now < sent + self.config.answer_deadline {
                return;
            }
            let Some(pending) = link.pending.remove(&request) else {
                return;
            };
            link.answered(now, &pending);
            match pending.what {
                What::Subscribe(key) => {
                    let refusal = Refusal::new(ErrorCode::Internal, "the server did not answer in time");
                    self.subscribe_refused(key, request, refusal);
                }
                What::Join(key) => {
                    let refusal = Refusal::new(ErrorCode::Internal, "the server did not answer in time");
                    self.join_refused(key, request, refusal);
                }
                What::Ping => {
                    if let Phase::Resyncing { fence } = &mut link.phase {
                        fence.take_if(|fence| *fence == request);
                    }
                }
                What::Auth { .. } | What::Unsubscribe | What::Leave | What::Ask(_) => {}
            }
        }
    }

    fn expire_asks(&mut self) {
        for expired in self.asks.expire(self.now) {
            self.abandon(expired.request);
            self.tell(Event::Answer {
                id: expired.id,
                result: Err(AskError::TimedOut),
            });
        }
    }

    /// The answer to a request is not waited for any more.
    pub(super) fn abandon(&mut self, request: Option<u64>) {
        if let State::Up(link) = &mut self.state
            && let Some(pending) = request.and_then(|request| link.pending.remove(&request))
        {
            link.answered(self.now, &pending);
        }
    }

    /// The earliest thing that time will bring about.
    pub(super) fn next_wake(&self) -> Option<Wake> {
        let mut wakes: [Option<(Duration, Timer)>; 9] = [None; 9];
        wakes[0] = self.asks.next_deadline().map(|at| (at, Timer::Ask));
        let paused = self.is_paused();
        let reading = self.reading == Reading::Going;
        match &self.state {
            State::Connecting { deadline, .. } => wakes[1] = Some((*deadline, Timer::Connect)),
            State::Waiting { until, .. } => {
                wakes[1] = (!paused).then_some((*until, Timer::Retry));
            }
            State::Stopped(_) => {}
            State::Up(link) => {
                if let Phase::Greeting { deadline, .. } = link.phase {
                    wakes[1] = reading.then_some((deadline, Timer::Greet));
                } else {
                    // One that is due and was not sent waits for its pace, or for an answer.
                    let ping_at = link.pinged + link.heartbeat;
                    wakes[1] = (ping_at > self.now).then_some((ping_at, Timer::Ping));
                    wakes[2] = match &link.probe {
                        Some(probe) => Some((probe.until, Timer::Probe)),
                        None => link.dead_at().map(|at| (at, Timer::Silence)),
                    }
                    .filter(|_| reading);
                    if let Phase::Live { since, proved: false } = link.phase {
                        wakes[3] = Some((since + self.config.healthy_after, Timer::Healthy));
                    }
                    wakes[4] = link.token_ends.as_ref().map(|ends| (ends.tell_at, Timer::Token));
                    wakes[5] = link.pace_at.map(|at| (at, Timer::Pace));
                    let retries = [self.topics.next_retry(), self.rooms.next_retry()];
                    wakes[6] = retries
                        .into_iter()
                        .flatten()
                        .min()
                        .map(|at| (at, Timer::Resubscribe));
                    // However it came to that, the link is called live no longer then.
                    let live = link.is_alive(self.now);
                    wakes[8] = live.then_some((link.heard + link.heartbeat * 2, Timer::Silence));
                    wakes[7] = link
                        .oldest_pending()
                        .map(|(_, sent)| (sent + self.config.answer_deadline, Timer::Answer));
                }
            }
        }
        wakes
            .into_iter()
            .flatten()
            .min()
            .map(|(at, timer)| Wake { at, timer })
    }
}
