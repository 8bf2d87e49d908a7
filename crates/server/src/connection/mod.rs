//! The native door's task: sole reader and writer of one WebSocket, and owner of its subscriptions.
//!
//! Read it in the order in which things happen: [`Connection::serve`] greets, serves and closes. The loop sends what
//! waits in the outbox as far as the socket takes it, then waits for one of: the socket, the outbox, the answer to a
//! request that takes time, a timer. While answers wait for a client that does not read, nothing more is read from it.

mod catch_up;
pub mod dialect;
mod requests;
mod rights;
mod rooms;
mod session;
mod timers;
pub mod wire;

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_protocol::{
    ClientId, CloseCode, Connected, ErrorCode, Limits, MessageId, Push, Refusal, Reply, Shutdown,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::auth::{Identity, Who};
use crate::clock::wall_clock;
use crate::conflate::Pending;
use crate::connection::dialect::{Dialect, Incoming};
use crate::connection::requests::Done;
use crate::connection::session::Session;
pub(crate) use crate::connection::session::is_the_client_s_doing;
use crate::connection::timers::{Alarm, Timer};
use crate::connection::wire::{Ended, Event, Wire};
use crate::connections::Connected as Place;
use crate::gateway::Gateway;
use crate::outbox::{Note, Outbox, PresenceWork, Work};

/// So much is handed to the socket before it is flushed.
const BATCH_BYTES: usize = 64 * 1024;
/// While answers of so many bytes wait for the socket, nothing is read: a client that asks and does not read waits for
/// itself.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// One client of the native door.
pub struct Connection<S> {
    id: ClientId,
    dialect: Dialect,
    gateway: Arc<Gateway>,
    wire: Wire<S>,
    outbox: Arc<Outbox>,
    /// The place among the connections.
    entered: Place,
    session: Session,
    /// The request that takes time, if there is one; the next is read when it is done.
    request: Option<Pin<Box<dyn Future<Output = Done> + Send>>>,
    /// What was answered since the socket had last taken everything.
    answer_bytes: usize,
    alarm: Alarm,
    /// When the last sign of life came.
    heard: Instant,
    next_ping: Instant,
    /// Until when someone must sign in; none if they have, or need not.
    sign_in_by: Option<Instant>,
    expires: Option<Instant>,
    /// When this connection is closed because the server ends; none before the drain.
    restart_at: Option<Instant>,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// The client closed, or the link broke.
    Theirs(Ended),
    /// We close, behind what waits.
    Close(CloseCode, &'static str),
    /// We close in place of what waits, because the client takes nothing.
    Cut(CloseCode, &'static str),
}

/// Go on, or end.
type Flow = ControlFlow<End>;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A client that has come through the door.
    pub fn new(gateway: Arc<Gateway>, wire: Wire<S>, dialect: Dialect, identity: Option<Identity>) -> Self {
        let now = Instant::now();
        let limits = &gateway.limits;
        let must_sign_in = identity.is_none() && gateway.permissions.need_a_token();
        let id = new_client_id();
        let outbox = Arc::new(Outbox::new(limits.outbox_bytes as usize));
        let entered = gateway
            .connections
            .enter(id.clone(), Arc::clone(&outbox), wall_clock());
        let mut connection = Connection {
            id,
            dialect,
            wire,
            outbox,
            entered,
            session: Session::default(),
            request: None,
            answer_bytes: 0,
            alarm: Alarm::new(now),
            heard: now,
            next_ping: now + limits.ping_every,
            sign_in_by: must_sign_in.then(|| now + limits.sign_in_within),
            expires: None,
            restart_at: None,
            gateway,
        };
        if let Some(identity) = identity {
            connection.sign_in(identity);
        }
        connection
    }

    /// Greets, serves and closes.
    pub async fn serve(mut self) {
        self.gateway.metrics.connections.inc();
        tracing::debug!(client.id = %self.id, user = self.session.who.user().map(|user| user.as_str()), "connected");
        self.greet();
        let end = loop {
            if let ControlFlow::Break(end) = self.step().await {
                break end;
            }
        };
        // Boxed, as whatever is rare: a connection that is quiet shall be small.
        Box::pin(self.close(end)).await;
    }

    fn greet(&mut self) {
        let limits = &self.gateway.limits;
        let now = wall_clock();
        let connected = Connected {
            client_id: self.id.clone(),
            server_time: now,
            protocol: self.dialect.name().to_owned(),
            heartbeat_ms: millis(limits.heartbeat),
            limits: Limits {
                messages_per_minute: self.session.messages_per_minute(limits.messages_per_minute),
                errors_per_minute: limits.errors_per_minute,
                message_bytes: limits.message_bytes,
                subscriptions: limits.subscriptions,
                outbox_bytes: limits.outbox_bytes,
                sign_in_ms: u32::try_from(millis(limits.sign_in_within)).unwrap_or(u32::MAX),
                idle_ms: u32::try_from(millis(limits.idle)).unwrap_or(u32::MAX),
            },
        };
        let greeting = self.dialect.greeting(connected, self.session.who.user(), now);
        self.write(Some(greeting));
    }

    async fn step(&mut self) -> Flow {
        if self.restart_at.is_none() && self.gateway.drain.has_begun() {
            self.announce_restart();
        }
        self.follow_orders()?;
        if self.wire.waiting() == 0 {
            self.answer_bytes = 0;
        }
        self.fill().await?;
        self.outbox.note_on_the_wire(self.wire.waiting());
        let (wake_at, timer) = self.next_timer();
        self.alarm.set(wake_at);
        let may_read = self.request.is_none() && self.answer_bytes < MOST_ANSWER_BYTES;
        tokio::select! {
            event = self.wire.event(may_read) => self.handle_event(event),
            done = finished(&mut self.request) => self.handle_done(done),
            () = self.outbox.changed() => Flow::Continue(()),
            () = self.alarm.rings() => self.handle_timer(timer),
        }
    }

    /// Hands what waits in the outbox to the wire, as much as is sent at once.
    async fn fill(&mut self) -> Flow {
        while self.wire.waiting() < BATCH_BYTES {
            let Some(work) = self.outbox.next(Instant::now()) else {
                break;
            };
            match work {
                Work::Publication(publication) => {
                    self.gateway.metrics.delivery.note(publication.made.elapsed());
                    let frame = self.dialect.publication(&publication);
                    self.write(frame);
                }
                Work::Merged(pending) => self.send_pending(pending),
                Work::Status(topic, status) => self.push(&Push::Status(topic, (*status).clone())),
                Work::Presence(work) => self.send_presence(work),
                Work::CatchUp(behind) => Box::pin(self.catch_up(behind)).await,
                Work::Note(Note::Answer(id, reply)) => self.reply(id.as_ref(), &reply),
                Work::Note(Note::Push(push)) => self.push(&push),
                Work::Overrun => {
                    return Flow::Break(End::Cut(CloseCode::Slow, "too much waits for you; come back"));
                }
            }
        }
        Flow::Continue(())
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

    fn send_pending(&mut self, pending: Pending) {
        let metrics = &self.gateway.metrics;
        metrics.conflated.inc_by(pending.replaced());
        if let Some(newest) = pending.newest() {
            metrics.delivery.note(newest.made.elapsed());
        }
        for publication in pending.into_pushes() {
            let frame = self.dialect.publication(&publication);
            self.write(frame);
        }
    }

    fn handle_event(&mut self, event: Event) -> Flow {
        let now = Instant::now();
        match event {
            Event::Flushed | Event::Blocked => Flow::Continue(()),
            Event::Text(text) => {
                self.heard = now;
                self.handle_message(Incoming::Text(text.as_str()), now)
            }
            Event::Control => {
                self.heard = now;
                match self
                    .session
                    .controls
                    .admit(now, self.gateway.limits.messages_per_minute)
                {
                    Ok(()) => Flow::Continue(()),
                    Err(_) => Flow::Break(End::Close(CloseCode::Policy, "too many pings")),
                }
            }
            Event::Binary(bytes) => {
                self.heard = now;
                self.handle_message(Incoming::Binary(&bytes), now)
            }
            Event::Ended(Ended::Violation(code, reason)) => Flow::Break(End::Close(code, reason)),
            Event::Ended(ended) => Flow::Break(End::Theirs(ended)),
        }
    }

    fn handle_timer(&mut self, timer: Timer) -> Flow {
        let now = Instant::now();
        match timer {
            Timer::Ping => {
                self.wire.push_ping();
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
    fn next_timer(&self) -> (Instant, Timer) {
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

    fn announce_restart(&mut self) {
        let Some(farewell) = self.gateway.drain.farewell(fastrand::f64()) else {
            return;
        };
        self.restart_at = Some(farewell.close_at);
        self.push(&Push::Shutdown(Shutdown {
            message: "the server restarts".to_owned(),
            reconnect_after_ms: millis(farewell.come_back_after),
        }));
    }

    fn sign_in(&mut self, identity: Identity) {
        let left = identity.expires_at.since(wall_clock());
        // A date that no clock reaches is no date.
        self.expires = Instant::now().checked_add(left);
        self.sign_in_by = None;
        // The classic door has no word for commands: who comes through it stands for no device.
        if !matches!(self.dialect, Dialect::Classic(_)) {
            self.session.device = self.gateway.devices.sign_in(
                self.session.device.take(),
                &identity,
                &self.gateway.permissions,
                &self.id,
                &self.outbox,
            );
        }
        self.entered.identify(&identity);
        self.session.who = Who::SignedIn(identity);
    }

    fn reply(&mut self, id: Option<&MessageId>, reply: &Reply) {
        let frame = self.dialect.reply(id, reply, wall_clock());
        self.answer_bytes += frame.as_ref().map_or(0, Bytes::len);
        self.write(frame);
    }

    fn push(&mut self, push: &Push) {
        let frame = self.dialect.push(push, wall_clock());
        self.write(frame);
    }

    /// Sends what was written for the native door.
    fn send(&mut self, native: Bytes) {
        let frame = self.dialect.frame(native);
        self.write(frame);
    }

    /// Hands a frame to the wire; none where this door has no word for it.
    fn write(&mut self, frame: Option<Bytes>) {
        let Some(frame) = frame else {
            return;
        };
        self.gateway.metrics.frames_sent.inc();
        self.gateway.metrics.bytes_sent.inc_by(frame.len() as u64);
        self.wire.push(frame);
    }

    /// Leaves all topics at once, then takes leave of the client.
    async fn close(self, end: End) {
        let Connection {
            id,
            dialect,
            gateway,
            wire,
            outbox,
            mut session,
            request,
            entered: _entered,
            ..
        } = self;
        outbox.end_notes();
        drop(request);
        if let End::Close(CloseCode::AuthFailed | CloseCode::Removed, _) = end {
            session
                .rooms
                .drain()
                .for_each(|(_, membership)| membership.leave());
        }
        drop(session);
        let end = match end {
            End::Close(code, reason) => End::Close(dialect.close_code(code), reason),
            End::Cut(code, reason) => End::Cut(dialect.close_code(code), reason),
            End::Theirs(ended) => End::Theirs(ended),
        };
        let code = match end {
            End::Theirs(_) => None,
            End::Close(code, _) | End::Cut(code, _) => Some(code),
        };
        gateway.metrics.count_close(code);
        tracing::debug!(client.id = %id, close.code = code.map(CloseCode::code), "disconnected");
        match end {
            End::Theirs(Ended::Broken | Ended::Violation(..)) => {}
            End::Theirs(Ended::ByClient) => wire.finish().await,
            End::Close(code, reason) => wire.close(code, reason).await,
            End::Cut(code, reason) => wire.cut(code, reason).await,
        }
    }
}

/// Waits for a request that takes time; for ever if there is none.
async fn finished(request: &mut Option<Pin<Box<dyn Future<Output = Done> + Send>>>) -> Done {
    let Some(running) = request else {
        return std::future::pending().await;
    };
    let done = running.await;
    *request = None;
    done
}

fn new_client_id() -> ClientId {
    let uuid = uuid::Uuid::now_v7().to_string();
    ClientId::parse(&uuid).expect("a UUID is 36 printable characters")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
