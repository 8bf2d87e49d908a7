//! The books: from what the application was told alone, everything that was published is either had or known to be
//! lost, once and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_client::{Continuity, Event, LinkState, Loss, Session};
use nexus_protocol::{Mode, Offset, Position, Topic};

use crate::broker::{KEYS, root, truth};

/// What an application knows.
#[derive(Default)]
pub(crate) struct Ledger {
    topics: BTreeMap<String, Account>,
    /// By room, while that is known: who is there.
    pub(crate) people: BTreeMap<String, BTreeSet<String>>,
    pub(crate) entered: u64,
    pub(crate) snapshots: u64,
    pub(crate) continued: u64,
    pub(crate) losses: u64,
    pub(crate) publications: u64,
    pub(crate) recovered_told: u64,
}

struct Account {
    position: Position,
    contiguous: bool,
    // A snapshot of the very position is the beginning of everything, once.
    at_beginning: bool,
    // Of a topic with keys: the newest of each key, as far as it is known.
    standing: BTreeMap<u64, Offset>,
}

impl Ledger {
    /// A topic is not wanted any more; what comes for it later would be an error.
    pub(crate) fn close(&mut self, topic: &Topic) {
        self.topics.remove(&topic.to_string());
        self.people.remove(&topic.to_string());
    }

    /// Where the application stands.
    pub(crate) fn position(&self, topic: &Topic) -> Option<&Position> {
        self.topics
            .get(&topic.to_string())
            .map(|account| &account.position)
    }

    /// The newest of each key, as far as that is known.
    pub(crate) fn standing(&self, topic: &Topic) -> Option<&BTreeMap<u64, Offset>> {
        self.topics
            .get(&topic.to_string())
            .map(|account| &account.standing)
    }

    /// Enters what the application was told, and checks that it fits what it was told before.
    pub(crate) fn enter(&mut self, event: &Event, session: &Session, _now: Duration) {
        match event {
            Event::Subscribed {
                topic,
                continuity,
                mode,
                throttle_ms,
                ..
            } => {
                let name = topic.to_string();
                let contiguous = *mode == Mode::Every && throttle_ms.is_none();
                let position = session
                    .position(topic)
                    .expect("a subscribed topic has a position")
                    .clone();
                match continuity {
                    Continuity::New => assert!(!self.topics.contains_key(&name), "{name} is new twice"),
                    Continuity::Reloaded => {
                        let had = &self.topics.get(&name).expect("something came before").position;
                        assert_eq!(had, &position, "{name} goes on from where it stood");
                    }
                    Continuity::Recovered => {
                        let had = &self.topics.get(&name).expect("something came before").position;
                        let (old, new) = (root(&had.epoch), root(&position.epoch));
                        assert_eq!(old, new, "{name} goes on in the order of before");
                        assert_eq!(had.offset, position.offset, "{name} goes on from where it stood");
                        self.continued += u64::from(had.epoch != position.epoch);
                    }
                }
                let known = self
                    .topics
                    .remove(&name)
                    .filter(|_| *continuity == Continuity::Recovered);
                self.topics.insert(
                    name,
                    Account {
                        position,
                        contiguous,
                        at_beginning: true,
                        // A beginning that was cut off is told again from its start.
                        standing: known
                            .filter(|account| !account.at_beginning)
                            .map(|account| account.standing)
                            .unwrap_or_default(),
                    },
                );
            }
            Event::Lost { topic, loss } => {
                self.losses += 1;
                let account = self.topics.get_mut(&topic.to_string()).expect("a known topic");
                account.standing.clear();
                match loss {
                    Loss::Range { after, upto } => {
                        assert_eq!(after, &account.position, "{topic}: lost from where it stood");
                        assert!(*upto > after.offset);
                        account.position.offset = *upto;
                    }
                    Loss::NewOrder { after, now } => {
                        assert_eq!(after, &account.position, "{topic}: lost from where it stood");
                        account.position = now.clone();
                    }
                    Loss::Source { .. } => {}
                }
            }
            Event::Publication {
                publication,
                conflated,
            } => {
                self.publications += 1;
                let topic = &publication.topic;
                let account = self.topics.get_mut(&topic.to_string()).expect("a known topic");
                let had = account.position.offset;
                let beginning = publication.snapshot && account.at_beginning && publication.offset == had;
                if !beginning {
                    assert_eq!(
                        publication.offset.0,
                        had.0 + conflated + 1,
                        "{topic}: once, in order, nothing left out untold"
                    );
                }
                assert!(
                    *conflated == 0 || publication.snapshot || !account.contiguous,
                    "{topic}: nothing may be conflated here"
                );
                let is_truth =
                    |at: u64| publication.payload == truth(topic, &account.position.epoch, Offset(at));
                account.position.offset = publication.offset;
                account.at_beginning = false;
                if !topic.has_keys() {
                    assert!(
                        is_truth(publication.offset.0),
                        "{topic}: what came is what was published there"
                    );
                    return;
                }
                // A snapshot stands for the newest of its key.
                let back = if publication.snapshot { KEYS } else { 1 };
                let at = (0..back)
                    .filter_map(|back| publication.offset.0.checked_sub(back))
                    .find(|at| is_truth(*at))
                    .expect("what came is what was published there, or stands for it");
                let before = account.standing.insert(at % KEYS, Offset(at));
                assert!(before < Some(Offset(at)), "{topic}: each key comes once");
                account.at_beginning = publication.snapshot;
                self.snapshots += u64::from(publication.snapshot);
            }
            Event::Presence { topic, update } => {
                let name = topic.to_string();
                if update.members.is_some() {
                    self.entered += 1;
                    self.people.insert(name.clone(), BTreeSet::new());
                    assert!(session.is_member(topic), "{name}: one is there oneself");
                }
                // Of a room that was not entered on this link, nothing is known that could change.
                if let Some(people) = self.people.get_mut(&name) {
                    let came = update.members.iter().flatten().chain(&update.joined);
                    people.extend(came.map(|member| member.user.to_string()));
                    for member in &update.left {
                        people.remove(member.user.as_str());
                    }
                }
            }
            Event::JoinRefused { topic, .. } => {
                self.people.remove(&topic.to_string());
            }
            Event::Link(LinkState::Resyncing | LinkState::Live) => {}
            // From now on, who is there is not known.
            Event::Link(_) => self.people.clear(),
            Event::Back(back) => self.recovered_told += back.recovered,
            Event::RoundTrip(_)
            | Event::Greeted { .. }
            | Event::SignedIn { .. }
            | Event::TokenNeeded(_)
            | Event::ShuttingDown { .. }
            | Event::Status { .. }
            | Event::Refused { .. }
            | Event::Order(_)
            | Event::Progress { .. }
            | Event::Answer { .. } => {}
        }
    }
}
