//! What can be asked of a session without changing it.

use std::time::Duration;

use nexus_protocol::{FeedState, Position, Timestamp, Topic};

use crate::link::Phase;
use crate::session::{Counters, Session, State};
use crate::topics::Standing;
use crate::{Event, Freshness, LinkState};

impl Session {
    /// How fresh a topic's data is at `now`; `None` if it is not subscribed.
    ///
    /// May be asked at any time, as often as something is drawn: it takes the time that has passed into account, even
    /// if no timer was handled meanwhile.
    pub fn freshness(&self, topic: &Topic, now: Duration) -> Option<Freshness> {
        let standing = self.topics.standing(topic)?;
        let State::Up(link) = &self.state else {
            let age = now.saturating_sub(self.last_alive);
            return Some(Freshness::Offline { age });
        };
        if !link.is_ready() {
            let age = now.saturating_sub(self.last_alive);
            return Some(Freshness::Offline { age });
        }
        if !link.is_alive(now) {
            let age = now.saturating_sub(link.heard);
            return Some(match link.probe {
                Some(_) if now < link.heard + link.heartbeat * 2 => Freshness::Resyncing,
                _ => Freshness::Offline { age },
            });
        }
        let (status, news_at) = match standing {
            Standing::Pending => return Some(Freshness::Resyncing),
            Standing::SourceDown { since } => {
                let age = now.saturating_sub(since);
                return Some(Freshness::Down { age });
            }
            Standing::Refused => return Some(Freshness::Refused),
            Standing::Joined { status, news_at } => (status, news_at),
        };
        let age = now.saturating_sub(news_at);
        let Some(status) = status else {
            return Some(Freshness::Live { age });
        };
        let since = self
            .server_now(now)
            .map_or(age, |server_now| server_now.since(status.since));
        Some(match status.state {
            FeedState::Live | FeedState::Gap => Freshness::Live { age },
            FeedState::Stale => Freshness::Stale { age: since },
            FeedState::Resyncing => Freshness::Resyncing,
            FeedState::Down => Freshness::Down { age: since },
        })
    }

    /// What the link is doing.
    pub fn link_state(&self) -> LinkState {
        match &self.state {
            State::Connecting { .. } => LinkState::Connecting {
                attempt: self.attempt,
            },
            State::Up(link) => match link.phase {
                Phase::Greeting { .. } => LinkState::Connecting {
                    attempt: self.attempt,
                },
                Phase::Resyncing { .. } => LinkState::Resyncing,
                // Not known to be alive; a ping is on its way.
                Phase::Live { .. } if !link.is_alive(self.now) => LinkState::Resyncing,
                Phase::Live { .. } => LinkState::Live,
            },
            State::Waiting { .. } if self.is_paused() && self.offline => LinkState::Offline,
            State::Waiting { .. } if self.is_paused() => LinkState::Hidden,
            State::Waiting { until, trouble, .. } => LinkState::Waiting {
                until: *until,
                attempt: self.attempt.saturating_add(1),
                trouble: trouble.clone(),
            },
            State::Stopped(stop) => LinkState::Stopped(stop.clone()),
        }
    }

    /// How long the last ping on this link took.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What the server's clock says, if a server has ever told.
    pub fn server_now(&self, now: Duration) -> Option<Timestamp> {
        let (time, at) = self.server_clock?;
        let since = u64::try_from(now.saturating_sub(at).as_millis()).unwrap_or(u64::MAX);
        Some(Timestamp::from_millis(time.as_millis().saturating_add(since)))
    }

    /// Where one stands in a topic: everything up to there was delivered, or told as lost.
    pub fn position(&self, topic: &Topic) -> Option<&Position> {
        self.topics.position(topic)
    }

    /// How many publications of a topic were conflated since it was subscribed.
    pub fn conflated(&self, topic: &Topic) -> Option<u64> {
        self.topics.conflated(topic)
    }

    /// The topics that are subscribed or shall be, in the order in which they were wanted.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// The rooms that are joined or shall be, in the order in which they were wanted.
    pub fn rooms(&self) -> impl Iterator<Item = &Topic> {
        self.rooms.iter()
    }

    /// Whether one is a member of a room, as far as the server has said on this link.
    pub fn is_member(&self, topic: &Topic) -> bool {
        self.rooms.is_member(topic)
    }

    /// What went by unused.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    pub(super) fn tell_link_state(&mut self) {
        let state = self.link_state();
        if state != self.told {
            self.told = state.clone();
            self.tell(Event::Link(state));
        }
    }
}
