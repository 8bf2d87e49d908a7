//! Two simulated people who chat in a room: they type, answer each other, leave and come back.

use std::time::Duration;

use fastrand::Rng;
use nexus_client::native::Client;
use nexus_client::{Ask, Event};
use nexus_protocol::{ChannelName, Params, Topic, Typing, UserId};
use serde_json::{Map, json};
use tokio::time::sleep;

use crate::failure::Failure;
use crate::simulate::participant::{Claims, Participant, Stage, publish, say};

/// Who they are. No one can take them for people.
const BOTS: [&str; 2] = ["bot-ada", "bot-bo"];
/// What they talk about; they speak in turn.
const TALKS: [&[&str]; 5] = [
    &[
        "Good morning! Is the pump still humming?",
        "A little. The vibration chart is flat, so I left it alone.",
        "Fine with me. I'll look again tonight.",
    ],
    &[
        "Did the nightly backup go through?",
        "Yes, at the second try.",
        "What was it the first time?",
        "The disk was full. I pruned the copies of last year.",
    ],
    &[
        "I set the greenhouse to 22 degrees.",
        "Too warm for the lettuce, I'd say.",
        "Then 20. You know the lettuce better than I do.",
    ],
    &[
        "Have you seen the rollout? Two devices did not come back.",
        "I rebooted one of them, it is back.",
        "And the other?",
        "Somebody has to walk there, I am afraid.",
        "My turn, I'll take the bicycle.",
    ],
    &["Lunch?", "Give me five minutes.", "Always five minutes!"],
];
/// How long to wait for a bot to be let in before its line is left out.
const LET_IN_WITHIN: Duration = Duration::from_secs(20);

/// Chats in the room of this name until it is dropped.
pub(super) async fn run(stage: &Stage, room: &str) -> Result<(), Failure> {
    let (channel, topic) = topic_of(room)?;
    let mut bots = Vec::new();
    for name in BOTS {
        let who = Claims {
            user: UserId::parse(name).map_err(anyhow::Error::from)?,
            role: "viewer",
            more: Map::new(),
        };
        let participant = Participant::connect(stage, who)?;
        // The only wishes of a session that has just begun; it cannot have ended.
        let _ = participant.client.join(topic.clone()).await;
        bots.push(participant);
    }
    let [ada, bo] = &mut bots[..] else {
        return Err(Failure::Because("there are two bots".to_owned()));
    };
    let talk = Talk {
        clients: [ada.client.clone(), bo.client.clone()],
        room: room.to_owned(),
        channel,
        topic,
        rng: Rng::with_seed(stage.seed_of(2_000_000)),
    };
    tokio::select! {
        failure = attend(ada) => failure,
        failure = attend(bo) => failure,
        () = talk.go_on() => Ok(()),
    }
}

/// The channel and the topic of a room.
pub(super) fn topic_of(room: &str) -> Result<(ChannelName, Topic), Failure> {
    let channel = ChannelName::parse(&format!("room:{room}"))
        .map_err(|error| Failure::Nonsense(format!("--room {room}: {error}")))?;
    let selected = Topic::parse(&channel, Params::default());
    let selected = selected.map_err(|error| Failure::Nonsense(format!("--room {room}: {error}")))?;
    Ok((channel, selected.topic))
}

/// Takes what comes to a bot, and says if it is not let in.
async fn attend(bot: &mut Participant<'_>) -> Result<(), Failure> {
    loop {
        if let Event::JoinRefused { topic, refusal, .. } = bot.next().await? {
            say(&format!("{topic}: {}", refusal.message));
        }
    }
}

struct Talk {
    clients: [Client; 2],
    room: String,
    channel: ChannelName,
    topic: Topic,
    rng: Rng,
}

impl Talk {
    async fn go_on(mut self) {
        loop {
            let talk = TALKS[self.rng.usize(..TALKS.len())];
            let first = self.rng.usize(..2);
            for (number, line) in talk.iter().enumerate() {
                self.speak((first + number) % 2, line).await;
            }
            self.pause(3_000..12_000).await;
            if self.rng.u32(..3) == 0 {
                self.go_out().await;
            }
        }
    }

    /// Types for as long as that takes, and says it.
    async fn speak(&mut self, who: usize, line: &str) {
        if !self.is_let_in(who).await {
            return;
        }
        let client = self.clients[who].clone();
        self.pause(800..2_500).await;
        let typing = |typing| {
            let room = self.room.clone();
            client.ask(Ask::Typing(Typing { room, typing }), Duration::from_secs(5))
        };
        // That nobody sees it is no reason not to speak.
        let _ = typing(true).await;
        sleep(Duration::from_millis(400 + 45 * line.len() as u64)).await;
        let message = json!({ "text": line, "simulated": true });
        if let Err(refusal) = publish(&client, &self.channel, &message).await {
            say(&format!("{}: {}", self.channel, refusal.message));
            let _ = typing(false).await;
            sleep(Duration::from_secs(10)).await;
        }
    }

    /// One of them is gone for a while.
    async fn go_out(&mut self) {
        let client = self.clients[self.rng.usize(..2)].clone();
        if client.leave(self.topic.clone()).await.is_ok() {
            self.pause(6_000..15_000).await;
            // The session ends only with the whole simulation.
            let _ = client.join(self.topic.clone()).await;
        }
    }

    async fn is_let_in(&self, who: usize) -> bool {
        let asked_every = Duration::from_millis(250);
        for _ in 0..LET_IN_WITHIN.as_millis() / asked_every.as_millis() {
            let topic = self.topic.clone();
            let view = self.clients[who].view(move |session, _| session.is_member(&topic));
            match view.await {
                Ok(true) => return true,
                Ok(false) => sleep(asked_every).await,
                Err(_) => return false,
            }
        }
        false
    }

    async fn pause(&mut self, millis: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.rng.u64(millis))).await;
    }
}
