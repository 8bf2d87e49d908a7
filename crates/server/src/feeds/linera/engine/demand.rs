//! Which chains the engine follows: from the first viewer to some seconds after the last.

use std::time::Duration;

use nexus_protocol::{ChainId, FeedState, Topic};

use super::look::{Looking, SURVEY_BACKOFF};
use super::report::Freshness;
use super::{Engine, Followed};
use crate::feeds::clock::Moment;
use crate::feeds::demand::Word;

/// A chain is followed for so long after its last subscriber left, so that flapping does no harm.
const LINGER: Duration = Duration::from_secs(10);
/// Its past is kept for so long after that, to be continued.
const DORMANT: Duration = Duration::from_secs(60);

impl Engine {
    pub(super) async fn handle_demand(&mut self) {
        let now = self.now();
        for (topic, word) in self.shared.demand.take() {
            let Topic::Chain(chain) = topic else {
                continue;
            };
            match word {
                Word::Wanted => self.follow(chain, now),
                Word::Unwanted => {
                    if let Some(followed) = self.followed.get_mut(&chain) {
                        followed.until = Some(now + LINGER);
                    }
                }
            }
        }
    }

    fn follow(&mut self, chain: ChainId, now: Moment) {
        if let Some(followed) = self.followed.get_mut(&chain) {
            followed.until = None;
            return;
        }
        let series = self.dormant.remove(&chain).map(|(series, _)| series);
        let followed = Followed {
            series: series.unwrap_or_default(),
            until: None,
            survey: Looking::Never,
            retry: SURVEY_BACKOFF,
            trouble: None,
            refused: None,
            subscribed: None,
            is_surveyed: false,
            news: None,
            told: None,
        };
        self.followed.insert(chain.clone(), followed);
        self.session.want(chain, now);
    }

    /// Ceases to follow chains that nobody came back to, and forgets the past of those that slept too long.
    pub(super) async fn close_deserted(&mut self, now: Moment) {
        let is_over = |followed: &Followed| followed.until.is_some_and(|until| until <= now);
        let over: Vec<ChainId> = self
            .followed
            .iter()
            .filter(|(_, followed)| is_over(followed))
            .map(|(chain, _)| chain.clone())
            .collect();
        for chain in over {
            let Some(mut followed) = self.followed.remove(&chain) else {
                continue;
            };
            self.session.unwant(&chain);
            followed.series.pause();
            let asleep = Freshness {
                state: FeedState::Stale,
                reason: Some("nobody listened for a while".to_owned()),
                news: followed.news,
            };
            let status = self.status(asleep);
            self.broker.set_status(&Topic::Chain(chain.clone()), status).await;
            self.dormant.insert(chain, (followed.series, now + DORMANT));
        }
        let slept: Vec<ChainId> = self
            .dormant
            .iter()
            .filter(|(_, (_, until))| *until <= now)
            .map(|(chain, _)| chain.clone())
            .collect();
        for chain in slept {
            if let Some((series, _)) = self.dormant.remove(&chain) {
                self.untrue += series.untrue();
            }
            self.broker.forget(&Topic::Chain(chain)).await;
        }
    }
}
