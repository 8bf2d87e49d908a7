//! A token for one subscription: it allows a topic that the connection's own token does not.

use std::sync::Arc;

use nexus_protocol::{ErrorCode, Refusal, Timestamp, Topic, UserId};

use crate::auth::Who;

/// What a token for one subscription says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// What may be listened to.
    pub topic: Topic,
    /// Whose connection it must be; anyone's if absent.
    pub user: Option<UserId>,
    /// The token's own name, by which it can be revoked.
    pub token_id: Option<Arc<str>>,
    /// When the token was made.
    pub issued_at: Option<Timestamp>,
    /// When the subscription ends, unless it is renewed.
    pub expires_at: Timestamp,
}

impl Grant {
    /// Whether it lets someone listen to a topic.
    ///
    /// # Errors
    /// If it is for another topic, or somebody else.
    pub fn check(&self, who: &Who, topic: &Topic) -> Result<(), Refusal> {
        if self.topic != *topic {
            return Err(Refusal::new(
                ErrorCode::Forbidden,
                format!("the subscription's token is for another topic than `{topic}`"),
            ));
        }
        match &self.user {
            Some(user) if who.user() != Some(user) => Err(Refusal::new(
                ErrorCode::Forbidden,
                "the subscription's token is somebody else's; sign in as its user first",
            )),
            Some(_) | None => Ok(()),
        }
    }
}
