//! What waits in the outbox becomes frames on the wire.

use std::ops::ControlFlow;

use nexus_protocol::{CloseCode, Push};
use tokio::time::Instant;

use crate::conflate::Pending;
use crate::connection::dialect::Dialect;
use crate::connection::{Connection, End};
use crate::outbox::{Note, PresenceWork, Work};

/// So much is handed to the socket before it is flushed.
const BATCH_BYTES: usize = 64 * 1024;

impl Connection {
    /// Hands what waits in the outbox to the wire, as much as is sent at once. Says whether there is more.
    pub(super) fn fill(&mut self, now: Instant) -> ControlFlow<End, bool> {
        while self.wire.waiting() < BATCH_BYTES {
            if self.catching_up.is_some() {
                if !self.poll_catch_up() {
                    return ControlFlow::Continue(false);
                }
                continue;
            }
            let Some(work) = self.outbox.next(now) else {
                return ControlFlow::Continue(false);
            };
            match work {
                Work::Publication(publication) => {
                    self.gateway.metrics.delivery.note(publication.made.elapsed());
                    self.write(publication.frame_for(self.class));
                }
                Work::Merged(pending) => self.send_pending(pending),
                Work::Status(topic, status) => self.push(&Push::Status(topic, (*status).clone())),
                Work::Presence(work) => self.send_presence(work),
                Work::CatchUp(behind) => self.catch_up(behind),
                Work::Note(Note::Answer(id, reply)) => self.reply(id.as_ref(), &reply),
                Work::Note(Note::Push(push)) => self.push(&push),
                Work::Overrun => {
                    return ControlFlow::Break(End::Cut(
                        CloseCode::Slow,
                        "too much waits for you; come back",
                    ));
                }
            }
        }
        ControlFlow::Continue(true)
    }

    fn send_presence(&mut self, work: PresenceWork) {
        match work {
            PresenceWork::News(news) => match self.dialect {
                Dialect::Native | Dialect::Msgpack => self.send(news.frame.clone()),
                Dialect::Classic(_) => {
                    self.push(&Push::Presence(news.topic.clone(), news.changes.update()));
                }
            },
            PresenceWork::Merged(topic, changes) => self.push(&Push::Presence(topic, changes.update())),
            PresenceWork::Whole(topic) => {
                let whole = self.gateway.presence.whole(&topic);
                self.push(&Push::Presence(topic, whole));
            }
        }
    }

    /// Sends what waited of what is newest.
    pub fn send_pending(&mut self, pending: Pending) {
        let metrics = &self.gateway.metrics;
        metrics.conflated.inc_by(pending.replaced());
        if let Some(newest) = pending.newest() {
            metrics.delivery.note(newest.made.elapsed());
        }
        for push in pending.into_pushes() {
            self.write(push.frame_for(self.class));
        }
    }
}
