//! Hours of subscribers who come, change their mind, block, read again and go, against what the protocol promises: without
//! a snapshot or a gap, offset, `conflated` and one more make the offset of a push, counting what passes the filters.

use std::collections::BTreeMap;

use nexus_protocol::{FeedState, Timestamp};

use super::super::*;
use super::harness::{CLASSES, Caller, Driven, World, settings, topic};
use super::model::{Counts, Past, Subscription, Wants, number_of, short};
use nexus_protocol::{ChannelStatus, Topic};
use serde_json::{Value, json};

use crate::encoded::WireText;

/// Nothing that is due takes longer; reaching it fails the test.
const DEADLINE: Duration = Duration::from_secs(20);

/// Stands for the topic of what concerns none.
const PING: usize = usize::MAX;

struct Subscriber {
    client: Caller,
    is_packed: bool,
    reads: bool,
    subscribed: BTreeMap<usize, Subscription>,
    /// What was asked, by id.
    asked: BTreeMap<String, (usize, Option<Wants>)>,
}

struct Simulation {
    world: World,
    topics: Vec<Topic>,
    pasts: Vec<Past>,
    subscribers: Vec<Option<Subscriber>>,
    counts: Counts,
    dice: fastrand::Rng,
}

impl Subscriber {
    fn hear(&mut self, topics: &[Topic], pasts: &[Past], messages: Vec<Value>, counts: &mut Counts) {
        for message in messages {
            println!("    hears {}", short(&message));
            let kind = message["type"].as_str().unwrap();
            if let Some(id) = message["id"].as_str() {
                let (at, wants) = self.asked.remove(id).unwrap();
                match kind {
                    "subscribed" => self.hear_subscribed(at, &pasts[at], wants.unwrap(), &message["payload"]),
                    "unsubscribed" => {
                        self.subscribed.remove(&at);
                    }
                    "pong" => {}
                    other => panic!("{other}: {message}"),
                }
                continue;
            }
            if kind == "connected" {
                continue;
            }
            let channel = message["channel"].as_str().unwrap_or_else(|| panic!("{message}"));
            let at = topics
                .iter()
                .position(|topic| topic.to_string() == channel)
                .unwrap();
            let subscription = self.subscribed.get_mut(&at);
            let subscription = subscription.unwrap_or_else(|| panic!("nobody asked for {message}"));
            match kind {
                "channel.status" => subscription.hear_status(&pasts[at], &message, counts),
                _ => subscription.hear_push(&pasts[at], &message, counts),
            }
        }
    }

    fn hear_subscribed(&mut self, at: usize, past: &Past, wants: Wants, answer: &Value) {
        let offset = answer["offset"].as_u64().unwrap();
        let mut new = Subscription {
            wants,
            position: offset,
            status: number_of(&answer["status"]),
            newest: BTreeMap::new(),
            since: offset,
            missing: Vec::new(),
        };
        if let Some(before) = self.subscribed.remove(&at) {
            let stands = before.position.min(offset);
            let lost = past.passing(before.wants, before.position, offset.max(before.position));
            assert_eq!(
                lost, 0,
                "it goes on from where it stands: {} {answer}",
                before.position
            );
            if before.wants.by_key == wants.by_key {
                assert!(
                    offset >= before.position || stands == offset && wants != before.wants,
                    "{answer}"
                );
            }
            new.status = new.status.max(before.status);
        }
        self.subscribed.insert(at, new);
    }
}

impl Simulation {
    async fn start(seed: u64, may_forget: bool) -> Self {
        let past = |_| Past {
            may_forget,
            ..Past::default()
        };
        let settings = settings()
            .with("outbox_bytes", 16_384)
            .with("namespaces", "room history=40")
            .with("history_publications", 40);
        let topics = vec![topic("room:a"), topic("room:b"), topic("events")];
        Simulation {
            world: World::start(settings, 2).await,
            pasts: topics.iter().map(past).collect(),
            topics,
            subscribers: (0..8).map(|_| None).collect(),
            counts: Counts::default(),
            dice: fastrand::Rng::with_seed(seed),
        }
    }

    async fn publish(&mut self, at: usize) {
        let (key, value) = (self.dice.u64(0..5), self.dice.u64(0..10));
        self.pasts[at].publications.push((key, value));
        let offset = self.pasts[at].last();
        println!("{}: {offset} is of key {key}, {value}", self.topics[at]);
        let pad = "x".repeat(self.dice.usize(0..2_000));
        let payload = json!({"n": offset, "k": key, "v": value, "pad": pad});
        assert_eq!(self.world.publish(&self.topics[at], &payload).await, offset);
    }

    async fn set_status(&mut self, at: usize) {
        let number = self.pasts[at].statuses.len();
        let last = self.pasts[at].last();
        self.pasts[at].statuses.push(last);
        println!("{}: s{number} behind {last}", self.topics[at]);
        let state = [FeedState::Live, FeedState::Stale, FeedState::Down][number % 3];
        let mut status = ChannelStatus::new(state, Timestamp::from_millis(1_700_000_000_000));
        status.reason = Some(format!("s{number}"));
        self.world.set_status(&self.topics[at], status).await;
    }

    async fn connect(&mut self, who: usize) {
        let class = CLASSES[self.dice.usize(..CLASSES.len())];
        self.subscribers[who] = Some(Subscriber {
            client: self.world.connect(who % 2, class).await,
            is_packed: class.text == WireText::Msgpack,
            reads: true,
            subscribed: BTreeMap::new(),
            asked: BTreeMap::new(),
        });
    }

    fn subscribe(&mut self, who: usize, at: usize) {
        let wants = match self.dice.u8(0..8) {
            0..=2 => (false, false, 0, 0),
            3 => (false, false, 0, 5),
            4 => (true, false, 0, 0),
            5 => (true, false, 200, 0),
            6 => (true, true, [0, 100][self.dice.usize(0..2)], 0),
            _ => (true, self.dice.bool(), 200, 5),
        };
        let (is_latest, by_key, throttle, from) = wants;
        let wants = Wants {
            is_latest,
            by_key,
            throttle,
            from,
        };
        let mode = if is_latest { "latest" } else { "every" };
        let mut payload = json!({"channel": self.topics[at].to_string(), "mode": mode});
        if throttle > 0 {
            payload["throttle"] = json!(throttle);
        }
        if by_key {
            payload["key"] = json!("k");
        }
        if from > 0 {
            payload["filters"] = json!({"v": {"gte": from}});
        }
        self.ask(who, "subscribe", &payload, at, Some(wants));
    }

    fn ask(&mut self, who: usize, kind: &str, payload: &Value, at: usize, wants: Option<Wants>) {
        let Some(subscriber) = &mut self.subscribers[who] else {
            return;
        };
        // One at a time of each topic, so that what is unsubscribed is known to be there.
        if subscriber.asked.values().any(|(asked, _)| *asked == at) {
            return;
        }
        if at != PING {
            println!("{who} asks: {kind} {payload}");
        }
        let id = subscriber.client.ask(subscriber.is_packed, kind, payload);
        subscriber.asked.insert(id, (at, wants));
    }

    fn listen(&mut self, who: usize) {
        let Some(subscriber) = &mut self.subscribers[who] else {
            return;
        };
        match subscriber.client.read() {
            Some(messages) => {
                if !messages.is_empty() {
                    println!("{who}");
                }
                subscriber.hear(&self.topics, &self.pasts, messages, &mut self.counts);
            }
            None => {
                println!("{who} is cut");
                self.counts.ends += 1;
                self.subscribers[who] = None;
            }
        }
    }

    fn listen_all(&mut self) {
        for who in 0..self.subscribers.len() {
            if self.subscribers[who].as_ref().is_some_and(|it| it.reads) {
                self.listen(who);
            }
        }
    }

    async fn act(&mut self, may_forget: bool, may_go: bool) {
        let who = self.dice.usize(..self.subscribers.len());
        let at = self.dice.usize(..self.topics.len());
        match self.dice.u8(0..100) {
            0..35 => {
                for _ in 0..self.dice.usize(1..6) {
                    self.publish(at).await;
                }
            }
            35..40 => self.set_status(at).await,
            40..50 => {
                if self.subscribers[who].is_none() {
                    self.connect(who).await;
                }
                self.subscribe(who, at);
            }
            50..53 => {
                let is_there = |it: &Subscriber| it.subscribed.contains_key(&at);
                if self.subscribers[who].as_ref().is_some_and(is_there) {
                    let payload = json!({"channel": self.topics[at].to_string()});
                    self.ask(who, "unsubscribe", &payload, at, None);
                }
            }
            53..60 => {
                if let Some(subscriber) = &mut self.subscribers[who] {
                    subscriber.reads = !subscriber.reads;
                    println!("{who} reads: {}", subscriber.reads);
                }
            }
            60 if may_go => self.subscribers[who] = None,
            61..63 => {
                let shard = self.dice.usize(0..2);
                let mailbox = self.world.shards[shard].mailbox();
                let (how, has_lost) = match may_forget && self.dice.bool() {
                    true => ("forgets", mailbox.forget_last()),
                    false => ("loses", mailbox.lose_last()),
                };
                if has_lost {
                    println!("shard {shard} {how} a publication");
                }
            }
            63..75 => tokio::time::advance(Duration::from_millis(self.dice.u64(1..150))).await,
            75..85 => self.listen_all(),
            _ => {
                let shard = self.dice.usize(0..2);
                println!("shard {shard} turns");
                self.world.shards[shard].turn();
            }
        }
    }

    /// Everybody reads, and nothing more is said.
    async fn settle(&mut self) {
        for subscriber in self.subscribers.iter_mut().flatten() {
            subscriber.reads = true;
        }
        for _ in 0..4 {
            self.drain();
            // Throttles end, and what they held back comes.
            tokio::time::advance(Duration::from_millis(201)).await;
        }
        self.drain();
    }

    /// Turns until everything that was put out has come. What the kernel holds back comes when it likes, so this waits for
    /// real.
    fn drain(&mut self) {
        let begun = std::time::Instant::now();
        let mut has_asked = false;
        loop {
            assert!(begun.elapsed() < DEADLINE, "it does not become quiet");
            self.world.turn();
            self.listen_all();
            let is_quiet = self.world.shards.iter_mut().all(Driven::is_quiet);
            if is_quiet && has_asked && self.subscribers.iter().flatten().all(|it| it.asked.is_empty()) {
                return;
            }
            if is_quiet && !has_asked {
                // The answer comes behind everything.
                (0..self.subscribers.len()).for_each(|who| self.ask(who, "ping", &Value::Null, PING, None));
                has_asked = true;
            }
            self.world.shards[0].wait();
        }
    }
}

async fn simulate(seed: u64) -> Counts {
    let (may_forget, may_go) = (seed & 1 == 0, seed & 2 == 0);
    let mut simulation = Simulation::start(seed, may_forget).await;
    for step in 0..600 {
        simulation.act(may_forget, may_go).await;
        if step % 200 == 199 {
            simulation.settle().await;
            if may_forget {
                // What was forgotten is found by what comes next.
                for at in 0..3 {
                    simulation.publish(at).await;
                }
                simulation.settle().await;
            }
            for (who, subscriber) in simulation.subscribers.iter().enumerate() {
                let Some(subscriber) = subscriber else {
                    continue;
                };
                println!("{who} has {:?}", subscriber.subscribed.keys());
                assert!(subscriber.asked.is_empty(), "every request is answered");
                for (at, subscription) in &subscriber.subscribed {
                    subscription.assert_complete(&simulation.pasts[*at]);
                }
            }
            let subscribed: usize = simulation
                .subscribers
                .iter()
                .flatten()
                .map(|it| it.subscribed.len())
                .sum();
            let members: usize = simulation
                .topics
                .iter()
                .map(|topic| simulation.world.members(topic))
                .sum();
            if members != subscribed {
                simulation.world.show_strays();
            }
            assert_eq!(members, subscribed, "when all is quiet, everybody is in step");
            simulation.counts.members += members;
        }
    }
    let metrics = &simulation.world.gateway.metrics;
    assert_eq!(metrics.panics.get(), 0);
    if !may_go && simulation.counts.ends == 0 {
        assert_eq!(
            metrics.conflated.get(),
            simulation.counts.conflated,
            "what was replaced"
        );
    }
    simulation.subscribers.clear();
    for _ in 0..3 {
        simulation.world.turn();
        tokio::time::advance(Duration::from_millis(300)).await;
    }
    simulation.world.assert_empty();
    simulation.counts
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_each_gets_what_it_wants_once_and_in_order() {
    let begin = fastrand::u64(..);
    println!("seeds from {begin}");
    let mut all = Counts::default();
    for seed in (0..6).map(|offset| begin.wrapping_add(offset)) {
        println!("seed {seed}");
        let counts = simulate(seed).await;
        println!("{counts:?}");
        all.pushes += counts.pushes;
        all.conflated += counts.conflated;
        all.snapshots += counts.snapshots;
        all.gaps += counts.gaps;
        all.statuses += counts.statuses;
        all.members += counts.members;
    }
    assert!(all.pushes > 1_000 && all.members > 30, "{all:?}");
    assert!(
        all.conflated > 0 && all.snapshots > 0 && all.gaps > 0 && all.statuses > 0,
        "{all:?}"
    );
}
