//! How fresh each followed topic is.

use std::cell::Cell;
use std::collections::HashMap;

use nexus_protocol::{ChannelStatus, FeedState, Topic};

use crate::state::feed::{Feed, Freshness, Moment, Stage};

/// What is known of each followed topic.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    known: HashMap<Topic, Known>,
}

#[derive(Debug)]
struct Known {
    feed: Feed,
    /// Apart from the rest, because it changes with every publication and nobody has to be woken for that.
    heard_at: Cell<Option<Moment>>,
}

impl Feeds {
    /// A topic is wanted from now on.
    pub(crate) fn ask(&mut self, topic: Topic) {
        self.known.insert(
            topic,
            Known {
                feed: Feed::asked(),
                heard_at: Cell::new(None),
            },
        );
    }

    /// A topic is wanted no longer.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        self.known.remove(topic);
    }

    /// A publication of a topic arrived. `true` if it was the first, which is news for whoever watches.
    pub(crate) fn hear(&self, topic: &Topic, now: Moment) -> bool {
        self.known
            .get(topic)
            .is_some_and(|known| known.heard_at.replace(Some(now)).is_none())
    }

    /// A subscription moved on.
    pub(crate) fn turn(&mut self, topic: &Topic, stage: Stage) {
        if let Some(known) = self.known.get_mut(topic) {
            // What the server says of the source comes anew with each subscription.
            known.feed.source = None;
            known.feed.stage = stage;
        }
    }

    /// The server said how a topic's source is. A gap is an event and leaves the state as it was.
    pub(crate) fn tell(&mut self, topic: &Topic, status: ChannelStatus) {
        if let Some(known) = self.known.get_mut(topic)
            && status.state != FeedState::Gap
        {
            known.feed.source = Some(status);
        }
    }

    /// Nothing is followed until the server has confirmed it again.
    pub(crate) fn lose_link(&mut self) {
        for known in self.known.values_mut() {
            known.feed.stage = Stage::Asked;
        }
    }

    /// What is known of a topic.
    pub(crate) fn of(&self, topic: &Topic) -> Option<Feed> {
        self.known.get(topic).map(Known::feed)
    }

    /// What a panel may say of a topic.
    pub(crate) fn freshness(&self, topic: &Topic, link_is_up: bool) -> Freshness {
        self.of(topic)
            .map_or(Freshness::Loading, |feed| feed.freshness(link_is_up))
    }

    /// What is known of every topic, in no order.
    pub(crate) fn all(&self) -> Vec<(Topic, Feed)> {
        self.known
            .iter()
            .map(|(topic, known)| (topic.clone(), known.feed()))
            .collect()
    }

    /// Whether some source is a stand-in.
    pub(crate) fn is_simulated(&self) -> bool {
        self.known.values().any(|known| known.feed.is_simulated())
    }
}

impl Known {
    fn feed(&self) -> Feed {
        Feed {
            heard_at: self.heard_at.get(),
            ..self.feed.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Symbol, Timestamp};

    use super::*;

    #[test]
    fn a_gap_leaves_the_state_as_it_was() {
        let topic = Topic::Trades(Symbol::parse("BTC").unwrap());
        let mut feeds = Feeds::default();
        feeds.ask(topic.clone());
        feeds.turn(&topic, Stage::Followed);
        assert!(feeds.hear(&topic, 7));
        for (state, word) in [
            (FeedState::Stale, "stale"),
            (FeedState::Gap, "stale"),
            (FeedState::Live, "live"),
        ] {
            feeds.tell(&topic, ChannelStatus::new(state, Timestamp::from_millis(5)));
            assert_eq!(feeds.freshness(&topic, true).word(), word, "after {state:?}");
        }
    }

    #[test]
    fn nothing_is_kept_of_what_is_not_wanted() {
        let topic = Topic::Trades(Symbol::parse("BTC").unwrap());
        let mut feeds = Feeds::default();
        assert!(!feeds.hear(&topic, 7));
        feeds.turn(&topic, Stage::Followed);
        assert!(feeds.of(&topic).is_none());
    }
}
