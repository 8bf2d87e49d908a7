//! How a command fails: one plain sentence, and an exit code.

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
        match self {
            Failure::Because(sentence) => {
                eprintln!("nexus: {sentence}");
                ExitCode::FAILURE
            }
            Failure::Nonsense(sentence) => {
                eprintln!("nexus: {sentence}");
                ExitCode::from(2)
            }
            Failure::Outcome(code, sentence) => {
                eprintln!("nexus: {sentence}");
                ExitCode::from(code)
            }
            Failure::Told => ExitCode::FAILURE,
            Failure::ReaderGone => ExitCode::SUCCESS,
        }
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
