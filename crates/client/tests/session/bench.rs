//! A session on the bench: a hand-held clock, and frames written by hand.

use std::time::Duration;

use nexus_client::{Config, Event, LinkId, LinkState, Output, ServerUrl, Session, Wake, Wish};
use nexus_protocol::{
    Authenticated, ChannelName, ChannelStatus, ClientId, Connected, Epoch, Filters, Json, Limits, MessageId,
    Mode, Offset, Params, Payload, Publication, Push, Refusal, Reply, Request, Subscribe, Subscribed,
    Timestamp, Topic, UserId, decode_request, encode_push, encode_reply,
};

pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);

/// A session and everything that it said since it was last asked.
pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) now: Duration,
    pub(crate) limits: Limits,
    pub(crate) link: Option<LinkId>,
    wake: Option<Wake>,
    connects: Vec<String>,
    sent: Vec<(MessageId, Request)>,
    closes: Vec<u16>,
    events: Vec<Event>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut bench = Bench {
            session: Session::new(config, 7, Duration::ZERO),
            now: Duration::ZERO,
            limits: Limits {
                messages_per_minute: 100,
                errors_per_minute: 10,
                message_bytes: 131_072,
                subscriptions: 256,
                outbox_bytes: 1_048_576,
                sign_in_ms: 10_000,
                idle_ms: 60_000,
            },
            link: None,
            wake: None,
            connects: Vec::new(),
            sent: Vec::new(),
            closes: Vec::new(),
            events: Vec::new(),
        };
        bench.drain();
        bench
    }

    /// A session that is connected and live, without topics.
    pub(crate) fn live() -> Self {
        let mut bench = Bench::new();
        bench.become_live();
        bench
    }

    /// Opens, greets, and answers the ping behind it all. Forgets what was said.
    pub(crate) fn become_live(&mut self) {
        self.open();
        self.greet();
        self.pong();
        assert_eq!(self.session.link_state(), LinkState::Live);
        self.forget();
    }

    // --- what happens -----------------------------------------------------------------------------------------------

    pub(crate) fn open(&mut self) {
        let link = self.link.expect("a connection is being opened");
        self.session.handle_opened(self.now, link);
        self.drain();
    }

    pub(crate) fn greet(&mut self) {
        let connected = Push::Connected(Connected {
            client_id: ClientId::parse("c-1").unwrap(),
            server_time: self.wall(),
            protocol: "nexus.v1.json".to_owned(),
            heartbeat_ms: HEARTBEAT.as_millis() as u64,
            limits: self.limits.clone(),
        });
        self.push(&connected);
    }

    pub(crate) fn push(&mut self, push: &Push) {
        self.text(&encode_push(push, self.wall()));
    }

    pub(crate) fn reply(&mut self, id: &MessageId, reply: &Reply) {
        self.text(&encode_reply(Some(id), reply, self.wall()));
    }

    pub(crate) fn text(&mut self, text: &str) {
        let link = self.link.expect("there is a connection");
        self.session.handle_text(self.now, link, text);
        self.drain();
    }

    pub(crate) fn closed(&mut self, code: u16) {
        let link = self.link.take().expect("there is a connection");
        self.session.handle_closed(self.now, link, code, "");
        self.drain();
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.session.handle_wish(self.now, wish);
        self.drain();
    }

    pub(crate) fn reading_stops(&mut self) {
        self.session.handle_reading_stopped(self.now);
        self.drain();
    }

    pub(crate) fn reading_resumes(&mut self) {
        self.session.handle_reading_resumed(self.now);
        self.drain();
    }

    pub(crate) fn subscribe(&mut self, topic: &Topic) {
        self.wish(Wish::Subscribe(Subscribe::to(topic.clone())));
    }

    /// Time passes, and timers come when they are due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self.wake.filter(|wake| wake.at <= end) {
            self.now = self.now.max(wake.at);
            self.session.handle_timer(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Time passes, and nobody notices.
    pub(crate) fn sleep(&mut self, time: Duration) {
        self.now += time;
    }

    /// Time passes until the next attempt to connect is made.
    pub(crate) fn until_connecting(&mut self) {
        for _ in 0..10 {
            if self.link.is_some() {
                return;
            }
            let wake = self.wake.expect("an attempt is planned");
            self.pass(wake.at.saturating_sub(self.now));
        }
        panic!("no attempt is made");
    }

    // --- answers ----------------------------------------------------------------------------------------------------

    /// Answers the oldest request that was not answered, which must be a ping.
    pub(crate) fn pong(&mut self) {
        let (id, request) = self.request();
        assert_eq!(request, Request::Ping);
        self.reply(&id, &Reply::Pong);
    }

    /// Takes the oldest request, which must be a subscribe, and confirms it.
    pub(crate) fn confirm(&mut self, offset: u64, recovered: Option<bool>) -> Subscribe {
        self.confirm_in("e1", offset, recovered)
    }

    pub(crate) fn confirm_in(&mut self, epoch: &str, offset: u64, recovered: Option<bool>) -> Subscribe {
        let (id, subscribe) = self.subscribe_request();
        let reply = Reply::Subscribed(subscribed(&subscribe, epoch, offset, recovered));
        self.reply(&id, &reply);
        subscribe
    }

    pub(crate) fn subscribe_request(&mut self) -> (MessageId, Subscribe) {
        match self.request() {
            (id, Request::Subscribe(subscribe)) => (id, subscribe),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        let (id, _) = self.request();
        self.reply(&id, &Reply::Error(refusal));
    }

    pub(crate) fn authenticate(&mut self, lasts: Duration) -> String {
        self.authenticate_with(lasts, None)
    }

    pub(crate) fn authenticate_with(&mut self, lasts: Duration, messages_per_minute: Option<u32>) -> String {
        let (id, request) = self.request();
        let Request::Auth(auth) = request else {
            panic!("{request:?}");
        };
        let reply = Reply::Authenticated(Authenticated {
            user: UserId::parse("ann").unwrap(),
            expires_at: wall_at(self.now + lasts),
            messages_per_minute,
        });
        self.reply(&id, &reply);
        auth.token
    }

    pub(crate) fn publish(&mut self, topic: &Topic, offset: u64) {
        let publication = publication(topic, offset, self.wall());
        self.push(&Push::Publication(publication));
    }

    pub(crate) fn status(&mut self, topic: &Topic, status: ChannelStatus) {
        self.push(&Push::Status(topic.clone(), status));
    }

    // --- what was said ----------------------------------------------------------------------------------------------

    /// The oldest request that was not looked at.
    pub(crate) fn request(&mut self) -> (MessageId, Request) {
        assert!(!self.sent.is_empty(), "a request was sent");
        self.sent.remove(0)
    }

    pub(crate) fn requests(&mut self) -> Vec<(MessageId, Request)> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The offsets of the publications that were told, and what else was.
    pub(crate) fn offsets(&mut self) -> Vec<u64> {
        let offset = |event: Event| match event {
            Event::Publication { publication, .. } => Some(publication.offset.0),
            _ => None,
        };
        self.events().into_iter().filter_map(offset).collect()
    }

    pub(crate) fn connects(&mut self) -> Vec<String> {
        std::mem::take(&mut self.connects)
    }

    pub(crate) fn closes(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.closes)
    }

    /// Whatever was said until now does not matter.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
        self.connects.clear();
        self.closes.clear();
    }

    pub(crate) fn wall(&self) -> Timestamp {
        wall_at(self.now)
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Connect { link, url, .. } => {
                    assert_eq!(self.link, None, "never two connections");
                    self.link = Some(link);
                    self.connects.push(url.to_string());
                }
                Output::Send { link, text } => {
                    assert_eq!(self.link, Some(link));
                    let (id, request) = decode_request(&text, 1 << 20).unwrap();
                    self.sent.push((id.unwrap(), request));
                }
                Output::Close { link, code, .. } => {
                    assert_eq!(self.link.take(), Some(link));
                    self.sent.clear();
                    self.closes.push(code);
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
    }
}

pub(crate) fn config() -> Config {
    Config::new(ServerUrl::parse("ws://127.0.0.1:1").unwrap())
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The server's clock at a moment of ours.
pub(crate) fn wall_at(now: Duration) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + now.as_millis() as u64)
}

pub(crate) fn room(name: &str) -> Topic {
    let name = ChannelName::parse(&format!("room:{name}")).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

pub(crate) fn publication(topic: &Topic, offset: u64, timestamp: Timestamp) -> Publication {
    Publication {
        topic: topic.clone(),
        offset: Offset(offset),
        snapshot: false,
        conflated: 0,
        timestamp,
        from: None,
        payload: Payload::Json(Json::parse("null").unwrap()),
    }
}

pub(crate) fn subscribed(
    subscribe: &Subscribe,
    epoch: &str,
    offset: u64,
    recovered: Option<bool>,
) -> Subscribed {
    let skips = subscribe.throttle_ms.is_some() || subscribe.key.is_some();
    let default = if skips {
        Mode::Latest
    } else {
        subscribe.topic.default_mode()
    };
    let mode = subscribe.mode.unwrap_or(default);
    Subscribed {
        channel: subscribe.topic.channel_name(),
        params: subscribe.topic.params(),
        filters: Filters::default(),
        epoch: Epoch::parse(epoch).unwrap(),
        offset: Offset(offset),
        recovered,
        mode,
        throttle_ms: subscribe.throttle_ms,
        key: subscribe.key.clone(),
        contiguous: mode == Mode::Every && subscribe.filters.is_empty(),
        status: None,
    }
}
