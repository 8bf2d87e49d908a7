//! A whole server: what it is made of, and its life from the first connection to the planned end.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Activity;
use crate::broker::{Broker, Embedded};
use crate::command_desk::CommandDesk;
use crate::config::Config;
use crate::connections::Connections;
use crate::devices::Devices;
use crate::doors::addresses::Addresses;
use crate::doors::api::Callers;
use crate::doors::listener;
use crate::drain::Drain;
use crate::encoded::Compressor;
use crate::engine::Engine;
use crate::feeds::{Feeds, hyperliquid, linera};
use crate::gateway::Gateway;
use crate::hub::{Demand, Hub};
use crate::idempotency::Idempotency;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::revocations::Revocations;
use crate::router::router;

/// How often what nobody uses any more is let go.
const SWEEP: Duration = Duration::from_secs(60);
/// What is left for the last words when the grace is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A whole server that is not running yet.
#[derive(Debug)]
pub struct Server {
    gateway: Arc<Gateway>,
    grace: Duration,
    listener: TcpListener,
    feeds_end: CancellationToken,
}

impl Server {
    /// Puts a server together. Must be called inside a runtime.
    ///
    /// # Errors
    /// If the secret or key cannot be read, or the feed cannot be made.
    pub fn new(config: Config, listener: TcpListener) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the listener has no address")?;
        let hub = Hub::default();
        let namespaces = Arc::clone(&config.namespaces);
        let compressor = config.compression.map(Compressor::new);
        let embedded = if config.store {
            let path = config.data_dir.join("store");
            Embedded::open(hub.clone(), config.broker, namespaces, compressor.clone(), &path)?
        } else {
            Embedded::with_namespaces(hub.clone(), config.broker, namespaces, compressor.clone())
        };
        let broker = Broker::Embedded(embedded);
        let tasks = TaskTracker::new();
        let feeds_end = CancellationToken::new();
        let feeds = match config.hyperliquid {
            Some(upstream) => {
                let handle = hyperliquid::start(upstream, broker.clone(), &tasks, feeds_end.clone())
                    .context("the feed of the exchange cannot start")?;
                Feeds::none().with_hyperliquid(handle)
            }
            None => Feeds::none(),
        };
        let feeds = match config.linera {
            Some(upstream) => {
                let handle = linera::start(upstream, broker.clone(), &tasks, feeds_end.clone())
                    .context("the feed of the chain node cannot start")?;
                feeds.with_linera(handle)
            }
            None => feeds,
        };
        let wanting = feeds.clone();
        hub.on_demand(Box::new(move |demand| match demand {
            Demand::Wanted(topic) => wanting.want(&topic),
            Demand::Unwanted(topic) => wanting.unwant(&topic),
        }));
        let presence = Presence::new(hub.clone(), config.presence);
        let metrics = Metrics::default();
        let desk = CommandDesk::default();
        tasks.spawn(
            desk.clone()
                .run(broker.clone(), metrics.clone(), feeds_end.clone()),
        );
        // A token may have been made by a clock that is ahead of ours.
        let forget_after = config.auth.max_age.map(|age| age + config.auth.leeway);
        let revocations = Revocations::open(&config.data_dir, forget_after)?;
        let engine =
            Engine::start(shards(), hub.crowd()).context("the threads that serve WebSockets cannot start")?;
        let gateway = Gateway {
            limits: config.limits,
            compressor,
            verifier: config
                .auth
                .verifier(&config.data_dir)?
                .with_revoked(revocations.revoked()),
            revocations,
            permissions: config.auth.permissions(&config.namespaces),
            namespaces: config.namespaces,
            origins: config.http.origins(address),
            trusted_proxies: config.http.trusted_proxies,
            addresses: Addresses::default(),
            callers: Callers::default(),
            web_dir: config.http.web_dir,
            devices: Devices::new(desk.clone(), presence.clone()),
            desk,
            dangerous_commands: config.dangerous_commands,
            activity: Activity::default(),
            idempotency: Idempotency::default(),
            presence,
            hub,
            broker,
            feeds,
            connections: Connections::default(),
            engine,
            metrics,
            drain: Drain::default(),
            tasks,
            started: Instant::now(),
        };
        Ok(Server {
            gateway: Arc::new(gateway),
            grace: config.grace,
            listener,
            feeds_end,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The broker, for whoever publishes from within the process.
    pub fn broker(&self) -> Broker {
        self.gateway.broker.clone()
    }

    /// Everything that doors and commands need, for whoever runs the server in their own process.
    pub fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&self.gateway)
    }

    /// Serves until `stop` is ready, then lets the clients go at a measured pace. Returns when all are gone or the
    /// grace is over.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Server {
            gateway,
            grace,
            listener,
            feeds_end,
        } = self;
        let accepting = CancellationToken::new();
        gateway.tasks.spawn(listener::accept(
            listener,
            router(Arc::clone(&gateway)),
            Arc::clone(&gateway),
            accepting.clone(),
        ));
        gateway
            .tasks
            .spawn(gateway.presence.clone().run(accepting.clone()));
        gateway
            .tasks
            .spawn(sweep(Arc::clone(&gateway), accepting.clone()));
        // Whoever stops waiting for this ends the connections too.
        let _ending = EndEngine(Arc::clone(&gateway));
        tracing::info!("serving");
        stop.await;

        let began = Instant::now();
        let end = began + grace;
        tracing::info!(
            clients = gateway.connections.len(),
            grace_s = grace.as_secs(),
            "draining"
        );
        gateway.drain.begin(&gateway.connections, grace, began);
        // Health goes on being answered meanwhile, so that a balancer sees that we are not ready.
        let all_gone = timeout_at(end, gateway.connections.emptied()).await.is_ok();
        accepting.cancel();
        feeds_end.cancel();
        gateway.tasks.close();
        let last_words = end.max(Instant::now() + LAST_WORDS);
        let all_done = timeout_at(last_words, gateway.tasks.wait()).await.is_ok();
        gateway.engine.stop();
        gateway.broker.close().await;
        tracing::info!(
            all_gone,
            all_done,
            took_ms = began.elapsed().as_millis() as u64,
            "stopped"
        );
    }
}

/// Stops the engine when it is dropped.
struct EndEngine(Arc<Gateway>);

impl Drop for EndEngine {
    fn drop(&mut self) {
        self.0.engine.stop();
    }
}

/// One shard for each processor that this process may use.
fn shards() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Lets go of what nobody uses any more.
async fn sweep(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut ticks = interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                gateway.broker.sweep();
                gateway.addresses.sweep(Instant::now());
                gateway.callers.sweep(Instant::now());
            }
            () = stop.cancelled() => return,
        }
    }
}
