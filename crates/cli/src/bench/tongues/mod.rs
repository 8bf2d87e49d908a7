//! What servers of several kinds are told and answer, so that one load measures them all. To the rest of the load there are
//! only bytes that came, and the stamps of the payloads in them.

mod floor;
mod mqtt;
mod nats;
mod nchan;
mod nexus;
mod socketio;
mod ws;

use std::cell::Cell;

use super::frames;
use super::payload::Stamp;
use super::unfold::Folder;

/// The kinds of servers that the load speaks with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Tongue {
    /// Nexus: the native door, JSON
    Nexus,
    /// The example `floor` of this crate, which only writes bytes to sockets
    Floor,
    /// A server of topics on bare WebSockets: `/sub/TOPIC`, and `TOPIC PAYLOAD` sent to `/pub`
    Ws,
    /// Socket.IO 4, events `sub` and `pub` in, `m` out
    #[value(name = "socketio")]
    SocketIo,
    /// NATS over WebSocket
    Nats,
    /// MQTT 3.1.1 over WebSocket, QoS 0
    Mqtt,
    /// nginx with nchan: `/sub/TOPIC` and `POST /pub/TOPIC`
    Nchan,
}

impl Tongue {
    /// Its name, as on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Tongue::Nexus => "nexus",
            Tongue::Floor => "floor",
            Tongue::Ws => "ws",
            Tongue::SocketIo => "socketio",
            Tongue::Nats => "nats",
            Tongue::Mqtt => "mqtt",
            Tongue::Nchan => "nchan",
        }
    }

    /// Whether messages are cut by the protocol inside, wherever its frames begin and end.
    fn is_stream(self) -> bool {
        match self {
            Tongue::Nats | Tongue::Mqtt => true,
            Tongue::Nexus | Tongue::Floor | Tongue::Ws | Tongue::SocketIo | Tongue::Nchan => false,
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It listens to the topic of this number.
    Subscriber(usize),
    /// It publishes.
    Publisher,
}

/// What a server said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard<'a> {
    /// A message of ours.
    Delivery(Stamp),
    /// A message of somebody else's, with its place in the topic's order.
    Foreign(u64),
    /// That the connection is now what it is for, as far as this kind of server says so.
    Ready,
    /// That it will not do something.
    Refused(&'a [u8]),
}

/// How bytes of a connection are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// WebSocket frames that are whole messages.
    Messages,
    /// WebSocket frames with pieces of a stream inside.
    Stream,
    /// No WebSocket at all.
    Raw,
}

/// All that is needed to speak with the server of this run.
pub(super) struct Speech {
    pub(super) tongue: Tongue,
    /// The server, for the `Host` header.
    pub(super) host: String,
    /// The path of the native door.
    pub(super) path: String,
    /// The channel, or what the channels' names begin with.
    pub(super) channel: String,
    pub(super) topics: usize,
    pub(super) params: String,
    pub(super) token: Option<String>,
    /// The size of a payload.
    pub(super) size: usize,
    /// Whether messages are somebody else's, which only Nexus numbers.
    pub(super) is_listening: bool,
    pub(super) offers_deflate: bool,
    /// How many names were given to clients.
    pub(super) names: Cell<u64>,
}

impl Speech {
    /// The name of a topic.
    pub(super) fn topic(&self, number: usize) -> String {
        match self.tongue {
            Tongue::Nexus => self.channel(number),
            Tongue::Floor | Tongue::Ws | Tongue::SocketIo | Tongue::Nats | Tongue::Mqtt | Tongue::Nchan => {
                format!("bench{number}")
            }
        }
    }

    /// The name of a channel of Nexus.
    fn channel(&self, number: usize) -> String {
        match self.topics {
            1 => self.channel.clone(),
            _ => format!("{}{number}", self.channel),
        }
    }

    /// How the bytes of a connection are cut.
    pub(super) fn cut(&self, role: Role) -> Cut {
        match (self.tongue, role) {
            (Tongue::Nchan | Tongue::Floor, Role::Publisher) => Cut::Raw,
            (tongue, _) if tongue.is_stream() => Cut::Stream,
            _ => Cut::Messages,
        }
    }

    /// The request that opens a connection; none where nothing is asked before the first message.
    pub(super) fn handshake(&self, role: Role) -> Option<String> {
        let (path, subprotocol) = match (self.tongue, role) {
            (Tongue::Nchan, Role::Publisher) => return None,
            (Tongue::Nexus, _) => (self.path.clone(), None),
            (Tongue::Floor | Tongue::Ws | Tongue::Nchan, Role::Subscriber(topic)) => {
                (format!("/sub/{}", self.topic(topic)), None)
            }
            (Tongue::Floor | Tongue::Ws, Role::Publisher) => ("/pub".to_owned(), None),
            (Tongue::SocketIo, _) => (socketio::PATH.to_owned(), None),
            (Tongue::Nats, _) => ("/".to_owned(), None),
            (Tongue::Mqtt, _) => ("/mqtt".to_owned(), Some("mqtt")),
        };
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
            self.host
        );
        if let Some(subprotocol) = subprotocol {
            request += &format!("Sec-WebSocket-Protocol: {subprotocol}\r\n");
        }
        if self.offers_deflate {
            request += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
        }
        if let (Tongue::Nexus, Some(token)) = (self.tongue, &self.token) {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        Some(request + "\r\n")
    }

    /// What is said as soon as the connection is open. Gives whether the connection is ready by that.
    pub(super) fn greet(&self, role: Role, say: &mut Vec<u8>) -> bool {
        match (self.tongue, role) {
            (Tongue::Nexus, Role::Subscriber(topic)) => {
                nexus::subscribe(&self.topic(topic), &self.params, say);
                false
            }
            (Tongue::Mqtt, role) => {
                self.names.set(self.names.get() + 1);
                let topic = match role {
                    Role::Subscriber(topic) => Some(self.topic(topic)),
                    Role::Publisher => None,
                };
                mqtt::greet(self.names.get(), topic.as_deref(), say);
                false
            }
            (Tongue::SocketIo | Tongue::Nats, _) => false,
            (Tongue::Nexus, Role::Publisher) | (Tongue::Floor | Tongue::Ws | Tongue::Nchan, _) => true,
        }
    }

    /// Takes a whole message.
    ///
    /// # Errors
    /// If it is nothing that such a server may say.
    #[inline]
    pub(super) fn hear<'a>(
        &self,
        role: Role,
        message: &'a [u8],
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'a>),
    ) -> Result<(), &'static str> {
        match self.tongue {
            Tongue::Nexus => nexus::hear(message, self.size, self.is_listening, heard),
            Tongue::Floor => floor::hear(message, self.size, heard),
            Tongue::Ws | Tongue::Nchan => ws::hear(message, self.size, heard),
            Tongue::SocketIo => socketio::hear(message, || self.subscribed_topic(role), say, heard),
            Tongue::Nats | Tongue::Mqtt => return Err("a stream is no message"),
        }
        Ok(())
    }

    /// Takes what is there of a stream; gives how much of it is done with.
    ///
    /// # Errors
    /// If it is nothing that such a server may say.
    #[inline]
    pub(super) fn hear_stream<'a>(
        &self,
        role: Role,
        bytes: &'a [u8],
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'a>),
    ) -> Result<usize, &'static str> {
        match self.tongue {
            Tongue::Nats => nats::hear(bytes, || self.subscribed_topic(role), say, heard),
            Tongue::Mqtt => mqtt::hear(bytes, role, heard),
            Tongue::Nchan => nchan::hear(bytes, heard),
            Tongue::Floor | Tongue::Nexus | Tongue::Ws | Tongue::SocketIo => Ok(bytes.len()),
        }
    }

    /// A publication, as the publisher's connection sends it.
    pub(super) fn publish(
        &self,
        topic: usize,
        stamp: Stamp,
        payload: &[u8],
        folder: &mut Folder,
        out: &mut Vec<u8>,
    ) {
        let name = self.topic(topic);
        match self.tongue {
            Tongue::Nexus => nexus::publish(&name, payload, out),
            Tongue::Floor => {
                let push = floor::push(&self.channel(topic), self.token.is_some(), stamp, payload);
                floor::publish(topic, &push, self.offers_deflate.then_some(folder), out);
            }
            Tongue::Ws => ws::publish(&name, payload, out),
            Tongue::SocketIo => socketio::publish(&name, payload, out),
            Tongue::Nats => nats::publish(&name, payload, out),
            Tongue::Mqtt => mqtt::publish(&name, payload, out),
            Tongue::Nchan => nchan::publish(&self.host, &name, payload, out),
        }
    }

    /// What is said before leaving.
    pub(super) fn leave(&self, role: Role, say: &mut Vec<u8>) {
        if self.cut(role) != Cut::Raw {
            frames::masked(frames::CLOSE, &1000_u16.to_be_bytes(), say);
        }
    }

    fn subscribed_topic(&self, role: Role) -> Option<String> {
        match role {
            Role::Subscriber(topic) => Some(self.topic(topic)),
            Role::Publisher => None,
        }
    }
}

/// The whole number that a text begins with.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |value: Option<u64>, digit| {
        let value = value.unwrap_or(0).wrapping_mul(10);
        Some(value.wrapping_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests;
