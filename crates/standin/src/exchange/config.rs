//! What a stand-in exchange is started with: its market, its clock, its limits.

/// Settings of a stand-in exchange. The defaults are the venue's own numbers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one. Default `127.0.0.1:0`.
    pub listen: std::net::SocketAddr,
    /// Everything random follows from it. Default 1.
    pub seed: u64,
    /// How much faster than the wall clock the venue lives: at 100, its 60 s are 0.6 s. Default 1.
    pub speed: f64,
    /// The venue's time when it starts, Unix ms. `None` (the default) takes the wall clock; tests fix it.
    pub start: Option<i64>,
    /// Perps of the main dex. Default 220. Names beyond the built-in ones are made up.
    pub coins: usize,
    /// Spot pairs (`PURR/USDC`, `@1`, …). Default 560.
    pub spot_pairs: usize,
    /// Outcome tokens (`#14720`, …). Default 450.
    pub outcomes: usize,
    /// Rows of an account's past that one answer gives at most. Default 2000.
    pub account_rows: usize,
    /// Trades in `recentTrades` and in the first frame of a `trades` subscription. Default 10.
    pub recent_trades: usize,
    /// The venue's limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            speed: 1.0,
            start: None,
            coins: 220,
            spot_pairs: 560,
            outcomes: 450,
            account_rows: 2_000,
            recent_trades: 10,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Says in a sentence what makes no sense.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(0.01..=10_000.0).contains(&self.speed) {
            return Err("the speed is between 0.01 and 10000");
        }
        // The id of a trade has room for 4096 coins; some are always there.
        if self.coins.max(self.spot_pairs).max(self.outcomes) > 1_000 {
            return Err("there are at most 1000 perps, 1000 spot pairs and 1000 outcomes");
        }
        if self
            .start
            .is_some_and(|start| !(0..=4_102_444_800_000).contains(&start))
        {
            return Err("the start lies between 1970 and 2100");
        }
        Ok(())
    }

    /// A market of a few coins at a fixed time, quick to start: for tests.
    pub fn small() -> Self {
        Self {
            start: Some(1_791_482_234_500),
            coins: 12,
            spot_pairs: 12,
            outcomes: 4,
            ..Self::default()
        }
    }
}

/// The venue's limits. All clients of a stand-in count as one address.
#[derive(Clone, Debug)]
pub struct Limits {
    /// WebSocket connections at a time. Default 10.
    pub connections: usize,
    /// New WebSocket connections a minute. Default 30.
    pub new_connections: u32,
    /// Subscriptions over all connections. Default 1000.
    pub subscriptions: usize,
    /// Different users in the subscriptions of all connections. Default 10.
    pub users: usize,
    /// Messages from clients a minute over all connections. Default 2000.
    pub messages: u32,
    /// HTTP request weight a minute. Default 1200.
    pub weight: u32,
    /// Seconds without a sent frame (acks do not count) after which a connection is closed. Default 60.
    pub idle_secs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10,
            new_connections: 30,
            subscriptions: 1_000,
            users: 10,
            messages: 2_000,
            weight: 1_200,
            idle_secs: 60,
        }
    }
}
