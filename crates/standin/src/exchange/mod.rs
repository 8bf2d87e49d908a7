//! The stand-in exchange: speaks the wire protocol of Hyperliquid over a simulated market, with faults on demand.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use nexus_standin::exchange::{Config, Exchange, Fault};
//!
//! let exchange = Exchange::start(Config::small()).await?;
//! println!("{}/ws and {}/info", exchange.ws_url(), exchange.url());
//! exchange.fault(Fault::Cut { connection: None });
//! # Ok(())
//! # }
//! ```
//!
//! The program `nexus-standin exchange` offers the same over HTTP: `POST /_fault` takes a [`Fault`] as JSON,
//! `GET /_state` tells who is connected, what they subscribed to and sent ([`Observation`]), and
//! `GET /_state?coin=BTC&from=MS&to=MS` adds every trade that happened in that time, whether anyone was told or not, so
//! that what a client received can be compared exactly.
//!
//! Whatever address is asked for, somebody trades there (see [`account`]); `GET /_state?user=0x…` adds every change of
//! orders and every fill of that account.
//!
//! Not here yet: `post`, TWAPs, ledgers and the context lists (`assetCtxs` and its kin). They are answered as the venue
//! answers a type it does not know.
//!
//! Reading order: `config` and `clock`; the `market`, which is pure; `subscriptions`, `frames` and `topics`, which turn it
//! into the venue's messages; `venue`, `connection`, `info` and `routes`, which serve them; `faults`, `limits` and `line`,
//! which make it go wrong.

pub mod account;
mod clock;
mod config;
mod connection;
mod contexts;
mod faults;
mod frames;
mod info;
mod limits;
mod listings;
pub mod market;
mod routes;
mod subscriptions;
mod topics;
mod venue;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::clock::Clock;
pub use self::config::{Config, Limits};
pub use self::faults::{Fault, HttpMode};
pub use self::subscriptions::{Figures, Mantissa, Subscription};
pub use self::venue::{ConnectionView, Observation};

use self::market::{Market, Trade};
use self::venue::Venue;
use crate::line::{Caller, Door};

/// Starts stand-in exchanges.
#[derive(Debug)]
pub struct Exchange;

impl Exchange {
    /// Starts one that listens on `config.listen` and runs until its handle is dropped. Fails if the address is taken or
    /// the configuration makes no sense.
    pub async fn start(config: Config) -> io::Result<ExchangeHandle> {
        config
            .check()
            .map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
        let listen = config.listen;
        let venue = Arc::new(Venue::new(config));
        let (addr, task) = open(&venue, listen).await?;
        Ok(ExchangeHandle {
            venue,
            addr,
            server: Mutex::new(Some(task)),
        })
    }
}

/// A running stand-in. Dropping it ends the venue and resets its connections.
#[must_use = "dropping the handle ends the exchange"]
#[derive(Debug)]
pub struct ExchangeHandle {
    venue: Arc<Venue>,
    addr: SocketAddr,
    /// Accepts connections; `None` while the venue is down.
    server: Mutex<Option<JoinHandle<()>>>,
}

impl ExchangeHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base address over HTTP, `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Address of the WebSocket, `ws://127.0.0.1:1234/ws`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}/ws", self.addr)
    }

    /// The market, which can be asked about any time.
    pub fn market(&self) -> &Market {
        &self.venue.market
    }

    /// The venue's clock.
    pub fn clock(&self) -> Clock {
        self.venue.clock
    }

    /// Makes something go wrong; how many connections it touched (0 for faults that stay).
    pub fn fault(&self, fault: Fault) -> usize {
        self.venue.fault(fault)
    }

    /// Who is connected, to what they subscribed, what they sent.
    pub fn observe(&self) -> Observation {
        self.venue.observe()
    }

    /// Waits until what can be observed satisfies a condition, and gives it back.
    pub async fn until(&self, mut condition: impl FnMut(&Observation) -> bool) -> Observation {
        let mut changes = self.venue.changes();
        loop {
            changes.mark_unchanged();
            let observation = self.observe();
            if condition(&observation) {
                return observation;
            }
            if changes.changed().await.is_err() {
                return observation;
            }
        }
    }

    /// Every trade of a coin that happened from `from` to `to` (Unix ms of the venue's time), oldest first, whether
    /// anyone was told of it or not. What has not been announced by now is left out; an unknown coin has none.
    pub fn trades(&self, coin: &str, from: i64, to: i64) -> Vec<Trade> {
        let Some(id) = self.venue.market.universe.find(coin) else {
            return Vec::new();
        };
        let last = Market::block_at(to).min(self.venue.block());
        let mut trades = self.venue.market.trades(id, Market::block_at(from), last);
        trades.retain(|trade| (from..=to).contains(&trade.time));
        trades
    }

    /// Every fill of an account from `from` to `to` (Unix ms of the venue's time), oldest first, as the venue writes
    /// them, whether anyone was told or not. What has not been announced by now is left out.
    pub fn fills(&self, address: &str, from: i64, to: i64) -> Vec<serde_json::Value> {
        self.venue.account_rows(address, from, to).1
    }

    /// Every change of an account's orders from `from` to `to`, in order, as the venue writes them.
    pub fn order_changes(&self, address: &str, from: i64, to: i64) -> Vec<serde_json::Value> {
        self.venue.account_rows(address, from, to).0
    }

    /// Ends the venue abruptly: the port is closed and every connection reset. The market goes on.
    pub async fn kill(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.abort();
            // Waiting for the end of the task is waiting for the port to be free.
            let _ = server.await;
        }
        self.venue.lines.cut_all();
    }

    /// Ends the exchange and waits until its port is free.
    pub async fn shutdown(self) {
        self.kill().await;
    }

    /// Opens the venue again, on the same port.
    pub async fn restart(&self) -> io::Result<()> {
        self.kill().await;
        let (_, task) = open(&self.venue, self.addr).await?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(())
    }
}

impl Drop for ExchangeHandle {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.abort();
        }
        self.venue.lines.cut_all();
    }
}

/// Binds and accepts in a task of its own.
async fn open(venue: &Arc<Venue>, listen: SocketAddr) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let tcp = TcpListener::bind(listen).await?;
    let addr = tcp.local_addr()?;
    let door = Door {
        tcp,
        lines: venue.lines.clone(),
    };
    let service = routes::routes(venue.clone()).into_make_service_with_connect_info::<Caller>();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(door, service).await {
            tracing::error!(error = %error, "the exchange stopped accepting");
        }
    });
    Ok((addr, task))
}
