//! Which chains the node follows, as far as it was asked. Following any other would give no error, only silence.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_protocol::ChainId;

use super::node::Node;
use super::wire::answers::WireChains;
use crate::feeds::clock::{Clock, Moment};

/// How long a list holds when all chains are asked for.
const HOLDS_FOR: Duration = Duration::from_secs(10);
/// The node is asked for its chains at most so often.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Which chains the node follows.
#[derive(Debug)]
pub(crate) struct Directory {
    node: Node,
    clock: Clock,
    /// Protects what is known.
    known: Mutex<Known>,
    /// Held by whoever is asking, so that others wait for the same answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    chains: Vec<ChainId>,
    default: Option<ChainId>,
    /// When the node answered last.
    read: Option<Moment>,
    /// When it was asked last, and what was wrong with the answer.
    asked: Option<Moment>,
    trouble: Option<String>,
}

/// Whether the node follows a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It does.
    Followed,
    /// It does not.
    Unknown,
    /// The node cannot be asked: why.
    Unanswered(String),
}

impl Directory {
    pub(crate) fn new(node: Node, clock: Clock) -> Self {
        Directory {
            node,
            clock,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the node follows a chain. A chain that is not known may be new, so the node is asked again.
    pub(crate) async fn find(&self, chain: &ChainId) -> Verdict {
        if self.known().chains.contains(chain) {
            return Verdict::Followed;
        }
        self.read(AT_MOST_EVERY).await;
        let known = self.known();
        match &known.trouble {
            _ if known.chains.contains(chain) => Verdict::Followed,
            Some(trouble) => Verdict::Unanswered(trouble.clone()),
            None => Verdict::Unknown,
        }
    }

    /// All chains, and which one is the node's own default; what is known, if the node cannot be asked.
    pub(crate) async fn all(&self) -> Result<Vec<(ChainId, bool)>, String> {
        self.read(HOLDS_FOR).await;
        let known = self.known();
        match (&known.trouble, known.read) {
            (Some(trouble), None) => Err(trouble.clone()),
            (_, _) => {
                let marked = |chain: &ChainId| (chain.clone(), known.default.as_ref() == Some(chain));
                Ok(known.chains.iter().map(marked).collect())
            }
        }
    }

    /// Asks the node, unless it answered within this time or was asked a moment ago.
    async fn read(&self, holds: Duration) {
        let _turn = self.asking.lock().await;
        let is_recent =
            |at: Option<Moment>, within: Duration| at.is_some_and(|at| self.clock.now().since(at) < within);
        {
            let known = self.known();
            if is_recent(known.read, holds) || is_recent(known.asked, AT_MOST_EVERY) {
                return;
            }
        }
        let answer = self.node.chains().await;
        let now = self.clock.now();
        let mut known = self.known();
        known.asked = Some(now);
        match answer {
            Ok(WireChains { list, default }) => {
                known.chains = list.iter().filter_map(|id| ChainId::parse(id).ok()).collect();
                known.default = default.and_then(|id| ChainId::parse(&id).ok());
                known.read = Some(now);
                known.trouble = None;
            }
            Err(error) => known.trouble = Some(error.to_string()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
