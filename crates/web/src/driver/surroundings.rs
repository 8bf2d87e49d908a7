//! What happens around the page and matters to the link: shown or hidden, network or none.

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::FusedFuture;
use gloo_events::EventListener;
use nexus_client::Wish;

use crate::browser;

/// Watches until it is dropped.
pub(super) struct Surroundings {
    changes: mpsc::UnboundedReceiver<Wish>,
    _listeners: Vec<EventListener>,
}

impl Surroundings {
    /// Begins to watch. What is unusual at the beginning is the first change.
    pub(super) fn watch() -> Self {
        let (sender, changes) = mpsc::unbounded();
        let tell = |wish: fn() -> Wish| {
            let sender = sender.clone();
            move |_: &web_sys::Event| {
                // The receiver is dropped together with the listeners.
                let _ = sender.unbounded_send(wish());
            }
        };
        let shown_or_hidden = || {
            if browser::is_shown() {
                Wish::Shown
            } else {
                Wish::Hidden
            }
        };
        let mut listeners = Vec::new();
        if let Some(document) = browser::document() {
            listeners.push(EventListener::new(
                &document,
                "visibilitychange",
                tell(shown_or_hidden),
            ));
        }
        if let Some(window) = browser::window() {
            listeners.push(EventListener::new(&window, "online", tell(|| Wish::Online)));
            listeners.push(EventListener::new(&window, "offline", tell(|| Wish::Offline)));
            // Back out of the browser's cache of left pages, where no time has passed for the page.
            listeners.push(EventListener::new(&window, "pageshow", tell(|| Wish::Shown)));
            if !window.navigator().on_line() {
                let _ = sender.unbounded_send(Wish::Offline);
            }
        }
        if !browser::is_shown() {
            let _ = sender.unbounded_send(Wish::Hidden);
        }
        Surroundings {
            changes,
            _listeners: listeners,
        }
    }

    /// The next change.
    pub(super) fn next(&mut self) -> impl FusedFuture<Output = Wish> + Unpin {
        // The sender lives in the listeners, as long as this does.
        self.changes.select_next_some()
    }
}
