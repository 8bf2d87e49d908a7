//! What this client has published that has its place, and that the disk has not confirmed yet. Meanwhile other requests are
//! read and done; the acks come in the order of the publications.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use nexus_protocol::MessageId;
use tokio::time::Instant;

use crate::commands::Acknowledged;
use crate::connection::wire::Ended;
use crate::connection::{Connection, End, Flow};

/// While so many wait for the disk, nothing more is read.
const MOST_OWED: usize = 256;

/// What the client gets when the disk has what it published.
pub(super) enum Owed {
    /// An ack, or why there is none.
    Ack {
        id: Option<MessageId>,
        began: Instant,
        acknowledged: Acknowledged,
    },
    /// The client has closed, and is answered behind its acks.
    Close(Bytes),
}

impl Connection {
    /// Acknowledges a publication when it is stored.
    pub(super) fn acknowledge_later(
        &mut self,
        id: Option<MessageId>,
        began: Instant,
        acknowledged: Acknowledged,
    ) -> Flow {
        self.owed.push_back(Owed::Ack {
            id,
            began,
            acknowledged,
        });
        self.poll_acks()
    }

    /// The client has closed: answers behind the acks that are due.
    pub(super) fn close_behind_acks(&mut self, answer: Bytes) -> Flow {
        self.owed.push_back(Owed::Close(answer));
        self.poll_acks()
    }

    /// Whether one more may wait for the disk.
    pub(super) fn has_room_for_acks(&self) -> bool {
        self.owed.len() < MOST_OWED && !matches!(self.owed.back(), Some(Owed::Close(_)))
    }

    /// Acknowledges what is stored by now, the first first.
    pub(super) fn poll_acks(&mut self) -> Flow {
        if self.owed.is_empty() {
            return Flow::Continue(());
        }
        let waker = Waker::from(Arc::clone(&self.outbox));
        let mut context = Context::from_waker(&waker);
        loop {
            let stored = match self.owed.front_mut() {
                None => {
                    // An idle connection holds no memory.
                    self.owed = Default::default();
                    return Flow::Continue(());
                }
                Some(Owed::Close(_)) => None,
                Some(Owed::Ack { acknowledged, .. }) => match acknowledged.as_mut().poll(&mut context) {
                    Poll::Pending => return Flow::Continue(()),
                    Poll::Ready(result) => Some(result),
                },
            };
            match (self.owed.pop_front(), stored) {
                (Some(Owed::Ack { id, began, .. }), Some(result)) => match result {
                    Ok(reply) => self.answer(id.as_ref(), &reply, began)?,
                    Err(refusal) => self.refuse(id.as_ref(), refusal)?,
                },
                (Some(Owed::Close(answer)), _) => {
                    self.wire.push(answer);
                    return ControlFlow::Break(End::Theirs(Ended::ByClient));
                }
                // What was looked at is what was taken out.
                (Some(Owed::Ack { .. }) | None, _) => return Flow::Continue(()),
            }
        }
    }
}
