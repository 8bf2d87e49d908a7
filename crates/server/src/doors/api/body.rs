//! What stands in a request: a JSON body within bounds, and a query.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{StatusCode, Uri};
use nexus_protocol::{ErrorCode, Refusal};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::Problem;
use crate::gateway::Gateway;

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);
/// A request may hold several messages; each has the limit of a message.
const MESSAGES: usize = 8;

/// A body that is JSON of this type.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let most = gateway.limits.message_bytes as usize * MESSAGES;
        let bytes = timeout(DEADLINE, to_bytes(request.into_body(), most))
            .await
            .map_err(|_| {
                let late = Refusal::new(ErrorCode::InvalidMessage, "the body did not arrive in time");
                Problem::with_status(StatusCode::REQUEST_TIMEOUT, late)
            })?
            .map_err(|_| {
                let sentence = format!("a body has at most {most} bytes, and must arrive whole");
                let refusal = Refusal::new(ErrorCode::InvalidMessage, sentence);
                Problem::with_status(StatusCode::PAYLOAD_TOO_LARGE, refusal)
            })?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::invalid(format!("the body: {}", brief(&error.to_string()))))?;
        Ok(Body(value))
    }
}

/// The query of a request as this type.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::try_from_uri(uri)
        .map(|Query(value)| value)
        .map_err(|error| Problem::invalid(format!("the query: {}", brief(&error.body_text()))))
}

/// A part of the query that is JSON.
pub(super) fn json_part<T: DeserializeOwned + Default>(name: &str, text: Option<&str>) -> Result<T, Problem> {
    match text {
        None | Some("") => Ok(T::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Problem::invalid(format!("`{name}`: {}", brief(&error.to_string())))),
    }
}

/// It may quote what was sent.
fn brief(text: &str) -> String {
    text.chars().take(160).collect()
}
