//! The process between us and what we start: it ends its program when we are gone, however we went.
//!
//! `xtask` starts every program as `xtask __leash <program> <args…>` with a pipe as standard input and in a process
//! group of its own. The pipe closes when we drop it or die, even by `kill -9`; the leash then asks the whole group to
//! end, and kills it when it does not. It exits as its program did. Nothing but this file knows how that is done.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpid, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The hidden first word that makes `xtask` a leash.
pub(crate) const WORD: &str = "__leash";

/// How long a group may take between being asked to end and being killed.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

const EXIT_CANNOT_START: u8 = 127;
const SIGNAL_BASE: i32 = 128;

/// The same command on a leash. The caller keeps the child's standard input: dropping it ends the program.
pub(crate) fn around(command: &Command) -> std::io::Result<Command> {
    let mut leashed = Command::new(our_program()?);
    leashed
        .arg0("xtask")
        .arg(WORD)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leashed.env(name, value),
            None => leashed.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        leashed.current_dir(dir);
    }
    leashed.stdin(Stdio::piped()).process_group(0);
    Ok(leashed)
}

/// The running program, even after a build put another one in its place.
fn our_program() -> std::io::Result<PathBuf> {
    let image = Path::new("/proc/self/exe");
    if image.exists() {
        Ok(image.to_path_buf())
    } else {
        std::env::current_exe()
    }
}

enum Event {
    Exited(std::io::Result<std::process::ExitStatus>),
    LetGo,
}

/// What the leash process does: runs `words` as a program until it ends or standard input closes.
pub(crate) fn run(words: &[OsString]) -> ExitCode {
    // The group includes us: our own request to end must not be our end. Handlers are reset in the program we start.
    let _heard_and_ignored = Signals::new([SIGTERM, SIGINT, SIGHUP]);
    let Some((program, args)) = words.split_first() else {
        return ExitCode::from(EXIT_CANNOT_START);
    };
    let mut child = match Command::new(program).args(args).stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            return ExitCode::from(EXIT_CANNOT_START);
        }
    };

    let (events, inbox) = channel();
    let on_exit: Sender<Event> = events.clone();
    std::thread::spawn(move || on_exit.send(Event::Exited(child.wait())));
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        events.send(Event::LetGo)
    });

    let mut let_go_at: Option<Instant> = None;
    loop {
        let patience = let_go_at.map_or(Duration::MAX, |at| GRACE.saturating_sub(at.elapsed()));
        match inbox.recv_timeout(patience) {
            Ok(Event::Exited(status)) => {
                // Whatever the program left behind goes too.
                signal_group(Signal::TERM);
                return exit_code(status);
            }
            Ok(Event::LetGo) => {
                let_go_at = Some(Instant::now());
                signal_group(Signal::TERM);
            }
            Err(RecvTimeoutError::Timeout) => {
                eprintln!(
                    "{} did not end within {} s: killed",
                    program.display(),
                    GRACE.as_secs()
                );
                signal_group(Signal::KILL);
            }
            Err(RecvTimeoutError::Disconnected) => return ExitCode::FAILURE,
        }
    }
}

/// Signals the leash's own group, which holds the program and all it started.
fn signal_group(signal: Signal) {
    let group: Pid = getpid();
    // Started by hand from a shell we may not lead a group; then there is nobody to signal.
    let _nobody_there = kill_process_group(group, signal);
}

fn exit_code(status: std::io::Result<std::process::ExitStatus>) -> ExitCode {
    let Ok(status) = status else {
        return ExitCode::FAILURE;
    };
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| SIGNAL_BASE + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
