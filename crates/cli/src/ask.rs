//! One question to a server and its answer, or the sentence that says why there is none.

use std::time::Duration;

use nexus_client::native::Client;
use nexus_client::{Ask, AskError, Event, LinkState, Stop};
use nexus_protocol::{ErrorCode, Refusal, Reply, Topic};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::failure::Failure;

/// A connection for questions. It heals by itself, within the time that an answer may take.
pub(crate) struct Asker {
    client: Client,
    server: String,
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
        let config = connection.config()?;
        // What happens to the link matters only where an answer is missing, and is looked up then.
        let (client, _) = Client::connect(config);
        let server = connection.server.to_string();
        Ok(Asker { client, server })
    }

    /// Connects, and is a member of a room from then on.
    pub(crate) async fn connect_to_room(
        connection: &Connection,
        room: &Topic,
        within: Duration,
    ) -> Result<Self, Failure> {
        let (client, mut events) = Client::connect(connection.config()?);
        let server = connection.server.to_string();
        let asker = Asker { client, server };
        // If the session has ended, there are no more events either.
        let _ = asker.client.join(room.clone()).await;
        let let_in = async {
            while let Some(event) = events.next().await {
                match event {
                    Event::Presence { topic, update } if topic == *room && update.members.is_some() => {
                        return Ok(());
                    }
                    Event::JoinRefused { refusal, .. } => return Err(Unanswered::Refused(refusal)),
                    Event::Link(LinkState::Stopped(_)) => break,
                    _ => {}
                }
            }
            Err(Unanswered::Because(
                asker.explain(&AskError::Stopped, within).await,
            ))
        };
        let let_in = match timeout(within, let_in).await {
            Ok(let_in) => let_in,
            Err(_) => Err(Unanswered::Because(
                asker.explain(&AskError::TimedOut, within).await,
            )),
        };
        match let_in {
            Ok(()) => Ok(asker),
            Err(unanswered) => {
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
        match self.client.ask_and_watch(ask, within, progress).await {
            Ok(reply) => Ok(reply),
            Err(AskError::Refused(refusal)) => Err(Unanswered::Refused(refusal)),
            Err(error) => Err(Unanswered::Because(self.explain(&error, within).await)),
        }
    }

    /// Closes the connection, and waits until the server knows.
    pub(crate) async fn close(self) {
        self.client.close().await;
    }

    async fn explain(&self, error: &AskError, within: Duration) -> String {
        let state = self.client.view(|session, _| session.link_state()).await;
        match (error, state) {
            (_, Ok(LinkState::Stopped(stop @ Stop::NeedsToken(_)))) => {
                format!("{stop}; give one with --token-file (see `nexus token`)")
            }
            (_, Ok(LinkState::Stopped(stop))) => stop.to_string(),
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

/// What a refusal means to someone at a terminal.
pub(crate) fn explain(refusal: &Refusal) -> String {
    match refusal.code {
        ErrorCode::AuthFailed => format!(
            "{}; give a token with --token-file (see `nexus token`)",
            refusal.message.trim_end_matches('.')
        ),
        ErrorCode::TokenExpired => "the token has expired; make another with `nexus token`".to_owned(),
        _ => refusal.message.clone(),
    }
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
