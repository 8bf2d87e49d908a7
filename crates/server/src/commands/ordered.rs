//! What came of a request to publish: it has its place in the order, and is acknowledged when it is stored.

use std::future::Future;
use std::pin::Pin;

use nexus_protocol::{Ack, Position, Refusal, Reply};

use crate::broker::{BrokerError, Placed, Storing};

/// A publication that has its place. Whoever publishes next comes behind it, whether or not it is stored yet.
pub enum Ordered {
    /// It is stored as its topic promises.
    Stored(Reply),
    /// The disk has it soon.
    Storing(Acknowledged),
}

/// Ends with the `ack`, or with why there is none. What it is about goes on if nobody waits for it.
pub type Acknowledged = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

impl Ordered {
    /// At this place, which may not be known any more, and stored unless the disk is to be waited for.
    pub(super) fn new(position: Option<Position>, storing: Option<Storing>) -> Self {
        match storing {
            None => Ordered::Stored(ack(position)),
            Some(storing) => Ordered::Storing(Box::pin(async move {
                storing.confirmed().await.map_err(BrokerError::refusal)?;
                Ok(ack(position))
            })),
        }
    }

    /// Waits until it is stored.
    ///
    /// # Errors
    /// If the disk has not confirmed it in time.
    pub async fn acknowledged(self) -> Result<Reply, Refusal> {
        match self {
            Ordered::Stored(reply) => Ok(reply),
            Ordered::Storing(acknowledged) => acknowledged.await,
        }
    }
}

impl From<Placed> for Ordered {
    fn from(Placed { position, storing }: Placed) -> Self {
        Ordered::new(Some(position), storing)
    }
}

/// The answer to who has published.
pub(super) fn ack(position: Option<Position>) -> Reply {
    Reply::Ack(Ack {
        position,
        command_id: None,
    })
}
