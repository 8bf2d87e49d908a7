//! `nexus history`: what was published before.

use std::io::Write;

use anyhow::Context;
use nexus_client::Ask;
use nexus_protocol::{History, HistoryItem, HistoryPage, Position, Reply, Timestamp};

use crate::ask::{Asker, unfitting};
use crate::connection::{Connection, Patience};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::paint::Paint;
use crate::selection::Selection;
use crate::when::{parse_position, parse_time};

/// Options of `nexus history`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus history room:lobby --limit 20
  nexus history trades --param symbol=BTC --before 10m
  nexus history commands --filter device_id=pump-1 --reverse
  nexus history room:lobby --until k3v9q2ax:1021

Without --since: the newest, printed in the order in which they were published.")]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,

    /// At most so many; otherwise as many as the server gives at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Only what was published behind this position, and that first
    #[arg(long, value_name = "EPOCH:OFFSET", value_parser = parse_position)]
    since: Option<Position>,

    /// Only what was published before this position: the way back, page by page
    #[arg(long, value_name = "EPOCH:OFFSET", value_parser = parse_position)]
    until: Option<Position>,

    /// Only what is older: than a time such as 2026-11-03T01:53:54Z, or than so long, such as 5m
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    before: Option<Timestamp>,

    /// Newest first
    #[arg(long)]
    reverse: bool,

    #[command(flatten)]
    filter: Filter,

    /// Each as JSON with its offset and time, one a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    patience: Patience,

    #[command(flatten)]
    connection: Connection,
}

/// Asks, and prints what came.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let selected = args.selection.topic();
    let selected = selected.map_err(|error| Failure::Nonsense(error.to_string()))?;
    let ask = Ask::History(History {
        topic: selected.topic,
        filters: args.filter.filters(),
        since: args.since.clone(),
        until: args.until.clone(),
        before: args.before,
        limit: args.limit,
        // The newest are wanted, unless a place to begin was named.
        reverse: args.reverse || args.since.is_none(),
    });
    let asker = Asker::connect(&args.connection)?;
    let reply = asker.ask(ask, args.patience.timeout).await;
    asker.close().await;
    match reply? {
        Reply::History(page) => print(&args, page),
        other => Err(unfitting(&other)),
    }
}

fn print(args: &Args, mut page: HistoryPage) -> Result<(), Failure> {
    let last = page.items.last().map(|item| (item.offset, item.timestamp));
    let newest_first = args.reverse || args.since.is_none();
    if newest_first && !args.reverse {
        page.items.reverse();
    }
    let mut out = std::io::stdout().lock();
    let paint = Paint::stdout();
    for item in &page.items {
        if args.json {
            let json = serde_json::to_string(item).context("an item is JSON")?;
            writeln!(out, "{json}")?;
        } else {
            writeln!(out, "{}", line(item, paint))?;
        }
    }
    out.flush()?;
    let notes = Paint::stderr();
    let note = match last {
        None => "nothing is there".to_owned(),
        Some(_) if !page.more => return Ok(()),
        Some((Some(offset), _)) if newest_first => format!("there is more: --until {}:{offset}", page.epoch),
        Some((Some(offset), _)) => format!("there is more: --since {}:{offset}", page.epoch),
        // Of an archive, whose bars have no offsets.
        Some((None, time)) if newest_first => format!("there is more: --before {time}"),
        Some((None, _)) => "there is more".to_owned(),
    };
    // Nobody may listen, and that is fine.
    let _ = writeln!(std::io::stderr(), "{}", notes.dim(&note));
    Ok(())
}

fn line(item: &HistoryItem, paint: Paint) -> String {
    let mut head = item.timestamp.to_string();
    if let Some(offset) = item.offset {
        head.push_str(&format!(" #{offset}"));
    }
    if let Some(from) = &item.from {
        head.push_str(&format!(" {from}"));
    }
    let value = item.payload.read::<serde_json::Value>();
    let text = value.map(|value| value.to_string()).unwrap_or_default();
    format!("{} {text}", paint.dim(&head))
}
