//! What the engine says: to subscribers how fresh each chain is, to operators how the feed is.

use std::sync::PoisonError;

use nexus_protocol::{ChainId, ChannelStatus, FeedState, Timestamp, Topic};

use super::{Engine, Followed};
use crate::clock::wall_clock;
use crate::feeds::linera::session::LinkState;
use crate::feeds::{FeedCounts, LinkReport};

/// How fresh a chain is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Freshness {
    pub(super) state: FeedState,
    pub(super) reason: Option<String>,
    /// When the last news came, where that is said.
    pub(super) news: Option<Timestamp>,
}

impl Engine {
    /// Says how fresh a chain is, if that changed.
    pub(super) async fn tell_freshness(&mut self, chain: &ChainId) {
        let link = self.session.link();
        let Some(followed) = self.followed.get(chain) else {
            return;
        };
        let freshness = judge(&link, followed);
        if followed
            .told
            .as_ref()
            .is_some_and(|told| told.state == freshness.state && told.reason == freshness.reason)
        {
            return;
        }
        let status = self.status(freshness);
        self.broker
            .set_status(&Topic::Chain(chain.clone()), status.clone())
            .await;
        if let Some(followed) = self.followed.get_mut(chain) {
            followed.told = Some(status);
        }
    }

    pub(super) fn status(&self, freshness: Freshness) -> ChannelStatus {
        let since = freshness.news.unwrap_or_else(wall_clock);
        let mut status = ChannelStatus::new(freshness.state, since);
        status.reason = freshness.reason;
        status.simulated = self.config.simulated;
        status
    }

    pub(super) fn report(&self) {
        let (state, reason) = match self.session.link() {
            LinkState::Idle => (LinkReport::Idle, None),
            LinkState::New => (LinkReport::Connecting, None),
            LinkState::Up => (LinkReport::Up, None),
            LinkState::Lost(reason) => (LinkReport::Connecting, Some(reason)),
            LinkState::Down(reason) => (LinkReport::Down, Some(reason)),
        };
        let mut report = self.shared.report.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = self.session.counts();
        let (requests, failed_requests) = self.shared.node.counts();
        let untrue: u64 = self
            .followed
            .values()
            .map(|followed| followed.series.untrue())
            .sum();
        report.state = state;
        report.reason = reason;
        report.connections = usize::from(self.link.is_some());
        report.subscriptions = self.session.subscriptions();
        report.topics = self.followed.len();
        report.last_message = self.last_message;
        report.counts = FeedCounts {
            frames: counts.frames,
            unknown_frames: counts.unknown,
            garbled_frames: counts.garbled,
            binary_frames: counts.binary,
            stray_frames: counts.stray + self.untrue + untrue,
            error_frames: counts.errors,
            connects: counts.opened,
            losses: counts.lost,
            requests,
            failed_requests,
            gaps: self.gaps,
            unpublished: self.unpublished,
            ..FeedCounts::default()
        };
    }
}

/// The worst of what is known of the link, the subscription and the chain.
fn judge(link: &LinkState, followed: &Followed) -> Freshness {
    let of = |state, reason: Option<&String>| Freshness {
        state,
        reason: reason.cloned(),
        news: followed.news.filter(|_| state == FeedState::Stale),
    };
    match link {
        LinkState::Down(reason) => return of(FeedState::Down, Some(reason)),
        LinkState::Lost(reason) if followed.told.is_none() => return of(FeedState::Resyncing, Some(reason)),
        LinkState::Lost(reason) => return of(FeedState::Stale, Some(reason)),
        LinkState::Idle | LinkState::New => return of(FeedState::Resyncing, None),
        LinkState::Up => {}
    }
    match (&followed.refused, &followed.trouble) {
        (Some((reason, 2..)), _) => of(FeedState::Down, Some(reason)),
        (Some((reason, _)), _) => of(FeedState::Stale, Some(reason)),
        // Once is no trouble yet.
        (None, Some(reason)) if followed.retry.failures() >= 2 => of(
            if followed.news.is_some() {
                FeedState::Stale
            } else {
                FeedState::Down
            },
            Some(reason),
        ),
        (None, _) if followed.is_surveyed && followed.series.is_whole() => of(FeedState::Live, None),
        (None, _) => of(FeedState::Resyncing, None),
    }
}
