//! The stand-in exchange as a test sees it: what can be made to go wrong, and what really happened.

use anyhow::{Context, ensure};
use nexus_protocol::{Decimal, Side, Trade};
use nexus_standin::exchange as standin;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::OsString;

use crate::log::Log;
use crate::process::{Process, Recipe, Signal};
use crate::programs::Programs;
use crate::tape::Truth;

/// How the market is started.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// Everything random follows from it.
    pub seed: u64,
    /// How many perpetuals.
    pub coins: usize,
    /// How much faster than the wall clock it lives.
    pub speed: f64,
    /// How many trades the exchange remembers for those who come back.
    pub recent_trades: usize,
}

impl Default for Market {
    fn default() -> Self {
        // The venue itself remembers ten; few coins start quickly.
        Market {
            seed: 7,
            coins: 40,
            speed: 1.0,
            recent_trades: 10,
        }
    }
}

/// A running stand-in exchange.
#[derive(Debug)]
pub struct Exchange {
    process: Process,
    recipe: Recipe,
    log: Log,
    url: String,
    http: reqwest::Client,
    /// The same market as the program's, since both follow from the seed.
    prices: standin::market::Market,
}

/// What is known of the exchange's side of the wire.
#[derive(Clone, Debug, Deserialize)]
pub struct Observation {
    /// The venue's time, Unix milliseconds.
    pub now: u64,
    /// Who is connected.
    pub connections: Vec<Connection>,
    /// Connections opened so far.
    pub opened: u64,
}

/// One connection to the exchange.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    /// Counts up from 1.
    pub id: u64,
    /// What it subscribed to, in the venue's normal form.
    pub subscriptions: Vec<String>,
}

#[derive(Deserialize)]
struct StateWithTrades {
    #[serde(flatten)]
    observation: Observation,
    trades: Vec<WireTrade>,
}

/// A trade as the venue writes it.
#[derive(Deserialize)]
struct WireTrade {
    side: String,
    px: Decimal,
    sz: Decimal,
    time: u64,
    tid: u64,
}

impl Exchange {
    pub(crate) async fn start(
        programs: &Programs,
        market: Market,
        dir: std::path::PathBuf,
        log: Log,
    ) -> anyhow::Result<Self> {
        let Market {
            seed,
            coins,
            speed,
            recent_trades,
        } = market;
        let recipe = Recipe {
            binary: programs.standin.clone(),
            args: [
                format!("--seed={seed}"),
                format!("--coins={coins}"),
                format!("--speed={speed}"),
                format!("--recent-trades={recent_trades}"),
            ]
            .into_iter()
            .map(OsString::from)
            .collect(),
            envs: Vec::new(),
            dir,
            greeting: "listening on http://",
        };
        let config = standin::Config {
            seed,
            coins,
            ..standin::Config::default()
        };
        let mut exchange = Exchange {
            prices: standin::market::Market::new(&config),
            process: Process::start(&listening(&recipe, "127.0.0.1:0"), &log).await?,
            recipe,
            log,
            url: String::new(),
            http: reqwest::Client::new(),
        };
        exchange.url = format!("http://{}", exchange.process.greeted_with());
        Ok(exchange)
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes something go wrong; `nexus-standin exchange --help` lists the faults.
    ///
    /// # Errors
    /// If the stand-in does not know the fault.
    pub async fn fault(&self, fault: Value) -> anyhow::Result<()> {
        self.log.note(format!("[test] fault {fault}"));
        let answer = self
            .http
            .post(format!("{}/_fault", self.url))
            .json(&fault)
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(
            status.is_success(),
            "the stand-in refused the fault {fault}: {text}"
        );
        Ok(())
    }

    /// Lifts every fault.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn clear(&self) -> anyhow::Result<()> {
        self.fault(json!({"fault": "clear"})).await
    }

    /// One topic goes silent, or speaks again.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn stall_trades(&self, coin: &str, on: bool) -> anyhow::Result<()> {
        self.fault(
            json!({"fault": "stall_topic", "subscription": {"type": "trades", "coin": coin}, "on": on}),
        )
        .await
    }

    /// Nobody is told anything, or everybody again.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn stall(&self, on: bool) -> anyhow::Result<()> {
        self.fault(json!({"fault": "stall_all", "on": on})).await
    }

    /// All connections are reset.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn cut(&self) -> anyhow::Result<()> {
        self.fault(json!({"fault": "cut"})).await
    }

    /// New connections are refused, and the old ones reset.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn go_down(&self) -> anyhow::Result<()> {
        self.fault(json!({"fault": "refuse_upgrades", "status": 502}))
            .await?;
        self.cut().await
    }

    /// Who is connected, and to what they subscribed.
    ///
    /// # Errors
    /// If the stand-in does not answer.
    pub async fn observe(&self) -> anyhow::Result<Observation> {
        let answer = self.http.get(format!("{}/_state", self.url)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Every trade of a coin since a moment, whether anyone was told of it or not.
    ///
    /// # Errors
    /// If there is no such coin.
    pub async fn trades(&self, coin: &str, from: u64) -> anyhow::Result<Truth> {
        let url = format!("{}/_state?coin={coin}&from={from}", self.url);
        let answer = self.http.get(url).send().await?.error_for_status()?;
        let state: StateWithTrades = answer.json().await.context("the stand-in's log of trades")?;
        let trades = state
            .trades
            .into_iter()
            .map(WireTrade::into_trade)
            .collect::<anyhow::Result<_>>()?;
        Ok(Truth {
            now: state.observation.now,
            trades,
        })
    }

    /// Every mid price that a coin had from a moment (of the exchange's time, Unix milliseconds) until now.
    ///
    /// # Errors
    /// If there is no such coin.
    pub async fn mids(&self, coin: &str, from: u64) -> anyhow::Result<Vec<f64>> {
        let (id, blocks) = self.blocks(coin, from).await?;
        Ok(blocks
            .filter_map(|block| self.prices.mid(id, block))
            .map(standin::market::Px::to_f64)
            .collect())
    }

    /// Every best bid and best ask that a coin had from a moment until now.
    ///
    /// # Errors
    /// If there is no such coin.
    pub async fn touches(&self, coin: &str, from: u64) -> anyhow::Result<Vec<(f64, f64)>> {
        let (id, blocks) = self.blocks(coin, from).await?;
        let touches = blocks.map(|block| self.prices.touch(id, block));
        Ok(touches
            .map(|touch| (touch.bid.to_f64(), touch.ask.to_f64()))
            .collect())
    }

    async fn blocks(
        &self,
        coin: &str,
        from: u64,
    ) -> anyhow::Result<(standin::market::CoinId, std::ops::RangeInclusive<i64>)> {
        let id = self
            .prices
            .universe
            .find(coin)
            .with_context(|| format!("there is no coin {coin}"))?;
        let block = |time: u64| anyhow::Ok(standin::market::Market::block_at(i64::try_from(time)?));
        Ok((id, block(from)?..=block(self.observe().await?.now)?))
    }

    /// What the exchange answers on `/info`.
    ///
    /// # Errors
    /// If it does not answer, or not with JSON.
    pub async fn info(&self, request: Value) -> anyhow::Result<Value> {
        let answer = self
            .http
            .post(format!("{}/info", self.url))
            .json(&request)
            .send()
            .await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Kills the exchange and starts it again, on the same port, after what the test does meanwhile.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(self, meanwhile: impl AsyncFnOnce() -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let address = self.process.greeted_with().to_owned();
        self.process.kill().await?;
        meanwhile().await?;
        let process = Process::start(&listening(&self.recipe, &address), &self.log).await?;
        Ok(Exchange { process, ..self })
    }

    /// Freezes or thaws the whole program, as a machine that hangs.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn freeze(&self, on: bool) -> anyhow::Result<()> {
        self.process
            .signal(if on { Signal::Stop } else { Signal::Continue })
            .await
    }
}

impl Observation {
    /// Whether some connection is subscribed to a type of data.
    pub fn is_subscribed(&self, kind: &str) -> bool {
        let kind = format!(r#""type":"{kind}""#);
        self.connections
            .iter()
            .flat_map(|it| &it.subscriptions)
            .any(|it| it.contains(&kind))
    }
}

impl WireTrade {
    fn into_trade(self) -> anyhow::Result<Trade> {
        let side = match self.side.as_str() {
            "B" => Side::Buy,
            "A" => Side::Sell,
            other => anyhow::bail!("a trade has no side `{other}`"),
        };
        Ok(Trade {
            id: self.tid,
            price: self.px,
            size: self.sz,
            side,
            timestamp: self.time,
        })
    }
}

fn listening(recipe: &Recipe, address: &str) -> Recipe {
    let mut recipe = recipe.clone();
    let place = ["exchange".to_owned(), format!("--listen={address}")];
    recipe.args = place.into_iter().map(OsString::from).chain(recipe.args).collect();
    recipe
}
