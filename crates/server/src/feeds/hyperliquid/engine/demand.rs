//! Which topics the engine follows: from the first viewer, through the gate, to some seconds after the last.

use nexus_protocol::{FeedState, Topic};

use crate::feeds::demand::Word;
use crate::feeds::hyperliquid::Verdict;
use crate::feeds::hyperliquid::accounts::user_of;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::engine::{DORMANT, Engine, Followed, Gate, LINGER, SourceUse};
use crate::feeds::hyperliquid::freshness::{Flow, Freshness};
use crate::feeds::hyperliquid::topics::Streams;
use crate::feeds::hyperliquid::topics::accounts::AccountStreams;
use crate::feeds::hyperliquid::wire::Source;

impl Engine {
    pub(super) fn handle_demand(&mut self) {
        let now = self.now();
        for (topic, word) in self.shared.demand.take() {
            match word {
                Word::Wanted => self.follow(topic, now),
                Word::Unwanted => {
                    if let Some(followed) = self.followed.get_mut(&topic) {
                        followed.until = Some(now + LINGER);
                    }
                }
            }
        }
    }

    pub(super) fn follow(&mut self, topic: Topic, now: Moment) {
        if let Some(followed) = self.followed.get_mut(&topic) {
            followed.until = None;
            return;
        }
        self.dormant.remove(&topic);
        let effects = match user_of(&topic).and_then(|user| self.shared.accounts.address(user)) {
            Some(address) => self.streams.open_account(&topic, &address, now),
            None => self.streams.open(&topic, now),
        };
        let followed = Followed {
            sources: Vec::new(),
            gate: Gate::Waiting,
            until: None,
            told: None,
        };
        self.followed.insert(topic.clone(), followed);
        self.effects.extend(effects);
        if matches!(topic, Topic::Prices(_)) {
            self.contexts = self.contexts.at_latest(now);
        }
        self.pass_gate(&topic, now);
        self.touched.insert(topic);
    }

    /// Lets a topic through to the exchange if the exchange has what it names.
    pub(super) fn pass_gate(&mut self, topic: &Topic, now: Moment) {
        let verdict = self.shared.catalog.verdict(topic);
        let is_complete = self.shared.catalog.directory().is_complete();
        let is_whole_board = matches!(topic, Topic::Prices(None));
        if is_whole_board {
            self.streams.list(&self.shared.catalog.directory());
        }
        let Some(followed) = self.followed.get_mut(topic) else {
            return;
        };
        followed.gate = match verdict {
            // Which markets stand on it is not known yet.
            Verdict::Fine if is_whole_board && !is_complete => Gate::Waiting,
            Verdict::Fine => Gate::Open,
            Verdict::Refused(refusal) => Gate::Shut(refusal.message),
            Verdict::Unknown(refusal) if is_complete => Gate::Shut(refusal.message),
            Verdict::Unknown(_) => Gate::Waiting,
        };
        if followed.gate != Gate::Open {
            return;
        }
        if let Topic::Candles(symbol, interval) = topic
            && self.shared.catalog.is_delisted(symbol)
        {
            followed.gate = Gate::Delisted(symbol.clone());
            // The archive is all there is.
            let source = Source::Candles {
                coin: symbol.clone(),
                interval: *interval,
            };
            self.streams.handle_subscribed(&source, now);
            return;
        }
        let address = user_of(topic).and_then(|user| self.shared.accounts.address(user));
        followed.sources = match address {
            Some(address) => AccountStreams::sources(topic, &address),
            None => Streams::sources(topic),
        };
        let is_served = |source| {
            self.sources
                .get(source)
                .is_some_and(|its: &SourceUse| its.flow != Flow::Off)
        };
        if user_of(topic).is_some() && followed.sources.iter().all(is_served) {
            self.streams.handle_already_subscribed(topic, now);
            self.streams_due = Some(now);
        }
        for source in followed.sources.clone() {
            let its = self.sources.entry(source.clone()).or_default();
            its.topics.insert(topic.clone());
            // Subscribed already, for the trades of the same market: nobody will say so again.
            if its.flow != Flow::Off
                && matches!((topic, &source), (Topic::Candles(..), Source::Candles { .. }))
            {
                self.streams.handle_subscribed(&source, now);
                self.streams_due = Some(now);
            }
            self.links.want(source, now);
        }
    }

    /// Ceases to follow topics that nobody came back to, and forgets the past of those that slept too long.
    pub(super) async fn close_deserted(&mut self, now: Moment) {
        let is_over = |followed: &Followed| followed.until.is_some_and(|until| until <= now);
        let over: Vec<Topic> = self
            .followed
            .iter()
            .filter(|(_, it)| is_over(it))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in over {
            let Some(followed) = self.followed.remove(&topic) else {
                continue;
            };
            let news = followed
                .sources
                .iter()
                .filter_map(|source| self.sources.get(source)?.news)
                .min();
            for source in followed.sources {
                let Some(its) = self.sources.get_mut(&source) else {
                    continue;
                };
                its.topics.remove(&topic);
                if its.topics.is_empty() {
                    self.sources.remove(&source);
                    self.links.unwant(&source, now);
                    self.streams.handle_lost(&source);
                }
            }
            self.streams.close(&topic);
            self.shared.accounts.release(&topic);
            self.touched.remove(&topic);
            let asleep = Freshness {
                state: FeedState::Stale,
                reason: Some("nobody listened for a while".to_owned()),
                news,
            };
            let status = self.status(asleep);
            self.broker.set_status(&topic, status).await;
            match topic {
                Topic::Trades(_) | Topic::Candles(..) | Topic::UserFills(_) | Topic::UserOrders(_) => {
                    self.dormant.insert(topic, now + DORMANT);
                }
                // An old price or book must not greet who comes next.
                _ => self.broker.forget(&topic).await,
            }
        }
        let forgotten: Vec<Topic> = self
            .dormant
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in forgotten {
            self.dormant.remove(&topic);
            self.streams.forget(&topic);
            self.broker.forget(&topic).await;
        }
    }
}
