//! `cargo xtask <command>`: everything one does with this repository beside writing code.
//!
//! A command prints each step with its time, streams the output of what it runs, and ends every failure in a sentence
//! that says what to do. Whatever it starts ends with it, also when it is killed (see `leash`).

#![allow(
    clippy::print_stdout,
    reason = "a command line program talks on standard output"
)]

mod args;
mod bench;
mod binaries;
mod ci;
mod closing_line;
mod demo;
mod interrupt;
mod leash;
mod process;
mod screenshots;
mod service;
mod step;
mod test;
mod tidy;
mod tools;
mod web;
mod workspace;

use std::process::ExitCode;

use crate::args::Command;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == leash::WORD) {
        return leash::run(&words[1..]);
    }

    let outcome = args::parse(&words).and_then(|command| {
        interrupt::listen()?;
        run(command)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whatever failed then, failed because it was ended.
        Err(_) if interrupt::asked_to_stop() => {
            step::failure(&interrupt::error());
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            step::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Help => {
            println!("{}", args::HELP);
            Ok(())
        }
        Command::Test(suites) => test::run(&suites),
        Command::Web => web::build().map(|_| ()),
        Command::Demo(options) => demo::run(&options),
        Command::Screenshots => screenshots::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
    }
}
