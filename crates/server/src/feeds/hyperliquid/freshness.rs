//! How fresh a topic is, judged from how its sources are. The worst counts; nothing is called live that may be old.

use nexus_protocol::{FeedState, Timestamp};

use super::links::LineState;

/// How one source is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SourceState {
    /// The link that it lives on.
    pub(crate) line: LineState,
    /// Whether news comes.
    pub(crate) flow: Flow,
    /// When the last news came.
    pub(crate) news: Option<Timestamp>,
}

/// Whether news of a source comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Flow {
    /// Not subscribed.
    #[default]
    Off,
    /// Subscribed; nothing came yet.
    Subscribed,
    /// News comes.
    Flowing,
    /// No news came for longer than it should.
    Quiet,
}

/// How fresh a topic is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Freshness {
    pub(crate) state: FeedState,
    /// For people. The state alone says enough where there is none.
    pub(crate) reason: Option<String>,
    /// When the last news came, where that is what `state` counts from.
    pub(crate) news: Option<Timestamp>,
}

/// Judges a topic. `is_current` is whether its state shows everything that its sources sent.
pub(crate) fn judge(sources: &[SourceState], is_current: bool) -> Freshness {
    let worst = sources
        .iter()
        .map(SourceState::judge)
        .max_by_key(|(severity, ..)| *severity);
    let Some((_, state, reason)) = worst else {
        return Freshness {
            state: FeedState::Down,
            reason: None,
            news: None,
        };
    };
    if state == FeedState::Live && !is_current {
        return Freshness {
            state: FeedState::Resyncing,
            reason: None,
            news: None,
        };
    }
    let news = match state {
        FeedState::Stale => sources.iter().map(|source| source.news).min().flatten(),
        FeedState::Live | FeedState::Resyncing | FeedState::Down | FeedState::Gap => None,
    };
    Freshness { state, reason, news }
}

impl SourceState {
    /// How bad it is, and why.
    fn judge(&self) -> (u8, FeedState, Option<String>) {
        match (&self.line, self.flow) {
            (LineState::Apart(reason), _) => (4, FeedState::Down, Some((*reason).to_owned())),
            (LineState::Down(reason), _) => (3, FeedState::Down, Some(reason.clone())),
            (LineState::Lost(reason), _) if self.news.is_some() => {
                (2, FeedState::Stale, Some(reason.clone()))
            }
            // It moved to a link of its own, which is not open yet.
            (LineState::New, _) if self.news.is_some() => (
                2,
                FeedState::Stale,
                Some("the connection to the exchange was lost".to_owned()),
            ),
            (LineState::Silent, _) => (
                2,
                FeedState::Stale,
                Some("nothing comes from the exchange".to_owned()),
            ),
            (LineState::Up, Flow::Quiet) => (
                2,
                FeedState::Stale,
                Some("the exchange stopped sending this".to_owned()),
            ),
            (LineState::New | LineState::Lost(_), _) => (1, FeedState::Resyncing, None),
            (LineState::Up, Flow::Off | Flow::Subscribed) => (1, FeedState::Resyncing, None),
            (LineState::Up, Flow::Flowing) => (0, FeedState::Live, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(line: LineState, flow: Flow) -> SourceState {
        SourceState {
            line,
            flow,
            news: Some(Timestamp::from_millis(7)),
        }
    }

    #[test]
    fn only_what_flows_and_is_complete_is_live() {
        let reason = || "gone".to_owned();
        for (sources, is_current, state) in [
            (vec![source(LineState::Up, Flow::Flowing)], true, FeedState::Live),
            (
                vec![source(LineState::Up, Flow::Flowing)],
                false,
                FeedState::Resyncing,
            ),
            (
                vec![source(LineState::Up, Flow::Subscribed)],
                true,
                FeedState::Resyncing,
            ),
            (vec![source(LineState::Up, Flow::Off)], true, FeedState::Resyncing),
            (vec![source(LineState::Up, Flow::Quiet)], true, FeedState::Stale),
            (
                vec![source(LineState::Silent, Flow::Flowing)],
                true,
                FeedState::Stale,
            ),
            (
                vec![source(LineState::Lost(reason()), Flow::Off)],
                true,
                FeedState::Stale,
            ),
            (vec![source(LineState::New, Flow::Off)], true, FeedState::Stale),
            (
                vec![source(LineState::Down(reason()), Flow::Off)],
                true,
                FeedState::Down,
            ),
            (
                vec![source(LineState::Apart("why"), Flow::Off)],
                true,
                FeedState::Down,
            ),
            (vec![], true, FeedState::Down),
        ] {
            assert_eq!(judge(&sources, is_current).state, state, "{sources:?}");
        }
    }

    #[test]
    fn the_worst_source_counts_and_gives_the_reason() {
        let fine = || source(LineState::Up, Flow::Flowing);
        let judged = judge(
            &[fine(), source(LineState::Down("no route".to_owned()), Flow::Off)],
            true,
        );
        assert_eq!(
            (judged.state, judged.reason.as_deref()),
            (FeedState::Down, Some("no route"))
        );
        let judged = judge(&[source(LineState::Up, Flow::Quiet), fine()], true);
        assert_eq!(
            (judged.state, judged.news),
            (FeedState::Stale, Some(Timestamp::from_millis(7)))
        );
    }
}
