//! `nexus bench`: how many messages a server delivers, how late, and what that costs it; of Nexus and of others.
//!
//! The load is cheaper than any server that it measures: raw frames on plain sockets in one event loop, no JSON. Every
//! delivery is counted by the number in its payload, so that one that is lost, repeated or out of order fails the run. The
//! time stands there too, that at which a message was due and not that at which it could be sent, so that a server that
//! stalls is not spared the waiting (coordinated omission).
//!
//! Read from `scenarios`, which say what is done; `load` does it; `tongues` know how each kind of server speaks.

mod alarm;
mod dial;
mod ear;
mod flight;
mod frames;
mod link;
mod load;
mod opening;
mod pacing;
mod payload;
mod process;
mod publisher;
mod report;
mod scenarios;
mod tally;
mod tongues;
mod unfold;

use std::time::Duration;

use nexus_client::ServerUrl;
use nexus_protocol::ChannelName;

use self::tongues::Tongue;
use crate::connection::Credentials;
use crate::failure::Failure;

/// What a server of Nexus needs to be measured and not its limits, which are those for one person's connections.
const UNLIMITED: &str = "start the server with NEXUS_EXEMPT_LOOPBACK=true NEXUS_MESSAGES_PER_MINUTE=4294967295 to measure it and \
    not its limits";

/// Options of `nexus bench`.
#[derive(clap::Args)]
#[command(
    after_help = "To measure what Nexus delivers and not its limits or its disk, start it with
  NEXUS_NAMESPACES=\"bench history=64 subscribe=anyone publish=operators\" \\
  NEXUS_EXEMPT_LOOPBACK=true NEXUS_MESSAGES_PER_MINUTE=4294967295 nexus-server
and name such a channel, with the token of an operator that publishes:
  nexus bench --channel bench:x --token-file bench.token --pid $(pgrep -x nexus-server)"
)]
pub(crate) struct Args {
    /// The server
    #[arg(long, value_name = "URL", env = "NEXUS_SERVER", default_value = "http://127.0.0.1:8080", value_parser = |text: &str| ServerUrl::parse(text))]
    server: ServerUrl,

    /// What kind of server it is
    #[arg(long = "as", value_enum, value_name = "KIND", default_value_t = Tongue::Nexus)]
    tongue: Tongue,

    /// What is measured
    #[arg(long, value_enum, default_value_t = Scenario::Fanout)]
    scenario: Scenario,

    // One that may subscribe and publish; its claim `messages_per_minute` bounds the rate.
    #[command(flatten)]
    credentials: Credentials,

    /// How many connections listen
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,

    /// Over how many topics they are spread
    #[arg(long, default_value_t = 1)]
    topics: usize,

    /// The channel; with several topics, a number is appended to each
    #[arg(long, default_value = "room:bench", value_parser = |text: &str| ChannelName::parse(text))]
    channel: ChannelName,

    /// Params of the channel, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,

    /// Messages a second over all topics; 0 for as many as the server takes. If left out, 50, with `slow` 0, with `churn` 200
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,

    /// With --rate 0: messages that are on their way to somebody at a time
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    window: u64,

    /// Publish nothing: something else does
    #[arg(long)]
    listen: bool,

    /// The size of a payload
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,

    /// How long it is measured, behind a second that is not
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    time: Duration,

    /// With `connect` and `churn`: how many connections are made in all
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = at_least_one)]
    cycles: usize,

    /// With `slow`: how many of a hundred subscribers read nothing
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    dead: f64,

    /// With `slow`: how much is published
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    bytes: u64,

    /// Connect from so many addresses of loopback; more than 25,000 connections take several by themselves
    #[arg(long, value_name = "N", default_value_t = 1)]
    sources: usize,

    /// Offer permessage-deflate, and insist on it
    #[arg(long)]
    deflate: bool,

    /// The server's processes, to say what all this costs it (Linux)
    #[arg(long, value_delimiter = ',')]
    pid: Vec<u32>,

    /// The result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Scenario {
    /// Deliveries: how many, how late, at which cost
    Fanout,
    /// Connections that hear nothing: what each holds, and what a burst of messages leaves behind
    Idle,
    /// New connections: how many a second, at which cost
    Connect,
    /// Connections that come, hear one message and go: what they leave behind
    Churn,
    /// Subscribers that read nothing: what the others and the server's memory suffer
    Slow,
}

impl Scenario {
    /// Its name, as on the command line.
    fn name(self) -> &'static str {
        match self {
            Scenario::Fanout => "fanout",
            Scenario::Idle => "idle",
            Scenario::Connect => "connect",
            Scenario::Churn => "churn",
            Scenario::Slow => "slow",
        }
    }
}

/// Runs the load and prints what it showed.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    scenarios::run(args)?.finish(args.json)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1e7).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of messages a second, up to ten million".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent),
        _ => Err("it is a number from 0 to less than 100".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it is a whole number, at least 1".to_owned()),
    }
}
