//! Where live data comes in: a feed is the server's link to one upstream, started by a topic's first subscriber and
//! stopped some seconds after its last. Feeds know the broker and nothing else of the server.

mod backoff;
mod clock;
mod demand;
pub mod endpoints;
pub mod hyperliquid;
pub mod linera;

use nexus_protocol::{ChainId, HistoryItem, Refusal, Timestamp, Topic, UserId};

/// All feeds of this server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    hyperliquid: Option<hyperliquid::Handle>,
    linera: Option<linera::Handle>,
}

/// How a feed is, for health, metrics and the server's page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedReport {
    /// Which upstream.
    pub name: &'static str,
    /// Whether it is a stand-in.
    pub simulated: bool,
    /// How its links are.
    pub state: LinkReport,
    /// Why it is so, where that is not plain.
    pub reason: Option<String>,
    /// Links that are open or being opened.
    pub connections: usize,
    /// Subscriptions at the upstream.
    pub subscriptions: usize,
    /// Topics that are followed for subscribers.
    pub topics: usize,
    /// When the last news came.
    pub last_message: Option<Timestamp>,
    /// What was counted since the start.
    pub counts: FeedCounts,
}

/// How the links of a feed are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkReport {
    /// Nobody wants anything.
    Idle,
    /// Being opened, or lost a moment ago.
    Connecting,
    /// Every link that is needed is open.
    Up,
    /// The upstream cannot be reached.
    Down,
}

/// What a feed counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedCounts {
    /// Frames that came.
    pub frames: u64,
    /// Frames of kinds that the feed does not know.
    pub unknown_frames: u64,
    /// Text frames that could not be read.
    pub garbled_frames: u64,
    /// Binary frames.
    pub binary_frames: u64,
    /// Frames of subscriptions that had ended or not begun.
    pub stray_frames: u64,
    /// Error frames.
    pub error_frames: u64,
    /// Books that were crossed or out of order, and not published.
    pub unsound_books: u64,
    /// Links that were opened.
    pub connects: u64,
    /// Links that were lost or given up.
    pub losses: u64,
    /// Questions over HTTP.
    pub requests: u64,
    /// Those without a usable answer.
    pub failed_requests: u64,
    /// Gaps that were declared.
    pub gaps: u64,
    /// Subscriptions that were set apart because a link died of them.
    pub quarantined: u64,
    /// Publications that the broker did not take.
    pub unpublished: u64,
}

impl Feeds {
    /// A server without feeds.
    pub fn none() -> Self {
        Feeds::default()
    }

    /// With the feed of the exchange.
    #[must_use]
    pub fn with_hyperliquid(mut self, handle: hyperliquid::Handle) -> Self {
        self.hyperliquid = Some(handle);
        self
    }

    /// With the feed of the chain node.
    #[must_use]
    pub fn with_linera(mut self, handle: linera::Handle) -> Self {
        self.linera = Some(handle);
        self
    }

    /// Binds a user to the address at the exchange that their token names. Must be said before their topics are checked.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if it is no address, or the user is being followed at another one.
    pub fn bind(&self, user: &UserId, address: &str) -> Result<(), Refusal> {
        match &self.hyperliquid {
            Some(handle) => handle.bind(user, address),
            None => Ok(()),
        }
    }

    /// Whether some feed serves topics of this channel.
    pub fn serves(&self, topic: &Topic) -> bool {
        self.of(topic).is_some() || self.chain_of(topic).is_some()
    }

    /// The chains that can be followed, and which of them is the node's own default; none without a node.
    ///
    /// # Errors
    /// `UPSTREAM_DOWN` while that cannot be found out.
    pub async fn chains(&self) -> Result<Vec<(ChainId, bool)>, Refusal> {
        match &self.linera {
            Some(handle) => handle.chains().await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether the upstream has what the topic names. Must be asked before a seat is taken: an upstream may drop its
    /// link for a name that it does not have.
    ///
    /// # Errors
    /// `INVALID_PARAMS` naming what is unknown, or `UPSTREAM_DOWN` while that cannot be found out.
    pub async fn check(&self, topic: &Topic) -> Result<(), Refusal> {
        if let Some((handle, chain)) = self.chain_of(topic) {
            return handle.check(chain).await;
        }
        match self.of(topic) {
            Some(handle) => handle.check(topic).await,
            None => Ok(()),
        }
    }

    /// A topic got its first subscriber. Never blocks.
    pub fn want(&self, topic: &Topic) {
        if let Some(handle) = self.of(topic) {
            handle.want(topic);
        }
        if let Some((handle, _)) = self.chain_of(topic) {
            handle.want(topic);
        }
    }

    /// A topic lost its last subscriber. Never blocks.
    pub fn unwant(&self, topic: &Topic) {
        if let Some(handle) = self.of(topic) {
            handle.unwant(topic);
        }
        if let Some((handle, _)) = self.chain_of(topic) {
            handle.unwant(topic);
        }
    }

    /// What the upstream's archive has before a time: at most `limit` items, those nearest to it, oldest first. For
    /// `candles` an item is one bar, as a publication of the channel that holds only it; its time is when it opened.
    ///
    /// # Errors
    /// `INVALID_PARAMS` for a channel without archive, or `UPSTREAM_DOWN`.
    pub async fn older(
        &self,
        topic: &Topic,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryItem>, Refusal> {
        match self.of(topic) {
            Some(handle) => handle.older(topic, before, limit).await,
            None => Ok(Vec::new()),
        }
    }

    /// How each feed is.
    pub fn report(&self) -> Vec<FeedReport> {
        let market = self.hyperliquid.iter().map(hyperliquid::Handle::report);
        let chains = self.linera.iter().map(linera::Handle::report);
        market.chain(chains).collect()
    }

    fn chain_of<'a>(&'a self, topic: &'a Topic) -> Option<(&'a linera::Handle, &'a ChainId)> {
        match (topic, &self.linera) {
            (Topic::Chain(chain), Some(handle)) => Some((handle, chain)),
            _ => None,
        }
    }

    fn of(&self, topic: &Topic) -> Option<&hyperliquid::Handle> {
        let is_of_exchange = match topic {
            Topic::Prices(_)
            | Topic::OrderBook(..)
            | Topic::Trades(_)
            | Topic::Candles(..)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::AccountUpdates(_) => true,
            Topic::Telemetry
            | Topic::Commands
            | Topic::Tasks
            | Topic::Ai
            | Topic::Events
            | Topic::Chain(_)
            | Topic::System
            | Topic::Named(_) => false,
        };
        self.hyperliquid.as_ref().filter(|_| is_of_exchange)
    }
}
