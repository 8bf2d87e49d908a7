//! A server that takes no more connections of this address for a while: nobody waits for it without knowing.

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use nexus_client::native::Client;
use nexus_client::{AskError, Event, LinkState, Trouble};
use nexus_protocol::CloseCode;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::paint::Paint;

/// When the server is asked again, which has turned us away; none if it has not.
pub(crate) type Again = watch::Receiver<Option<Instant>>;

/// Notes when a server turns us away.
pub(crate) struct Lookout {
    client: Client,
    again: watch::Sender<Option<Instant>>,
}

impl Lookout {
    pub(crate) fn new(client: Client) -> (Self, Again) {
        let (again, noted) = watch::channel(None);
        (Lookout { client, again }, noted)
    }

    /// Sees what happens to the link.
    pub(crate) async fn see(&self, event: &Event) {
        if let Event::Link(LinkState::Waiting { until, trouble, .. }) = event
            && is_crowd(trouble)
        {
            let now = self.client.view(|_, now| now).await.unwrap_or_default();
            let again = Instant::now() + until.saturating_sub(now);
            self.again.send_replace(Some(again));
        }
    }
}

/// Waits for an answer. It has so much time; when that is not enough to be let in again, there is none at once.
///
/// # Errors
/// If there is no answer.
pub(crate) async fn wait<T>(
    answer: impl Future<Output = Result<T, AskError>>,
    mut again: Again,
    within: Duration,
) -> Result<T, AskError> {
    let begun = Instant::now();
    let mut answer = pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            Ok(()) = again.changed() => {}
        }
        let Some(at) = *again.borrow_and_update() else {
            continue;
        };
        if at.saturating_duration_since(begun) > within {
            return Err(AskError::TimedOut);
        }
        let wait = at.saturating_duration_since(Instant::now());
        // It may be told late, when an answer is waited for after another.
        if !wait.is_zero() {
            let text = format!("{SENTENCE}; trying again in {:.0} s", wait.as_secs_f64().ceil());
            // Nobody may listen, and that is fine.
            let _ = writeln!(std::io::stderr(), "{}", Paint::stderr().yellow(&text));
        }
    }
}

/// Whether that is what ails a connection.
pub(crate) fn is_crowd(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Closed {
            code: CloseCode::TooManyRequests,
            ..
        }
    )
}

/// What it is, and what to do.
pub(crate) const SENTENCE: &str = "the server lets one address open only so many connections a minute (4029; its settings \
    connections_per_minute and exempt_loopback): wait a minute, and for many messages use one connection \
    (`nexus pub --lines`) or the HTTP API";
