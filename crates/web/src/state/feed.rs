//! How fresh one topic is, as far as this page can know: what the server says of the source, and what the link allows.

use nexus_protocol::{ChannelStatus, ErrorCode, FeedState, Refusal};

/// A moment in Unix milliseconds by the browser's clock.
pub(crate) type Moment = u64;

/// What is known of a topic that the page follows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Feed {
    /// How far the subscription is.
    pub(crate) stage: Stage,
    /// What the server said last of the topic's source; `since` is already on the browser's clock.
    pub(crate) source: Option<ChannelStatus>,
    /// When the last publication arrived.
    pub(crate) heard_at: Option<Moment>,
}

/// How far a subscription is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Stage {
    /// Wanted, not confirmed yet: before the first answer, and after the link broke.
    Asked,
    /// Confirmed: pushes come as they happen.
    Followed,
    /// The server said no.
    Refused(Refusal),
}

/// What a panel shows of its topic.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Freshness {
    /// Nothing is there yet.
    Loading,
    /// Confirmed by the server, and nothing was published yet.
    Quiet,
    /// What is shown is what is.
    Live,
    /// The source is back; what was missed is being fetched.
    Resyncing,
    /// What is shown was true until then.
    Stale {
        /// The moment of the last news.
        since: Moment,
        /// Why, for people.
        reason: Option<String>,
    },
    /// What is shown was true until then, and its source cannot be reached.
    Down {
        /// Since when.
        since: Moment,
        /// Why, for people.
        reason: Option<String>,
    },
    /// There is nothing to show, and this is why.
    Failed(String),
    /// There is nothing to show without a token, or with this one.
    Barred(String),
}

impl Feed {
    /// A topic that was just asked for.
    pub(crate) fn asked() -> Self {
        Feed {
            stage: Stage::Asked,
            source: None,
            heard_at: None,
        }
    }

    /// Whether the server says that the source is a stand-in.
    pub(crate) fn is_simulated(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.simulated)
    }

    /// What a panel may say of this topic. `link_is_up` is whether the server can be heard at all.
    pub(crate) fn freshness(&self, link_is_up: bool) -> Freshness {
        let Some(heard_at) = self.heard_at else {
            return self.freshness_of_nothing(link_is_up);
        };
        let stale = |since: Moment, reason: Option<String>| Freshness::Stale { since, reason };
        match (&self.stage, &self.source) {
            (Stage::Refused(refusal), _) => stale(heard_at, Some(refusal.message.clone())),
            _ if !link_is_up => stale(heard_at, None),
            (Stage::Asked, _) => Freshness::Resyncing,
            (Stage::Followed, None) => Freshness::Live,
            (Stage::Followed, Some(source)) => match source.state {
                // A gap is an event; the topic itself goes on.
                FeedState::Live | FeedState::Gap => Freshness::Live,
                FeedState::Resyncing => Freshness::Resyncing,
                FeedState::Stale => stale(source.since.as_millis(), source.reason.clone()),
                FeedState::Down => Freshness::Down {
                    since: source.since.as_millis(),
                    reason: source.reason.clone(),
                },
            },
        }
    }

    fn freshness_of_nothing(&self, link_is_up: bool) -> Freshness {
        match (&self.stage, &self.source) {
            (Stage::Refused(refusal), _) => match refusal.code {
                ErrorCode::AuthFailed | ErrorCode::TokenExpired | ErrorCode::Forbidden => {
                    Freshness::Barred(refusal.message.clone())
                }
                _ => Freshness::Failed(refusal.message.clone()),
            },
            (Stage::Followed, Some(source)) if link_is_up => match source.state {
                FeedState::Down => Freshness::Failed(
                    source
                        .reason
                        .clone()
                        .unwrap_or_else(|| "The source cannot be reached.".to_owned()),
                ),
                FeedState::Live | FeedState::Gap => Freshness::Quiet,
                FeedState::Stale | FeedState::Resyncing => Freshness::Loading,
            },
            (Stage::Followed, None) if link_is_up => Freshness::Quiet,
            (Stage::Asked | Stage::Followed, _) => Freshness::Loading,
        }
    }
}

impl Freshness {
    /// The word for `data-freshness`, which tests and styles read.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Freshness::Loading => "loading",
            Freshness::Quiet => "quiet",
            Freshness::Live => "live",
            Freshness::Resyncing => "resyncing",
            Freshness::Stale { .. } => "stale",
            Freshness::Down { .. } => "down",
            Freshness::Failed(_) | Freshness::Barred(_) => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::Timestamp;

    use super::*;

    fn feed(stage: Stage, source: Option<FeedState>, heard_at: Option<Moment>) -> Feed {
        let source = source.map(|state| ChannelStatus::new(state, Timestamp::from_millis(5_000)));
        Feed {
            stage,
            source,
            heard_at,
        }
    }

    #[test]
    fn a_panel_is_live_only_if_link_subscription_and_source_are() {
        let refused = || Stage::Refused(Refusal::new(ErrorCode::Forbidden, "No."));
        for (stage, source, heard_at, link_is_up, word) in [
            (Stage::Asked, None, None, true, "loading"),
            (Stage::Asked, None, None, false, "loading"),
            (Stage::Followed, None, None, true, "quiet"),
            (Stage::Followed, Some(FeedState::Live), None, true, "quiet"),
            (Stage::Followed, Some(FeedState::Live), None, false, "loading"),
            (Stage::Followed, Some(FeedState::Resyncing), None, true, "loading"),
            (Stage::Followed, Some(FeedState::Down), None, true, "failed"),
            (refused(), None, None, true, "failed"),
            (Stage::Followed, Some(FeedState::Live), Some(9_000), true, "live"),
            (
                Stage::Followed,
                Some(FeedState::Live),
                Some(9_000),
                false,
                "stale",
            ),
            (
                Stage::Followed,
                Some(FeedState::Stale),
                Some(9_000),
                true,
                "stale",
            ),
            (Stage::Followed, Some(FeedState::Down), Some(9_000), true, "down"),
            (
                Stage::Followed,
                Some(FeedState::Resyncing),
                Some(9_000),
                true,
                "resyncing",
            ),
            (
                Stage::Asked,
                Some(FeedState::Live),
                Some(9_000),
                true,
                "resyncing",
            ),
            (Stage::Asked, Some(FeedState::Live), Some(9_000), false, "stale"),
            (refused(), Some(FeedState::Live), Some(9_000), true, "stale"),
        ] {
            let feed = feed(stage, source, heard_at);
            assert_eq!(
                feed.freshness(link_is_up).word(),
                word,
                "{feed:?}, link up: {link_is_up}"
            );
        }
    }

    #[test]
    fn stale_counts_from_the_last_news() {
        let of_the_source = feed(Stage::Followed, Some(FeedState::Stale), Some(9_000));
        assert_eq!(
            of_the_source.freshness(true),
            Freshness::Stale {
                since: 5_000,
                reason: None
            }
        );
        assert_eq!(
            of_the_source.freshness(false),
            Freshness::Stale {
                since: 9_000,
                reason: None
            }
        );
    }
}
