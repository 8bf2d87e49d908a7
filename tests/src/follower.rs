//! A program that uses the native client as anyone would: follows one market's trades through everything, and keeps
//! account of what it got and of what it was told is missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_client::native::{Client, Events};
use nexus_client::{Config, Continuity, Event, LinkState, Loss, ServerUrl};
use nexus_protocol::{ChannelName, Gap, Params, Subscribe, Topic};
use tokio::task::JoinHandle;

use crate::exchange::Exchange;
use crate::tape::{Account, Tape};
use crate::until::until;

/// How long the client may take until it is back and shows trades of now, after all that was done to it.
const CATCH_UP: Duration = Duration::from_secs(120);

/// A client that follows one market's trades.
pub struct Follower {
    coin: String,
    client: Client,
    /// Guards what was seen so far.
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    tape: Tape,
    /// The order began anew, and what comes may overlap with what is known.
    may_overlap: bool,
    is_live: bool,
    reconnects: u32,
}

impl Follower {
    /// Follows a market's trades at a server, signed in with a token.
    ///
    /// # Errors
    /// If there is no such address or no such market.
    pub async fn follow(server: &str, token: String, coin: &str) -> anyhow::Result<Self> {
        let mut config = Config::new(ServerUrl::parse(server)?);
        config.token = Some(token);
        let (client, events) = Client::connect(config);
        let topic = Topic::parse(
            &ChannelName::parse("trades")?,
            Params::default().with("symbol", coin),
        )?
        .topic;
        client.subscribe(Subscribe::to(topic)).await?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(take_events(events, seen.clone()));
        let follower = Follower {
            coin: coin.to_owned(),
            client,
            seen,
            task,
        };
        until("the client follows the trades", CATCH_UP, async || {
            let trades = follower.look(|seen| seen.tape.trades().count());
            ensure!(trades > 0, "no trade came yet");
            Ok(())
        })
        .await?;
        Ok(follower)
    }

    /// Whether the link is live now.
    pub fn is_live(&self) -> bool {
        self.look(|seen| seen.is_live)
    }

    /// How often the link was lost and found again.
    pub fn reconnects(&self) -> u32 {
        self.look(|seen| seen.reconnects)
    }

    /// How often something was declared as missing.
    pub fn declarations(&self) -> usize {
        self.look(|seen| seen.tape.declarations())
    }

    /// Waits until the client is live and has trades of now, ends it, and compares what it got and what it was told with
    /// what really happened.
    ///
    /// # Errors
    /// If a trade is missing that was not declared, came twice, out of order or otherwise than it happened.
    pub async fn account(self, exchange: &Exchange) -> anyhow::Result<Account> {
        let now = exchange.observe().await?.now;
        until("the client has trades of now", CATCH_UP, async || {
            let newest = self.look(|seen| seen.tape.trades().next_back().map(|trade| trade.timestamp));
            let newest = newest.context("it has none")?;
            ensure!(newest > now, "the newest is of {newest}, it is {now}");
            Ok(())
        })
        .await?;
        self.client.close().await;
        self.task.await.context("the client's reader panicked")?;
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let truth = exchange
            .trades(&self.coin, seen.tape.begins().context("no trade")?)
            .await?;
        seen.tape.check(&truth)
    }

    fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn take_events(mut events: Events, seen: Arc<Mutex<Seen>>) {
    while let Some(event) = events.next().await {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.take(&event);
    }
}

impl Seen {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Publication { publication, .. } if self.may_overlap => {
                // Some of what follows is new as soon as one is.
                self.may_overlap = !self.tape.take_unknown(publication);
            }
            Event::Publication { publication, .. } => self.tape.take_publication(publication),
            Event::Lost {
                loss: Loss::Source { from, to },
                ..
            } => self.tape.declare_source(*from, *to),
            Event::Lost {
                loss: Loss::NewOrder { .. } | Loss::Range { .. },
                ..
            } => self.tape.declare_missing(),
            Event::Status { status, .. } => match status.gap {
                Some(Gap::Source { from, to }) => self.tape.declare_source(from, to),
                Some(Gap::Publications { .. }) => self.tape.declare_missing(),
                None => {}
            },
            Event::Subscribed {
                continuity: Continuity::Reloaded,
                ..
            } => self.may_overlap = true,
            Event::Back(_) => self.reconnects += 1,
            Event::Link(state) => self.is_live = *state == LinkState::Live,
            Event::Subscribed { .. }
            | Event::RoundTrip(_)
            | Event::Greeted { .. }
            | Event::SignedIn { .. }
            | Event::TokenNeeded(_)
            | Event::ShuttingDown { .. }
            | Event::Refused { .. }
            | Event::JoinRefused { .. }
            | Event::Order(_)
            | Event::Presence { .. }
            | Event::Progress { .. }
            | Event::Answer { .. } => {}
        }
    }
}
