//! The condition of the data as a whole: what the connection chip says. One pure function of link, feeds and time.

use nexus_protocol::ErrorCode;

use super::feed::{Feed, Freshness, Moment, Stage};
use super::link::{Link, Phase};

/// A page on which no price arrived for so long is not live, whatever anybody says: all coins together never rest. What
/// has no source of its own (devices, rooms) may rest as long as it likes.
const QUIET_MS: u64 = 15_000;

/// The condition of the data.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Condition {
    /// A connection is being made for the first time.
    Connecting,
    /// What is shown is what is.
    Live {
        /// When the newest datum arrived.
        heard_at: Option<Moment>,
    },
    /// At least one feed has had no news since then.
    Stale {
        /// The moment of the last news.
        since: Moment,
    },
    /// The server is there, and a source behind it is not.
    Down {
        /// Since when, where the server said so.
        since: Option<Moment>,
    },
    /// The server is there; what was missed is being fetched.
    Resyncing {
        /// Topics that are followed again.
        done: usize,
        /// Topics that are wanted.
        of: usize,
    },
    /// The link broke and is tried again.
    Reconnecting {
        /// When the next try begins; `None` while one is under way.
        until: Option<Moment>,
        /// The how manieth try.
        attempt: u32,
    },
    /// The browser has no network.
    Offline,
    /// The server told us not to come back by ourselves.
    Stopped,
    /// The server wants a token.
    SignedOut,
}

impl Condition {
    /// What the chip says at a moment.
    pub(crate) fn of(link: &Link, feeds: &[Feed], now: Moment) -> Self {
        match &link.phase {
            Phase::Connecting { attempt: 0 } => Condition::Connecting,
            Phase::Connecting { attempt } => Condition::Reconnecting {
                until: None,
                attempt: *attempt,
            },
            Phase::Waiting { until, attempt, .. } => Condition::Reconnecting {
                until: Some(*until),
                attempt: *attempt,
            },
            Phase::Offline => Condition::Offline,
            Phase::Stopped { .. } => Condition::Stopped,
            Phase::SignedOut { .. } => Condition::SignedOut,
            // The link itself is in doubt, however fresh the feeds believe to be.
            Phase::Resyncing => match Self::of_feeds(link, feeds, now) {
                Condition::Live { .. } => Condition::Resyncing { done: 0, of: 0 },
                other => other,
            },
            Phase::Up => Self::of_feeds(link, feeds, now),
        }
    }

    fn of_feeds(link: &Link, feeds: &[Feed], now: Moment) -> Self {
        let is_barred = |feed: &Feed| matches!(feed.freshness(true), Freshness::Barred(_));
        if link.identity.is_none() && !feeds.is_empty() && feeds.iter().all(is_barred) {
            return Condition::SignedOut;
        }
        if let Some(since) = feeds.iter().filter_map(down_since).min() {
            return Condition::Down { since };
        }
        let stale_since = feeds.iter().filter_map(|feed| match feed.freshness(true) {
            Freshness::Stale { since, .. } => Some(since),
            _ => None,
        });
        if let Some(since) = stale_since.min() {
            return Condition::Stale { since };
        }
        let wanted = feeds.iter().filter(|feed| !is_refused_for_good(feed));
        let of = wanted.clone().count();
        let is_done = |feed: &&Feed| {
            let freshness = feed.freshness(true);
            !matches!(
                freshness,
                Freshness::Loading | Freshness::Resyncing | Freshness::Failed(_)
            )
        };
        let done = wanted.filter(is_done).count();
        if done < of {
            return Condition::Resyncing { done, of };
        }
        let sourced = feeds.iter().filter(|feed| feed.source.is_some());
        match sourced.filter_map(|feed| feed.heard_at).max() {
            Some(since) if now.saturating_sub(since) > QUIET_MS => Condition::Stale { since },
            _ => Condition::Live {
                heard_at: feeds.iter().filter_map(|feed| feed.heard_at).max(),
            },
        }
    }

    /// The word for `data-state`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Condition::Live { .. } => "live",
            Condition::Stale { .. } | Condition::Down { .. } => "stale",
            Condition::Resyncing { .. } => "resyncing",
            Condition::Connecting | Condition::Reconnecting { .. } => "reconnecting",
            Condition::Offline | Condition::Stopped => "offline",
            Condition::SignedOut => "signed-out",
        }
    }

    /// The word for people.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Condition::Connecting => "Connecting",
            // Nothing is followed that could be live.
            Condition::Live { heard_at: None } => "Connected",
            Condition::Live { .. } => "Live",
            Condition::Stale { .. } => "Stale",
            Condition::Down { .. } => "Source down",
            Condition::Resyncing { .. } => "Resyncing",
            Condition::Reconnecting { .. } => "Reconnecting",
            Condition::Offline => "Offline",
            Condition::Stopped => "Disconnected",
            Condition::SignedOut => "Signed out",
        }
    }

    /// What stands beside the label: first the part that always shows, then what a phone leaves out.
    pub(crate) fn detail(&self, now: Moment, round_trip_ms: Option<u32>) -> (String, String) {
        let since = |moment: Moment| now.saturating_sub(moment) as f64;
        match self {
            Condition::Live { heard_at } => (
                heard_at
                    .map(|at| crate::format::age(since(at)))
                    .unwrap_or_default(),
                round_trip_ms
                    .map(|millis| format!("{millis} ms"))
                    .unwrap_or_default(),
            ),
            Condition::Stale { since: moment } | Condition::Down { since: Some(moment) } => {
                (crate::format::span(since(*moment)), String::new())
            }
            Condition::Down { since: None } => (String::new(), String::new()),
            Condition::Resyncing { of: 0, .. } => (String::new(), String::new()),
            Condition::Resyncing { done, of } => (format!("{done} of {of}"), String::new()),
            Condition::Reconnecting { until, attempt } => (
                match until {
                    Some(until) => format!(
                        "in {}",
                        crate::format::countdown(until.saturating_sub(now) as f64)
                    ),
                    None => "now".to_owned(),
                },
                format!("attempt {attempt}"),
            ),
            Condition::Connecting | Condition::Offline | Condition::Stopped | Condition::SignedOut => {
                (String::new(), String::new())
            }
        }
    }
}

/// Since when the source of a topic cannot be reached, if it cannot.
fn down_since(feed: &Feed) -> Option<Option<Moment>> {
    match (&feed.stage, feed.freshness(true)) {
        (_, Freshness::Down { since, .. }) => Some(Some(since)),
        (Stage::Refused(refusal), _) if refusal.code == ErrorCode::UpstreamDown => Some(None),
        (Stage::Followed, Freshness::Failed(_)) => {
            Some(feed.source.as_ref().map(|source| source.since.as_millis()))
        }
        _ => None,
    }
}

/// Whether asking again would not help: then the others may be live without it.
fn is_refused_for_good(feed: &Feed) -> bool {
    matches!(&feed.stage, Stage::Refused(refusal) if !refusal.code.is_transient())
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelStatus, FeedState, Refusal, Timestamp};

    use super::*;

    const NOW: Moment = 100_000;

    fn link(phase: Phase) -> Link {
        Link {
            phase,
            ..Link::new("ws://here")
        }
    }

    fn feed(state: FeedState, heard_at: Option<Moment>) -> Feed {
        let source = Some(ChannelStatus::new(state, Timestamp::from_millis(80_000)));
        Feed {
            stage: Stage::Followed,
            source,
            heard_at,
        }
    }

    fn condition(phase: Phase, feeds: &[Feed]) -> Condition {
        Condition::of(&link(phase), feeds, NOW)
    }

    #[test]
    fn one_stale_feed_among_live_ones_is_stale() {
        let feeds = [
            feed(FeedState::Live, Some(99_900)),
            feed(FeedState::Stale, Some(99_000)),
        ];
        assert_eq!(condition(Phase::Up, &feeds), Condition::Stale { since: 80_000 });
    }

    #[test]
    fn a_source_that_cannot_be_reached_is_down_whatever_it_said_before() {
        for heard_at in [None, Some(99_000)] {
            let feeds = [
                feed(FeedState::Live, Some(99_900)),
                feed(FeedState::Down, heard_at),
            ];
            assert_eq!(
                condition(Phase::Up, &feeds),
                Condition::Down { since: Some(80_000) }
            );
        }
    }

    #[test]
    fn what_has_no_source_of_its_own_may_rest() {
        let quiet = |heard_at| Feed {
            source: None,
            ..feed(FeedState::Live, heard_at)
        };
        let feeds = [quiet(Some(1_000)), quiet(None)];
        assert_eq!(
            condition(Phase::Up, &feeds),
            Condition::Live {
                heard_at: Some(1_000)
            }
        );
    }

    #[test]
    fn live_tells_the_age_of_the_newest_datum() {
        let feeds = [
            feed(FeedState::Live, Some(99_800)),
            feed(FeedState::Live, Some(90_000)),
        ];
        let condition = condition(Phase::Up, &feeds);
        assert_eq!(
            condition,
            Condition::Live {
                heard_at: Some(99_800)
            }
        );
        assert_eq!(
            condition.detail(NOW, Some(12)),
            ("0.2 s".to_owned(), "12 ms".to_owned())
        );
    }

    #[test]
    fn silence_is_never_green() {
        let feeds = [feed(FeedState::Live, Some(NOW - QUIET_MS - 1))];
        assert_eq!(condition(Phase::Up, &feeds).word(), "stale");
    }

    #[test]
    fn topics_that_are_not_back_yet_are_counted() {
        let asked = Feed {
            stage: Stage::Asked,
            ..feed(FeedState::Live, Some(99_000))
        };
        let feeds = [feed(FeedState::Live, Some(99_900)), asked];
        assert_eq!(
            condition(Phase::Up, &feeds),
            Condition::Resyncing { done: 1, of: 2 }
        );
    }

    #[test]
    fn a_refused_topic_does_not_keep_the_others_from_being_live() {
        let refused = Stage::Refused(Refusal::new(ErrorCode::Forbidden, "No."));
        let feeds = [
            feed(FeedState::Live, Some(99_900)),
            Feed {
                stage: refused,
                source: None,
                heard_at: None,
            },
        ];
        assert_eq!(condition(Phase::Up, &feeds).word(), "live");
    }

    #[test]
    fn a_source_that_is_not_even_configured_is_down_and_not_on_its_way() {
        let refused = |code| Feed {
            stage: Stage::Refused(Refusal::new(code, "Later.")),
            ..Feed::asked()
        };
        let without = [
            feed(FeedState::Live, Some(99_900)),
            refused(ErrorCode::UpstreamDown),
        ];
        assert_eq!(condition(Phase::Up, &without), Condition::Down { since: None });
        let delayed = [
            feed(FeedState::Live, Some(99_900)),
            refused(ErrorCode::RateLimited),
        ];
        assert_eq!(
            condition(Phase::Up, &delayed),
            Condition::Resyncing { done: 1, of: 2 }
        );
    }

    #[test]
    fn who_may_see_nothing_without_a_token_is_signed_out() {
        let barred = Feed {
            stage: Stage::Refused(Refusal::new(ErrorCode::AuthFailed, "Needs a token.")),
            ..Feed::asked()
        };
        assert_eq!(
            condition(Phase::Up, &[barred.clone(), barred]),
            Condition::SignedOut
        );
    }

    #[test]
    fn a_link_in_doubt_is_not_live() {
        let feeds = [feed(FeedState::Live, Some(99_900))];
        assert_eq!(condition(Phase::Resyncing, &feeds).word(), "resyncing");
    }

    #[test]
    fn without_a_link_its_phase_is_what_counts() {
        let feeds = [feed(FeedState::Live, Some(99_999))];
        for (phase, word, detail) in [
            (Phase::Connecting { attempt: 0 }, "reconnecting", ""),
            (Phase::Connecting { attempt: 3 }, "reconnecting", "now"),
            (
                Phase::Waiting {
                    until: NOW + 3_200,
                    attempt: 3,
                    reason: None,
                },
                "reconnecting",
                "in 4 s",
            ),
            (Phase::Offline, "offline", ""),
            (
                Phase::Stopped {
                    reason: "removed".into(),
                },
                "offline",
                "",
            ),
            (
                Phase::SignedOut {
                    reason: "expired".into(),
                },
                "signed-out",
                "",
            ),
        ] {
            let condition = condition(phase, &feeds);
            assert_eq!(condition.word(), word);
            assert_eq!(condition.detail(NOW, None).0, detail);
        }
    }
}
