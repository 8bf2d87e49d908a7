//! The books: from what the application was told alone, everything that was published is either had or known to be
//! lost, once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_client::{Continuity, Event, Loss, Session};
use nexus_protocol::{Mode, Position, Topic};

use crate::broker::truth;

/// What an application knows.
#[derive(Default)]
pub(crate) struct Ledger {
    topics: BTreeMap<String, Account>,
    pub(crate) losses: u64,
    pub(crate) publications: u64,
    pub(crate) recovered_told: u64,
}

struct Account {
    position: Position,
    contiguous: bool,
    // A snapshot of the very position is the beginning of everything, once.
    at_beginning: bool,
}

impl Ledger {
    /// A topic is not wanted any more; what comes for it later would be an error.
    pub(crate) fn close(&mut self, topic: &Topic) {
        self.topics.remove(&topic.to_string());
    }

    /// Where the application stands.
    pub(crate) fn position(&self, topic: &Topic) -> Option<&Position> {
        self.topics
            .get(&topic.to_string())
            .map(|account| &account.position)
    }

    /// Enters what the application was told, and checks that it fits what it was told before.
    pub(crate) fn enter(&mut self, event: &Event, session: &Session, _now: Duration) {
        match event {
            Event::Subscribed {
                topic,
                continuity,
                mode,
                throttle_ms,
            } => {
                let name = topic.to_string();
                let contiguous = *mode == Mode::Every && throttle_ms.is_none();
                let position = session
                    .position(topic)
                    .expect("a subscribed topic has a position")
                    .clone();
                match continuity {
                    Continuity::New => assert!(!self.topics.contains_key(&name), "{name} is new twice"),
                    Continuity::Recovered | Continuity::Reloaded => {
                        let had = &self.topics.get(&name).expect("something came before").position;
                        assert_eq!(had, &position, "{name} goes on from where it stood");
                    }
                }
                self.topics.insert(
                    name,
                    Account {
                        position,
                        contiguous,
                        at_beginning: true,
                    },
                );
            }
            Event::Lost { topic, loss } => {
                self.losses += 1;
                let account = self.topics.get_mut(&topic.to_string()).expect("a known topic");
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
                assert_eq!(
                    publication.payload,
                    truth(topic, &account.position.epoch, publication.offset),
                    "{topic}: what came is what was published there"
                );
                account.position.offset = publication.offset;
                account.at_beginning = false;
            }
            Event::Back(back) => self.recovered_told += back.recovered,
            Event::Link(_)
            | Event::RoundTrip(_)
            | Event::Greeted { .. }
            | Event::SignedIn { .. }
            | Event::TokenNeeded(_)
            | Event::ShuttingDown { .. }
            | Event::Status { .. }
            | Event::Refused { .. }
            | Event::JoinRefused { .. }
            | Event::Order(_)
            | Event::Presence { .. }
            | Event::Progress { .. }
            | Event::Answer { .. } => {}
        }
    }
}
