//! Colours, for people at terminals who want them.

use std::io::IsTerminal;

/// Whether to colour one of the two outputs.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self::on(std::io::stdout().is_terminal())
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self::on(std::io::stderr().is_terminal())
    }

    fn on(terminal: bool) -> Self {
        // https://no-color.org: any value but the empty one.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint {
            on: terminal && !unwanted,
        }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrapped("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrapped("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrapped("33", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrapped("31", text)
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
