//! `nexus`: the command line for people. Here is what can be asked of it; each command is a file.
//!
//! What was asked for goes to standard output, everything else to standard error. The exit code is 0 when it was done,
//! 1 when not, with one sentence that says why and what to do, and 2 when the command line makes no sense.

mod check;
mod connection;
mod failure;
mod paint;
mod secret;
mod selection;
mod sub;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of Nexus, the real-time gateway.
#[derive(Parser)]
#[command(name = "nexus", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Listen to a channel: publications on standard output, all that happens to the link on standard error
    Sub(sub::Args),
    /// Sign a token and print it
    Token(token::Args),
    /// See step by step whether a server does what its users need
    Check(check::Args),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Sub(args) => connection::run(sub::run(args)),
        Command::Token(args) => token::run(args),
        Command::Check(args) => connection::run(check::run(args)),
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
