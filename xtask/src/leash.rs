//! The process between us and what we start: it ends its program when we are gone, however we went.
//!
//! `xtask` starts every program as `xtask __leash <grace> <program> <args…>` with a pipe as standard input and in a process
//! group of its own. The pipe closes when we drop it or die, even by `kill -9`; the leash then asks the whole group to
//! end, and kills it when it does not. It exits as its program did. Nothing but this file knows how that is done.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{Signal, getpgrp, kill_process_group, setpgid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The hidden first word that makes `xtask` a leash.
pub(crate) const WORD: &str = "__leash";

/// How long a group may take between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(10);

const EXIT_CANNOT_START: u8 = 127;
const SIGNAL_BASE: i32 = 128;

/// The same command on a leash. The caller keeps the child's standard input: dropping it ends the program.
pub(crate) fn around(command: &Command) -> std::io::Result<Command> {
    let mut leashed = Command::new(our_program()?);
    leashed
        .arg0("xtask")
        .arg(WORD)
        .arg(GRACE.as_millis().to_string())
        .arg(command.get_program())
        .args(command.get_args());
    for name in std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_about_us(name))
    {
        leashed.env_remove(name);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leashed.env(name, value),
            None => leashed.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        leashed.current_dir(dir);
    }
    leashed.stdin(Stdio::piped());
    Ok(leashed)
}

/// What `cargo run` tells us about our own package. Passed on, it would make build scripts of other packages run anew.
fn is_about_us(variable: &OsStr) -> bool {
    const ABOUT_US: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
    ];
    ABOUT_US
        .iter()
        .any(|prefix| variable.as_encoded_bytes().starts_with(prefix.as_bytes()))
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
    // A group of our own: Ctrl-C in the terminal reaches `xtask` alone, which ends things in order.
    // It fails only when we lead a group already.
    let _led_already = setpgid(None, None);
    // The group includes us: our own request to end must not be our end. Handlers are reset in the program we start.
    let _heard_and_ignored = Signals::new([SIGTERM, SIGINT, SIGHUP]);
    let [grace, program, args @ ..] = words else {
        return ExitCode::from(EXIT_CANNOT_START);
    };
    let grace = grace
        .to_str()
        .and_then(|millis| millis.parse().ok())
        .map_or(GRACE, Duration::from_millis);
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

    // How long to wait for the next event; only somebody who was asked to end can be late.
    let mut patience = Duration::MAX;
    loop {
        match inbox.recv_timeout(patience) {
            Ok(Event::Exited(status)) => {
                // Whatever the program left behind goes too.
                signal_group(Signal::TERM);
                return exit_code(status);
            }
            Ok(Event::LetGo) => {
                signal_group(Signal::TERM);
                patience = grace;
            }
            Err(RecvTimeoutError::Timeout) => {
                eprintln!(
                    "{} did not end within {} s: killed",
                    program.display(),
                    grace.as_secs()
                );
                signal_group(Signal::KILL);
                patience = Duration::MAX;
            }
            Err(RecvTimeoutError::Disconnected) => return ExitCode::FAILURE,
        }
    }
}

/// Signals the leash's own group, which holds the program and all it started.
fn signal_group(signal: Signal) {
    // It cannot fail: we are in the group ourselves.
    let _signalled = kill_process_group(getpgrp(), signal);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leash_is_told_grace_program_and_arguments() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "true"])
            .env("NEXUS_BIND", "127.0.0.1:0")
            .current_dir("/");
        let leashed = around(&command).expect("we know our own program");
        assert_eq!(
            leashed.get_args().collect::<Vec<_>>(),
            [WORD, "10000", "sh", "-c", "true"]
        );
        assert!(
            leashed
                .get_envs()
                .any(|(name, value)| name == "NEXUS_BIND" && value.is_some())
        );
        assert_eq!(leashed.get_current_dir(), Some(Path::new("/")));
    }

    #[test]
    fn what_cargo_says_about_xtask_is_not_passed_on() {
        assert!(is_about_us(OsStr::new("CARGO_PKG_NAME")) && is_about_us(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_about_us(OsStr::new("CARGO_HOME")) && !is_about_us(OsStr::new("PATH")));
    }
}
