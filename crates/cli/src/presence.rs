//! `nexus presence`: who is on a channel.

use std::io::Write;

use anyhow::Context;
use nexus_client::Ask;
use nexus_protocol::{Reply, Target};

use crate::ask::{Asker, unfitting};
use crate::connection::{Connection, Patience};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::selection::Selection;

/// Options of `nexus presence`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nexus presence room:lobby
  nexus presence telemetry      (the devices that are connected)")]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The members as JSON, one a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    patience: Patience,

    #[command(flatten)]
    connection: Connection,
}

/// Asks, and prints who is there.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let selected = args.selection.topic();
    let selected = selected.map_err(|error| Failure::Nonsense(error.to_string()))?;
    let asker = Asker::connect(&args.connection)?;
    let topic = selected.topic;
    let ask = Ask::Presence(Target { topic });
    let reply = asker.ask(ask, args.patience.timeout).await;
    asker.close().await;
    let list = match reply? {
        Reply::Presence(list) => list,
        other => return Err(unfitting(&other)),
    };
    let mut out = std::io::stdout().lock();
    let paint = Paint::stdout();
    let widest = list.members.iter().map(|member| member.user.as_str().len()).max();
    for member in &list.members {
        if args.json {
            let json = serde_json::to_string(member).context("a member is JSON")?;
            writeln!(out, "{json}")?;
        } else {
            let since = paint.dim(&format!("since {}", member.since));
            let width = widest.unwrap_or_default();
            writeln!(out, "{:width$}  {since}", member.user.as_str())?;
        }
    }
    out.flush()?;
    if list.members.is_empty() {
        // Nobody may listen, and that is fine.
        let _ = writeln!(std::io::stderr(), "{}", Paint::stderr().dim("nobody is there"));
    }
    Ok(())
}
