//! Running programs: to their end with their output streamed, or quietly for one answer.
//!
//! Everything that may take time runs on a leash, so nothing that we start outlives us.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};

use crate::{interrupt, leash};

/// Standard inputs of the steps that run now, by process id. Dropping one ends its step.
static STEPS: Mutex<BTreeMap<u32, ChildStdin>> = Mutex::new(BTreeMap::new());

/// Runs a program to its end, its output going where ours goes. Fails when it fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    watch(command, Stdout::Ours)
}

/// Like [`run`], and shows `each_line` of its standard output to the caller too.
pub(crate) fn run_reading(command: &mut Command, each_line: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    watch(command, Stdout::OursAndTo(each_line))
}

/// Like [`run`], with standard output thrown away: for programs that print what nobody reads.
pub(crate) fn run_silently(command: &mut Command) -> anyhow::Result<()> {
    watch(command, Stdout::Nowhere)
}

/// Where standard output goes.
enum Stdout<'a> {
    Ours,
    OursAndTo(&'a mut dyn FnMut(&str)),
    Nowhere,
}

fn watch(command: &mut Command, stdout: Stdout<'_>) -> anyhow::Result<()> {
    interrupt::check()?;
    let shown = shown(command);
    let mut leashed = leash::around(command)?;
    leashed.stdout(match stdout {
        Stdout::Ours => Stdio::inherit(),
        Stdout::OursAndTo(_) => Stdio::piped(),
        Stdout::Nowhere => Stdio::null(),
    });
    let mut child = leashed
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let id = child.id();
    if let Some(stdin) = child.stdin.take() {
        steps().insert(id, stdin);
    }
    if interrupt::asked_to_stop() {
        end_all_steps();
    }
    if let (Some(pipe), Stdout::OursAndTo(each_line)) = (child.stdout.take(), stdout) {
        for line in BufReader::new(pipe).split(b'\n') {
            let line = line.with_context(|| format!("cannot read what `{shown}` prints"))?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            each_line(&line);
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    steps().remove(&id);
    interrupt::check()?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => bail!("`{shown}` failed with exit code {code}"),
        None => bail!("`{shown}` was killed: {status}"),
    }
}

/// Ends every step that runs now; called when a signal asks us to stop.
pub(crate) fn end_all_steps() {
    steps().clear();
}

/// Standard output of a program that answers at once, such as `tool --version`; `None` when it is not there or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

fn steps() -> std::sync::MutexGuard<'static, BTreeMap<u32, ChildStdin>> {
    STEPS.lock().unwrap_or_else(PoisonError::into_inner)
}
