//! Which face a panel shows. Content, once there, is never taken away by a refresh or a broken link.

use super::feed::Freshness;
use super::link::{Link, Phase};

/// What a panel shows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Face {
    /// What is.
    Content,
    /// What was, dimmed.
    Dimmed,
    /// That something is coming.
    Skeleton,
    /// That there is nothing.
    Nothing,
    /// What it waits for, in a few words: what is wrong is said by one panel for all.
    Waiting(&'static str),
    /// What is wrong, and what can be done.
    Trouble {
        /// In a few words.
        title: String,
        /// In a sentence.
        text: String,
        /// What a click would do.
        remedy: Option<Remedy>,
    },
}

/// What a person can do about trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Remedy {
    /// Connect at once.
    Reconnect,
    /// Sign in.
    SignIn,
    /// Sign in with a token that allows more.
    ChangeToken,
    /// Ask for the topic again.
    AskAgain,
}

impl Face {
    /// What a panel shows of its topic.
    pub(crate) fn of(freshness: &Freshness, link: &Link, has_content: bool) -> Self {
        match freshness {
            _ if has_content => match freshness {
                Freshness::Live | Freshness::Quiet => Face::Content,
                Freshness::Loading
                | Freshness::Resyncing
                | Freshness::Stale { .. }
                | Freshness::Down { .. }
                | Freshness::Failed(_)
                | Freshness::Barred(_) => Face::Dimmed,
            },
            Freshness::Failed(reason) => {
                trouble("This cannot be shown", &sentence(reason), Some(Remedy::AskAgain))
            }
            Freshness::Barred(reason) if link.identity.is_some() => trouble(
                "Your token does not allow this",
                &sentence(reason),
                Some(Remedy::ChangeToken),
            ),
            // What the server says is meant for programs.
            Freshness::Barred(_) => trouble(
                "Sign in to see this",
                "This gateway shows it to those who have a token.",
                Some(Remedy::SignIn),
            ),
            Freshness::Live | Freshness::Quiet => Face::Nothing,
            Freshness::Loading | Freshness::Resyncing | Freshness::Stale { .. } | Freshness::Down { .. } => {
                Self::while_waiting(link)
            }
        }
    }

    fn while_waiting(link: &Link) -> Self {
        match &link.phase {
            Phase::Connecting { attempt: 0 } | Phase::Resyncing | Phase::Up => Face::Skeleton,
            Phase::Connecting { .. } | Phase::Waiting { .. } => trouble(
                "The server cannot be reached",
                "It is tried again by itself.",
                Some(Remedy::Reconnect),
            ),
            Phase::Offline => trouble(
                "No network",
                "This goes on by itself once the network is back.",
                None,
            ),
            Phase::SignedOut { reason } => trouble("Sign in to see this", reason, Some(Remedy::SignIn)),
            Phase::Stopped { reason } => trouble("Disconnected", reason, Some(Remedy::Reconnect)),
        }
    }

    /// The word for `data-state`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Face::Content => "ready",
            Face::Dimmed => "stale",
            Face::Skeleton => "loading",
            Face::Nothing => "empty",
            Face::Waiting(_) | Face::Trouble { .. } => "error",
        }
    }
}

impl Face {
    /// For a panel that leaves what is wrong with the link to another one.
    #[must_use]
    pub(crate) fn leaving_the_link_to_others(self) -> Self {
        match self {
            Face::Trouble {
                remedy: Some(Remedy::AskAgain | Remedy::ChangeToken),
                ..
            } => self,
            Face::Trouble {
                remedy: Some(Remedy::SignIn),
                ..
            } => Face::Waiting("Signed out"),
            Face::Trouble { .. } => Face::Waiting("Waiting for the server"),
            Face::Content | Face::Dimmed | Face::Skeleton | Face::Nothing | Face::Waiting(_) => self,
        }
    }
}

impl Remedy {
    /// The word on the button.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Remedy::Reconnect => "Try now",
            Remedy::SignIn => "Sign in",
            Remedy::ChangeToken => "Use another token",
            Remedy::AskAgain => "Try again",
        }
    }
}

/// What a server said, as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>());
    let end = if text.ends_with(['.', '!', '?']) || text.is_empty() {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}

fn trouble(title: &str, text: &str, remedy: Option<Remedy>) -> Face {
    Face::Trouble {
        title: title.to_owned(),
        text: text.to_owned(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_freshness() -> [Freshness; 8] {
        let stale = Freshness::Stale {
            since: 0,
            reason: None,
        };
        [
            Freshness::Loading,
            Freshness::Quiet,
            Freshness::Live,
            Freshness::Resyncing,
            stale,
            Freshness::Down {
                since: 0,
                reason: None,
            },
            Freshness::Failed("No.".into()),
            Freshness::Barred("No.".into()),
        ]
    }

    fn word(freshness: &Freshness, phase: Phase, has_content: bool) -> &'static str {
        Face::of(
            freshness,
            &Link {
                phase,
                ..Link::new("ws://here")
            },
            has_content,
        )
        .word()
    }

    #[test]
    fn content_is_never_taken_away() {
        for freshness in every_freshness() {
            for phase in [
                Phase::Up,
                Phase::Offline,
                Phase::Waiting {
                    until: 0,
                    attempt: 1,
                    reason: None,
                },
            ] {
                let word = word(&freshness, phase, true);
                assert!(matches!(word, "ready" | "stale"), "{freshness:?}: {word}");
            }
        }
    }

    #[test]
    fn without_content_each_state_has_a_face() {
        let words = every_freshness().map(|freshness| word(&freshness, Phase::Up, false));
        assert_eq!(
            words,
            [
                "loading", "empty", "empty", "loading", "loading", "loading", "error", "error"
            ]
        );
    }

    #[test]
    fn a_first_load_that_cannot_succeed_says_so() {
        for (phase, expected) in [
            (Phase::Connecting { attempt: 0 }, "loading"),
            (Phase::Connecting { attempt: 2 }, "error"),
            (
                Phase::Waiting {
                    until: 0,
                    attempt: 1,
                    reason: None,
                },
                "error",
            ),
            (Phase::Offline, "error"),
            (
                Phase::SignedOut {
                    reason: "A token is needed.".into(),
                },
                "error",
            ),
        ] {
            assert_eq!(word(&Freshness::Loading, phase, false), expected);
        }
    }

    #[test]
    fn one_panel_speaks_of_the_link_and_each_of_its_own_topic() {
        let of_the_link = trouble("No network", "", None);
        assert!(matches!(
            of_the_link.leaving_the_link_to_others(),
            Face::Waiting(_)
        ));
        let of_the_token = trouble("Sign in", "", Some(Remedy::SignIn));
        assert_eq!(
            of_the_token.leaving_the_link_to_others(),
            Face::Waiting("Signed out")
        );
        let of_the_topic = trouble("This cannot be shown", "", Some(Remedy::AskAgain));
        assert_eq!(of_the_topic.clone().leaving_the_link_to_others(), of_the_topic);
    }
}
