//! `nexus`: the command line for people. Here is what can be asked of it; each command is a file.
//!
//! What was asked for goes to standard output, everything else to standard error. The exit code is 0 when it was done,
//! 1 when not, with one sentence that says why and what to do, and 2 when the command line makes no sense. `nexus command`
//! has codes of its own for what became of the command.

mod ask;
mod bench;
mod check;
mod command;
mod connection;
mod crowd;
mod failure;
mod filter;
mod history;
mod paint;
mod presence;
mod publish;
mod secret;
mod selection;
mod simulate;
mod sub;
mod token;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of Nexus, the real-time gateway.
#[derive(Parser)]
#[command(name = "nexus", version)]
struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Listen to a channel: publications on standard output, all that happens to the link on standard error
    Sub(sub::Args),
    /// Publish a message, or one for each line of standard input
    Pub(publish::Args),
    /// Print what was published on a channel before
    History(history::Args),
    /// Print who is on a channel
    Presence(presence::Args),
    /// Order a device to do something, and follow it to its end
    Command(command::Args),
    /// Make devices, work and talk that are not real, for demos and for trying things out
    Simulate(simulate::Args),
    /// Sign a token and print it
    Token(token::Args),
    /// Measure how many messages a server delivers, how late, and what that costs it
    Bench(bench::Args),
    /// See step by step whether a server does what its users need
    Check(check::Args),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.act {
        Act::Sub(args) => connection::run(sub::run(args)),
        Act::Pub(args) => connection::run(publish::run(args)),
        Act::History(args) => connection::run(history::run(args)),
        Act::Presence(args) => connection::run(presence::run(args)),
        Act::Command(args) => connection::run(command::run(args)),
        Act::Simulate(args) => connection::run(simulate::run(args)),
        Act::Token(args) => token::run(args),
        Act::Bench(args) => bench::run(&args),
        Act::Check(args) => connection::run(check::run(args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        super::Args::command().debug_assert();
    }
}
