//! What happens to a connection by itself. The shard's wheel wakes it when the first of these is due.

use nexus_protocol::{CloseCode, ErrorCode, Push, Refusal, Reply, Shutdown};
use tokio::time::Instant;

use crate::connection::{Connection, End, Flow, millis};
use crate::frames;

/// Why a connection wakes up by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// A ping is due.
    Ping,
    /// Nothing was heard for too long.
    Silent,
    /// Nothing was taken for too long.
    Blocked,
    /// Nobody signed in.
    SignIn,
    /// The token has come to its end.
    TokenExpired,
    /// A subscription's own token has come to its end.
    GrantExpired,
    /// A throttled subscription may go on.
    Throttle,
    /// The server ends, and this client's moment has come.
    Restart,
}

impl Connection {
    pub(super) fn handle_timer(&mut self, timer: Timer, now: Instant) -> Flow {
        match timer {
            Timer::Ping => {
                self.wire.push(frames::ping());
                self.next_ping = now + self.gateway.limits.ping_every;
                self.session.rest(now);
                Flow::Continue(())
            }
            Timer::Throttle => {
                self.outbox.release(now);
                Flow::Continue(())
            }
            Timer::Silent => Flow::Break(End::Close(CloseCode::GoingAway, "nothing came for too long")),
            Timer::Blocked => Flow::Break(End::Cut(
                CloseCode::Slow,
                "nothing was taken for too long; come back and recover",
            )),
            Timer::SignIn => Flow::Break(End::Close(CloseCode::Policy, "not signed in in time")),
            Timer::TokenExpired => {
                let refusal = Refusal::new(
                    ErrorCode::TokenExpired,
                    "the token has expired; get another one and come back",
                );
                self.reply(None, &Reply::Error(refusal));
                Flow::Break(End::Close(CloseCode::TokenExpired, "the token has expired"))
            }
            Timer::GrantExpired => {
                self.end_grants(now);
                Flow::Continue(())
            }
            Timer::Restart => Flow::Break(End::Close(CloseCode::Restart, "the server restarts")),
        }
    }

    /// The next thing that is to happen by itself, and when. What stands first wins where two are due.
    pub(super) fn next_timer(&self) -> (Instant, Timer) {
        let limits = &self.gateway.limits;
        let blocked = self.wire.blocked_since().map(|since| since + limits.slow_after);
        let alive = self
            .wire
            .unblocked_at()
            .map_or(self.heard, |at| at.max(self.heard));
        [
            (blocked, Timer::Blocked),
            (self.expires, Timer::TokenExpired),
            (self.sign_in_by, Timer::SignIn),
            (self.grant_ends(), Timer::GrantExpired),
            (self.restart_at, Timer::Restart),
            // While the client takes nothing, we do not read what it says either.
            (
                Some(alive + limits.idle).filter(|_| blocked.is_none()),
                Timer::Silent,
            ),
            (Some(self.next_ping), Timer::Ping),
            (self.outbox.held_until(), Timer::Throttle),
        ]
        .into_iter()
        .filter_map(|(at, timer)| Some((at?, timer)))
        .min_by_key(|(at, _)| *at)
        .unwrap_or((self.next_ping, Timer::Ping))
    }

    pub(super) fn follow_timers(&mut self, now: Instant) -> Flow {
        loop {
            let (at, timer) = self.next_timer();
            if at > now {
                return Flow::Continue(());
            }
            self.handle_timer(timer, now)?;
        }
    }

    pub(super) fn announce_restart(&mut self) {
        let Some(farewell) = self.gateway.drain.farewell(fastrand::f64()) else {
            return;
        };
        self.restart_at = Some(farewell.close_at);
        self.push(&Push::Shutdown(Shutdown {
            message: "the server restarts".to_owned(),
            reconnect_after_ms: millis(farewell.come_back_after),
        }));
    }
}
