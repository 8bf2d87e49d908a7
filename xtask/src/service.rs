//! A program that runs beside us until we end it: its log in a file, its address from its first line.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::{interrupt, leash};

/// What every server of the project prints first.
const LISTENING_ON: &str = "listening on ";
const LOG_LINES_SHOWN: usize = 25;
const POLL: Duration = Duration::from_millis(50);

/// A running program; dropping it ends the program.
#[must_use]
pub(crate) struct Service {
    name: &'static str,
    log: PathBuf,
    child: Child,
    /// Held open while the program shall run.
    leash: Option<ChildStdin>,
    first_line: Receiver<String>,
}

impl Service {
    /// Starts a program; its output goes to `log`, which begins anew.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(log).with_context(|| format!("cannot write {}: see its rights", log.display()))?;
        let mut leashed = leash::around(command)?;
        leashed.stdout(Stdio::piped()).stderr(file.try_clone()?);
        let mut child = leashed.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = child
            .stdout
            .take()
            .with_context(|| format!("{name} has no standard output"))?;
        let (sender, first_line) = channel();
        std::thread::spawn(move || keep_log(stdout, file, &sender));
        Ok(Self {
            name,
            log: log.to_owned(),
            leash: child.stdin.take(),
            child,
            first_line,
        })
    }

    /// Waits for the first line and returns the URL in it.
    pub(crate) fn listening(mut self, limit: Duration) -> anyhow::Result<(Self, String)> {
        let deadline = Instant::now() + limit;
        let line = loop {
            match self.first_line.recv_timeout(POLL) {
                Ok(line) => break line,
                Err(RecvTimeoutError::Timeout) => interrupt::check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.wait_for_end();
                    self.check_alive()?;
                    bail!(
                        "{} closed its standard output without a word: see {}",
                        self.name,
                        self.log.display()
                    );
                }
            }
            if Instant::now() > deadline {
                bail!(
                    "{} said nothing for {} s: see {}",
                    self.name,
                    limit.as_secs(),
                    self.log.display()
                );
            }
        };
        match url_in(&line) {
            Some(url) => Ok((self, url)),
            None => bail!(
                "{} must print `{LISTENING_ON}http://ADDR:PORT` first but printed {line:?}: correct its main",
                self.name
            ),
        }
    }

    /// The process that holds the program; the program itself is its child.
    pub(crate) fn leash_id(&self) -> u32 {
        self.child.id()
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// An error with the end of its log once the program has ended.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        bail!(
            "{} ended by itself ({status}). The end of {}:\n\n{}",
            self.name,
            self.log.display(),
            tail(&log)
        );
    }

    /// Asks the program to end and waits until it has; the leash kills it when it does not.
    pub(crate) fn end(&mut self) -> anyhow::Result<()> {
        self.leash.take();
        self.child
            .wait()
            .with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }

    /// Gives a program that closed its output a moment to be gone.
    fn wait_for_end(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            interrupt::pause(POLL);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nobody is left to tell; the leash does its work even if we cannot wait for it.
        let _ended = self.end();
    }
}

/// Copies what the program prints to its log, and hands on the first line.
fn keep_log(stdout: ChildStdout, mut log: File, first_line: &Sender<String>) {
    let mut is_first = true;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if is_first {
            is_first = false;
            // The receiver may have given up by now; the log goes on.
            let _gone = first_line.send(line.clone());
        }
        if writeln!(log, "{line}").is_err() {
            // A full disk must not stop the program by a full pipe.
            continue;
        }
    }
}

fn url_in(line: &str) -> Option<String> {
    let url = line.strip_prefix(LISTENING_ON)?.trim_end();
    url.starts_with("http://")
        .then(|| url.trim_end_matches('/').to_owned())
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_holds_the_url() {
        assert_eq!(
            url_in("listening on http://127.0.0.1:4711").as_deref(),
            Some("http://127.0.0.1:4711")
        );
        assert_eq!(url_in("Listening!"), None);
        assert_eq!(url_in("listening on port 80"), None);
    }

    #[test]
    fn a_tail_is_the_end_of_a_long_log_and_all_of_a_short_one() {
        let long = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert!(tail(&long).starts_with("75\n") && tail(&long).ends_with("\n99"));
        assert_eq!(tail("one\ntwo"), "one\ntwo");
    }
}
