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
mod frames;
mod link;
mod load;
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
use crate::failure::Failure;

/// Options of `nexus bench`.
#[derive(clap::Args)]
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

    /// A token that may subscribe and publish; its claim `messages_per_minute` bounds the rate
    #[arg(long, value_name = "TOKEN", env = "NEXUS_TOKEN", hide_env_values = true)]
    token: Option<String>,

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

    /// Messages a second over all topics; 0 for as many as the server takes
    #[arg(long, default_value_t = 50.0)]
    rate: f64,

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
}

impl Scenario {
    /// Its name, as on the command line.
    fn name(self) -> &'static str {
        match self {
            Scenario::Fanout => "fanout",
        }
    }
}

/// Runs the load and prints what it showed.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    scenarios::run(args)?.finish(args.json)
}
