//! What an application may want of its session.

use std::time::Duration;

use nexus_protocol::{
    Command, CommandReceived, CommandResult, History, Publish, Request, Subscribe, Target, Telemetry, Topic,
    Typing,
};

/// What an application wants. Handed in with [`Session::handle_wish`](crate::Session::handle_wish).
#[derive(Clone, PartialEq)]
pub enum Wish {
    /// Be subscribed to a topic, through every reconnect. Again with other options: change them. Again with the same:
    /// nothing, unless it was refused; then it is tried again.
    ///
    /// `recover` and `since` count only while the session has no position of its own on the topic.
    Subscribe(Subscribe),
    /// Be subscribed no longer. A room that is joined stays subscribed until it is left.
    Unsubscribe(Topic),
    /// Be a member of a room (`room:NAME`, or another channel with a colon), through every reconnect, and get what is said in it: a topic that is not
    /// subscribed is subscribed for as long as one is a member. Again: nothing, unless it was refused; then it is
    /// tried again.
    ///
    /// Who is there comes as [`Event::Presence`](crate::Event::Presence): the whole list each time that the room was
    /// entered, then what changes. From the loss of a link until the next whole list, who is there is not known.
    Join(Topic),
    /// Be a member of a room no longer.
    Leave(Topic),
    /// One question, one answer: [`Event::Answer`](crate::Event::Answer) with the same id.
    Ask {
        /// Chosen by the application; must differ from those that are still open.
        id: AskId,
        /// The question.
        ask: Ask,
        /// How long the answer may take, waiting for a link included.
        within: Duration,
    },
    /// No answer is wanted any more.
    Forget(AskId),
    /// Sign in with this token from now on; on an open link without reconnecting.
    SetToken(String),
    /// Be anonymous from now on. Reconnects, because a link that signed in stays so.
    SignOut,
    /// Nobody is looking (the page is hidden): attempts to reconnect wait.
    Hidden,
    /// Someone is looking again: reconnect at once, or see whether the link is alive.
    Shown,
    /// The machine has no network: attempts to reconnect wait, unless the server is on this machine.
    Offline,
    /// The machine has a network again: reconnect at once, or see whether the link is alive.
    Online,
    /// A person does not want to wait, or has changed what the session stopped for.
    ReconnectNow,
    /// The end: close the link and do nothing more, whatever comes.
    End,
}

/// A question that has one answer. Subscribing, signing in and pinging are not asked: the session sees to them.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// What was published before. Asked again if the link breaks.
    History(History),
    /// Who is on a channel. Asked again if the link breaks.
    Presence(Target),
    /// Publish something; the `ack` is the answer, so it is wanted in any case. If the link breaks, asked again only with an
    /// idempotency key.
    Publish(Publish),
    /// Report what a device measured.
    Telemetry(Telemetry),
    /// Order a device to do something; what it does on the way comes as
    /// [`Event::Progress`](crate::Event::Progress). If the link breaks, asked again only with an idempotency key.
    Command(Command),
    /// Say that a command has arrived.
    CommandReceived(CommandReceived),
    /// Say what became of a command.
    CommandResult(CommandResult),
    /// Show the others in a room that one is typing.
    Typing(Typing),
}

/// Names an ask, so that its answer can be told apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId(pub u64);

impl Ask {
    /// Whether asking twice is as good as asking once.
    pub(crate) fn may_repeat(&self) -> bool {
        match self {
            Ask::History(_) | Ask::Presence(_) => true,
            Ask::Publish(publish) => publish.idempotency_key.is_some(),
            Ask::Command(command) => command.idempotency_key.is_some(),
            // The id of the command makes a second result a repeat.
            Ask::CommandReceived(_) | Ask::CommandResult(_) => true,
            Ask::Telemetry(_) | Ask::Typing(_) => false,
        }
    }
}

impl From<Ask> for Request {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::History(history) => Request::History(history),
            Ask::Presence(target) => Request::Presence(target),
            Ask::Publish(publish) => Request::Publish(Publish { ack: true, ..publish }),
            Ask::Telemetry(telemetry) => Request::Telemetry(telemetry),
            Ask::Command(command) => Request::Command(command),
            Ask::CommandReceived(received) => Request::CommandReceived(received),
            Ask::CommandResult(result) => Request::CommandResult(result),
            Ask::Typing(typing) => Request::Typing(typing),
        }
    }
}

/// A token must not reach a log.
impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Subscribe(subscribe) => f.debug_tuple("Subscribe").field(subscribe).finish(),
            Wish::Unsubscribe(topic) => f.debug_tuple("Unsubscribe").field(topic).finish(),
            Wish::Join(topic) => f.debug_tuple("Join").field(topic).finish(),
            Wish::Leave(topic) => f.debug_tuple("Leave").field(topic).finish(),
            Wish::Ask { id, ask, within } => f
                .debug_struct("Ask")
                .field("id", id)
                .field("ask", ask)
                .field("within", within)
                .finish(),
            Wish::Forget(id) => f.debug_tuple("Forget").field(id).finish(),
            Wish::SetToken(_) => f.write_str("SetToken(..)"),
            Wish::SignOut => f.write_str("SignOut"),
            Wish::Hidden => f.write_str("Hidden"),
            Wish::Shown => f.write_str("Shown"),
            Wish::Offline => f.write_str("Offline"),
            Wish::Online => f.write_str("Online"),
            Wish::ReconnectNow => f.write_str("ReconnectNow"),
            Wish::End => f.write_str("End"),
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Json};

    use super::*;

    #[test]
    fn what_is_asked_is_answered() {
        let publish = Publish {
            channel: ChannelName::parse("room:a").unwrap(),
            data: Json::parse("1").unwrap(),
            idempotency_key: None,
            ack: false,
        };
        let Request::Publish(publish) = Ask::Publish(publish).into() else {
            panic!("another request");
        };
        assert!(publish.ack);
    }
}
