//! The operator's namespaces: what the channels `NAME:…` keep, and who may do what on them. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// All namespaces, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespaces(BTreeMap<Box<str>, Namespace>);

/// What the channels of one namespace keep, and who may do what on them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// How many publications the history of a channel keeps.
    pub history: usize,
    /// How long they are kept; for as long as there is room if absent.
    pub age: Option<Duration>,
    /// Whether the history survives a restart.
    pub durable: bool,
    /// Whether people can join, and are seen.
    pub presence: bool,
    /// Whether only the latest publication counts: slow subscribers skip, new ones get the last.
    pub conflate: bool,
    /// Who may listen and read the past.
    pub subscribe: Audience,
    /// Who may publish.
    pub publish: Audience,
    /// Who may join.
    pub join: Audience,
}

/// Who may, unless a token says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Whose token says so, and administrators.
    Nobody,
    /// Operators and administrators.
    Operators,
    /// Whoever has joined the channel, and operators.
    Members,
    /// Whoever signed in.
    SignedIn,
}

impl Namespaces {
    /// The namespace of a channel `NAME:rest`, if the operator has set it up.
    pub fn of(&self, channel: &str) -> Option<&Namespace> {
        let (name, _) = channel.split_once(':')?;
        self.0.get(name)
    }
}

/// Rooms: seen members, who publish, and a history.
impl Default for Namespaces {
    fn default() -> Self {
        Namespaces(BTreeMap::from([("room".into(), Namespace::default())]))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Namespace {
            history: 200,
            age: None,
            durable: true,
            presence: true,
            conflate: false,
            subscribe: Audience::SignedIn,
            publish: Audience::Members,
            join: Audience::SignedIn,
        }
    }
}
