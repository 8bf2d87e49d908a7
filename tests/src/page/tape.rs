//! The trade tape of the page: what it showed over a time, and whether that accounts for what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nexus_protocol::TradeGap;
use serde::Deserialize;
use serde_json::Value;

use crate::exchange::Exchange;
use crate::page::Page;
use crate::tape::{Account, Truth};
use crate::until::until;

/// How long the next trades of a busy market may take to be shown.
const NEXT_TRADES: Duration = Duration::from_secs(60);

/// What the trade tape showed since [`Page::record_tape`], oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ShownTape {
    /// Ids and times of the trades, each once, in the order of their times.
    pub trades: Vec<(u64, u64)>,
    /// Gap rows.
    pub gaps: Vec<TradeGap>,
    /// What was wrong at a moment: an id twice, or a line out of order.
    pub faults: Vec<String>,
}

impl Page {
    /// From now on keeps every line that the tape shows, also those that leave it again.
    ///
    /// # Errors
    /// If there is no tape.
    pub async fn record_tape(&self) -> anyhow::Result<()> {
        self.of("panel-tape", RECORD_TAPE).await
    }

    /// What the tape showed since [`Page::record_tape`].
    ///
    /// # Errors
    /// If nothing was recorded.
    pub async fn recorded_tape(&self) -> anyhow::Result<ShownTape> {
        let tape = self
            .script("return window.nexusTape?.report() ?? null", Value::Null)
            .await?;
        let tape: Option<ShownTape> = tape;
        tape.context("the tape was not recorded, or the page was loaded anew")
    }

    /// Waits until the recorded tape shows trades of now, and fails unless each trade since the recording is on it, or
    /// a gap row names it.
    ///
    /// # Errors
    /// If not.
    pub async fn tape_accounts_for(
        &self,
        exchange: &Exchange,
        coin: &str,
    ) -> anyhow::Result<(Account, ShownTape)> {
        let now = exchange.observe().await?.now;
        until("the tape shows trades of now", NEXT_TRADES, async || {
            let tape = self.recorded_tape().await?;
            let (_, newest) = tape.trades.last().context("it shows nothing")?;
            ensure!(*newest > now, "the newest is of {newest}, it is {now}");
            Ok(())
        })
        .await?;
        self.unroll_tape().await?;
        let tape = self.recorded_tape().await?;
        let (_, first) = tape.trades.first().context("the tape shows nothing")?;
        let account = tape.check(&exchange.trades(coin, *first).await?)?;
        Ok((account, tape))
    }

    /// Scrolls the tape down to its end and up again: lines that came all at once were never near enough to be drawn. The
    /// page's own frames are the clock, so that a busy machine is waited for: the end is where ten frames mount nothing more.
    async fn unroll_tape(&self) -> anyhow::Result<()> {
        let end = "const done = arguments[0];
            const list = document.querySelector('[data-testid=\"tape-row\"]').parentElement;
            let lines = -1, still = 0;
            const step = () => {
              still = list.children.length === lines ? still + 1 : 0;
              if (still === 10) { list.scrollTop = 0; return done(null); }
              lines = list.children.length;
              list.scrollTop = list.scrollHeight;
              // The next time it is scrolled even if nothing was mounted, so that the page hears of it again.
              requestAnimationFrame(() => { list.scrollTop -= 1; requestAnimationFrame(step); });
            };
            step()";
        self.browser.script_async::<Value>(end, vec![]).await.map(|_| ())
    }
}

impl ShownTape {
    /// Compares with what really happened, from the first trade shown to the last.
    ///
    /// # Errors
    /// If a trade is missing that no gap row names, or one is shown that never happened.
    pub fn check(&self, truth: &Truth) -> anyhow::Result<Account> {
        ensure!(
            self.faults.is_empty(),
            "the tape was wrong at a moment: {:?}",
            self.faults
        );
        let (Some((_, first)), Some((_, last))) = (self.trades.first(), self.trades.last()) else {
            bail!("the tape shows nothing");
        };
        // Of the first moment the tape may have begun in the middle.
        let happened: BTreeMap<u64, u64> = truth
            .trades
            .iter()
            .map(|trade| (trade.id, trade.timestamp))
            .filter(|(_, time)| (first..=last).contains(&time))
            .collect();
        let mut missing = happened.clone();
        missing.retain(|_, time| time != first);
        for (id, time) in &self.trades {
            ensure!(
                happened.get(id) == Some(time),
                "trade {id} of {time} is shown and never happened"
            );
            missing.remove(id);
        }
        for (id, time) in &missing {
            let is_named = self.gaps.iter().any(|gap| (gap.from..=gap.to).contains(time));
            ensure!(
                is_named,
                "trade {id} of {time} is missing, one of {} between {first} and {last}, and no gap row says so: {:?}",
                missing.len(),
                self.gaps
            );
        }
        Ok(Account {
            delivered: self.trades.len(),
            declared: missing.len(),
        })
    }
}

/// Looks at the tape after each of its changes, before the browser draws it.
const RECORD_TAPE: &str = r#"
const trades = new Map(), gaps = new Map(), faults = [];
const look = () => {
  const ids = new Set();
  let last = Infinity;
  for (const row of it.querySelectorAll('[data-testid="tape-row"], [data-testid="tape-gap"]')) {
    if (row.dataset.testid === 'tape-gap') {
      const [from, to] = [Number(row.dataset.from), Number(row.dataset.to)];
      gaps.set(`${from}-${to}`, {from, to});
      continue;
    }
    // Ids are below 2^53.
    const [id, time] = [Number(row.dataset.tradeId), Number(row.dataset.time)];
    if (ids.has(id)) faults.push(`trade ${id} stands there twice`);
    if (time > last) faults.push(`trade ${id} of ${time} stands below one of ${last}`);
    ids.add(id);
    last = time;
    trades.set(id, time);
  }
};
new MutationObserver(look).observe(it, {childList: true, subtree: true, attributes: true});
look();
window.nexusTape = {
  report: () => ({
    trades: [...trades].sort((a, b) => a[1] - b[1]),
    gaps: [...gaps.values()],
    faults: faults.slice(0, 10),
  }),
};
return null;
"#;
