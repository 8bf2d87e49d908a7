//! One client: what it is told, what it asks, what it has, and how it ends. A shard attends to it when something happened:
//! bytes came, the socket takes some again, its outbox has something, a request is done, a timer is due.
//!
//! Read it in the order in which things happen: [`Connection::new`] greets, [`Connection::attend`] serves, and
//! [`Connection::into_leaving`] closes. Serving means: follow orders, hand what waits in the outbox to the wire, and read;
//! what is on the wire the shard has written at the end of its turn. While a request is being done, and while answers wait for
//! a client that does not read, nothing more is read from it. A publication is done when it has its place in the order; its
//! `ack` follows when the disk has it.

mod acks;
mod catch_up;
pub mod dialect;
mod reading;
mod requests;
mod rights;
mod rooms;
mod sending;
mod session;
mod timers;
pub mod wire;

use std::collections::VecDeque;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use nexus_protocol::{ClientId, CloseCode, Connected, Limits, MessageId, Push, Reply};
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::auth::{Identity, Who};
use crate::clock::wall_clock;
use crate::connection::acks::Owed;
use crate::connection::catch_up::CatchingUp;
use crate::connection::dialect::Dialect;
use crate::connection::requests::Done;
use crate::connection::session::Session;
pub(crate) use crate::connection::session::is_the_client_s_doing;
use crate::connection::wire::{Ended, Leaving, Wire};
use crate::connections::Connected as Place;
use crate::deflate::Inflate;
use crate::encoded::WireClass;
use crate::frames::Decoder;
use crate::gateway::Gateway;
use crate::outbox::Outbox;

/// While answers of so many bytes wait for the socket, nothing is read: a client that asks and does not read waits for
/// itself.
const MOST_ANSWER_BYTES: usize = 64 * 1024;
/// How often a connection reads or writes in one turn; then it is the turn of others.
const MOST_ROUNDS: usize = 4;

/// One client. What a delivery looks at comes first, on one line of the cache.
#[repr(C, align(64))]
pub struct Connection {
    class: WireClass,
    wire: Wire,
    id: ClientId,
    dialect: Dialect,
    gateway: Arc<Gateway>,
    outbox: Arc<Outbox>,
    /// The place among the connections.
    entered: Place,
    session: Session,
    /// The request that takes time, if there is one; the next is read when it is done.
    request: Option<Pin<Box<dyn Future<Output = Done> + Send>>>,
    /// Acks of what the disk has not confirmed yet.
    owed: VecDeque<Owed>,
    /// A subscription that is being caught up; the next has its turn when it is.
    catching_up: Option<Box<CatchingUp>>,
    /// What was answered since the socket had last taken everything.
    answer_bytes: usize,
    /// When the last sign of life came.
    heard: Instant,
    next_ping: Instant,
    /// Until when someone must sign in; none if they have, or need not.
    sign_in_by: Option<Instant>,
    expires: Option<Instant>,
    /// When this connection is closed because the server ends; none before the drain.
    restart_at: Option<Instant>,
    /// The end of the server waits for it.
    tracked: TaskTrackerToken,
}

/// What all connections of a shard use in turn.
#[derive(Debug)]
pub struct Tools {
    /// What is read goes here first.
    pub scratch: Vec<u8>,
    /// Inflates what clients send compressed.
    pub inflate: Inflate,
}

/// What is to happen next with a connection that was attended to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attended {
    /// It has more to do than one turn allows.
    Again,
    /// Nothing, until something happens or this moment comes.
    Until(Instant),
    /// It ends.
    Ends(End),
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The client closed, or the link broke.
    Theirs(Ended),
    /// We close, behind what waits.
    Close(CloseCode, &'static str),
    /// We close in place of what waits, because the client takes nothing.
    Cut(CloseCode, &'static str),
}

/// Go on, or end.
type Flow = ControlFlow<End>;

/// What a client comes with.
#[derive(Debug)]
pub struct Entrance {
    /// How its messages are written.
    pub dialect: Dialect,
    /// How its frames are written.
    pub class: WireClass,
    /// As whom it comes in, if it has said so already.
    pub identity: Option<Identity>,
    /// The end of the server waits for it.
    pub tracked: TaskTrackerToken,
}

impl Connection {
    /// A client that has come through the door. `read` is what was read beyond its handshake.
    pub fn new(
        gateway: Arc<Gateway>,
        stream: mio::net::TcpStream,
        read: &[u8],
        outbox: Arc<Outbox>,
        entrance: Entrance,
    ) -> Self {
        let Entrance {
            dialect,
            class,
            identity,
            tracked,
        } = entrance;
        let now = Instant::now();
        let limits = &gateway.limits;
        let must_sign_in = identity.is_none() && gateway.permissions.need_a_token();
        let id = new_client_id();
        let entered = gateway
            .connections
            .enter(id.clone(), Arc::clone(&outbox), wall_clock());
        let decoder = Decoder::new(limits.message_bytes as usize, class.deflated);
        let mut connection = Connection {
            id,
            dialect,
            class,
            wire: Wire::new(stream, read, decoder),
            outbox,
            entered,
            session: Session::default(),
            request: None,
            owed: VecDeque::new(),
            catching_up: None,
            answer_bytes: 0,
            heard: now,
            next_ping: now + limits.ping_every,
            sign_in_by: must_sign_in.then(|| now + limits.sign_in_within),
            expires: None,
            restart_at: None,
            tracked,
            gateway,
        };
        if let Some(identity) = identity {
            connection.sign_in(identity);
        }
        connection.gateway.metrics.connections.inc();
        tracing::debug!(client.id = %connection.id, user = connection.session.who.user().map(|user| user.as_str()), "connected");
        connection.greet();
        connection
    }

    /// Its WebSocket.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// How frames are written for it.
    pub fn class(&self) -> WireClass {
        self.class
    }

    /// What waits for it.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
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
        self.write_alone(Some(greeting));
    }

    /// Does what there is to do, as far as it can be done without waiting.
    pub fn attend(&mut self, tools: &mut Tools, now: Instant) -> Attended {
        self.outbox.looks();
        match self.serve(tools, now) {
            ControlFlow::Break(end) => Attended::Ends(end),
            ControlFlow::Continue(true) => Attended::Again,
            ControlFlow::Continue(false) => Attended::Until(self.next_timer().0),
        }
    }

    /// Says whether there is more to do than one turn allows.
    fn serve(&mut self, tools: &mut Tools, now: Instant) -> ControlFlow<End, bool> {
        if self.restart_at.is_none() && self.gateway.drain.has_begun() {
            self.announce_restart();
        }
        self.follow_orders()?;
        self.follow_timers(now)?;
        self.poll_request()?;
        self.poll_acks()?;
        for _ in 0..MOST_ROUNDS {
            let is_full = self.fill(now)?;
            if is_full {
                self.flush(now);
            }
            let may_read = self.may_read() && self.wire.has_input();
            if may_read {
                self.read(tools, now)?;
            } else if !is_full || self.wire.waiting() > 0 {
                return ControlFlow::Continue(false);
            }
        }
        ControlFlow::Continue(true)
    }

    /// Writes what waits, as far as the socket takes it. Says whether there is then something to attend to: what could not be
    /// read while answers waited, or another alarm.
    pub fn flush(&mut self, now: Instant) -> bool {
        let was_blocked = self.wire.blocked_since();
        let may_have_read = self.may_read();
        self.wire.flush(|| now);
        let waiting = self.wire.waiting();
        if waiting > 0 || was_blocked.is_some() {
            self.outbox.note_on_the_wire(waiting);
        }
        if waiting == 0 {
            self.answer_bytes = 0;
        }
        was_blocked != self.wire.blocked_since() || (!may_have_read && self.may_read())
    }

    fn may_read(&self) -> bool {
        self.request.is_none() && self.answer_bytes < MOST_ANSWER_BYTES && self.has_room_for_acks()
    }

    /// Goes on with the request that takes time.
    fn poll_request(&mut self) -> Flow {
        if let Some(request) = &mut self.request {
            let waker = Waker::from(Arc::clone(&self.outbox));
            if let Poll::Ready(done) = request.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.request = None;
                return self.handle_done(done);
            }
        }
        Flow::Continue(())
    }

    fn sign_in(&mut self, identity: Identity) {
        let left = identity.expires_at.since(wall_clock());
        // A date that no clock reaches is no date.
        self.expires = Instant::now().checked_add(left);
        self.sign_in_by = None;
        // The classic door has no word for commands: who comes through it stands for no device.
        if matches!(self.dialect, Dialect::Native) {
            self.session.device = self.gateway.devices.sign_in(
                self.session.device.take(),
                &identity,
                &self.gateway.permissions,
                &self.id,
                &self.outbox,
            );
        }
        self.entered.identify(&identity);
        self.session.who = Arc::new(Who::SignedIn(identity));
    }

    fn reply(&mut self, id: Option<&MessageId>, reply: &Reply) {
        let frame = self.dialect.reply(id, reply, wall_clock());
        self.answer_bytes += frame.as_ref().map_or(0, Bytes::len);
        self.write_alone(frame);
    }

    fn push(&mut self, push: &Push) {
        let frame = self.dialect.push(push, wall_clock());
        self.write_alone(frame);
    }

    /// Sends what was written for the native door.
    fn send(&mut self, native: Bytes) {
        let frame = self.dialect.frame(native);
        self.write_alone(frame);
    }

    /// Hands a frame to the wire that nobody else gets: compressed, where that was agreed on and is worth it.
    fn write_alone(&mut self, frame: Option<Bytes>) {
        let compressor = self.gateway.compressor.as_ref().filter(|_| self.class.deflated);
        let frame = match compressor {
            Some(compressor) => frame.map(|frame| compressor.frame(&frame)),
            None => frame,
        };
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
    #[must_use]
    pub fn into_leaving(self, end: End, now: Instant) -> Option<Departing> {
        let Connection {
            id,
            dialect,
            gateway,
            wire,
            outbox,
            mut session,
            entered,
            tracked,
            ..
        } = self;
        outbox.end_notes();
        if let End::Close(CloseCode::AuthFailed | CloseCode::Removed, _) = end {
            session
                .rooms
                .drain()
                .for_each(|(_, membership)| membership.leave());
        }
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
        let leaving = match end {
            End::Theirs(Ended::Broken) => return None,
            End::Theirs(Ended::ByClient) => Leaving::finish(wire, now),
            End::Close(code, reason) => Leaving::close(wire, code, reason, now),
            End::Cut(code, reason) => Leaving::cut(wire, code, reason, now),
        };
        Some(Departing {
            leaving,
            _entered: Some(entered),
            _tracked: tracked,
        })
    }
}

/// A client that is gone but for its socket.
#[derive(Debug)]
pub struct Departing {
    /// What is left of it.
    pub leaving: Leaving,
    /// It is counted among the connections until its socket is gone.
    _entered: Option<Place>,
    /// The end of the server waits for it.
    _tracked: TaskTrackerToken,
}

impl Departing {
    /// Somebody who is sent away as soon as they have come in.
    pub fn sent_away(leaving: Leaving, tracked: TaskTrackerToken) -> Self {
        Departing {
            leaving,
            _entered: None,
            _tracked: tracked,
        }
    }
}

fn new_client_id() -> ClientId {
    let uuid = uuid::Uuid::now_v7().to_string();
    ClientId::parse(&uuid).expect("a UUID is 36 printable characters")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
