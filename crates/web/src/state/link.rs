//! The link to the server: whether it is there, who one is on it, and what happened when it came back.

use std::rc::Rc;

use yew::Reducible;

use super::feed::Moment;

/// What the interface knows of the link.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Link {
    /// Where the link stands.
    pub(crate) phase: Phase,
    /// The address of the server that is or was last tried.
    pub(crate) server: Rc<str>,
    /// How long the last ping took.
    pub(crate) round_trip_ms: Option<u32>,
    /// Who the server says one is.
    pub(crate) identity: Option<Identity>,
    /// How the last interruption ended.
    pub(crate) last_return: Option<Return>,
}

/// Where the link stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Phase {
    /// A connection is being made.
    Connecting {
        /// The how manieth try since the link was last up; 0 for the page's first.
        attempt: u32,
    },
    /// The next try is set.
    Waiting {
        /// When.
        until: Moment,
        /// The how manieth it will be.
        attempt: u32,
        /// Why the last one ended.
        reason: Option<Rc<str>>,
    },
    /// The server greeted us, and not everything that is wanted is there yet; or the link has gone quiet and is tested.
    Resyncing,
    /// The server greeted us, and everything that is wanted is followed.
    Up,
    /// The browser has no network; nothing is tried until it has.
    Offline,
    /// The server wants a token, or another one.
    SignedOut {
        /// What it said.
        reason: Rc<str>,
    },
    /// The server told us not to come back by ourselves.
    Stopped {
        /// What it said.
        reason: Rc<str>,
    },
}

/// Who one is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Identity {
    /// The user of the token.
    pub(crate) user: Rc<str>,
    /// When the token ends, on the browser's clock.
    pub(crate) expires_at: Moment,
}

/// How an interruption ended: said once in a toast, and kept for the chip's details.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Return {
    /// When the link was back.
    pub(crate) at: Moment,
    /// How long it was away, in milliseconds.
    pub(crate) away_ms: u64,
    /// Messages that were missed and then delivered.
    pub(crate) recovered: u64,
    /// Channels whose missed messages are lost; their present state was loaded anew.
    pub(crate) reloaded: u32,
}

/// What can happen to the link.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum LinkAction {
    /// It moved on.
    Moved(Phase),
    /// Another server is being tried.
    Server(Rc<str>),
    /// A ping came back.
    RoundTrip(u32),
    /// The server knows us now, or no longer.
    Identity(Option<Identity>),
    /// Everything that was wanted is followed again.
    Returned(Return),
}

impl Link {
    /// Before the first try.
    pub(crate) fn new(server: impl Into<Rc<str>>) -> Self {
        Link {
            phase: Phase::Connecting { attempt: 0 },
            server: server.into(),
            round_trip_ms: None,
            identity: None,
            last_return: None,
        }
    }

    /// Whether the server can be heard.
    pub(crate) fn is_up(&self) -> bool {
        self.phase.is_up()
    }
}

impl Phase {
    /// Whether the server can be heard.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self, Phase::Resyncing | Phase::Up)
    }
}

impl Reducible for Link {
    type Action = LinkAction;

    fn reduce(self: Rc<Self>, action: LinkAction) -> Rc<Self> {
        let mut next = Link::clone(&self);
        match action {
            LinkAction::Moved(phase) => next.phase = phase,
            LinkAction::Server(server) => next.server = server,
            LinkAction::RoundTrip(millis) => next.round_trip_ms = Some(millis),
            LinkAction::Identity(identity) => next.identity = identity,
            LinkAction::Returned(how) => next.last_return = Some(how),
        }
        if !next.is_up() {
            next.round_trip_ms = None;
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

impl Return {
    /// Both halves of what is said: `Back after 12 s` and `340 messages recovered`.
    pub(crate) fn told(&self) -> (String, String) {
        let away = crate::format::span(self.away_ms as f64);
        let recovered = match self.recovered {
            0 => None,
            1 => Some("1 message recovered".to_owned()),
            many => Some(format!("{} messages recovered", crate::format::count(many))),
        };
        let reloaded = match self.reloaded {
            0 => None,
            1 => Some("1 channel could not be recovered and was reloaded".to_owned()),
            many => Some(format!(
                "{many} channels could not be recovered and were reloaded"
            )),
        };
        let rest = match (recovered, reloaded) {
            (Some(recovered), Some(reloaded)) => format!("{recovered}; {reloaded}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "Nothing was missed".to_owned(),
        };
        (format!("Back after {away}"), format!("{rest}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(actions: impl IntoIterator<Item = LinkAction>) -> Rc<Link> {
        actions
            .into_iter()
            .fold(Rc::new(Link::new("ws://here")), Reducible::reduce)
    }

    #[test]
    fn what_changes_nothing_returns_the_same_state() {
        let link = reduced([LinkAction::Moved(Phase::Up), LinkAction::RoundTrip(12)]);
        for action in [
            LinkAction::Moved(Phase::Up),
            LinkAction::RoundTrip(12),
            LinkAction::Identity(None),
        ] {
            assert!(Rc::ptr_eq(&link, &link.clone().reduce(action)));
        }
    }

    #[test]
    fn a_round_trip_does_not_outlive_the_link() {
        let link = reduced([
            LinkAction::Moved(Phase::Up),
            LinkAction::RoundTrip(12),
            LinkAction::Moved(Phase::Waiting {
                until: 9,
                attempt: 1,
                reason: None,
            }),
            LinkAction::Moved(Phase::Up),
        ]);
        assert_eq!(link.round_trip_ms, None);
    }

    #[test]
    fn a_return_is_told_in_plain_words() {
        let told = |recovered, reloaded| {
            Return {
                at: 0,
                away_ms: 12_400,
                recovered,
                reloaded,
            }
            .told()
        };
        for (recovered, reloaded, rest) in [
            (0, 0, "Nothing was missed."),
            (1, 0, "1 message recovered."),
            (1_340, 0, "1,340 messages recovered."),
            (0, 3, "3 channels could not be recovered and were reloaded."),
            (
                5,
                1,
                "5 messages recovered; 1 channel could not be recovered and was reloaded.",
            ),
        ] {
            assert_eq!(
                told(recovered, reloaded),
                ("Back after 12 s".to_owned(), rest.to_owned())
            );
        }
    }
}
