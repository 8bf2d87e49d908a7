//! Ctrl-C and SIGTERM. The first one asks every command to end in order, the second one ends at once.
//!
//! Waiting goes through [`pause`], so that no wait outlives the wish to stop.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::process;

/// True from the first signal on; the lock protects nothing else.
static ASKED_TO_STOP: Mutex<bool> = Mutex::new(false);
static WAKE: Condvar = Condvar::new();

/// What a shell reports for a program that Ctrl-C ended.
pub(crate) const EXIT_CODE: u8 = 130;

/// Starts the thread that hears signals for the rest of the process's life.
pub(crate) fn listen() -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .context("cannot listen for Ctrl-C: the system refused a signal handler")?;
    std::thread::spawn(move || {
        for _signal in signals.forever() {
            if asked_to_stop() {
                // The leashes notice that we are gone and end what we started.
                std::process::exit(EXIT_CODE.into());
            }
            *ASKED_TO_STOP.lock().unwrap_or_else(PoisonError::into_inner) = true;
            WAKE.notify_all();
            process::end_all_steps();
        }
    });
    Ok(())
}

/// Whether a signal asked us to end.
pub(crate) fn asked_to_stop() -> bool {
    *ASKED_TO_STOP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error once a signal asked us to end; called between steps.
pub(crate) fn check() -> anyhow::Result<()> {
    if asked_to_stop() { Err(error()) } else { Ok(()) }
}

/// What there is to say once a signal ended us.
pub(crate) fn error() -> anyhow::Error {
    anyhow!("interrupted; nothing was left running. Run the same command to go on where it stopped")
}

/// Waits for `span` or a signal, whichever comes first.
pub(crate) fn pause(span: Duration) {
    let asked = ASKED_TO_STOP.lock().unwrap_or_else(PoisonError::into_inner);
    drop(WAKE.wait_timeout_while(asked, span, |asked| !*asked));
}
