//! What the engine says: to subscribers how fresh each topic is, to operators how the feed is.

use std::sync::PoisonError;

use nexus_protocol::{ChannelStatus, FeedState, Timestamp, Topic};

use crate::feeds::LinkReport;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::engine::{Engine, Followed, Gate, REPORT_EVERY, wall};
use crate::feeds::hyperliquid::freshness::{Flow, Freshness, SourceState, judge};
use crate::feeds::hyperliquid::links::LineState;
use crate::feeds::hyperliquid::wire::Source;

impl Engine {
    /// Says how fresh those topics are whose freshness changed.
    pub(super) async fn tell_freshness(&mut self) {
        for topic in std::mem::take(&mut self.touched) {
            let Some(followed) = self.followed.get(&topic) else {
                continue;
            };
            let freshness = self.freshness(&topic, followed);
            if followed
                .told
                .as_ref()
                .is_some_and(|told| told.state == freshness.state && told.reason == freshness.reason)
            {
                continue;
            }
            let status = self.status(freshness);
            self.broker.set_status(&topic, status.clone()).await;
            if let Some(followed) = self.followed.get_mut(&topic) {
                followed.told = Some(status);
            }
        }
    }

    pub(super) fn freshness(&self, topic: &Topic, followed: &Followed) -> Freshness {
        match &followed.gate {
            Gate::Waiting => {
                let is_down = self.catalog_backoff.failures() > 0;
                Freshness {
                    state: if is_down {
                        FeedState::Down
                    } else {
                        FeedState::Resyncing
                    },
                    reason: is_down.then(|| "the exchange cannot be asked which markets it has".to_owned()),
                    news: None,
                }
            }
            Gate::Shut(reason) => Freshness {
                state: FeedState::Down,
                reason: Some(reason.clone()),
                news: None,
            },
            Gate::Delisted(symbol) => {
                let last = match topic {
                    Topic::Candles(symbol, interval) => self.streams.last_bar(symbol, *interval),
                    _ => None,
                };
                Freshness {
                    state: FeedState::Stale,
                    reason: Some(format!(
                        "{symbol} was taken off the exchange; these are its last bars"
                    )),
                    news: last.map(Timestamp::from_millis),
                }
            }
            Gate::Open => {
                let state = |source: &Source| {
                    let (flow, news) = self
                        .sources
                        .get(source)
                        .map_or((Flow::Off, None), |its| (its.flow, its.news));
                    SourceState {
                        line: self.links.state(source),
                        flow,
                        news,
                    }
                };
                let sources: Vec<SourceState> = followed.sources.iter().map(state).collect();
                judge(&sources, self.streams.is_current(topic))
            }
        }
    }

    pub(super) fn status(&self, freshness: Freshness) -> ChannelStatus {
        let mut status = ChannelStatus::new(freshness.state, freshness.news.unwrap_or_else(wall));
        status.reason = freshness.reason;
        status.simulated = self.config.simulated;
        status
    }

    pub(super) fn report(&mut self, now: Moment) {
        if now.since(self.reported) < REPORT_EVERY && self.reported > Moment::START {
            return;
        }
        self.reported = now;
        let counts = self.links.counts();
        let (requests, failed_requests) = self.shared.info.counts();
        let mut state = LinkReport::Idle;
        let mut reason = None;
        for line in self.links.states() {
            let (its, why) = match line {
                LineState::Up => (LinkReport::Up, None),
                LineState::New => (LinkReport::Connecting, None),
                LineState::Lost(why) => (LinkReport::Connecting, Some(why.clone())),
                LineState::Silent => (
                    LinkReport::Down,
                    Some("nothing comes from the exchange".to_owned()),
                ),
                LineState::Down(why) => (LinkReport::Down, Some(why.clone())),
                LineState::Apart(_) => continue,
            };
            let rank = |state: LinkReport| match state {
                LinkReport::Idle => 0,
                LinkReport::Up => 1,
                LinkReport::Connecting => 2,
                LinkReport::Down => 3,
            };
            if rank(its) >= rank(state) {
                (state, reason) = (its, why);
            }
        }
        let mut report = self.shared.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.state = state;
        report.reason = reason;
        report.connections = self.links.connections();
        report.subscriptions = self.links.subscriptions();
        report.topics = self.followed.len();
        report.last_message = self.last_message;
        report.counts = crate::feeds::FeedCounts {
            frames: counts.frames,
            unknown_frames: counts.unknown,
            garbled_frames: counts.garbled,
            binary_frames: counts.binary,
            stray_frames: counts.stray,
            error_frames: counts.complaints,
            unsound_books: self.streams.unsound_books(),
            connects: counts.opened,
            losses: counts.lost,
            requests,
            failed_requests,
            gaps: self.gaps,
            quarantined: self.links.quarantined(),
            unpublished: self.unpublished,
        };
    }
}
