//! A server as the protocol describes it, without sockets: frames in, frames out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_protocol::{
    Authenticated, ChannelStatus, ClientId, Connected, ErrorCode, FeedState, Filters, Gap, HistoryPage, Join,
    Joined, Left, Limits, Member, Mode, Offset, PresenceUpdate, Push, Refusal, Reply, Request, Shutdown,
    Subscribe, Subscribed, Topic, Unsubscribed, UserId, decode_request, encode_push, encode_reply,
};

use crate::broker::{Broker, publication, truth, wall};

/// What travels to the client.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Frame {
    Text(String),
    Binary,
    Close(u16),
}

/// How a server behaves, decided once a run.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) heartbeat: Duration,
    pub(crate) messages_per_minute: u32,
    pub(crate) errors_per_minute: u32,
    pub(crate) subscriptions: u32,
    /// Topics that exist only for those who signed in.
    pub(crate) members_only: BTreeSet<String>,
    /// Topics that do not exist.
    pub(crate) unknown: BTreeSet<String>,
    /// How long a token lasts from its making.
    pub(crate) token_lasts: Duration,
    /// Of a thousand subscribes, how many are refused with RATE_LIMITED without reason.
    pub(crate) grumpy: u32,
}

/// One process that accepts connections.
pub(crate) struct Server {
    pub(crate) broker: usize,
    pub(crate) rules: Rules,
    pub(crate) up: bool,
    /// The exchange behind it cannot be reached: subscribes are refused for now.
    pub(crate) upstream_down: bool,
    pub(crate) connections: BTreeMap<u64, Connection>,
    /// How often a client was told that something is missing.
    pub(crate) losses_told: u64,
}

/// The server's half of a connection.
pub(crate) struct Connection {
    user: Option<Duration>,
    seats: BTreeMap<String, Seat>,
    /// The rooms of which the client is a member by this connection.
    pub(crate) rooms: BTreeSet<String>,
    arrived: VecDeque<Duration>,
    refused: VecDeque<Duration>,
    pub(crate) heard: Duration,
    /// The client takes nothing: what is published waits in the history.
    pub(crate) blocked: bool,
    pub(crate) leaving: Option<Duration>,
}

struct Seat {
    topic: Topic,
    mode: Mode,
    throttle: Option<Duration>,
    /// The last publication that was sent.
    at: Offset,
    sent_at: Option<Duration>,
}

impl Server {
    pub(crate) fn new(broker: usize, rules: Rules) -> Self {
        Server {
            broker,
            rules,
            up: true,
            upstream_down: false,
            connections: BTreeMap::new(),
            losses_told: 0,
        }
    }

    /// A client connected.
    pub(crate) fn open(&mut self, id: u64, now: Duration) -> Vec<Frame> {
        self.connections.insert(
            id,
            Connection {
                user: None,
                seats: BTreeMap::new(),
                rooms: BTreeSet::new(),
                arrived: VecDeque::new(),
                refused: VecDeque::new(),
                heard: now,
                blocked: false,
                leaving: None,
            },
        );
        let connected = Push::Connected(Connected {
            client_id: ClientId::parse(&format!("c{id}")).unwrap(),
            server_time: wall(now),
            protocol: "nexus.v1.json".to_owned(),
            heartbeat_ms: self.rules.heartbeat.as_millis() as u64,
            limits: Limits {
                messages_per_minute: self.rules.messages_per_minute,
                errors_per_minute: self.rules.errors_per_minute,
                message_bytes: 128 * 1024,
                subscriptions: self.rules.subscriptions,
                outbox_bytes: 1024 * 1024,
                sign_in_ms: 10_000,
                idle_ms: 60_000,
            },
        });
        vec![push(&connected, now)]
    }

    /// A text frame came from a client.
    ///
    /// # Panics
    /// If the client breaks a limit that was announced to it.
    pub(crate) fn receive(
        &mut self,
        id: u64,
        text: &str,
        broker: &mut Broker,
        now: Duration,
        lot: u32,
    ) -> Vec<Frame> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Vec::new();
        };
        connection.heard = now;
        connection.arrived.push_back(now);
        forget_older(&mut connection.arrived, now);
        let most = self.rules.messages_per_minute as usize;
        assert!(
            connection.arrived.len() <= most,
            "more than {most} messages in a minute"
        );
        let (message, request) =
            decode_request(text, 128 * 1024).expect("a client sends what the protocol has");
        let message = message.expect("a client names its requests");
        let mut frames = Vec::new();
        let reply = match request {
            Request::Auth(auth) => self.auth(id, &auth.token, now),
            Request::Ping => Ok(Reply::Pong),
            Request::Subscribe(_) | Request::Join(_) if lot < self.rules.grumpy => {
                Err(Refusal::new(ErrorCode::RateLimited, "not now").retry_after_ms(1_500))
            }
            Request::Subscribe(subscribe) => self.subscribe(id, subscribe, broker, now, &mut frames),
            Request::Unsubscribe(target) => {
                let connection = self.connections.get_mut(&id).unwrap();
                connection.seats.remove(&target.topic.to_string());
                Ok(Reply::Unsubscribed(Unsubscribed {
                    channel: target.topic.channel_name(),
                    params: target.topic.params(),
                }))
            }
            Request::Join(join) => self.join(id, join, broker, now),
            Request::Leave(Join { room }) => {
                let connection = self.connections.get_mut(&id).unwrap();
                let name = format!("room:{room}");
                connection.rooms.remove(&name);
                Ok(Reply::Left(Left { room }))
            }
            Request::History(history) => {
                let position = broker.log(&history.topic).position.clone();
                Ok(Reply::History(HistoryPage {
                    channel: history.topic.channel_name(),
                    params: history.topic.params(),
                    epoch: position.epoch,
                    offset: position.offset,
                    items: Vec::new(),
                    more: false,
                }))
            }
            other => panic!("the simulation does not ask for {}", other.type_name()),
        };
        let reply = reply.unwrap_or_else(|refusal| {
            let connection = self.connections.get_mut(&id).unwrap();
            connection.refused.push_back(now);
            forget_older(&mut connection.refused, now);
            let most = self.rules.errors_per_minute as usize;
            assert!(
                connection.refused.len() <= most,
                "more than {most} refusals earned in a minute"
            );
            Reply::Error(refusal)
        });
        frames.insert(0, Frame::Text(encode_reply(Some(&message), &reply, wall(now))));
        frames
    }

    fn auth(&mut self, id: u64, token: &str, now: Duration) -> Result<Reply, Refusal> {
        let Some(made) = token
            .strip_prefix("made at ")
            .and_then(|millis| millis.parse().ok())
        else {
            return Err(Refusal::new(ErrorCode::AuthFailed, "no such token"));
        };
        let ends = Duration::from_millis(made) + self.rules.token_lasts;
        if ends <= now {
            return Err(Refusal::new(ErrorCode::TokenExpired, "the token has expired"));
        }
        self.connections.get_mut(&id).unwrap().user = Some(ends);
        Ok(Reply::Authenticated(Authenticated {
            user: UserId::parse("ann").unwrap(),
            expires_at: wall(ends),
            messages_per_minute: None,
        }))
    }

    fn subscribe(
        &mut self,
        id: u64,
        subscribe: Subscribe,
        broker: &mut Broker,
        now: Duration,
        frames: &mut Vec<Frame>,
    ) -> Result<Reply, Refusal> {
        let connection = self.connections.get_mut(&id).unwrap();
        let topic = subscribe.topic;
        let name = topic.to_string();
        if self.rules.unknown.contains(&name) {
            return Err(Refusal::new(ErrorCode::InvalidParams, "no such room"));
        }
        if self.rules.members_only.contains(&name) && connection.user.is_none_or(|ends| ends <= now) {
            return Err(Refusal::new(ErrorCode::AuthFailed, "sign in first"));
        }
        if self.upstream_down {
            return Err(Refusal::new(ErrorCode::UpstreamDown, "the source is away"));
        }
        assert!(
            connection.seats.contains_key(&name)
                || connection.seats.len() < self.rules.subscriptions as usize,
            "more than {} subscriptions",
            self.rules.subscriptions
        );
        let mode = subscribe.mode.unwrap_or(topic.default_mode());
        let log = broker.log(&topic);
        let recovered = subscribe.recover.as_ref().map(|recover| log.reaches(recover));
        let offset = match (&subscribe.recover, recovered) {
            (Some(recover), Some(true)) => recover.offset,
            _ if topic.has_keys() => log.position.offset,
            _ if mode == Mode::Every && subscribe.snapshot => {
                // The last few, as ordinary pushes.
                Offset(log.floor().0.max(log.position.offset.0.saturating_sub(5)))
            }
            _ => log.position.offset,
        };
        // Whoever asks anew although they had some of it loses what lay between.
        let may_ask_anew = topic.has_keys() && recovered.is_none();
        if recovered == Some(false) || may_ask_anew {
            self.losses_told += 1;
        }
        let throttle = subscribe
            .throttle_ms
            .map(|millis| Duration::from_millis(millis.into()));
        let seat = Seat {
            topic: topic.clone(),
            mode,
            throttle,
            at: offset,
            sent_at: None,
        };
        if mode == Mode::Latest && recovered != Some(true) && log.position.offset > Offset::ZERO {
            let mut snapshot = publication(&topic, &log.position.epoch, (log.position.offset, wall(now)));
            snapshot.snapshot = true;
            frames.push(push(&Push::Publication(snapshot), now));
        }
        if topic.has_keys() && recovered != Some(true) {
            for at in log.standing().into_values() {
                let mut snapshot = publication(&topic, &log.position.epoch, (log.position.offset, wall(now)));
                snapshot.snapshot = true;
                snapshot.payload = truth(&topic, &log.position.epoch, at);
                frames.push(push(&Push::Publication(snapshot), now));
            }
        }
        let epoch = log.position.epoch.clone();
        connection.seats.insert(name.clone(), seat);
        let losses = connection.catch_up(&name, broker, now, frames);
        self.losses_told += losses;
        Ok(Reply::Subscribed(Subscribed {
            channel: topic.channel_name(),
            params: topic.params(),
            filters: Filters::default(),
            epoch,
            offset,
            recovered,
            mode,
            throttle_ms: subscribe.throttle_ms,
            key: None,
            contiguous: mode == Mode::Every && throttle.is_none(),
            status: Some(ChannelStatus::new(FeedState::Live, wall(now))),
        }))
    }

    fn join(&mut self, id: u64, join: Join, broker: &Broker, now: Duration) -> Result<Reply, Refusal> {
        if self.upstream_down {
            return Err(Refusal::new(ErrorCode::Internal, "not now"));
        }
        let connection = self.connections.get_mut(&id).unwrap();
        let name = format!("room:{}", join.room);
        let Some(seat) = connection.seats.get(&name) else {
            // It was ended while this was on its way.
            return Err(Refusal::new(ErrorCode::Forbidden, "not any more"));
        };
        connection.rooms.insert(name.clone());
        let others = broker.others.get(&name).into_iter().flatten();
        let everyone = others.map(String::as_str).chain(["ann"]);
        Ok(Reply::Joined(Joined {
            room: join.room,
            members: everyone.map(|name| member(name, now)).collect(),
            epoch: nexus_protocol::Epoch::parse("e1").unwrap(),
            offset: seat.at,
        }))
    }

    /// Another came to a room or left it: what each connection gets.
    pub(crate) fn someone_moved(
        &mut self,
        topic: &Topic,
        (other, came): (&str, bool),
        now: Duration,
    ) -> Vec<(u64, Vec<Frame>)> {
        let mut update = PresenceUpdate::default();
        let moved = if came {
            &mut update.joined
        } else {
            &mut update.left
        };
        moved.push(member(other, now));
        let name = topic.to_string();
        self.connections
            .iter()
            .filter(|(_, connection)| connection.seats.contains_key(&name))
            .map(|(id, _)| {
                (
                    *id,
                    vec![push(&Push::Presence(topic.clone(), update.clone()), now)],
                )
            })
            .collect()
    }

    /// Something was published: what each connection gets now.
    pub(crate) fn fan_out(
        &mut self,
        topic: &Topic,
        broker: &mut Broker,
        now: Duration,
    ) -> Vec<(u64, Vec<Frame>)> {
        let name = topic.to_string();
        let mut out = Vec::new();
        for (id, connection) in &mut self.connections {
            let mut frames = Vec::new();
            self.losses_told += connection.catch_up(&name, broker, now, &mut frames);
            out.push((*id, frames));
        }
        out
    }

    /// What a client has not had yet, because its link took nothing, or because of a throttle.
    pub(crate) fn catch_up(&mut self, id: u64, broker: &mut Broker, now: Duration) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Some(connection) = self.connections.get_mut(&id) {
            let names: Vec<String> = connection.seats.keys().cloned().collect();
            for name in names {
                self.losses_told += connection.catch_up(&name, broker, now, &mut frames);
            }
        }
        frames
    }

    /// The end is planned: each client gets its own time to come back, and is closed then.
    pub(crate) fn announce_end(&mut self, id: u64, delay: Duration, now: Duration) -> Vec<Frame> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Vec::new();
        };
        connection.leaving = Some(now + delay);
        let shutdown = Push::Shutdown(Shutdown {
            message: "restarting".to_owned(),
            reconnect_after_ms: delay.as_millis() as u64,
        });
        vec![push(&shutdown, now)]
    }

    /// A subscription ends by the server's will, and the membership with it.
    pub(crate) fn end_subscription(&mut self, id: u64, lot: usize, now: Duration) -> Vec<Frame> {
        let Some(connection) = self
            .connections
            .get_mut(&id)
            .filter(|connection| !connection.seats.is_empty())
        else {
            return Vec::new();
        };
        let names = connection.seats.keys();
        let name = names.clone().nth(lot % names.len()).unwrap().clone();
        let seat = connection.seats.remove(&name).unwrap();
        let mut frames = Vec::new();
        let unasked = |reply: Reply| Frame::Text(encode_reply(None, &reply, wall(now)));
        if connection.rooms.remove(&name) {
            let room = name.trim_start_matches("room:").to_owned();
            frames.push(unasked(Reply::Left(Left { room })));
        }
        frames.push(unasked(Reply::Unsubscribed(Unsubscribed {
            channel: seat.topic.channel_name(),
            params: seat.topic.params(),
        })));
        frames
    }

    /// What the passing of time does to a connection: a close code, if it is to be closed.
    pub(crate) fn check(&mut self, id: u64, now: Duration) -> Option<u16> {
        let connection = self.connections.get(&id)?;
        if connection.user.is_some_and(|ends| ends <= now) {
            return Some(4001);
        }
        if connection.heard + Duration::from_secs(60) <= now {
            return Some(1001);
        }
        None
    }
}

impl Connection {
    /// The topics that are subscribed.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &String> {
        self.seats.keys()
    }

    /// Sends what a seat has not had yet. Says how many losses had to be told.
    fn catch_up(&mut self, name: &str, broker: &mut Broker, now: Duration, frames: &mut Vec<Frame>) -> u64 {
        let blocked = self.blocked;
        let Some(seat) = self.seats.get_mut(name) else {
            return 0;
        };
        let log = broker.log(&seat.topic);
        let too_soon = seat
            .throttle
            .zip(seat.sent_at)
            .is_some_and(|(throttle, sent)| now < sent + throttle);
        if blocked || too_soon || seat.at >= log.position.offset {
            return 0;
        }
        seat.sent_at = Some(now);
        let epoch = log.position.epoch.clone();
        let mut losses = 0;
        if seat.mode == Mode::Latest || seat.throttle.is_some() {
            let newest = publication(&seat.topic, &epoch, (log.position.offset, wall(now)));
            frames.push(push(&Push::Publication(newest), now));
        } else {
            if log.floor() > seat.at {
                let offset = log.floor();
                let missed = offset.0 - seat.at.0;
                let mut status = ChannelStatus::new(FeedState::Gap, wall(now));
                status.gap = Some(Gap::Publications { missed, offset });
                frames.push(push(&Push::Status(seat.topic.clone(), status), now));
                seat.at = offset;
                losses = 1;
            }
            for entry in log.behind(seat.at) {
                let missed = publication(&seat.topic, &epoch, entry);
                frames.push(push(&Push::Publication(missed), now));
            }
        }
        seat.at = log.position.offset;
        losses
    }
}

pub(crate) fn member(name: &str, now: Duration) -> Member {
    Member {
        user: UserId::parse(name).unwrap(),
        since: wall(now),
    }
}

fn push(push: &Push, now: Duration) -> Frame {
    Frame::Text(encode_push(push, wall(now)))
}

fn forget_older(moments: &mut VecDeque<Duration>, now: Duration) {
    while moments
        .front()
        .is_some_and(|at| *at + Duration::from_secs(60) <= now)
    {
        moments.pop_front();
    }
}
