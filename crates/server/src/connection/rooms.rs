//! What a connection does about rooms: it joins, leaves, and shows that its user types.

use nexus_protocol::{Join, MessageId, Refusal, Topic, Typing};
use tokio::time::Instant;

use crate::commands::room;
use crate::connection::requests::{Answer, Done};
use crate::connection::{Connection, Flow};
use crate::presence::Attendance;

/// A room that this connection has joined.
#[derive(Debug)]
pub(super) struct Membership {
    attendance: Attendance,
    /// Whether joining made the subscription; leaving then ends it.
    subscribed: bool,
}

impl Membership {
    /// Ends it at once.
    pub(super) fn leave(self) {
        self.attendance.leave();
    }
}

impl Connection {
    pub(super) fn handle_join(&mut self, id: Option<MessageId>, join: Join, now: Instant) -> Flow {
        let topic = match self.check_join(&join) {
            Ok(topic) => topic,
            Err(refusal) => return self.refuse(id.as_ref(), refusal),
        };
        let lane = self
            .session
            .subscriptions
            .get(&topic)
            .map(|subscription| subscription.lane());
        let before = room::Before {
            lane,
            is_member: self.session.rooms.contains_key(&topic),
        };
        let cx = self.cx();
        self.request = Some(Box::pin(async move {
            let result = room::join(&cx, &topic, &join.room, before).await;
            Done {
                id,
                began: now,
                result: result.map(|entered| Answer::Entered(topic, entered)),
            }
        }));
        Flow::Continue(())
    }

    fn check_join(&self, join: &Join) -> Result<Topic, Refusal> {
        let topic = room::topic(&join.room)?;
        room::check_join(&self.gateway, &self.session.who, &topic)?;
        if !self.session.subscriptions.contains_key(&topic) {
            self.check_subscriptions()?;
        }
        Ok(topic)
    }

    /// A room was entered: from now on the connection holds its part in it.
    pub(super) fn enter(&mut self, topic: Topic, entered: room::Entered) {
        let room::Entered {
            subscription,
            attendance,
            ..
        } = entered;
        let subscribed = subscription.is_some();
        if let Some(subscription) = subscription {
            self.session.subscriptions.insert(topic.clone(), subscription);
        }
        if let Some(attendance) = attendance {
            let membership = Membership {
                attendance,
                subscribed,
            };
            self.session.rooms.insert(topic, membership);
        } else if let Some(membership) = self.session.rooms.get_mut(&topic) {
            membership.subscribed |= subscribed;
        }
    }

    /// Leaving a room that one is not in is no mistake: then one is not in it.
    pub(super) fn handle_leave(&mut self, id: Option<MessageId>, leave: &Join, now: Instant) -> Flow {
        match room::topic(&leave.room) {
            Ok(topic) => {
                self.leave_room(&topic);
                self.answer(id.as_ref(), &room::left(&leave.room), now)
            }
            Err(refusal) => self.refuse(id.as_ref(), refusal),
        }
    }

    pub(super) fn handle_typing(&mut self, id: Option<MessageId>, typing: &Typing, now: Instant) -> Flow {
        match room::typing(&self.cx(), typing) {
            Ok(reply) => self.answer(id.as_ref(), &reply, now),
            Err(refusal) => self.refuse(id.as_ref(), refusal),
        }
    }

    /// Ends a membership at once, and the subscription that it made. Returns whether there was one.
    pub(super) fn leave_room(&mut self, topic: &Topic) -> bool {
        let Some(membership) = self.session.rooms.remove(topic) else {
            return false;
        };
        if membership.subscribed {
            self.session.subscriptions.remove(topic);
        }
        membership.leave();
        true
    }

    /// The client subscribed by itself: leaving the room no longer ends that.
    pub(super) fn keep_subscription(&mut self, topic: &Topic) {
        if let Some(membership) = self.session.rooms.get_mut(topic) {
            membership.subscribed = false;
        }
    }
}
