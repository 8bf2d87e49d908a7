//! How a command fails: one plain sentence, and an exit code.

use std::io::Write;
use std::process::ExitCode;

/// A command was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This sentence says why, and what to do.
    Because(String),
    /// What was asked for makes no sense; this sentence says why.
    Nonsense(String),
    /// It was done, and this came of it: an exit code of the command's own, and a sentence.
    Outcome(u8, String),
    /// Everything was said already.
    Told,
    /// Whoever read our output has had enough; that is no failure of ours.
    ReaderGone,
}

impl Failure {
    /// Says it, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, sentence) = match self {
            Failure::Because(sentence) => (1, sentence),
            Failure::Nonsense(sentence) => (2, sentence),
            Failure::Outcome(code, sentence) => (code, sentence),
            Failure::Told => return ExitCode::FAILURE,
            Failure::ReaderGone => return ExitCode::SUCCESS,
        };
        // Nobody may listen; the exit code says it all the same.
        let _ = writeln!(std::io::stderr(), "nexus: {sentence}");
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Because(format!("{error:#}"))
    }
}

/// Of writing to standard output.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::Because(format!("cannot write the output: {error}")),
        }
    }
}
