//! What a program wrote, kept while a test runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines shown of a program when a test failed.
const SHOWN: usize = 60;

/// The lines of one program, over all its restarts; clones share them.
#[derive(Clone, Debug)]
pub struct Log {
    name: Arc<str>,
    /// Guards the lines alone.
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Log {
            name: name.into(),
            lines: Arc::default(),
        }
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first line that contains a text.
    pub fn find(&self, text: &str) -> Option<String> {
        self.lines().iter().find(|line| line.contains(text)).cloned()
    }

    /// The first line behind the first `skipped` that contains a text.
    pub(crate) fn find_from(&self, skipped: usize, text: &str) -> Option<String> {
        self.lines()
            .iter()
            .skip(skipped)
            .find(|line| line.contains(text))
            .cloned()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines().len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The end of it, for people.
    pub fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    /// Adds a line of the test's own, so that the log reads in order.
    pub fn note(&self, line: impl Into<String>) {
        self.lines().push(line.into());
    }

    /// Copies a stream of the program until it ends.
    pub(crate) fn follow(&self, stream: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
                log.note(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
