//! Running programs: to their end with their output streamed, or quietly for one answer.
//!
//! Everything that may take time runs on a leash, so nothing that we start outlives us.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

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

/// What a program said on standard output, whether it did well or not.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) outcome: anyhow::Result<()>,
}

/// Runs a program to its end and keeps what it prints to itself; its standard error goes to `log`. It is ended when it
/// takes longer than `limit`.
pub(crate) fn listen_to(command: &mut Command, log: std::fs::File, limit: Duration) -> anyhow::Result<Said> {
    let mut text = String::new();
    let mut each_line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let kept = Kept {
        each_line: &mut each_line,
        log,
        limit,
    };
    let outcome = watch(command, Stdout::Kept(kept));
    interrupt::check()?;
    Ok(Said { text, outcome })
}

/// A program that talks to us alone.
struct Kept<'a> {
    each_line: &'a mut dyn FnMut(&str),
    log: std::fs::File,
    limit: Duration,
}

/// Where standard output goes.
enum Stdout<'a> {
    Ours,
    OursAndTo(&'a mut dyn FnMut(&str)),
    Nowhere,
    Kept(Kept<'a>),
}

fn watch(command: &mut Command, stdout: Stdout<'_>) -> anyhow::Result<()> {
    interrupt::check()?;
    let shown = shown(command);
    let mut leashed = leash::around(command)?;
    let to = match &stdout {
        Stdout::Ours => Stdio::inherit(),
        Stdout::OursAndTo(_) => Stdio::piped(),
        Stdout::Nowhere => Stdio::null(),
        Stdout::Kept(Kept { log, .. }) => {
            leashed.stderr(log.try_clone()?);
            Stdio::piped()
        }
    };
    leashed.stdout(to);
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
    let mut limit = None;
    let pipe = child.stdout.take();
    let read = |each_line: &mut dyn FnMut(&str)| {
        for line in pipe
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).split(b'\n'))
        {
            let line = line.with_context(|| format!("cannot read what `{shown}` prints"))?;
            each_line(&String::from_utf8_lossy(&line));
        }
        anyhow::Ok(())
    };
    match stdout {
        Stdout::Ours | Stdout::Nowhere => {}
        Stdout::OursAndTo(each_line) => read(&mut |line| {
            println!("{line}");
            each_line(line);
        })?,
        Stdout::Kept(kept) => {
            limit = Some(Alarm::set(id, kept.limit));
            read(kept.each_line)?;
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    steps().remove(&id);
    if let Some(alarm) = limit
        && alarm.rang()
    {
        bail!("`{shown}` took too long and was ended");
    }
    interrupt::check()?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => bail!("`{shown}` failed with exit code {code}"),
        None => bail!("`{shown}` was killed: {status}"),
    }
}

/// Ends a step that takes too long.
struct Alarm {
    /// Dropped when the step has ended.
    over: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Alarm {
    fn set(id: u32, limit: Duration) -> Self {
        let (over, end) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let is_late = end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if is_late {
                steps().remove(&id);
            }
            is_late
        });
        Self { over, thread }
    }

    fn rang(self) -> bool {
        drop(self.over);
        self.thread.join().unwrap_or(false)
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
