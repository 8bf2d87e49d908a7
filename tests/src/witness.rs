//! A well-behaved client among others: follows one market's trades, and can say afterwards that nothing was missing.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nexus_protocol::{FromServer, Payload, Push, Reply};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::exchange::Exchange;
use crate::tape::{Account, Tape};
use crate::until::until;
use crate::wire::Wire;

/// How long the next trade of a busy market may take to come.
const NEXT_TRADE: Duration = Duration::from_secs(60);

/// A subscriber of one market's trades that reads in a task of its own.
#[derive(Debug)]
#[must_use]
pub struct Witness {
    coin: String,
    stop: CancellationToken,
    /// Time of the last trade that came, Unix milliseconds.
    last: watch::Receiver<u64>,
    task: JoinHandle<anyhow::Result<Tape>>,
}

impl Witness {
    /// Subscribes and follows.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn follow(mut wire: Wire, coin: &str) -> anyhow::Result<Self> {
        let subscribed = wire.subscribe("trades", json!({"symbol": coin})).await?;
        ensure!(
            subscribed["payload"]["contiguous"] == true,
            "trades are not contiguous: {subscribed}"
        );
        let offset = subscribed["payload"]["offset"]
            .as_u64()
            .context("`subscribed` has no offset")?;
        let stop = CancellationToken::new();
        let (told, last) = watch::channel(0);
        let task = tokio::spawn(read(wire, offset, stop.clone(), told));
        Ok(Witness {
            coin: coin.to_owned(),
            stop,
            last,
            task,
        })
    }

    /// Waits until a trade came that is not older than a moment of the exchange's clock.
    ///
    /// # Errors
    /// If none comes, or the subscription broke.
    pub async fn reach(&self, time: u64) -> anyhow::Result<()> {
        let what = format!("a trade of {} comes that happened after {time}", self.coin);
        until(&what, NEXT_TRADE, async || {
            let last = *self.last.borrow();
            ensure!(
                last >= time || self.task.is_finished(),
                "the last one is of {last}"
            );
            Ok(())
        })
        .await
    }

    /// Ends, and fails unless every trade that happened came once and in order, up to one of now, and nothing had to be
    /// declared as missing.
    ///
    /// # Errors
    /// If not, or the subscription broke.
    pub async fn saw_everything(self, exchange: &Exchange) -> anyhow::Result<Account> {
        let now = exchange.observe().await?.now;
        self.reach(now).await?;
        let coin = self.coin.clone();
        let tape = self.stop().await?;
        let truth = exchange
            .trades(&coin, tape.begins().context("no trade came")?)
            .await?;
        let account = tape
            .check(&truth)
            .with_context(|| format!("the trades of {coin}"))?;
        ensure!(
            tape.declarations() == 0,
            "a gap was declared although nothing happened to the source"
        );
        Ok(account)
    }

    /// Ends, and gives back what came.
    ///
    /// # Errors
    /// If the subscription broke before.
    pub async fn stop(self) -> anyhow::Result<Tape> {
        self.stop.cancel();
        self.task.await.context("the witness panicked")?
    }
}

/// Reads until it is stopped; every publication must have the next offset.
async fn read(
    mut wire: Wire,
    mut offset: u64,
    stop: CancellationToken,
    last: watch::Sender<u64>,
) -> anyhow::Result<Tape> {
    let mut tape = Tape::default();
    loop {
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            message = wire.next_typed() => message.context("a well-behaved client lost its connection")?,
        };
        tape.take(&message);
        match &message {
            FromServer::Push(Push::Publication(publication)) => {
                let got = publication.offset.0;
                ensure!(got == offset + 1, "after offset {offset} came {got}");
                offset = got;
                if let Payload::Trades(trades) = &publication.payload
                    && let Some(trade) = trades.trades.last()
                {
                    last.send_replace(trade.timestamp);
                }
            }
            FromServer::Reply(_, Reply::Error(refusal)) => {
                bail!("a well-behaved client was refused: {refusal}")
            }
            FromServer::Reply(..) | FromServer::Push(_) => {}
        }
    }
    wire.close().await;
    Ok(tape)
}
