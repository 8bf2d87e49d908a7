//! The questions that wait for an answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_protocol::{Reply, Request};

use crate::{Ask, AskError, AskId};

/// The open asks, and those of them that were not sent yet.
#[derive(Default)]
pub(crate) struct Asks {
    open: BTreeMap<AskId, Open>,
    // Exactly the open ones that are not with the server, in the order in which they shall be sent.
    unsent: VecDeque<AskId>,
}

struct Open {
    ask: Ask,
    deadline: Duration,
    // The request on the current link that carries it.
    request: Option<u64>,
}

/// An ask whose time is up.
pub(crate) struct Expired {
    pub(crate) id: AskId,
    /// The request that will not be waited for any more.
    pub(crate) request: Option<u64>,
}

impl Asks {
    /// Takes an ask.
    ///
    /// # Errors
    /// If too many are open, or one of this id.
    pub(crate) fn open(
        &mut self,
        id: AskId,
        ask: Ask,
        deadline: Duration,
        most: usize,
    ) -> Result<(), AskError> {
        if self.open.contains_key(&id) {
            return Err(AskError::Duplicate);
        }
        if self.open.len() >= most {
            return Err(AskError::Full);
        }
        let request = None;
        self.open.insert(
            id,
            Open {
                ask,
                deadline,
                request,
            },
        );
        self.unsent.push_back(id);
        Ok(())
    }

    /// The next one to send.
    pub(crate) fn next_unsent(&self) -> Option<AskId> {
        self.unsent.front().copied()
    }

    /// It is sent as this request; gives what to send.
    pub(crate) fn sent(&mut self, id: AskId, request: u64) -> Option<Request> {
        self.unsent.retain(|unsent| *unsent != id);
        let open = self.open.get_mut(&id)?;
        open.request = Some(request);
        Some(open.ask.clone().into())
    }

    /// The server has had too many messages; the ask is sent again in its turn.
    pub(crate) fn postponed(&mut self, id: AskId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.request = None;
            self.unsent.push_front(id);
        }
    }

    /// Whether a reply is the last one to this ask.
    pub(crate) fn ends_with(&self, id: AskId, reply: &Reply) -> bool {
        let command = self
            .open
            .get(&id)
            .is_some_and(|open| matches!(open.ask, Ask::Command(_)));
        match reply {
            Reply::Ack(_) | Reply::CommandStatus(_) => !command,
            Reply::Authenticated(_)
            | Reply::Subscribed(_)
            | Reply::Unsubscribed(_)
            | Reply::CommandResult(_)
            | Reply::Joined(_)
            | Reply::Left(_)
            | Reply::Presence(_)
            | Reply::History(_)
            | Reply::Pong
            | Reply::Error(_) => true,
        }
    }

    /// It has its answer, or none is wanted. Whether it was open, and the request that carried it.
    pub(crate) fn close(&mut self, id: AskId) -> Option<Option<u64>> {
        self.unsent.retain(|unsent| *unsent != id);
        self.open.remove(&id).map(|open| open.request)
    }

    /// Closes those whose time is up.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Expired> {
        let due: Vec<AskId> = self
            .open
            .iter()
            .filter(|(_, open)| open.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        due.into_iter()
            .map(|id| Expired {
                id,
                request: self.close(id).flatten(),
            })
            .collect()
    }

    /// When the next one's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.open.values().map(|open| open.deadline).min()
    }

    /// The link is gone. Those that may be asked twice wait for the next one; gives the others, closed.
    pub(crate) fn link_lost(&mut self) -> Vec<AskId> {
        let carried: Vec<(AskId, bool)> = self
            .open
            .iter()
            .filter(|(_, open)| open.request.is_some())
            .map(|(id, open)| (*id, open.ask.may_repeat()))
            .collect();
        let mut lost = Vec::new();
        for (id, may_repeat) in carried.into_iter().rev() {
            if may_repeat {
                self.postponed(id);
            } else {
                self.close(id);
                lost.push(id);
            }
        }
        lost.reverse();
        lost
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self) -> Vec<AskId> {
        self.unsent.clear();
        std::mem::take(&mut self.open).into_keys().collect()
    }
}
