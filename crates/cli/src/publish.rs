//! `nexus pub`: publishes one message, or one a line.

use std::io::{BufRead, Read, Write};
use std::time::Duration;

use anyhow::Context;
use nexus_client::Ask;
use nexus_protocol::{
    Ack, ChannelName, IdempotencyKey, Json, Params, Position, Publish, Reply, Topic, TopicError,
};
use tokio::sync::mpsc;

use crate::ask::{Asker, unfitting};
use crate::connection::{Connection, Patience};
use crate::failure::Failure;

/// Of many lines, each may have to wait for its turn within the server's messages a minute.
const PACED: Duration = Duration::from_secs(90);
/// Lines that were read and wait to be published; then reading waits.
const LINES: usize = 64;

/// Options of `nexus pub`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus pub room:lobby '{\"text\":\"hello\"}' --join --token-file token
  echo '{\"title\":\"backup done\"}' | nexus pub events -
  nexus pub events --lines --key import-7 < events.jsonl

Prints the position of each message, EPOCH:OFFSET, one a line.")]
pub(crate) struct Args {
    /// The channel, such as `events` or `room:lobby`
    #[arg(value_parser = |text: &str| ChannelName::parse(text))]
    channel: ChannelName,

    /// What to publish: any JSON value; - reads it from standard input
    #[arg(
        value_name = "JSON",
        required_unless_present = "lines",
        conflicts_with = "lines"
    )]
    data: Option<String>,

    /// Publish each line of standard input as a message of its own; empty lines are left out
    #[arg(long)]
    lines: bool,

    /// Publish only if this key was not used before; with --lines it is followed by -1, -2 and so on. A run that was
    /// broken off can so be repeated without publishing anything twice
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Join the room first, as one must in many to talk there; leave it afterwards
    #[arg(long)]
    join: bool,

    /// The answers as JSON, one a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    patience: Patience,

    #[command(flatten)]
    connection: Connection,
}

/// Publishes what was given.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    // A server would only say that the token does not allow it.
    if let Err(unknown @ TopicError::UnknownChannel(_)) = Topic::parse(&args.channel, Params::default()) {
        return Err(Failure::Nonsense(unknown.to_string()));
    }
    if args.lines {
        return publish_lines(args).await;
    }
    let data = match args.data.as_deref() {
        Some("-") | None => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    let data = json(&data).map_err(Failure::Nonsense)?;
    let key = match &args.key {
        Some(key) => key_of(key)?,
        None => new_key(),
    };
    let asker = connect(&args).await?;
    let published = publish(&asker, &args, data, key, args.patience.timeout).await;
    asker.close().await;
    published
}

async fn publish_lines(args: Args) -> Result<(), Failure> {
    if let Some(key) = &args.key {
        // The longest that will follow it.
        key_of(&format!("{key}-{}", u32::MAX))?;
    }
    let asker = connect(&args).await?;
    let mut lines = read_lines();
    let (mut number, mut published) = (0_u64, 0_u64);
    let done = loop {
        let line = match lines.recv().await {
            None => break Ok(()),
            Some(Ok(line)) => line,
            Some(Err(error)) => break Err(format!("standard input cannot be read: {error}")),
        };
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let data = match json(&line) {
            Ok(data) => data,
            Err(sentence) => break Err(format!("line {number}: {sentence}")),
        };
        let key = match &args.key {
            Some(key) => key_of(&format!("{key}-{number}"))?,
            None => new_key(),
        };
        let within = args.patience.timeout + PACED;
        match publish(&asker, &args, data, key, within).await {
            Ok(()) => published += 1,
            Err(Failure::Because(sentence)) => break Err(format!("line {number}: {sentence}")),
            Err(other) => return Err(other),
        }
    };
    asker.close().await;
    done.map_err(|sentence| {
        let so_far = match published {
            0 => "nothing was published".to_owned(),
            1 => "1 message before it was published".to_owned(),
            many => format!("{many} messages before it were published"),
        };
        Failure::Because(format!("{sentence}; {so_far}"))
    })
}

async fn connect(args: &Args) -> Result<Asker, Failure> {
    if !args.join {
        return Asker::connect(&args.connection);
    }
    let selected = Topic::parse(&args.channel, Params::default());
    let room = selected
        .map_err(|error| Failure::Nonsense(error.to_string()))?
        .topic;
    if !matches!(room, Topic::Named(_)) {
        let sentence = format!("{} is no room, and cannot be joined", args.channel);
        return Err(Failure::Nonsense(sentence));
    }
    Asker::connect_to_room(&args.connection, &room, args.patience.timeout).await
}

/// Publishes one message, and prints where it stands.
async fn publish(
    asker: &Asker,
    args: &Args,
    data: Json,
    key: IdempotencyKey,
    within: Duration,
) -> Result<(), Failure> {
    let ask = Ask::Publish(Publish {
        channel: args.channel.clone(),
        data,
        // So that a link that breaks is no question: what was published already is not published again.
        idempotency_key: Some(key),
        ack: true,
    });
    let reply = asker.ask(ask, within).await?;
    let Reply::Ack(Ack { position, .. }) = &reply else {
        return Err(unfitting(&reply));
    };
    let mut out = std::io::stdout();
    match position {
        _ if args.json => {
            let json = serde_json::to_string(&position).context("a position is JSON")?;
            writeln!(out, "{json}")?;
        }
        Some(Position { epoch, offset }) => writeln!(out, "{epoch}:{offset}")?,
        None => writeln!(out, "published")?,
    }
    out.flush()?;
    Ok(())
}

/// The lines of standard input, read beside everything else: a terminal or pipe may take its time.
fn read_lines() -> mpsc::Receiver<std::io::Result<String>> {
    let (read, lines) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let failed = line.is_err();
            if read.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    lines
}

fn json(text: &str) -> Result<Json, String> {
    Json::parse(text.trim()).map_err(|error| {
        format!(
            "what is published is JSON, and this is not: {error}; a text is written with quotes, '\"hello\"'"
        )
    })
}

fn key_of(text: &str) -> Result<IdempotencyKey, Failure> {
    IdempotencyKey::parse(text).map_err(|error| Failure::Nonsense(format!("--key {text}: {error}")))
}

fn new_key() -> IdempotencyKey {
    let text = format!("nexus-{:016x}", fastrand::u64(..));
    IdempotencyKey::parse(&text).expect("22 letters and digits are a key")
}
