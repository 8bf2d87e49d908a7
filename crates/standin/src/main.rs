//! `nexus-standin`: runs a stand-in until Ctrl-C. The first line on standard output says where it listens.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use nexus_standin::chain;
use nexus_standin::exchange::{Config, Exchange};

/// Local programs that speak an upstream's real wire protocol, with faults on demand.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    standin: Standin,
}

#[derive(Debug, Subcommand)]
enum Standin {
    /// A simulated exchange with Hyperliquid's protocol: WebSocket under /ws, HTTP under /info.
    #[command(after_long_help = FAULTS)]
    Exchange(ExchangeArgs),
    /// A simulated chain node with Linera's protocol: WebSocket under /ws, GraphQL over HTTP under /.
    #[command(after_long_help = CHAIN_FAULTS)]
    Chain(ChainArgs),
}

#[derive(Debug, clap::Args)]
struct ExchangeArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much faster than the wall clock the venue lives.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Perps of the main dex.
    #[arg(long, default_value_t = Config::default().coins)]
    coins: usize,
    /// Trades in `recentTrades` and in the first frame of a `trades` subscription.
    #[arg(long, default_value_t = Config::default().recent_trades)]
    recent_trades: usize,
}

#[derive(Debug, clap::Args)]
struct ChainArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Every id and hash follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many chains the node follows.
    #[arg(long, default_value_t = chain::Config::default().chains)]
    chains: usize,
    /// How long it takes until a chain gets its next block by itself, like 3s or 250ms; 0 for never.
    #[arg(long, default_value = "3s", value_parser = pace)]
    block_every: Pace,
    /// Blocks that each chain has at the start.
    #[arg(long, default_value_t = chain::Config::default().blocks)]
    blocks: u64,
    /// Which version's notifications it sends: 0.15 or 0.16.
    #[arg(long, default_value = "0.15")]
    shape: chain::Shape,
}

/// How often a chain grows by itself; none for never.
#[derive(Clone, Copy, Debug)]
struct Pace(Option<Duration>);

fn pace(text: &str) -> Result<Pace, &'static str> {
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1_000.0),
        (None, None) => (text, 1_000.0),
    };
    match number.trim().parse::<f64>() {
        Ok(0.0) => Ok(Pace(None)),
        Ok(number) if number > 0.0 && number < 1e9 => {
            Ok(Pace(Some(Duration::from_secs_f64(number * unit / 1_000.0))))
        }
        _ => Err("write it like 3s or 250ms, or 0 for never"),
    }
}

const CHAIN_FAULTS: &str = r#"Faults (POST /_fault, JSON). "connection":ID picks one connection, otherwise all; "on":false lifts a fault that stays.
  {"fault":"cut"}                                       reset the TCP connection
  {"fault":"close","code":1011,"reason":"…"}            close with a close frame
  {"fault":"stall_all"}                                 silent: nothing sent, nothing read, no pongs
  {"fault":"hang_upgrades"} {"fault":"refuse_upgrades","status":502} {"fault":"no_ack"}
  {"fault":"drop"} {"fault":"duplicate"} {"fault":"delay","ms":1500}      what becomes of notifications
  {"fault":"unknown_variant"} {"fault":"huge_height"}   strange notifications
  {"fault":"malformed"} {"fault":"unknown_type"} {"fault":"binary"} {"fault":"broken_frame"} {"fault":"ping"}
  {"fault":"end_streams","message":"…","as_error":false}
  {"fault":"http","mode":"html500|garbage|hang|ok","times":3}
  {"fault":"blocks","mode":"null|error|single|ok","times":3}             what becomes of questions for blocks
  {"fault":"grow","chain":0,"blocks":5,"quietly":true}  the tip advances
  {"fault":"reset","blocks":3}                          the node is set up anew
  {"fault":"speak","shape":"0.16"}
  {"fault":"clear"}                                     lift all that stays
Observation: GET /_state (connections, what they follow, every block), GET /_state?chain=ID (the blocks of one chain).

Example: curl -d '{"fault":"drop"}' http://127.0.0.1:PORT/_fault"#;

const FAULTS: &str = r#"Faults (POST /_fault, JSON). "connection":ID picks one connection, otherwise all; "on":false lifts a fault that stays.
  {"fault":"cut"}                                       reset the TCP connection
  {"fault":"close","code":1000,"reason":"Expired"}      close with a close frame
  {"fault":"stall_topic","subscription":{"type":"trades","coin":"BTC"}}
  {"fault":"stall_all"}                                 silent: nothing sent, nothing read, no pongs
  {"fault":"mute_new"}                                  new connections are silent, older ones go on
  {"fault":"hang_upgrades"}                             accepted, never answered
  {"fault":"refuse_upgrades","status":502}              HTML instead of an upgrade
  {"fault":"drop_on_unknown_coin","on":false}           do not drop the socket for an unknown coin
  {"fault":"malformed"} {"fault":"broken_frame"} {"fault":"unknown_channel"} {"fault":"binary"} {"fault":"huge","bytes":1048576}
  {"fault":"unknown_keys"} {"fault":"greeting"}         strange frames from now on
  {"fault":"duplicate_trades"}                          the latest trades once more
  {"fault":"frame_after_unsubscribe"} {"fault":"late_unsubscribe_ack","ms":1500}
  {"fault":"http","mode":"html500|too_many|slow|hang|ok","times":3}
  {"fault":"clear"}                                     lift all that stays
Observation: GET /_state (connections, subscriptions, messages), GET /_state?coin=BTC&from=MS&to=MS (every trade that happened).

Example: curl -d '{"fault":"stall_all"}' http://127.0.0.1:PORT/_fault"#;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match args.standin {
        Standin::Exchange(args) => runtime.block_on(exchange(args)),
        Standin::Chain(args) => runtime.block_on(node(args)),
    }
}

async fn exchange(args: ExchangeArgs) -> anyhow::Result<()> {
    let config = Config {
        listen: args.listen,
        seed: args.seed,
        speed: args.speed,
        coins: args.coins,
        recent_trades: args.recent_trades,
        ..Config::default()
    };
    let exchange = Exchange::start(config)
        .await
        .with_context(|| format!("cannot start on {}", args.listen))?;
    announce(&exchange.url())?;
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    Ok(())
}

async fn node(args: ChainArgs) -> anyhow::Result<()> {
    let config = chain::Config {
        listen: args.listen,
        seed: args.seed,
        chains: args.chains,
        block_every: args.block_every.0,
        blocks: args.blocks,
        shape: args.shape,
        ..chain::Config::default()
    };
    let node = chain::Chain::start(config)
        .await
        .with_context(|| format!("cannot start on {}", args.listen))?;
    announce(&node.url())?;
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    Ok(())
}

/// Programs that start a stand-in wait for this line.
fn announce(url: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {url}")?;
    stdout.flush()
}
