//! `nexus-standin`: runs a stand-in until Ctrl-C. The first line on standard output says where it listens.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
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

/// Programs that start a stand-in wait for this line.
fn announce(url: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {url}")?;
    stdout.flush()
}
