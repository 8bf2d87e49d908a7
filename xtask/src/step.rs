//! What people see while they wait: which step runs, for how long, and how it ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often a long step says that it is still at work.
const STILL_AT_WORK: Duration = Duration::from_secs(30);

/// How many steps are open now, one within the other; the innermost speaks.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Runs one named step between a line that announces it and a line with its time.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    eprintln!("==> {name}");
    let started = Instant::now();
    let (done, end) = channel::<()>();
    let label = name.to_owned();
    let level = OPEN.fetch_add(1, Ordering::Relaxed) + 1;
    let reminder = std::thread::spawn(move || {
        while end.recv_timeout(STILL_AT_WORK) == Err(RecvTimeoutError::Timeout) {
            if OPEN.load(Ordering::Relaxed) == level {
                eprintln!("    … {label}: {} so far", span(started.elapsed()));
            }
        }
    });
    let outcome = work();
    OPEN.fetch_sub(1, Ordering::Relaxed);
    drop(done);
    let _reminder_ended = reminder.join();
    match &outcome {
        Ok(_) => eprintln!("    {name}: done in {}", span(started.elapsed())),
        Err(_) => eprintln!("    {name}: FAILED after {}", span(started.elapsed())),
    }
    outcome
}

/// One line of news inside a step.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Something the reader must not miss although it is no failure.
pub(crate) fn warning(text: &str) {
    eprintln!("\n!!! {text}\n");
}

/// The last words of a command that failed; the outermost line says what to do.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("\nerror: {error:#}");
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(span(Duration::from_millis(440)), "0.4 s");
        assert_eq!(span(Duration::from_secs(12)), "12 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
    }
}
