//! What the embedded broker keeps of each topic, and how long.

use std::time::Duration;

use nexus_protocol::{Mode, Topic};

use crate::broker::keys::KeepKeys;
use crate::history::Keep;
use crate::namespaces::Namespaces;

/// How much the embedded broker keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokerLimits {
    /// The most topics that there may be at a time.
    pub topics: usize,
    /// What the history of one topic keeps.
    pub history: Keep,
    /// How many publications of each device are kept for `history`.
    pub telemetry_history: usize,
    /// The most bytes that all histories hold together.
    pub total_bytes: usize,
    /// How many publications a new subscriber of an `every` topic gets.
    pub replay: usize,
    /// A topic that nobody listens to and nothing was published on for so long is forgotten.
    pub forget_after: Duration,
}

/// What is kept of one topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// What its history keeps.
    pub keep: Keep,
    /// What it keeps by key, where it is published by keys.
    pub keys: KeepKeys,
    /// The field of the payload that is the key, where the past of each key is kept.
    pub key_field: Option<&'static str>,
    /// How long a publication is kept; as long as there is room if absent.
    pub age: Option<Duration>,
    /// Whether it survives a restart.
    pub durable: bool,
    /// The mode of who does not ask for one.
    pub mode: Mode,
}

/// Where only the latest counts, a short history is enough: behind it, a snapshot is the better thing to send.
const LATEST_KEEPS: usize = 100;

/// The most keys of one topic.
const MOST_KEYS: usize = 10_000;

/// The most bytes that one topic keeps by key.
const MOST_KEY_BYTES: usize = 64 << 20;

impl Default for BrokerLimits {
    fn default() -> Self {
        BrokerLimits {
            topics: 10_000,
            history: Keep {
                publications: 1_000,
                bytes: 1 << 20,
            },
            telemetry_history: 500,
            total_bytes: 256 << 20,
            replay: 200,
            forget_after: Duration::from_secs(300),
        }
    }
}

/// So many steps of each command are kept, however many other commands there were since: enough for a life with some
/// interruptions.
const STEPS_KEPT: usize = 24;

impl BrokerLimits {
    /// Before how many other topics there may be, this one may come. Whoever makes rooms without end must not keep
    /// others from the protocol's own channels: those without params always have a place, and the operator's namespaces
    /// leave a quarter to those with params.
    pub(super) fn most_before(&self, topic: &Topic) -> usize {
        match topic {
            Topic::Telemetry | Topic::Commands | Topic::Tasks | Topic::Ai | Topic::Events | Topic::System => {
                usize::MAX
            }
            Topic::Named(_) => self.topics - self.topics / 4,
            Topic::Prices(_)
            | Topic::OrderBook(..)
            | Topic::Trades(_)
            | Topic::Candles(..)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::AccountUpdates(_)
            | Topic::Chain(_) => self.topics,
        }
    }

    /// What is kept of a topic.
    pub fn rules(&self, topic: &Topic, namespaces: &Namespaces) -> Rules {
        let (each, key_field) = match topic {
            Topic::Telemetry => (self.telemetry_history.max(1), Some("device_id")),
            // The audit trail of one command must outlive what others do meanwhile.
            Topic::Commands => (STEPS_KEPT, Some("command_id")),
            _ => (1, None),
        };
        let plain = Rules {
            keep: self.history,
            keys: KeepKeys {
                keys: MOST_KEYS,
                bytes: MOST_KEY_BYTES,
                each,
            },
            key_field,
            age: None,
            durable: false,
            mode: topic.default_mode(),
        };
        match topic {
            Topic::Telemetry | Topic::Commands | Topic::Tasks | Topic::Ai | Topic::Events => Rules {
                durable: true,
                ..plain
            },
            Topic::Prices(_) | Topic::OrderBook(..) | Topic::Candles(..) | Topic::AccountUpdates(_) => {
                Rules {
                    keep: Keep {
                        publications: self.history.publications.min(LATEST_KEEPS),
                        ..self.history
                    },
                    ..plain
                }
            }
            Topic::Trades(_)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::Chain(_)
            | Topic::System => plain,
            Topic::Named(name) => match namespaces.of(name.as_str()) {
                None => plain,
                Some(namespace) => Rules {
                    keep: Keep {
                        publications: namespace.history,
                        ..self.history
                    },
                    age: namespace.age,
                    durable: namespace.durable,
                    mode: if namespace.conflate {
                        Mode::Latest
                    } else {
                        Mode::Every
                    },
                    ..plain
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params};

    use super::*;

    #[test]
    fn each_topic_has_the_rules_of_its_kind() {
        let rules = |name: &str| {
            let topic = Topic::parse(&ChannelName::parse(name).unwrap(), Params::default());
            BrokerLimits::default().rules(&topic.unwrap().topic, &Namespaces::default())
        };
        for (name, durable, publications, each, mode) in [
            ("telemetry", true, 1_000, 500, Mode::Every),
            ("commands", true, 1_000, STEPS_KEPT, Mode::Every),
            ("events", true, 1_000, 1, Mode::Every),
            ("system", false, 1_000, 1, Mode::Every),
            ("prices", false, 100, 1, Mode::Latest),
            ("room:a", true, 200, 1, Mode::Every),
            ("nowhere:a", false, 1_000, 1, Mode::Every),
        ] {
            let rules = rules(name);
            assert_eq!(
                (
                    rules.durable,
                    rules.keep.publications,
                    rules.keys.each,
                    rules.mode
                ),
                (durable, publications, each, mode),
                "{name}"
            );
        }
    }
}
