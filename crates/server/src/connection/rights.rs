//! What a connection may, over time: its token is refreshed, revoked, or a subscription's own token comes to its end; and
//! what others tell it to do.

use nexus_protocol::{CloseCode, Topic};
use tokio::time::Instant;

use crate::auth::{Act, Grant, Who};
use crate::clock::wall_clock;
use crate::commands::{self, room};
use crate::connection::{Connection, End, Flow};
use crate::connections::Order;

/// A subscription that stands by a token of its own.
#[derive(Debug)]
pub(super) struct Granted {
    grant: Grant,
    /// When it ends, unless it is renewed; a date that no clock reaches is none.
    ends: Option<Instant>,
}

impl Connection {
    /// Does what others told this connection to do.
    pub(super) fn follow_orders(&mut self) -> Flow {
        for order in self.entered.take_orders() {
            match order {
                Order::Close(code, reason) => return Flow::Break(End::Close(code, reason)),
                Order::Unsubscribe(topic) => self.end_subscription(&topic),
                Order::Recheck => self.recheck()?,
            }
        }
        Flow::Continue(())
    }

    /// Something was revoked that may concern this connection.
    fn recheck(&mut self) -> Flow {
        let verifier = &self.gateway.verifier;
        if let Who::SignedIn(identity) = &*self.session.who
            && verifier.has_revoked(identity)
        {
            return Flow::Break(End::Close(CloseCode::AuthFailed, "the token was revoked"));
        }
        let granted = self.session.granted.iter();
        let over: Vec<Topic> = granted
            .filter(|(_, granted)| verifier.has_revoked_grant(&granted.grant))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in over {
            self.end_subscription(&topic);
        }
        Flow::Continue(())
    }

    /// A refreshed token may allow less than the one before, or more.
    pub(super) fn end_what_is_no_longer_allowed(&mut self) {
        let (gateway, who) = (&self.gateway, &self.session.who);
        let may_read = |topic: &Topic| gateway.permissions.check(who, Act::Read(topic)).is_ok();
        let rooms = self.session.rooms.keys();
        let rooms: Vec<Topic> = rooms
            .filter(|topic| room::check_join(gateway, who, topic).is_err())
            .cloned()
            .collect();
        let subscriptions = self.session.subscriptions.keys();
        let over: Vec<Topic> = subscriptions
            .filter(|topic| !may_read(topic) && !self.session.granted.contains_key(topic))
            .cloned()
            .collect();
        for topic in over {
            self.end_subscription(&topic);
        }
        for topic in rooms {
            let had = self.session.subscriptions.contains_key(&topic);
            if self.leave_room(&topic) {
                self.reply(None, &room::left(room::room_of(&topic)));
            }
            if had && !self.session.subscriptions.contains_key(&topic) {
                self.reply(None, &commands::unsubscribed(&topic));
            }
        }
        for (topic, subscription) in &self.session.subscriptions {
            if room::may_watch(&self.gateway, &self.session.who, topic) {
                self.outbox.watch_presence(subscription.lane(), topic);
            } else {
                self.outbox.unwatch_presence(subscription.lane());
            }
        }
    }

    /// Notes by which right a subscription stands: its own token's, or the connection's.
    pub(super) fn note_grant(&mut self, topic: &Topic, grant: Option<Grant>) {
        match grant {
            Some(grant) => {
                let left = grant.expires_at.since(wall_clock());
                let ends = Instant::now().checked_add(left);
                // Whoever may listen need not say who they are.
                self.sign_in_by = None;
                self.session
                    .granted
                    .insert(topic.clone(), Granted { grant, ends });
            }
            None if self.session.granted.remove(topic).is_none() => return,
            None => {}
        }
        self.count_grants();
    }

    /// When the first subscription ends that stands by a token of its own.
    pub(super) fn grant_ends(&self) -> Option<Instant> {
        self.session
            .granted
            .values()
            .filter_map(|granted| granted.ends)
            .min()
    }

    /// Ends the subscriptions whose own tokens have come to their end.
    pub(super) fn end_grants(&mut self, now: Instant) {
        let granted = self.session.granted.iter();
        let over: Vec<Topic> = granted
            .filter(|(_, granted)| granted.ends.is_some_and(|ends| ends <= now))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in over {
            self.end_subscription(&topic);
        }
        let is_nobody = *self.session.who == Who::Anonymous && self.gateway.permissions.need_a_token();
        if is_nobody && self.session.granted.is_empty() {
            self.sign_in_by = Some(now + self.gateway.limits.sign_in_within);
        }
    }

    /// Ends a subscription unasked, and the membership with it: nobody is in a room and hears nothing.
    fn end_subscription(&mut self, topic: &Topic) {
        if self.session.granted.remove(topic).is_some() {
            self.count_grants();
        }
        let had = self.session.subscriptions.remove(topic).is_some();
        if self.leave_room(topic) {
            self.reply(None, &room::left(room::room_of(topic)));
        }
        if had {
            self.reply(None, &commands::unsubscribed(topic));
        }
    }

    fn count_grants(&self) {
        self.entered.note_grants(!self.session.granted.is_empty());
    }
}
