//! The operator's namespaces: what the channels `NAME:…` keep, and who may do what on them. Pure.
//!
//! Each is one line of the settings: `room history=200 age=7d durable presence publish=members subscribe=signed_in`.

mod line;

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_protocol::{ErrorCode, Refusal};

pub use crate::namespaces::line::NamespaceError;

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
    /// Whoever signed in, devices excepted.
    SignedIn,
    /// Everyone, also without a token.
    Anyone,
}

impl Namespaces {
    /// Rooms, and what the operator says of them and of others: a line each.
    ///
    /// # Errors
    /// If a line cannot be understood, or two are of one name.
    pub fn parse(lines: &[String]) -> Result<Self, NamespaceError> {
        let mut said = BTreeMap::new();
        for line in lines {
            let (name, namespace) = line::parse(line)?;
            if said.insert(name.clone(), namespace).is_some() {
                return Err(NamespaceError::twice(&name));
            }
        }
        let mut all = Namespaces::default();
        all.0.extend(said);
        Ok(all)
    }

    /// The namespace of a channel `NAME:rest`, if the operator has set it up.
    pub fn of(&self, channel: &str) -> Option<&Namespace> {
        let (name, _) = channel.split_once(':')?;
        self.0.get(name)
    }

    /// Whether there can be such a channel: it is built in, or of a namespace that is set up.
    pub fn knows(&self, channel: &str) -> bool {
        !channel.contains(':') || self.of(channel).is_some()
    }

    /// Whether a namespace can be read without a token.
    pub fn any_is_open(&self) -> bool {
        self.0
            .values()
            .any(|namespace| namespace.subscribe == Audience::Anyone)
    }

    /// The refusal of a channel that there cannot be.
    pub fn unknown(&self, channel: &str) -> Refusal {
        let name = channel.split_once(':').map_or(channel, |(name, _)| name);
        Refusal::new(
            ErrorCode::UnknownChannel,
            format!("this server has no namespace `{name}`, and so no channel `{channel}`"),
        )
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
