//! One question to a server and its answer, or the sentence that says why there is none.

use std::time::Duration;

use nexus_client::native::{Client, Events};
use nexus_client::{Ask, AskError, Event, LinkState, Stop};
use nexus_protocol::{ErrorCode, Refusal, Reply, Topic};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::crowd::{self, Again, Lookout, is_crowd};
use crate::failure::Failure;

/// A connection for questions. It heals by itself, within the time that an answer may take.
pub(crate) struct Asker {
    client: Client,
    server: String,
    again: Again,
}

/// Why there is no answer.
pub(crate) enum Unanswered {
    /// The server said no.
    Refused(Refusal),
    /// The server was not reached, or the answer got lost on the way.
    Because(String),
}

impl Asker {
    /// Connects. Must be called within a runtime.
    pub(crate) fn connect(connection: &Connection) -> Result<Self, Failure> {
        let (client, events) = Client::connect(connection.config()?);
        let (lookout, again) = Lookout::new(client.clone());
        watch(events, lookout);
        let server = connection.server.to_string();
        Ok(Asker {
            client,
            server,
            again,
        })
    }

    /// Connects, and is a member of a room from then on.
    pub(crate) async fn connect_to_room(
        connection: &Connection,
        room: &Topic,
        within: Duration,
    ) -> Result<Self, Failure> {
        let (client, mut events) = Client::connect(connection.config()?);
        let (lookout, again) = Lookout::new(client.clone());
        let server = connection.server.to_string();
        let asker = Asker {
            client,
            server,
            again,
        };
        // If the session has ended, there are no more events either.
        let _ = asker.client.join(room.clone()).await;
        let let_in = crowd::wait(let_in(room, &mut events, &lookout), asker.again.clone(), within);
        let let_in = timeout(within, let_in).await;
        match let_in.unwrap_or(Err(AskError::TimedOut)) {
            Ok(()) => {
                watch(events, lookout);
                Ok(asker)
            }
            Err(error) => {
                let unanswered = asker.unanswered(error, within).await;
                asker.close().await;
                Err(unanswered.into())
            }
        }
    }

    /// Asks, and waits for the answer so long.
    pub(crate) async fn ask(&self, ask: Ask, within: Duration) -> Result<Reply, Unanswered> {
        self.ask_and_watch(ask, within, |_| ()).await
    }

    /// Like [`ask`](Self::ask), and shows what comes on the way to the answer.
    pub(crate) async fn ask_and_watch(
        &self,
        ask: Ask,
        within: Duration,
        progress: impl FnMut(Reply) + Send + 'static,
    ) -> Result<Reply, Unanswered> {
        let answer = self.client.ask_and_watch(ask, within, progress);
        let answer = crowd::wait(answer, self.again.clone(), within).await;
        match answer {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.unanswered(error, within).await),
        }
    }

    /// Closes the connection, and waits until the server knows.
    pub(crate) async fn close(self) {
        self.client.close().await;
    }

    async fn unanswered(&self, error: AskError, within: Duration) -> Unanswered {
        match error {
            AskError::Refused(refusal) => Unanswered::Refused(refusal),
            error => Unanswered::Because(self.explain(&error, within).await),
        }
    }

    async fn explain(&self, error: &AskError, within: Duration) -> String {
        let state = self.client.view(|session, _| session.link_state()).await;
        match (error, state) {
            (_, Ok(LinkState::Stopped(stop))) => explain_stop(&stop),
            (AskError::TimedOut, Ok(LinkState::Waiting { trouble, .. })) if is_crowd(&trouble) => {
                crowd::SENTENCE.to_owned()
            }
            (AskError::TimedOut, Ok(LinkState::Waiting { trouble, .. })) => {
                format!(
                    "no answer from {} within {}: {trouble}; is the server there?",
                    self.server,
                    humantime::format_duration(within)
                )
            }
            (AskError::TimedOut, _) => format!(
                "no answer from {} within {}; see with `nexus check` whether it is well",
                self.server,
                humantime::format_duration(within)
            ),
            (error, _) => error.to_string(),
        }
    }
}

/// Takes what happens to a link for as long as there is one: answers come behind it.
fn watch(mut events: Events, lookout: Lookout) {
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            lookout.see(&event).await;
        }
    });
}

/// Waits until a room has let us in.
async fn let_in(room: &Topic, events: &mut Events, lookout: &Lookout) -> Result<(), AskError> {
    while let Some(event) = events.next().await {
        lookout.see(&event).await;
        match event {
            Event::Presence { topic, update } if topic == *room && update.members.is_some() => return Ok(()),
            Event::JoinRefused { refusal, .. } => return Err(AskError::Refused(refusal)),
            Event::Link(LinkState::Stopped(_)) => break,
            _ => {}
        }
    }
    Err(AskError::Stopped)
}

/// What a refusal means to someone at a terminal.
pub(crate) fn explain(refusal: &Refusal) -> String {
    match refusal.code {
        ErrorCode::AuthFailed => with_token_hint(&refusal.message),
        ErrorCode::TokenExpired => "the token has expired; make another with `nexus token`".to_owned(),
        _ => refusal.message.clone(),
    }
}

/// What the end of a connection means to someone at a terminal.
pub(crate) fn explain_stop(stop: &Stop) -> String {
    match stop {
        Stop::NeedsToken(reason) if reason.is_empty() => with_token_hint("the server wants another token"),
        Stop::NeedsToken(reason) => with_token_hint(reason),
        Stop::NeedsPerson { .. } | Stop::Ended => stop.to_string(),
    }
}

/// What is wrong with a token, or with having none, and what to do.
fn with_token_hint(message: &str) -> String {
    let message = message.trim_end_matches('.');
    if message.contains("the token is wrong") {
        return "the token is wrong: usually it was signed with another secret; `nexus token` must run with the same \
                --data-dir or NEXUS_JWT_SECRET as the server"
            .to_owned();
    }
    // That is for programs.
    let message = message.strip_suffix("; send `auth` first").unwrap_or(message);
    format!("{message}; give a token with --token-file, or make one with `nexus token`")
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Refused(refusal) => Failure::Because(explain(&refusal)),
            Unanswered::Because(sentence) => Failure::Because(sentence),
        }
    }
}

/// An answer that does not fit the question.
pub(crate) fn unfitting(reply: &Reply) -> Failure {
    let name = reply.type_name();
    Failure::Because(format!(
        "the server answered `{name}`, which does not fit the question; is it of this version?"
    ))
}
