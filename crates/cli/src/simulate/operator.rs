//! The simulated operator: one connection that publishes tasks, text streams and events.

use std::convert::Infallible;

use fastrand::Rng;
use nexus_client::native::Client;
use nexus_protocol::{ChannelName, Refusal, UserId};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::failure::Failure;
use crate::simulate::participant::{Claims, Participant, Stage, publish, say};
use crate::simulate::{ai, events, tasks};

/// Tasks that are worked on at a time.
const WORKERS: usize = 3;
/// Texts that are typed at a time.
const WRITERS: usize = 2;
/// Text streams are many small messages; the default of a client is not enough for them.
const MESSAGES_PER_MINUTE: u32 = 6_000;
/// After a refusal for good, what is refused is tried again after so long: someone may have changed the settings.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// What is to be published.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) tasks: bool,
    pub(super) ai: bool,
    pub(super) events: bool,
}

/// Publishes until it is dropped.
pub(super) async fn run(stage: &Stage, wanted: Wanted) -> Result<(), Failure> {
    let mut more = Map::new();
    more.insert("messages_per_minute".to_owned(), MESSAGES_PER_MINUTE.into());
    let who = Claims {
        user: UserId::parse("simulator").map_err(anyhow::Error::from)?,
        role: "operator",
        more,
    };
    let mut participant = Participant::connect(stage, who)?;
    // Dropped with this future, it ends them all.
    let mut sources = JoinSet::new();
    let mut start = |name: &'static str, number: usize, make: Make| {
        let source = Source {
            client: participant.client.clone(),
            channel: ChannelName::parse(name).expect("a channel of the protocol"),
            rng: Rng::with_seed(stage.seed_of(1_000_000 + number)),
            name: format!("{}-{number}", stage.run),
        };
        sources.spawn(source.run(make));
    };
    for number in 0..if wanted.tasks { WORKERS } else { 0 } {
        start("tasks", number, |id, rng| {
            (tasks::script(id, rng), tasks::pause(rng))
        });
    }
    for number in 0..if wanted.ai { WRITERS } else { 0 } {
        start("ai", WORKERS + number, |id, rng| {
            (ai::script(id, rng), ai::pause(rng))
        });
    }
    if wanted.events {
        start("events", WORKERS + WRITERS, |_, rng| {
            (vec![events::next(rng)], Duration::ZERO)
        });
    }
    participant.stay().await
}

/// Makes all messages of one thing of this id, each with the time before it, and the pause behind them all.
type Make = fn(&str, &mut Rng) -> (Vec<(Duration, Value)>, Duration);

/// Publishes one thing after the other on one channel.
struct Source {
    client: Client,
    channel: ChannelName,
    rng: Rng,
    name: String,
}

impl Source {
    async fn run(mut self, make: Make) -> Infallible {
        for number in 0_u64.. {
            let id = format!("{}-{}-{number}", self.channel, self.name);
            let (script, pause) = make(&id, &mut self.rng);
            if let Err(refusal) = self.play(script).await {
                say(&format!("{}: {}", self.channel, refusal.message));
                sleep(AFTER_REFUSAL).await;
            }
            sleep(pause).await;
        }
        unreachable!("numbers go on for longer than any process")
    }

    async fn play(&self, script: Vec<(Duration, Value)>) -> Result<(), Refusal> {
        for (wait, message) in script {
            sleep(wait).await;
            publish(&self.client, &self.channel, &message).await?;
        }
        Ok(())
    }
}
