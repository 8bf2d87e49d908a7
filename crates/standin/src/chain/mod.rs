//! The stand-in chain node: speaks GraphQL over HTTP and WebSocket as a Linera node service does, over simulated chains
//! that grow by themselves, with faults on demand.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use nexus_standin::chain::{Chain, Config, Fault};
//!
//! let chain = Chain::start(Config::default()).await?;
//! println!("{}/ws and {}/", chain.ws_url(), chain.url());
//! chain.fault(Fault::Cut { connection: None });
//! # Ok(())
//! # }
//! ```
//!
//! The program `nexus-standin chain` offers the same over HTTP: `POST /_fault` takes a [`Fault`] as JSON, `GET /_state`
//! tells who is connected, what they follow and sent ([`Observation`]), and every block that there is, whether anyone was
//! told of it or not, so that what a client received can be compared exactly.
//!
//! Reading order: `config`, `dice` and `ledger`, which are pure; `frames`, `graphql` and `queries`, which turn the ledger
//! into the node's messages; `node`, `connection` and `routes`, which serve them; `faults`, which make it go wrong.

mod config;
mod connection;
mod dice;
mod faults;
mod frames;
mod graphql;
mod ledger;
mod node;
mod queries;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::config::{Config, Shape};
pub use self::faults::{BlockMode, Fault, HttpMode};
pub use self::ledger::{Block, ChainView};
use self::node::Node;
pub use self::node::{ConnectionView, Observation};
use crate::line::{Caller, Door};

/// Starts stand-in nodes.
#[derive(Debug)]
pub struct Chain;

impl Chain {
    /// Starts one that listens on `config.listen` and runs until its handle is dropped.
    ///
    /// # Errors
    /// If the address is taken or the configuration makes no sense.
    pub async fn start(config: Config) -> io::Result<ChainHandle> {
        config
            .check()
            .map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
        let node = Arc::new(Node::new(&config));
        let (addr, server) = open(&node, config.listen).await?;
        let growth = config
            .block_every
            .map(|pace| tokio::spawn(grow(Arc::clone(&node), config.chains, pace)));
        Ok(ChainHandle {
            node,
            addr,
            server: Mutex::new(Some(server)),
            growth,
        })
    }
}

/// A running stand-in. Dropping it ends the node and resets its connections.
#[must_use = "dropping the handle ends the node"]
#[derive(Debug)]
pub struct ChainHandle {
    node: Arc<Node>,
    addr: SocketAddr,
    /// Accepts connections; `None` while the node is down.
    server: Mutex<Option<JoinHandle<()>>>,
    /// Lets the chains grow.
    growth: Option<JoinHandle<()>>,
}

impl ChainHandle {
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

    /// Every chain with every block that there is now, whether anyone was told of it or not.
    pub fn chains(&self) -> Vec<ChainView> {
        self.node.chains()
    }

    /// Lets a chain grow by so many blocks, and tells of them.
    pub fn grow(&self, chain: usize, blocks: u64) {
        self.node.grow(chain, blocks, false);
    }

    /// Makes something go wrong; how many connections it touched (0 for faults that stay).
    pub fn fault(&self, fault: Fault) -> usize {
        self.node.fault(fault)
    }

    /// Who is connected, what they follow, what they sent.
    pub fn observe(&self) -> Observation {
        self.node.observe()
    }

    /// Waits until what can be observed satisfies a condition, and gives it back.
    pub async fn until(&self, mut condition: impl FnMut(&Observation) -> bool) -> Observation {
        let mut changes = self.node.changes();
        loop {
            changes.mark_unchanged();
            let observation = self.observe();
            if condition(&observation) || changes.changed().await.is_err() {
                return observation;
            }
        }
    }

    /// Ends the node abruptly: the port is closed and every connection reset. The chains go on.
    pub async fn kill(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.abort();
            // Waiting for the end of the task is waiting for the port to be free.
            let _ = server.await;
        }
        self.node.lines.cut_all();
    }

    /// Opens the node again, on the same port.
    ///
    /// # Errors
    /// If the port was taken meanwhile.
    pub async fn restart(&self) -> io::Result<()> {
        self.kill().await;
        let (_, server) = open(&self.node, self.addr).await?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }
}

impl Drop for ChainHandle {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.abort();
        }
        if let Some(growth) = self.growth.take() {
            growth.abort();
        }
        self.node.lines.cut_all();
    }
}

/// Binds and accepts in a task of its own.
async fn open(node: &Arc<Node>, listen: SocketAddr) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let tcp = TcpListener::bind(listen).await?;
    let addr = tcp.local_addr()?;
    let door = Door {
        tcp,
        lines: node.lines.clone(),
    };
    let service = routes::routes(node.clone()).into_make_service_with_connect_info::<Caller>();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(door, service).await {
            tracing::error!(error = %error, "the node stopped accepting");
        }
    });
    Ok((addr, task))
}

/// Lets every chain grow at the pace, each at its own moment.
async fn grow(node: Arc<Node>, chains: usize, pace: Duration) {
    let mut ticks = tokio::time::interval(pace.div_f64(chains as f64));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for chain in (0..chains).cycle() {
        ticks.tick().await;
        node.grow(chain, 1, false);
    }
}
