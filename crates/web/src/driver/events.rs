//! What the session tells, told on: data into the store, the link's phases and people's messages to the interface.

use std::time::Duration;

use nexus_client::{AfterRefusal, Back, Event, LinkState, Loss, Stop, TokenNeed};
use nexus_protocol::{ErrorCode, Timestamp, Topic};
use yew::{Callback, UseReducerDispatcher};

use crate::browser;
use crate::format;
use crate::state::face::sentence;
use crate::state::feed::{Moment, Stage};
use crate::state::link::{Identity, Link, LinkAction, Phase, Return};
use crate::state::toasts::{ToastsAction, Tone};
use crate::store::{Complaint, Store};

/// An interruption shorter than this that lost nothing is not worth a message, in milliseconds.
const BRIEF: u64 = 1_500;

/// Who is told.
pub(crate) struct Audience {
    store: Store,
    link: Callback<LinkAction>,
    toasts: Callback<ToastsAction>,
    /// What to add to the server's time to have the browser's, in milliseconds.
    skew: i64,
    /// Whether the link was ever up, so that a try is one to come back.
    has_been_up: bool,
    was_up: bool,
}

impl Audience {
    /// Tells the store, the link's state and the messages.
    pub(crate) fn new(
        store: Store,
        link: UseReducerDispatcher<Link>,
        toasts: Callback<ToastsAction>,
    ) -> Self {
        let link = Callback::from(move |action| link.dispatch(action));
        Audience {
            store,
            link,
            toasts,
            skew: 0,
            has_been_up: false,
            was_up: false,
        }
    }

    /// A server is being tried.
    pub(super) fn handle_server(&self, url: &str) {
        self.link.emit(LinkAction::Server(url.into()));
    }

    /// Something happened. `now` is the session's clock.
    pub(super) fn handle_event(&mut self, event: Event, now: Duration) {
        match event {
            Event::Publication { publication, .. } => {
                self.store.handle_publication(&publication, browser::now())
            }
            Event::Subscribed { topic, .. } => self.store.handle_stage(&topic, Stage::Followed),
            Event::Status { topic, mut status } => {
                status.since = Timestamp::from_millis(self.on_our_clock(status.since));
                self.store.handle_status(&topic, status);
            }
            Event::Lost { topic, loss } => self.handle_loss(&topic, &loss),
            Event::Refused { topic, refusal, next } => match (refusal.code, next) {
                // Asked again in a moment, without anybody having to know.
                (ErrorCode::RateLimited, AfterRefusal::RetryAt(_)) => {}
                _ => self.store.handle_stage(&topic, Stage::Refused(refusal)),
            },
            Event::Link(state) => self.handle_link(state, now),
            Event::Back(back) => self.handle_return(&back),
            Event::RoundTrip(took) => {
                let millis = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
                self.link.emit(LinkAction::RoundTrip(millis));
            }
            Event::Greeted { server_time, .. } => {
                self.skew = signed(browser::now()) - signed(server_time.as_millis());
                self.store.handle_clock(self.skew);
            }
            Event::SignedIn { user, expires_at } => {
                self.store.handle_identity(&user);
                let identity = Identity {
                    user: user.as_str().into(),
                    expires_at: self.on_our_clock(expires_at),
                };
                self.link.emit(LinkAction::Identity(Some(identity)));
            }
            Event::TokenNeeded(need) => self.handle_token_need(need),
            Event::ShuttingDown {
                message,
                come_back_in,
            } => {
                let back = format!(
                    "Back in about {}.",
                    format::countdown(come_back_in.as_millis() as f64)
                );
                self.tell(Tone::Warn, &message, &back);
            }
            Event::Presence { topic, update } => self.store.handle_presence(&topic, &update, browser::now()),
            Event::Progress { id, reply } => self.complain(self.store.handle_progress(id, reply)),
            Event::Answer { id, result } => self.complain(self.store.handle_answer(id, result)),
            Event::JoinRefused { topic, refusal, next } => match (refusal.code, next) {
                (ErrorCode::RateLimited, AfterRefusal::RetryAt(_)) => {}
                _ => self.store.handle_join_refused(&topic, refusal),
            },
            // The page is no device.
            Event::Order(_) => {}
        }
    }

    fn handle_link(&mut self, state: LinkState, now: Duration) {
        let phase = match state {
            LinkState::Connecting { attempt } if !self.has_been_up && attempt <= 1 => {
                Phase::Connecting { attempt: 0 }
            }
            LinkState::Connecting { attempt } => Phase::Connecting {
                attempt: attempt.max(1),
            },
            LinkState::Waiting {
                until,
                attempt,
                trouble,
            } => {
                let wait = u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
                let until = browser::now().saturating_add(wait);
                Phase::Waiting {
                    until,
                    attempt,
                    reason: Some(trouble.to_string().into()),
                }
            }
            // Nobody sees it; the moment somebody does, the session connects.
            LinkState::Hidden => Phase::Connecting { attempt: 1 },
            LinkState::Offline => Phase::Offline,
            LinkState::Resyncing => Phase::Resyncing,
            LinkState::Live => Phase::Up,
            LinkState::Stopped(Stop::NeedsToken(reason)) => Phase::SignedOut {
                reason: sentence(&reason).into(),
            },
            LinkState::Stopped(stop @ Stop::NeedsPerson { .. }) => Phase::Stopped {
                reason: sentence(&stop.to_string()).into(),
            },
            // Wanted by the page itself, which then has another driver or none.
            LinkState::Stopped(Stop::Ended) => return,
        };
        let is_up = phase.is_up();
        if self.was_up && !is_up {
            self.store.handle_link_lost();
        }
        self.was_up = is_up;
        self.has_been_up |= is_up;
        self.link.emit(LinkAction::Moved(phase));
    }

    fn handle_return(&self, back: &Back) {
        let how = Return {
            at: browser::now(),
            away_ms: u64::try_from(back.away.as_millis()).unwrap_or(u64::MAX),
            recovered: back.recovered,
            reloaded: u32::try_from(back.not_recovered.len()).unwrap_or(u32::MAX),
        };
        self.link.emit(LinkAction::Returned(how));
        if how.away_ms >= BRIEF || how.reloaded > 0 {
            let tone = if how.reloaded == 0 { Tone::Ok } else { Tone::Warn };
            let (title, text) = how.told();
            self.tell(tone, &title, &text);
        }
    }

    fn handle_loss(&self, topic: &Topic, loss: &Loss) {
        match loss {
            Loss::Range { .. } | Loss::NewOrder { .. } => self.store.handle_break(topic),
            Loss::Source { from, to } => self.store.handle_source_gap(topic, *from, *to),
        }
    }

    fn handle_token_need(&self, need: TokenNeed) {
        match need {
            TokenNeed::ExpiresIn(left) => {
                let title = format!("Your sign-in ends in {}", format::span(left.as_millis() as f64));
                self.tell(
                    Tone::Warn,
                    &title,
                    "Paste another token to stay signed in; nothing is interrupted.",
                );
            }
            TokenNeed::Expired => {
                self.link.emit(LinkAction::Identity(None));
                self.tell(
                    Tone::Bad,
                    "Your sign-in has ended",
                    "Paste another token to go on.",
                );
            }
            TokenNeed::Refused(refusal) => {
                self.link.emit(LinkAction::Identity(None));
                self.tell(Tone::Bad, "The server did not take the token", &refusal.message);
            }
        }
    }

    fn complain(&self, complaint: Option<Complaint>) {
        if let Some(Complaint { title, text }) = complaint {
            self.tell(Tone::Warn, title, &sentence(&text));
        }
    }

    fn tell(&self, tone: Tone, title: &str, text: &str) {
        self.toasts
            .emit(ToastsAction::Tell(tone, title.into(), text.into()));
    }

    fn on_our_clock(&self, time: Timestamp) -> Moment {
        u64::try_from(signed(time.as_millis()).saturating_add(self.skew)).unwrap_or_default()
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
