//! What the session sends, when the server's limits allow it.

use std::time::Duration;

use nexus_protocol::{
    Auth, ErrorCode, Join, MessageId, Refusal, Request, Subscribe, Target, Topic, encode_request,
};

use crate::budget::{Allowance, Purpose};
use crate::link::{Farewell, Link, Pending, Phase, What};
use crate::rooms::room_name;
use crate::session::{Session, State};
use crate::{AfterRefusal, Ask, AskError, AskId, Event, Output, Stop};

impl Session {
    pub(super) fn want(&mut self, subscribe: Subscribe) {
        let topic = subscribe.topic.clone();
        self.rooms.set_also_subscribed(&topic, true);
        if !self.topics.want(subscribe, self.config.max_topics) {
            let refusal = self.too_many_topics();
            let next = AfterRefusal::GiveUp;
            self.tell(Event::Refused { topic, refusal, next });
        }
    }

    pub(super) fn unsubscribe(&mut self, topic: &Topic) {
        if self.rooms.set_also_subscribed(topic, false) {
            return;
        }
        let had_seat = self.topics.leave(topic);
        if had_seat == Some(true) {
            self.rooms.make_room();
            if let Some(link) = self.link_mut() {
                link.leaving.push_back(Farewell::Topic(topic.clone()));
            }
        }
    }

    pub(super) fn join(&mut self, topic: Topic) {
        let next = AfterRefusal::GiveUp;
        if room_name(&topic).is_none() {
            let refusal = Refusal::new(
                ErrorCode::InvalidParams,
                "only a channel with a colon can be joined, such as `room:lobby`",
            );
            return self.tell(Event::JoinRefused { topic, refusal, next });
        }
        let also_subscribed = self.topics.wants(&topic) && !self.rooms.wants(&topic);
        // Again, if it was refused for good.
        let subscribe = self
            .topics
            .wish(&topic)
            .unwrap_or_else(|| Subscribe::to(topic.clone()));
        if !self.topics.want(subscribe, self.config.max_topics) {
            let refusal = self.too_many_topics();
            return self.tell(Event::JoinRefused { topic, refusal, next });
        }
        self.rooms.want(topic, also_subscribed);
    }

    pub(super) fn leave(&mut self, topic: &Topic) {
        let Some(ended) = self.rooms.leave(topic) else {
            return;
        };
        if ended.may_be_member {
            self.say_goodbye(topic);
        }
        if !ended.also_subscribed {
            self.unsubscribe(topic);
        }
    }

    /// Has the server told that a room is left.
    pub(super) fn say_goodbye(&mut self, topic: &Topic) {
        if let Some(room) = room_name(topic).map(str::to_owned)
            && let Some(link) = self.link_mut()
        {
            link.leaving.push_back(Farewell::Room(Join { room }));
        }
    }

    fn too_many_topics(&self) -> Refusal {
        let message = format!("more than {} topics at a time", self.config.max_topics);
        Refusal::new(ErrorCode::TooManySubscriptions, message)
    }

    pub(super) fn ask(&mut self, id: AskId, ask: Ask, within: Duration) {
        let opened = match &self.state {
            State::Stopped(_) => Err(AskError::Stopped),
            State::Connecting { .. } | State::Up(_) | State::Waiting { .. } => {
                let deadline = self.now.saturating_add(within);
                self.asks.open(id, ask, deadline, self.config.max_asks)
            }
        };
        if let Err(error) = opened {
            self.tell(Event::Answer {
                id,
                result: Err(error),
            });
        }
    }

    pub(super) fn forget(&mut self, id: AskId) {
        let request = self.asks.close(id).flatten();
        self.abandon(request);
    }

    /// Sends what can be sent, and tells the application if the link's state is another now. The end of each
    /// `handle_*`.
    pub(super) fn proceed(&mut self) {
        if let State::Up(link) = &mut self.state {
            link.pace_at = None;
            self.sign_in();
            self.finish_greeting();
            self.ping();
            // First, because a topic that was left may be wanted again already.
            self.send_leaves();
            self.send_asks();
            self.send_subscribes();
            self.send_joins();
            self.fence();
        }
        self.tell_link_state();
    }

    /// Signs in, where there is a token that this link has not been told.
    fn sign_in(&mut self) {
        let State::Up(link) = &mut self.state else {
            return;
        };
        let generation = self.token_generation;
        if link.token == Some(generation) || link.is_signing_in() {
            return;
        }
        let Some(token) = self.token.clone() else {
            return;
        };
        if self.may_send(Purpose::SignIn) {
            if let State::Up(link) = &mut self.state {
                link.token = Some(generation);
            }
            let auth = Request::Auth(Auth { token });
            self.send(&auth, What::Auth { token: generation }, Purpose::SignIn);
        }
    }

    /// The link is ready when the server has greeted and, where there is a token, signed us in.
    fn finish_greeting(&mut self) {
        let State::Up(link) = &mut self.state else {
            return;
        };
        let Phase::Greeting {
            connected: true,
            signed_in,
            ..
        } = link.phase
        else {
            return;
        };
        if signed_in || self.token.is_none() {
            link.phase = Phase::Resyncing { fence: None };
            link.pinged = self.now;
            self.topics.token_changed(self.token_generation);
            self.rooms.token_changed(self.token_generation);
        }
    }

    /// Asks whether the server is there: each heartbeat, and when the link is in doubt.
    fn ping(&mut self) {
        let State::Up(link) = &self.state else {
            return;
        };
        if !link.is_ready() {
            return;
        }
        let unproven = link.probe.as_ref().is_some_and(|probe| probe.request.is_none());
        let due = link.pinged + link.heartbeat <= self.now;
        if (due || unproven) && self.may_send(Purpose::Vital) {
            self.send_ping();
        }
    }

    fn send_ping(&mut self) -> u64 {
        let request = self.send(&Request::Ping, What::Ping, Purpose::Vital);
        if let State::Up(link) = &mut self.state {
            link.pinged = self.now;
            if let Some(probe) = &mut link.probe {
                probe.request.get_or_insert(request);
            }
        }
        request
    }

    fn send_leaves(&mut self) {
        while let State::Up(link) = &self.state
            && link.is_ready()
            && !link.leaving.is_empty()
            && self.may_send(Purpose::Wanted)
        {
            let State::Up(link) = &mut self.state else {
                return;
            };
            match link.leaving.pop_front() {
                Some(Farewell::Topic(topic)) => {
                    let unsubscribe = Request::Unsubscribe(Target { topic });
                    self.send(&unsubscribe, What::Unsubscribe, Purpose::Wanted);
                }
                Some(Farewell::Room(room)) => {
                    self.send(&Request::Leave(room), What::Leave, Purpose::Wanted);
                }
                None => return,
            }
        }
    }

    /// Enters the rooms whose topics are subscribed.
    fn send_joins(&mut self) {
        while let State::Up(link) = &self.state
            && link.is_ready()
            && let Some((key, again)) = self.rooms.next_to_ask(|topic| self.topics.is_joined(topic))
        {
            let purpose = if again { Purpose::Again } else { Purpose::Wanted };
            if !self.may_send(purpose) {
                return;
            }
            let topic = self.rooms.asked(key, self.next_request);
            let Some(room) = topic.and_then(room_name).map(str::to_owned) else {
                return;
            };
            self.send(&Request::Join(Join { room }), What::Join(key), purpose);
        }
    }

    /// Whether nothing waits for its turn or for an answer: every topic, and every room that can be entered.
    pub(super) fn is_settled(&self) -> bool {
        self.topics.settled()
            && !self.rooms.any_asked()
            && self
                .rooms
                .next_to_ask(|topic| self.topics.is_joined(topic))
                .is_none()
    }

    fn send_asks(&mut self) {
        while let State::Up(link) = &self.state
            && link.is_ready()
            && let Some(id) = self.asks.next_unsent()
            && self.may_send(Purpose::Wanted)
        {
            let Some(request) = self.asks.sent(id, self.next_request) else {
                return;
            };
            self.send(&request, What::Ask(id), Purpose::Wanted);
        }
    }

    fn send_subscribes(&mut self) {
        while let State::Up(link) = &self.state
            && link.is_ready()
            && let Some((key, again)) = self.topics.next_to_ask()
        {
            let most = link.budget.limits().subscriptions as usize;
            if self.topics.seats() >= most {
                self.refuse_for_room(most);
                continue;
            }
            let purpose = if again { Purpose::Again } else { Purpose::Wanted };
            if !self.may_send(purpose) {
                return;
            }
            let Some(subscribe) = self.topics.asked(key, self.next_request) else {
                return;
            };
            self.send(&Request::Subscribe(subscribe), What::Subscribe(key), purpose);
        }
    }

    /// The server has announced that it takes no more: asking would only earn a refusal.
    fn refuse_for_room(&mut self, most: usize) {
        let Some((key, _)) = self.topics.next_to_ask() else {
            return;
        };
        if let Some(topic) = self.topics.park_for_room(key, self.token_generation) {
            let message =
                format!("the server takes {most} subscriptions at a time; leave another topic first");
            self.tell(Event::Refused {
                topic,
                refusal: Refusal::new(ErrorCode::TooManySubscriptions, message),
                next: AfterRefusal::WaitForRoom,
            });
        }
    }

    /// When every topic and room has its answer, a ping follows: its answer comes behind all that was recovered.
    fn fence(&mut self) {
        let State::Up(link) = &self.state else {
            return;
        };
        let Phase::Resyncing { fence: None } = link.phase else {
            return;
        };
        if self.is_settled() && self.may_send(Purpose::Vital) {
            let ping = self.send_ping();
            if let State::Up(link) = &mut self.state {
                link.phase = Phase::Resyncing { fence: Some(ping) };
            }
        }
    }

    /// Whether the server's limits allow a message now. If not, the session will be woken when they may.
    fn may_send(&mut self, purpose: Purpose) -> bool {
        let State::Up(link) = &mut self.state else {
            return false;
        };
        match link.budget.allows(self.now, purpose) {
            Allowance::Now => true,
            Allowance::At(at) => {
                link.pace_at = Some(link.pace_at.map_or(at, |other| other.min(at)));
                false
            }
            Allowance::AfterAnswer => false,
        }
    }

    /// Sends a request. The caller has asked `may_send`.
    fn send(&mut self, request: &Request, what: What, purpose: Purpose) -> u64 {
        let number = self.next_request;
        let State::Up(link) = &mut self.state else {
            return number;
        };
        self.next_request += 1;
        link.budget.sent(purpose);
        let sent = self.now;
        link.pending.insert(
            number,
            Pending {
                what,
                purpose,
                sent,
                taken: false,
            },
        );
        self.outputs.push_back(Output::Send {
            link: link.id,
            text: encode_request(&message_id(number), request),
        });
        number
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Up(link) => Some(link),
            State::Connecting { .. } | State::Waiting { .. } | State::Stopped(_) => None,
        }
    }

    /// Whether the session will never do anything again by itself.
    pub fn is_stopped(&self) -> Option<&Stop> {
        match &self.state {
            State::Stopped(stop) => Some(stop),
            State::Connecting { .. } | State::Up(_) | State::Waiting { .. } => None,
        }
    }
}

/// The id of a request on the wire.
fn message_id(number: u64) -> MessageId {
    MessageId::parse(&number.to_string()).expect("up to twenty digits are an id")
}
