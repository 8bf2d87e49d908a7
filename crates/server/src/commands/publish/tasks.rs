//! `publish` on `tasks`.

use std::sync::Arc;

use nexus_protocol::{Json, Position, Refusal, TaskUpdate, Topic, UserId};

use crate::activity::Verdict;
use crate::broker::BrokerError;
use crate::commands::publish::{misshapen, stored};
use crate::content::{Content, Draft, Keyed};
use crate::gateway::Gateway;

/// Publishes an update of a task, exactly as it was written.
pub(super) async fn publish(
    gateway: &Gateway,
    data: &Json,
    user: UserId,
) -> Result<Option<Position>, Refusal> {
    let update: TaskUpdate = data.read().map_err(|error| misshapen("tasks", &error))?;
    let activity = &gateway.activity;
    activity.restore(&gateway.broker).await;
    let _turn = activity.turn(&update.task_id).await;
    let verdict = activity.tasks().check(&update)?;
    if let Verdict::Repeat(position) = verdict {
        return Ok(position);
    }
    let keyed = Keyed {
        key: Arc::from(update.task_id.as_str()),
        text: data.as_str().into(),
        stands: None,
        is_final: update.state.is_final(),
    };
    let draft = Draft {
        content: Content::Keyed(keyed),
        from: Some(user),
    };
    let stored = stored(gateway, &Topic::Tasks, draft).await;
    // What is not confirmed yet has been announced all the same.
    if matches!(stored, Ok(_) | Err(BrokerError::NotConfirmed)) {
        activity.tasks().note(&update, stored.clone().ok());
    }
    stored.map(Some).map_err(BrokerError::refusal)
}
