//! One example of each message: what the golden tests hold, and what `docs/PROTOCOL.md` shows.
//!
//! Not part of the API that programs use.

mod pushes;
mod replies;
mod requests;

use crate::*;

/// Who sends a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// A client.
    Client,
    /// The server.
    Server,
}

/// A message as it stands on the wire.
#[derive(Clone, Debug)]
pub struct Example {
    /// The `type`, with a suffix where a type has several examples.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// The text of the frame.
    pub text: String,
}

/// Every example, in the order of the documentation.
pub fn all() -> Vec<Example> {
    let mut examples: Vec<Example> = requests::all()
        .into_iter()
        .map(|(name, about, request)| Example {
            name,
            about,
            sender: Sender::Client,
            text: encode_request(&id("m1"), &request),
        })
        .collect();
    examples.extend(replies::all().into_iter().map(|(name, about, reply)| Example {
        name,
        about,
        sender: Sender::Server,
        text: encode_reply(Some(&id("m1")), &reply, NOW),
    }));
    examples.extend(pushes::all().into_iter().map(|(name, about, push)| Example {
        name,
        about,
        sender: Sender::Server,
        text: encode_push(&push, NOW),
    }));
    examples
}

const NOW: Timestamp = Timestamp::EXAMPLE;

/// A value that every example is made of parses.
fn id(text: &str) -> MessageId {
    MessageId::parse(text).expect("an example id is short and printable")
}

fn parsed<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("the parts of examples are right")
}

fn position() -> Position {
    Position {
        epoch: parsed(Epoch::parse("k3v9q2ax")),
        offset: Offset(1041),
    }
}

fn btc() -> Symbol {
    parsed(Symbol::parse("BTC"))
}

fn decimal(text: &str) -> Decimal {
    parsed(Decimal::parse(text))
}

fn json(text: &str) -> Json {
    parsed(Json::parse(text))
}

fn channel(name: &str) -> ChannelName {
    parsed(ChannelName::parse(name))
}

fn member(name: &str) -> Member {
    Member {
        user: parsed(UserId::parse(name)),
        since: NOW,
    }
}

fn command_id() -> CommandId {
    parsed(CommandId::parse("c-7f3a"))
}

fn pump() -> DeviceId {
    parsed(DeviceId::parse("device-001"))
}

fn lobby() -> Topic {
    Topic::Named(channel("room:lobby"))
}
