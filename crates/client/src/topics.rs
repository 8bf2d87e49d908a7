//! The topics that are wanted, and how far each is.

mod stream;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{ChannelStatus, ErrorCode, Position, Refusal, Subscribe, Topic};

use crate::{AfterRefusal, Backoff};

pub(crate) use stream::{JoinedAs, Taken};

/// Names a wanted topic within one session, in the order in which they were wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TopicKey(u64);

/// All topics that are wanted.
#[derive(Default)]
pub(crate) struct Topics {
    keys: HashMap<Topic, TopicKey>,
    wanted: BTreeMap<TopicKey, Wanted>,
    next_key: u64,
    // Exactly those in `Phase::Queued`. Those that were never refused come first.
    queue: BTreeSet<(bool, TopicKey)>,
    // Exactly those in `Phase::Retrying`.
    retries: BTreeSet<(Duration, TopicKey)>,
    // How many are in `Phase::Asked` or `Phase::Joined`: those that the server may count.
    seats: usize,
    // How many are in `Phase::Asked`.
    asked: usize,
}

/// One topic that is wanted.
pub(crate) struct Wanted {
    topic: Topic,
    wish: Subscribe,
    phase: Phase,
    // Where we stand: everything up to here was delivered, or told as lost.
    position: Option<Position>,
    // Whether the keys of a snapshot may still be coming: then the position must not be recovered from, because what the
    // snapshot still lacks lies before it.
    is_partial: bool,
    status: Option<ChannelStatus>,
    // When the last publication, or the answer to the subscribe, came.
    news_at: Option<Duration>,
    backoff: Backoff,
    // Since when the server has not let us have it.
    refused_since: Option<Duration>,
    repeats: u8,
    conflated: u64,
}

/// How far a topic is.
#[derive(Clone, PartialEq, Debug)]
enum Phase {
    /// Waits to be asked for: for a link, or for its turn.
    Queued,
    /// Asked for. Until the answer comes nothing is taken, because `recover` brings all of it.
    Asked { request: u64 },
    /// The server confirmed it on this link.
    Joined {
        at: Duration,
        contiguous: bool,
        // Whether a snapshot of the very position that we stand at is news: the first one is, and where each key has its
        // own, all until the first live publication.
        at_snapshot: bool,
    },
    /// Refused for now, for this reason and since then.
    Retrying {
        until: Duration,
        code: ErrorCode,
        since: Duration,
    },
    /// Refused, until something changes.
    Parked { code: ErrorCode, token: u64 },
}

/// How a topic is, for those who ask about freshness.
pub(crate) enum Standing<'a> {
    Pending,
    Joined {
        status: Option<&'a ChannelStatus>,
        news_at: Duration,
    },
    SourceDown {
        since: Duration,
    },
    Refused,
}

impl Topics {
    /// A topic is wanted, or wanted otherwise than before. `false` if there is no room for another.
    pub(crate) fn want(&mut self, wish: Subscribe, most: usize) -> bool {
        if let Some(key) = self.keys.get(&wish.topic).copied() {
            self.want_again(key, wish);
            return true;
        }
        if self.wanted.len() >= most {
            return false;
        }
        let key = TopicKey(self.next_key);
        self.next_key += 1;
        self.keys.insert(wish.topic.clone(), key);
        self.wanted.insert(
            key,
            Wanted {
                topic: wish.topic.clone(),
                position: wish.recover.clone(),
                is_partial: false,
                wish,
                phase: Phase::Queued,
                status: None,
                news_at: None,
                backoff: Backoff::standard(),
                refused_since: None,
                repeats: 0,
                conflated: 0,
            },
        );
        self.queue.insert((false, key));
        true
    }

    fn want_again(&mut self, key: TopicKey, wish: Subscribe) {
        let Some(wanted) = self.wanted.get_mut(&key) else {
            return;
        };
        let parked = matches!(wanted.phase, Phase::Parked { .. });
        if wanted.wish == wish && !parked {
            return;
        }
        if wanted.wish.filters != wish.filters {
            // What one had by other filters is no beginning of what one gets by these.
            wanted.position = wish.recover.clone();
        }
        wanted.wish = wish;
        wanted.backoff.reset();
        self.set_phase(key, Phase::Queued);
    }

    /// A topic is wanted no longer. Says whether the server may still have a seat for it on this link.
    pub(crate) fn leave(&mut self, topic: &Topic) -> Option<bool> {
        let key = self.keys.remove(topic)?;
        let had_seat = self
            .wanted
            .get(&key)
            .is_some_and(|wanted| wanted.phase.has_seat());
        self.set_phase(key, Phase::Queued);
        self.queue.remove(&(false, key));
        self.queue.remove(&(true, key));
        self.wanted.remove(&key);
        if had_seat {
            self.make_room();
        }
        Some(had_seat)
    }

    /// The next topic to ask for, and whether it has failed before.
    pub(crate) fn next_to_ask(&self) -> Option<(TopicKey, bool)> {
        self.queue.first().map(|(again, key)| (*key, *again))
    }

    /// The topic is asked for by this request; gives what to ask.
    pub(crate) fn asked(&mut self, key: TopicKey, request: u64) -> Option<Subscribe> {
        self.set_phase(key, Phase::Asked { request });
        let wanted = self.wanted.get_mut(&key)?;
        wanted.repeats = 0;
        let mut subscribe = wanted.wish.clone();
        if wanted.position.is_some() {
            subscribe.recover = wanted.position.clone().filter(|_| !wanted.is_partial);
            subscribe.since = None;
        }
        Some(subscribe)
    }

    /// The server refused the subscription that this request asked for. `None` if the answer is out of date.
    pub(crate) fn refused(
        &mut self,
        key: TopicKey,
        request: u64,
        refusal: &Refusal,
        now: Duration,
        token: u64,
        rng: &mut Rng,
    ) -> Option<(Topic, AfterRefusal)> {
        let wanted = self.wanted.get_mut(&key)?;
        if wanted.phase != (Phase::Asked { request }) {
            return None;
        }
        let topic = wanted.topic.clone();
        let code = refusal.code;
        if code.is_transient() {
            let announced = Duration::from_millis(refusal.retry_after_ms.unwrap_or(0));
            let until = now + wanted.backoff.fail(rng).max(announced);
            let since = *wanted.refused_since.get_or_insert(now);
            self.set_phase(key, Phase::Retrying { until, code, since });
            return Some((topic, AfterRefusal::RetryAt(until)));
        }
        self.set_phase(key, Phase::Parked { code, token });
        Some((topic, after_parking(code)))
    }

    /// The server ended a subscription, unasked. Whether there was one.
    pub(crate) fn ended(&mut self, topic: &Topic, token: u64) -> bool {
        if !self.is_joined(topic) {
            return false;
        }
        if let Some(key) = self.keys.get(topic).copied() {
            let code = ErrorCode::Forbidden;
            self.set_phase(key, Phase::Parked { code, token });
        }
        true
    }

    /// The server has had too many messages: the topic waits for its turn again, as if nothing had been asked.
    pub(crate) fn postponed(&mut self, key: TopicKey, request: u64) {
        if self
            .wanted
            .get(&key)
            .is_some_and(|wanted| wanted.phase == (Phase::Asked { request }))
        {
            self.set_phase(key, Phase::Queued);
        }
    }

    /// No more topics fit on this link: parks the one that is next.
    pub(crate) fn park_for_room(&mut self, key: TopicKey, token: u64) -> Option<Topic> {
        let code = ErrorCode::TooManySubscriptions;
        self.set_phase(key, Phase::Parked { code, token });
        self.wanted.get(&key).map(|wanted| wanted.topic.clone())
    }

    /// The link is gone: what it carried is to be asked for again on the next one.
    pub(crate) fn link_lost(&mut self) {
        let keys: Vec<TopicKey> = self.wanted.keys().copied().collect();
        for key in keys {
            let stays = match self.wanted[&key].phase {
                Phase::Queued => true,
                Phase::Asked { .. } | Phase::Joined { .. } | Phase::Retrying { .. } => false,
                // Another server may have more room.
                Phase::Parked { code, .. } => code != ErrorCode::TooManySubscriptions,
            };
            if !stays {
                self.set_phase(key, Phase::Queued);
            }
        }
    }

    /// Signed in with another token, or signed out: what was refused for lack of permission is asked for again.
    pub(crate) fn token_changed(&mut self, token: u64) {
        self.unpark(|code, parked_at| {
            after_parking(code) == AfterRefusal::WaitForToken && parked_at != token
        });
    }

    /// One seat is free: the first topic that waits for one is asked for again.
    fn make_room(&mut self) {
        let waits = |wanted: &Wanted| matches!(wanted.phase, Phase::Parked { code, .. } if code == ErrorCode::TooManySubscriptions);
        let first = self.wanted.iter().find(|(_, wanted)| waits(wanted));
        if let Some(key) = first.map(|(key, _)| *key) {
            self.set_phase(key, Phase::Queued);
        }
    }

    fn unpark(&mut self, which: impl Fn(ErrorCode, u64) -> bool) {
        let parked = |wanted: &Wanted| match wanted.phase {
            Phase::Parked { code, token } => which(code, token),
            Phase::Queued | Phase::Asked { .. } | Phase::Joined { .. } | Phase::Retrying { .. } => false,
        };
        let keys: Vec<TopicKey> = self
            .wanted
            .iter()
            .filter(|(_, wanted)| parked(wanted))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.set_phase(key, Phase::Queued);
        }
    }

    /// Queues the topics whose time to be tried again has come.
    pub(crate) fn retry_due(&mut self, now: Duration) {
        while let Some((until, key)) = self.retries.first().copied()
            && until <= now
        {
            self.set_phase(key, Phase::Queued);
        }
    }

    /// When the next topic is to be tried again.
    pub(crate) fn next_retry(&self) -> Option<Duration> {
        self.retries.first().map(|(until, _)| *until)
    }

    /// How many the server may count.
    pub(crate) fn seats(&self) -> usize {
        self.seats
    }

    /// Whether none waits for its turn or for an answer.
    pub(crate) fn settled(&self) -> bool {
        self.queue.is_empty() && self.asked == 0
    }

    /// How many the server refuses, for now or for good.
    pub(crate) fn refusals(&self) -> usize {
        self.wanted
            .values()
            .filter(|wanted| matches!(wanted.phase, Phase::Retrying { .. } | Phase::Parked { .. }))
            .count()
    }

    /// Whether the server wants a token for one of them.
    pub(crate) fn wait_for_token(&self) -> bool {
        let waits = |wanted: &Wanted| matches!(wanted.phase, Phase::Parked { code, .. } if after_parking(code) == AfterRefusal::WaitForToken);
        self.wanted.values().any(waits)
    }

    /// How a topic is; `None` if it is not wanted.
    pub(crate) fn standing(&self, topic: &Topic) -> Option<Standing<'_>> {
        let wanted = self.wanted.get(self.keys.get(topic)?)?;
        Some(match (&wanted.phase, wanted.news_at) {
            (Phase::Joined { .. }, Some(news_at)) => Standing::Joined {
                status: wanted.status.as_ref(),
                news_at,
            },
            (Phase::Retrying { code, since, .. }, _) if *code == ErrorCode::UpstreamDown => {
                Standing::SourceDown { since: *since }
            }
            (Phase::Parked { .. }, _) => Standing::Refused,
            (Phase::Queued | Phase::Asked { .. } | Phase::Joined { .. } | Phase::Retrying { .. }, _) => {
                Standing::Pending
            }
        })
    }

    /// Whether a topic is wanted.
    pub(crate) fn wants(&self, topic: &Topic) -> bool {
        self.keys.contains_key(topic)
    }

    /// Whether a topic is subscribed with a token of its own.
    pub(crate) fn has_own_token(&self, topic: &Topic) -> bool {
        self.wish(topic).is_some_and(|wish| wish.token.is_some())
    }

    /// How a topic is wanted; `None` if it is not.
    pub(crate) fn wish(&self, topic: &Topic) -> Option<Subscribe> {
        let wanted = self.wanted.get(self.keys.get(topic)?)?;
        Some(wanted.wish.clone())
    }

    /// Whether the server has confirmed a topic on this link.
    pub(crate) fn is_joined(&self, topic: &Topic) -> bool {
        self.keys
            .get(topic)
            .and_then(|key| self.wanted.get(key))
            .is_some_and(|wanted| matches!(wanted.phase, Phase::Joined { .. }))
    }

    /// Where we stand in a topic.
    pub(crate) fn position(&self, topic: &Topic) -> Option<&Position> {
        self.wanted.get(self.keys.get(topic)?)?.position.as_ref()
    }

    /// How many publications of a topic were conflated so far.
    pub(crate) fn conflated(&self, topic: &Topic) -> Option<u64> {
        Some(self.wanted.get(self.keys.get(topic)?)?.conflated)
    }

    /// The topics that are wanted, in the order in which they were wanted first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.wanted.values().map(|wanted| &wanted.topic)
    }

    /// The only place where a phase changes, so that the sets and counts beside it stay true.
    fn set_phase(&mut self, key: TopicKey, phase: Phase) {
        let Some(wanted) = self.wanted.get_mut(&key) else {
            return;
        };
        let again = wanted.backoff.failures() > 0;
        match &wanted.phase {
            Phase::Queued => {
                self.queue.remove(&(false, key));
                self.queue.remove(&(true, key));
            }
            Phase::Retrying { until, .. } => {
                self.retries.remove(&(*until, key));
            }
            Phase::Asked { .. } => self.asked -= 1,
            Phase::Joined { .. } | Phase::Parked { .. } => {}
        }
        match &phase {
            Phase::Queued => {
                self.queue.insert((again, key));
            }
            Phase::Retrying { until, .. } => {
                self.retries.insert((*until, key));
            }
            Phase::Asked { .. } => self.asked += 1,
            Phase::Joined { .. } | Phase::Parked { .. } => {}
        }
        self.seats -= usize::from(wanted.phase.has_seat());
        self.seats += usize::from(phase.has_seat());
        wanted.phase = phase;
    }
}

impl Phase {
    fn has_seat(&self) -> bool {
        match self {
            Phase::Asked { .. } | Phase::Joined { .. } => true,
            Phase::Queued | Phase::Retrying { .. } | Phase::Parked { .. } => false,
        }
    }
}

/// What has to change before a topic that was refused with this code is tried again.
pub(crate) fn after_parking(code: ErrorCode) -> AfterRefusal {
    match code {
        ErrorCode::AuthFailed | ErrorCode::TokenExpired | ErrorCode::Forbidden => AfterRefusal::WaitForToken,
        ErrorCode::TooManySubscriptions => AfterRefusal::WaitForRoom,
        ErrorCode::InvalidMessage
        | ErrorCode::UnknownMessageType
        | ErrorCode::UnknownChannel
        | ErrorCode::InvalidParams
        | ErrorCode::CommandFailed
        | ErrorCode::RateLimited
        | ErrorCode::DeviceOffline
        | ErrorCode::UpstreamDown
        | ErrorCode::Internal => AfterRefusal::GiveUp,
    }
}
