//! `nexus bench`: how many messages a server delivers, how late, and what that costs it.
//!
//! The load is cheaper than any server that it measures: raw frames on plain sockets in one event loop, no JSON. Every
//! delivery is counted by its offset, so that one that is lost, repeated or out of order fails the run. The time stands
//! in the payload, taken when a message was due and not when it could be sent, so that a server that stalls is not
//! spared the waiting (coordinated omission).

mod cpu;
mod frames;
mod load;
mod report;
mod socket;

use std::time::Duration;

use nexus_client::ServerUrl;
use nexus_protocol::ChannelName;

use crate::failure::Failure;

/// Options of `nexus bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(long, value_name = "URL", env = "NEXUS_SERVER", default_value = "http://127.0.0.1:8080", value_parser = |text: &str| ServerUrl::parse(text))]
    server: ServerUrl,

    /// A token that may subscribe and publish; its claim `messages_per_minute` bounds the rate
    #[arg(long, value_name = "TOKEN", env = "NEXUS_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// How many connections listen
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,

    /// Over how many channels they are spread
    #[arg(long, default_value_t = 1)]
    topics: usize,

    /// The channel; with several, a number is appended to each
    #[arg(long, default_value = "room:bench", value_parser = |text: &str| ChannelName::parse(text))]
    channel: ChannelName,

    /// Params of the channel, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,

    /// Messages a second over all channels; 0 for as many as the server takes
    #[arg(long, default_value_t = 50.0)]
    rate: f64,

    /// Publish nothing: something else does
    #[arg(long)]
    listen: bool,

    /// The size of a payload
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,

    /// How long it is measured, behind a second that is not
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    time: Duration,

    /// The server's process, to say what the deliveries cost it (Linux)
    #[arg(long)]
    pid: Option<u32>,

    /// The result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the load and prints what it showed.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let result = load::run(args)?;
    report::print(&result, args.json)?;
    if result.faults > 0 {
        return Err(Failure::Because(format!(
            "{} deliveries were lost, repeated or out of order",
            result.faults
        )));
    }
    Ok(())
}
