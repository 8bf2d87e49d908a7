//! `publish` on `ai`.

use std::sync::Arc;

use nexus_protocol::{AiUpdate, ErrorCode, Json, Position, Refusal, Topic, UserId};

use crate::activity::Verdict;
use crate::broker::BrokerError;
use crate::clock::wall_clock;
use crate::commands::publish::{misshapen, stored};
use crate::content::{Content, Draft, Keyed};
use crate::gateway::Gateway;

/// Publishes a chunk of a stream: as it was written if it had its number, else with the number that the server gives it.
pub(super) async fn publish(
    gateway: &Gateway,
    data: &Json,
    user: UserId,
) -> Result<Option<Position>, Refusal> {
    let update: AiUpdate = data.read().map_err(|error| misshapen("ai", &error))?;
    let activity = &gateway.activity;
    activity.restore(&gateway.broker).await;
    let _turn = activity.turn(&update.stream_id).await;
    let verdict = activity.streams().check(&update, wall_clock())?;
    let chunk = match verdict {
        Verdict::Publish(chunk) => chunk,
        Verdict::Repeat(position) => return Ok(position),
    };
    let text = match update.index {
        Some(_) => data.as_str().into(),
        None => numbered(data.as_str(), chunk.index)?,
    };
    let keyed = Keyed {
        key: Arc::from(update.stream_id.as_str()),
        text,
        stands: Some(Arc::clone(&chunk.stands)),
        is_final: update.is_final(),
    };
    let draft = Draft {
        content: Content::Keyed(keyed),
        from: Some(user),
    };
    let stored = stored(gateway, &Topic::Ai, draft).await;
    // What is not confirmed yet has been announced all the same.
    if matches!(stored, Ok(_) | Err(BrokerError::NotConfirmed)) {
        activity.streams().note(chunk, stored.clone().ok());
    }
    stored.map(Some).map_err(BrokerError::refusal)
}

/// The object with its number as its first field; the rest stays as its publisher wrote it.
fn numbered(object: &str, index: u64) -> Result<Arc<str>, Refusal> {
    let inside = object.strip_prefix('{').unwrap_or_default();
    let text = format!("{{\"index\":{index},{inside}");
    // `"index":null` would stand there twice.
    if serde_json::from_str::<AiUpdate>(&text).is_err() {
        return Err(Refusal::new(
            ErrorCode::InvalidParams,
            "`index` is a number; leave it out to have the server count",
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_put_in_and_nothing_else_changes() {
        assert_eq!(
            &*numbered(r#"{ "stream_id": "s", "extra": 1.50}"#, 3).unwrap(),
            r#"{"index":3, "stream_id": "s", "extra": 1.50}"#
        );
        for object in [r#"{"stream_id":"s","index":null}"#, "{}", "[]"] {
            assert!(numbered(object, 0).is_err(), "{object}");
        }
    }
}
