//! What an application holds: the handle and the events.

use std::time::Duration;

use nexus_protocol::{Reply, Subscribe, Topic};
use tokio::sync::{mpsc, oneshot};

use crate::native::driver::{Asker, Driver, Order};
use crate::{Ask, AskError, Config, Event, Freshness, Session, Wish};

/// Orders that wait for the driver; whoever gives one more waits.
const ORDERS: usize = 64;
/// Events that wait for the application; when there are more, the driver stops reading from the socket.
const EVENTS: usize = 1024;

/// A handle on a session that runs in a task of its own. Cheap to clone.
///
/// When the last handle is dropped, the connection is closed with 1000 and the session ends.
#[derive(Clone)]
#[must_use = "dropping the handle closes the connection"]
pub struct Client {
    orders: mpsc::Sender<Order>,
}

/// What the application is told, in order. See [`Event`].
///
/// Take them as they come: while they are not taken, nothing is read from the server, not even answers. Whoever does
/// not want to know drops this.
pub struct Events {
    events: mpsc::Receiver<Event>,
}

/// The session has ended; nothing can be wanted of it any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the client has ended")]
pub struct Ended;

impl Client {
    /// Starts a session, which connects at once. Must be called within a tokio runtime.
    pub fn connect(config: Config) -> (Client, Events) {
        let (orders, orders_taken) = mpsc::channel(ORDERS);
        let (events_told, events) = mpsc::channel(EVENTS);
        tokio::spawn(Driver::new(config, orders_taken, events_told).run());
        (Client { orders }, Events { events })
    }

    /// Wants a topic; see [`Wish::Subscribe`].
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn subscribe(&self, subscribe: Subscribe) -> Result<(), Ended> {
        self.wish(Wish::Subscribe(subscribe)).await
    }

    /// Wants a topic no longer.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn unsubscribe(&self, topic: Topic) -> Result<(), Ended> {
        self.wish(Wish::Unsubscribe(topic)).await
    }

    /// Wants to be a member of a room; see [`Wish::Join`].
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn join(&self, room: Topic) -> Result<(), Ended> {
        self.wish(Wish::Join(room)).await
    }

    /// Wants to be a member of a room no longer.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn leave(&self, room: Topic) -> Result<(), Ended> {
        self.wish(Wish::Leave(room)).await
    }

    /// Signs in with this token from now on.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn set_token(&self, token: String) -> Result<(), Ended> {
        self.wish(Wish::SetToken(token)).await
    }

    /// Hands in any wish. [`Wish::Ask`] is better asked with [`ask`](Self::ask), which gives the answer.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn wish(&self, wish: Wish) -> Result<(), Ended> {
        self.orders.send(Order::Wish(wish)).await.map_err(|_| Ended)
    }

    /// Asks something, and waits for the answer; not longer than `within`, reconnecting included. Dropping the future
    /// takes the question back.
    ///
    /// # Errors
    /// If there is no answer, or it is a refusal.
    pub async fn ask(&self, ask: Ask, within: Duration) -> Result<Reply, AskError> {
        self.ask_and_watch(ask, within, |_| ()).await
    }

    /// Like [`ask`](Self::ask), and shows what comes on the way to the answer: how far a command is. `progress` should
    /// be quick.
    ///
    /// # Errors
    /// If there is no answer, or it is a refusal.
    pub async fn ask_and_watch(
        &self,
        ask: Ask,
        within: Duration,
        progress: impl FnMut(Reply) + Send + 'static,
    ) -> Result<Reply, AskError> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Ask {
            ask,
            within,
            asker: Asker {
                progress: Box::new(progress),
                answer,
            },
        };
        self.orders.send(order).await.map_err(|_| AskError::Stopped)?;
        answered.await.unwrap_or(Err(AskError::Stopped))
    }

    /// How fresh a topic's data is now; `None` if it is not subscribed.
    pub async fn freshness(&self, topic: Topic) -> Option<Freshness> {
        self.view(move |session, now| session.freshness(&topic, now))
            .await
            .ok()
            .flatten()
    }

    /// Looks at the session, at the time of its clock. `look` should be quick.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn view<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Session, Duration) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (seen, saw) = oneshot::channel();
        let look = Box::new(move |session: &Session, now| {
            // Whoever asked may have stopped waiting.
            let _ = seen.send(look(session, now));
        });
        self.orders.send(Order::View(look)).await.map_err(|_| Ended)?;
        saw.await.map_err(|_| Ended)
    }

    /// Ends the session: the connection is closed with 1000. Returns when the other side has confirmed it, or has had
    /// its time to.
    pub async fn close(self) {
        let (closed, done) = oneshot::channel();
        if self.orders.send(Order::Close(closed)).await.is_ok() {
            let _ = done.await;
        }
    }
}

impl Events {
    /// The next event; `None` when the session has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
