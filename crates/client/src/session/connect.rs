//! Connecting, and coming back: when, and to which server.

use std::time::Duration;

use nexus_protocol::{CloseCode, ComeBack};

use crate::link::Phase;
use crate::session::{Away, Session, State, close};
use crate::{AskError, Event, LinkId, Output, Stop, TokenNeed, Trouble};

/// After `4029`: not before this, and spread over as long again.
const LATER: Duration = Duration::from_secs(30);

impl Session {
    /// Opens a connection to the healthiest server, unless too many were opened in the last minute.
    pub(super) fn connect(&mut self) {
        let most = self.config.attempts_per_minute.max(1);
        if self.attempts.count(self.now) >= most {
            let until = self.attempts.falls_below(most).unwrap_or(self.now);
            self.state = State::Waiting {
                until,
                floor: until,
                trouble: self.trouble_so_far(),
            };
            return;
        }
        self.attempts.record(self.now);
        self.attempt = self.attempt.saturating_add(1);
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.state = State::Connecting {
            link,
            deadline: self.now + self.config.connect_deadline,
        };
        self.outputs.push_back(Output::Connect {
            link,
            url: self.servers.current().clone(),
            wire: self.config.wire,
        });
    }

    /// Someone looks again, or the network is back.
    pub(super) fn hurry(&mut self) {
        match &mut self.state {
            State::Waiting { until, floor, .. } => {
                *until = (*until).min((*floor).max(self.now));
                self.retry_if_due();
            }
            State::Up(link) => {
                let heard_lately = self.now < link.heard + self.config.probe_deadline;
                if !heard_lately {
                    self.doubt_link();
                }
            }
            State::Connecting { .. } | State::Stopped(_) => {}
        }
    }

    pub(super) fn retry_if_due(&mut self) {
        if let State::Waiting { until, .. } = self.state
            && until <= self.now
            && !self.is_paused()
        {
            self.connect();
        }
    }

    /// Whether attempts to connect make no sense now.
    pub(super) fn is_paused(&self) -> bool {
        self.hidden || (self.offline && !self.servers.current().is_loopback())
    }

    /// The connection was closed by the other side, or could not be opened.
    pub(super) fn closed(&mut self, code: CloseCode, reason: String) {
        let announced = self.announced_return();
        let trouble = Trouble::Closed {
            code,
            reason: reason.clone(),
        };
        match code.come_back() {
            ComeBack::WithNewToken if self.has_newer_token() => self.lose(trouble, None),
            ComeBack::WithNewToken => {
                self.drop_link();
                self.tell(Event::TokenNeeded(TokenNeed::Expired));
                self.stop(Stop::NeedsToken(reason));
            }
            // A server that said when to come back meant it, however it then ended.
            ComeBack::WithBackoff | ComeBack::AfterAnnouncedDelay | ComeBack::No if announced.is_some() => {
                self.lose(trouble, announced);
            }
            ComeBack::WithBackoff | ComeBack::AfterAnnouncedDelay => self.lose(trouble, None),
            ComeBack::Later => {
                let later = self.now + LATER + LATER.mul_f64(self.rng.f64());
                self.lose(trouble, Some(later));
            }
            // Not signed in in time, where one must.
            ComeBack::No if self.token.is_none() && self.topics.wait_for_token() => {
                self.drop_link();
                self.stop(Stop::NeedsToken(reason));
            }
            ComeBack::No => {
                self.drop_link();
                self.stop(Stop::NeedsPerson { code, reason });
            }
        }
    }

    /// Closes the connection from our side, and tries again later.
    pub(super) fn give_up(&mut self, (code, reason): (u16, &'static str), trouble: Trouble) {
        self.close_link(code, reason);
        let announced = self.announced_return();
        self.lose(trouble, announced);
    }

    /// The connection is gone. The next attempt comes at `not_before`, or after the back-off.
    pub(super) fn lose(&mut self, trouble: Trouble, not_before: Option<Duration>) {
        let proved =
            matches!(&self.state, State::Up(link) if matches!(link.phase, Phase::Live { proved: true, .. }));
        // One that worked is tried again first; but not one that says it is about to end.
        if !proved || not_before.is_some() {
            self.servers.failed();
        }
        self.drop_link();
        let wait = self.backoff.fail(&mut self.rng);
        let floor = not_before.unwrap_or(self.now);
        self.state = State::Waiting {
            until: not_before.unwrap_or(self.now + wait),
            floor,
            trouble,
        };
    }

    /// Lets go of the connection and of all that ends with it.
    pub(super) fn drop_link(&mut self) {
        let waiting = State::Waiting {
            until: self.now,
            floor: self.now,
            trouble: Trouble::Wanted,
        };
        let State::Up(link) = std::mem::replace(&mut self.state, waiting) else {
            return;
        };
        if link.is_ready() {
            self.last_alive = link.heard;
            // A link that was lost while catching up leaves the first moment of absence as it is.
            self.away.get_or_insert(Away {
                since: link.heard,
                not_recovered: Vec::new(),
            });
        }
        self.round_trip = None;
        self.topics.link_lost();
        self.rooms.link_lost();
        for id in self.asks.link_lost() {
            self.tell(Event::Answer {
                id,
                result: Err(AskError::LinkLost),
            });
        }
    }

    /// Nothing more happens by itself.
    pub(super) fn stop(&mut self, stop: Stop) {
        self.state = State::Stopped(stop);
        for id in self.asks.close_all() {
            self.tell(Event::Answer {
                id,
                result: Err(AskError::Stopped),
            });
        }
    }

    pub(super) fn end(&mut self) {
        let (code, reason) = close::NORMAL;
        self.close_link(code, reason);
        self.drop_link();
        self.stop(Stop::Ended);
    }

    pub(super) fn close_link(&mut self, code: u16, reason: &'static str) {
        let link = match &self.state {
            State::Connecting { link, .. } => *link,
            State::Up(up) => up.id,
            State::Waiting { .. } | State::Stopped(_) => return,
        };
        self.outputs.push_back(Output::Close { link, code, reason });
    }

    /// When the server, which is about to end, wants us back.
    pub(super) fn announced_return(&self) -> Option<Duration> {
        match &self.state {
            State::Up(link) => link.come_back_at.map(|at| at.max(self.now)),
            State::Connecting { .. } | State::Waiting { .. } | State::Stopped(_) => None,
        }
    }

    pub(super) fn trouble_so_far(&self) -> Trouble {
        match &self.state {
            State::Waiting { trouble, .. } => trouble.clone(),
            State::Connecting { .. } | State::Up(_) | State::Stopped(_) => Trouble::Wanted,
        }
    }
}
