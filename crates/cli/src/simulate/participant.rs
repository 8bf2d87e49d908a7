//! The connection of one simulated device, bot or operator: signs its own tokens, and comes back whatever happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_client::native::{Client, Events};
use nexus_client::{Ask, AskError, Config, Event, LinkState, ServerUrl, Stop, TokenNeed, Wish};
use nexus_protocol::{ChannelName, IdempotencyKey, Json, Publish, Refusal, UserId};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::failure::Failure;
use crate::secret::Secret;
use crate::token;

/// How long a token holds; another is made in time.
const TOKEN_HOLDS: Duration = Duration::from_secs(60 * 60);
/// A server that closed the connection for good is asked again after so long: it may have been an operator who did it.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long a publish may take before it is tried again, under the same key.
const PUBLISH_WITHIN: Duration = Duration::from_secs(30);

/// What all simulated participants have in common.
pub(super) struct Stage {
    pub(super) server: ServerUrl,
    pub(super) secret: Secret,
    pub(super) seed: u64,
    /// Names this run: what it makes must not be taken for what a former run made.
    pub(super) run: String,
    /// Protects the connections that are open, by number; held for a step.
    open: Mutex<Open>,
}

/// The connections that are open, so that they can all be closed.
#[derive(Default)]
struct Open {
    clients: BTreeMap<u64, Client>,
    next: u64,
}

/// One connection, and who is on it.
pub(super) struct Participant<'a> {
    stage: &'a Stage,
    who: Claims,
    pub(super) client: Client,
    number: u64,
    events: Events,
    ask_again: Option<Instant>,
}

/// Who one is.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) user: UserId,
    pub(super) role: &'static str,
    pub(super) more: Map<String, Value>,
}

impl Stage {
    pub(super) fn new(server: ServerUrl, secret: Secret, seed: u64, run: String) -> Self {
        Stage {
            server,
            secret,
            seed,
            run,
            open: Mutex::default(),
        }
    }

    /// Closes every connection, and waits until the server knows.
    pub(super) async fn close_all(&self) {
        let clients = std::mem::take(&mut self.open().clients);
        let mut closing = JoinSet::new();
        for client in clients.into_values() {
            closing.spawn(client.close());
        }
        closing.join_all().await;
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seed of the participant of this number.
    pub(super) fn seed_of(&self, number: usize) -> u64 {
        // Neighbouring seeds make similar beginnings, so they are spread.
        (self.seed ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn token(&self, who: &Claims) -> Result<String, Failure> {
        let mut claims = token::claims(&who.user, who.role, TOKEN_HOLDS)?;
        claims.extend(who.more.clone());
        Ok(token::sign(&self.secret, &claims)?)
    }
}

impl<'a> Participant<'a> {
    pub(super) fn connect(stage: &'a Stage, who: Claims) -> Result<Self, Failure> {
        let mut config = Config::new(stage.server.clone());
        config.token = Some(stage.token(&who)?);
        let (client, events) = Client::connect(config);
        let mut open = stage.open();
        let number = open.next;
        open.next += 1;
        open.clients.insert(number, client.clone());
        Ok(Participant {
            stage,
            who,
            client,
            number,
            events,
            ask_again: None,
        })
    }

    /// The next thing that happens, the care for the connection itself left out. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            let ask_again = self.ask_again;
            let event = tokio::select! {
                event = self.events.next() => event.ok_or_else(ended)?,
                () = sleep_until(ask_again.unwrap_or_else(Instant::now)), if ask_again.is_some() => {
                    self.ask_again = None;
                    self.client.wish(Wish::ReconnectNow).await.map_err(|_| ended())?;
                    continue;
                }
            };
            match event {
                Event::TokenNeeded(TokenNeed::Refused(refusal)) => {
                    return Err(Failure::Because(format!(
                        "the server refuses the tokens that this makes ({}); give it the server's secret: --data-dir, --secret-file or NEXUS_JWT_SECRET",
                        refusal.message
                    )));
                }
                Event::TokenNeeded(TokenNeed::ExpiresIn(_) | TokenNeed::Expired) => {
                    let token = self.stage.token(&self.who)?;
                    self.client.set_token(token).await.map_err(|_| ended())?;
                }
                Event::Link(LinkState::Stopped(stop @ Stop::NeedsPerson { .. })) => {
                    say(&format!(
                        "{}: {stop}; trying again in {} s",
                        self.who.user,
                        ASK_AGAIN.as_secs()
                    ));
                    self.ask_again = Some(Instant::now() + ASK_AGAIN);
                }
                event => return Ok(event),
            }
        }
    }

    /// Only takes care of the connection, for ever.
    pub(super) async fn stay(&mut self) -> Result<(), Failure> {
        loop {
            self.next().await?;
        }
    }

    /// Closes the connection, and waits until the server knows.
    pub(super) async fn close(self) {
        self.client.clone().close().await;
    }
}

impl Drop for Participant<'_> {
    fn drop(&mut self) {
        self.stage.open().clients.remove(&self.number);
    }
}

/// Publishes, through whatever happens to the connection, once.
///
/// # Errors
/// If the server refuses it for good.
pub(super) async fn publish(client: &Client, channel: &ChannelName, data: &Value) -> Result<(), Refusal> {
    let key = IdempotencyKey::parse(&format!("sim-{:016x}", fastrand::u64(..))).ok();
    let Some(data) = Json::of(data) else {
        return Ok(());
    };
    let publish = Publish {
        channel: channel.clone(),
        data,
        idempotency_key: key,
        ack: true,
    };
    loop {
        let wait = match client.ask(Ask::Publish(publish.clone()), PUBLISH_WITHIN).await {
            Ok(_) => return Ok(()),
            Err(AskError::Refused(refusal)) if refusal.code.is_transient() => {
                Duration::from_millis(refusal.retry_after_ms.unwrap_or(1_000))
            }
            Err(AskError::Refused(refusal)) => return Err(refusal),
            Err(
                AskError::TimedOut
                | AskError::LinkLost
                | AskError::Full
                | AskError::Duplicate
                | AskError::Stopped,
            ) => Duration::from_secs(1),
        };
        sleep(wait.min(ASK_AGAIN)).await;
    }
}

/// Says what was started or happened. Nobody may listen, and that is fine.
pub(super) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn ended() -> Failure {
    Failure::Because("the client has ended".to_owned())
}
