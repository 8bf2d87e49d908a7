//! What comes from the server.

use std::time::Duration;

use nexus_protocol::{
    ChannelStatus, Connected, DecodeError, ErrorCode, FromServer, MessageId, PresenceUpdate, Publication,
    Push, Refusal, Reply, Shutdown, Subscribed, Topic, Unsubscribed, decode_server,
};

use crate::link::{Phase, What};
use crate::rooms::RoomKey;
use crate::session::{MOST_ANNOUNCED_DELAY, Session, State, close};
use crate::topics::{JoinedAs, Taken, TopicKey};
use crate::{AfterRefusal, AskError, AskId, Back, Event, LinkId, TokenNeed, Trouble};

/// How long to hold back after `RATE_LIMITED` that does not say.
const DEFAULT_HOLD: Duration = Duration::from_secs(5);

impl Session {
    /// A frame came. Whatever it holds, it shows that the link carries.
    pub(super) fn receive(&mut self, link: LinkId, text: &str) {
        let State::Up(up) = &mut self.state else {
            return;
        };
        if up.id != link {
            return;
        }
        up.heard = self.now;
        match decode_server(text) {
            Ok(FromServer::Push(push)) => self.receive_push(push),
            Ok(FromServer::Reply(id, reply)) => self.receive_reply(id.as_ref(), reply),
            Err(DecodeError::UnknownType(_)) => self.counters.unknown += 1,
            Err(DecodeError::Malformed(_) | DecodeError::Topic(_)) => self.receive_nonsense(),
        }
    }

    pub(super) fn receive_nonsense(&mut self) {
        self.counters.malformed += 1;
        let now = self.now;
        let most = self.config.max_malformed;
        let Some(link) = self.link_mut() else {
            return;
        };
        link.malformed.record(now);
        if link.malformed.count(now) >= most {
            self.give_up(close::MALFORMED, Trouble::Malformed);
        }
    }

    // --- pushes -----------------------------------------------------------------------------------------------------

    fn receive_push(&mut self, push: Push) {
        match push {
            Push::Connected(greeting) => self.receive_greeting(greeting),
            Push::Publication(publication) => self.receive_publication(publication),
            Push::Presence(topic, update) => self.receive_presence(topic, update),
            Push::Status(topic, status) => self.receive_status(topic, status),
            Push::Command(order) => self.tell(Event::Order(order)),
            Push::Shutdown(shutdown) => self.receive_shutdown(shutdown),
        }
    }

    fn receive_greeting(&mut self, greeting: Connected) {
        self.server_clock = Some((greeting.server_time, self.now));
        if let Some(link) = self.link_mut() {
            link.greet(&greeting);
        }
        self.tell(Event::Greeted {
            client: greeting.client_id,
            server_time: greeting.server_time,
        });
    }

    fn receive_publication(&mut self, publication: Publication) {
        let now = self.now;
        match self.topics.take(now, &publication) {
            Taken::Fresh { conflated } => {
                if let State::Up(link) = &mut self.state
                    && matches!(link.phase, Phase::Resyncing { .. })
                    && !publication.snapshot
                    && publication.timestamp < link.greeted_at
                {
                    link.recovered += 1;
                }
                self.tell(Event::Publication {
                    publication,
                    conflated,
                });
            }
            Taken::Ignored => self.counters.ignored += 1,
            Taken::Doubted => self.counters.doubted += 1,
        }
    }

    fn receive_presence(&mut self, topic: Topic, update: PresenceUpdate) {
        // One that was left while this was on its way.
        if !self.topics.wants(&topic) {
            self.counters.ignored += 1;
            return;
        }
        self.tell(Event::Presence { topic, update });
    }

    fn receive_status(&mut self, topic: Topic, status: ChannelStatus) {
        let Some(loss) = self.topics.status(&topic, &status) else {
            self.counters.ignored += 1;
            return;
        };
        if let Some(loss) = loss {
            self.note_not_recovered(&topic);
            let topic = topic.clone();
            self.tell(Event::Lost { topic, loss });
        }
        self.tell(Event::Status { topic, status });
    }

    fn receive_shutdown(&mut self, shutdown: Shutdown) {
        let come_back_in = Duration::from_millis(shutdown.reconnect_after_ms).min(MOST_ANNOUNCED_DELAY);
        let at = self.now + come_back_in;
        if let Some(link) = self.link_mut() {
            link.come_back_at = Some(at);
        }
        self.tell(Event::ShuttingDown {
            message: shutdown.message,
            come_back_in,
        });
    }

    // --- replies ----------------------------------------------------------------------------------------------------

    fn receive_reply(&mut self, id: Option<&MessageId>, reply: Reply) {
        let now = self.now;
        let request = id.and_then(|id| id.as_str().parse::<u64>().ok());
        let State::Up(link) = &mut self.state else {
            return;
        };
        let Some((request, what)) =
            request.and_then(|request| Some((request, link.pending.get(&request)?.what)))
        else {
            return self.receive_unasked(id.is_none(), reply);
        };
        if let What::Ask(ask) = what
            && !self.asks.ends_with(ask, &reply)
        {
            link.taken(now, request);
            return self.tell(Event::Progress { id: ask, reply });
        }
        if let Some(pending) = link.pending.remove(&request) {
            link.answered(now, &pending);
            if what == What::Ping {
                self.receive_pong(request, pending.sent);
            }
        }
        if let Reply::Error(refusal) = &reply {
            self.note_refusal(refusal);
        }
        match what {
            What::Auth { token } => self.receive_sign_in(token, reply),
            What::Subscribe(key) => self.receive_subscribed(key, request, reply),
            What::Ask(ask) => self.receive_answer(ask, reply),
            What::Join(key) => self.receive_joined(key, request, reply),
            // A refused unsubscribe or leave means that there is no seat, which is what was wanted.
            What::Ping | What::Unsubscribe | What::Leave => {}
        }
    }

    /// Counts a refusal, and holds back if the server says so.
    fn note_refusal(&mut self, refusal: &Refusal) {
        let now = self.now;
        let Some(link) = self.link_mut() else {
            return;
        };
        link.budget.refused(now);
        if refusal.code == ErrorCode::RateLimited {
            let hold = refusal.retry_after_ms.map_or(DEFAULT_HOLD, Duration::from_millis);
            link.budget.hold(now + hold.min(MOST_ANNOUNCED_DELAY));
            self.counters.rate_limited += 1;
        }
    }

    /// Whatever the answer to a ping is, the server is there. Behind a fence it also means that all is caught up.
    fn receive_pong(&mut self, request: u64, sent: Duration) {
        let now = self.now;
        let round_trip = now.saturating_sub(sent);
        self.round_trip = Some(round_trip);
        let settled = self.is_settled();
        let State::Up(link) = &mut self.state else {
            return;
        };
        if link
            .probe
            .as_ref()
            .is_some_and(|probe| probe.request == Some(request))
        {
            link.probe = None;
        }
        self.outputs
            .push_back(crate::Output::Event(Event::RoundTrip(round_trip)));
        if !matches!(link.phase, Phase::Resyncing { fence: Some(fence) } if fence == request) {
            return;
        }
        if !settled {
            // More was wanted meanwhile: another ping will follow behind it.
            link.phase = Phase::Resyncing { fence: None };
            return;
        }
        link.phase = Phase::Live {
            since: now,
            proved: false,
        };
        let recovered = link.recovered;
        if let Some(away) = self.away.take() {
            let back = Back {
                away: now.saturating_sub(away.since),
                recovered,
                not_recovered: away.not_recovered,
                refused: self.topics.refusals(),
            };
            self.tell(Event::Back(back));
        }
    }

    fn receive_subscribed(&mut self, key: TopicKey, request: u64, reply: Reply) {
        match reply {
            Reply::Subscribed(subscribed) => match self.topics.joined(key, request, self.now, &subscribed) {
                Some(joined) => self.tell_joined(joined, subscribed),
                None => self.subscribe_refused(key, request, unfitting()),
            },
            Reply::Error(refusal) if refusal.code == ErrorCode::RateLimited => {
                self.topics.postponed(key, request);
            }
            Reply::Error(refusal) => self.subscribe_refused(key, request, refusal),
            _ => self.subscribe_refused(key, request, unfitting()),
        }
    }

    /// A subscription is refused; nothing, if the answer is out of date because the wish is another now.
    pub(super) fn subscribe_refused(&mut self, key: TopicKey, request: u64, refusal: Refusal) {
        let (now, token) = (self.now, self.token_generation);
        let refused = self
            .topics
            .refused(key, request, &refusal, now, token, &mut self.rng);
        let Some((topic, next)) = refused else {
            self.counters.unmatched += 1;
            return;
        };
        // A subscription's own token is not the session's to ask for.
        if refusal.code == ErrorCode::TokenExpired && !self.topics.has_own_token(&topic) {
            self.tell(Event::TokenNeeded(TokenNeed::Expired));
        }
        // Whoever is a member stays one while the topic is asked for again.
        if self.rooms.wants(&topic) && !self.rooms.is_member(&topic) {
            let (topic, refusal) = (topic.clone(), refusal.clone());
            self.tell(Event::JoinRefused { topic, refusal, next });
        }
        self.tell(Event::Refused { topic, refusal, next });
    }

    fn receive_joined(&mut self, key: RoomKey, request: u64, reply: Reply) {
        match reply {
            Reply::Joined(joined) => match self.rooms.joined(key, request, &joined.room) {
                Some(topic) => self.tell(Event::Presence {
                    topic,
                    update: PresenceUpdate {
                        members: Some(joined.members),
                        ..PresenceUpdate::default()
                    },
                }),
                None => self.join_refused(key, request, unfitting()),
            },
            Reply::Error(refusal) if refusal.code == ErrorCode::RateLimited => {
                self.rooms.postponed(key, request);
            }
            Reply::Error(refusal) => self.join_refused(key, request, refusal),
            _ => self.join_refused(key, request, unfitting()),
        }
    }

    /// A membership is refused; nothing, if the answer is out of date because the room was left.
    pub(super) fn join_refused(&mut self, key: RoomKey, request: u64, refusal: Refusal) {
        let (now, token) = (self.now, self.token_generation);
        let refused = self
            .rooms
            .refused(key, request, &refusal, now, token, &mut self.rng);
        let Some((topic, next)) = refused else {
            self.counters.unmatched += 1;
            return;
        };
        if refusal.code == ErrorCode::TokenExpired {
            self.tell(Event::TokenNeeded(TokenNeed::Expired));
        }
        self.tell(Event::JoinRefused { topic, refusal, next });
    }

    fn receive_answer(&mut self, id: AskId, reply: Reply) {
        let result = match reply {
            Reply::Error(refusal) if refusal.code == ErrorCode::RateLimited => {
                return self.asks.postponed(id);
            }
            Reply::Error(refusal) => Err(AskError::Refused(refusal)),
            answer => Ok(answer),
        };
        if self.asks.close(id).is_some() {
            self.tell(Event::Answer { id, result });
        }
    }

    /// A reply to nothing that is open: what the server does by itself has no id, and what has one comes too late.
    fn receive_unasked(&mut self, is_by_itself: bool, reply: Reply) {
        match reply {
            Reply::Unsubscribed(unsubscribed) if is_by_itself => self.receive_end_of_topic(&unsubscribed),
            Reply::Left(left) if is_by_itself => self.receive_end_of_membership(&left.room),
            // The order of a topic began anew on the open link.
            Reply::Subscribed(subscribed) => match self.topics.rejoined(self.now, &subscribed) {
                Some(joined) => self.tell_joined(joined, subscribed),
                None => self.counters.unmatched += 1,
            },
            Reply::Error(refusal) => {
                self.note_refusal(&refusal);
                if refusal.code == ErrorCode::TokenExpired {
                    self.tell(Event::TokenNeeded(TokenNeed::Expired));
                }
                self.counters.unmatched += 1;
            }
            Reply::Authenticated(_)
            | Reply::Unsubscribed(_)
            | Reply::Ack(_)
            | Reply::CommandStatus(_)
            | Reply::CommandResult(_)
            | Reply::Joined(_)
            | Reply::Left(_)
            | Reply::Presence(_)
            | Reply::History(_)
            | Reply::Pong => self.counters.unmatched += 1,
        }
    }

    /// The server ended a subscription: its token's time is up, a new token does not allow it, or an operator wanted it.
    fn receive_end_of_topic(&mut self, unsubscribed: &Unsubscribed) {
        let topic = Topic::parse(&unsubscribed.channel, unsubscribed.params.clone());
        let Ok(topic) = topic.map(|selected| selected.topic) else {
            return self.receive_nonsense();
        };
        if !self.topics.ended(&topic, self.token_generation) {
            self.counters.unmatched += 1;
            return;
        }
        let refusal = Refusal::new(ErrorCode::Forbidden, "the server has ended this subscription");
        let next = AfterRefusal::WaitForToken;
        if self.rooms.forfeit(&topic, self.token_generation) {
            self.say_goodbye(&topic);
            let (topic, refusal) = (topic.clone(), refusal.clone());
            self.tell(Event::JoinRefused { topic, refusal, next });
        }
        self.tell(Event::Refused { topic, refusal, next });
    }

    fn receive_end_of_membership(&mut self, room: &str) {
        let Some(topic) = self.rooms.ended(room, self.token_generation) else {
            self.counters.unmatched += 1;
            return;
        };
        let refusal = Refusal::new(ErrorCode::Forbidden, "the server has ended this membership");
        let next = AfterRefusal::WaitForToken;
        self.tell(Event::JoinRefused { topic, refusal, next });
    }

    // --- telling ----------------------------------------------------------------------------------------------------

    fn tell_joined(&mut self, joined: JoinedAs, subscribed: Subscribed) {
        let JoinedAs {
            topic,
            continuity,
            loss,
        } = joined;
        if let Some(loss) = loss {
            // Of a topic that skips anyway, the newest is there again, whatever lay between.
            if subscribed.contiguous {
                self.note_not_recovered(&topic);
            }
            let topic = topic.clone();
            self.tell(Event::Lost { topic, loss });
        }
        self.tell(Event::Subscribed {
            topic: topic.clone(),
            continuity,
            mode: subscribed.mode,
            throttle_ms: subscribed.throttle_ms,
            key: subscribed.key,
        });
        if let Some(status) = subscribed.status {
            self.tell(Event::Status { topic, status });
        }
    }

    /// For the summary of a reconnect.
    fn note_not_recovered(&mut self, topic: &Topic) {
        if let Some(away) = &mut self.away
            && !away.not_recovered.contains(topic)
        {
            away.not_recovered.push(topic.clone());
        }
    }
}

/// An answer that does not fit the question is as good as none.
fn unfitting() -> Refusal {
    Refusal::new(
        ErrorCode::Internal,
        "the server's answer does not fit the question",
    )
}
