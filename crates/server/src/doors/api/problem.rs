//! What went wrong, as a problem document. The `code` is that of the refusals of every door.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nexus_protocol::{ErrorCode, Refusal};
use serde_json::{Map, Value, json};

/// A refusal as an answer in HTTP.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    refusal: Box<Refusal>,
}

impl Problem {
    /// A refusal with another status than its code has.
    pub(super) fn with_status(status: StatusCode, refusal: Refusal) -> Self {
        Problem {
            status,
            refusal: Box::new(refusal),
        }
    }

    /// A request that cannot be read.
    pub(super) fn invalid(sentence: impl Into<String>) -> Self {
        Refusal::new(ErrorCode::InvalidMessage, sentence).into()
    }

    /// The document.
    pub(super) fn document(&self) -> Value {
        let mut document = Map::new();
        let code = self.refusal.code.as_str();
        document.insert("type".to_owned(), json!(format!("urn:nexus:problem:{code}")));
        document.insert("title".to_owned(), json!(title(self.refusal.code)));
        document.insert("status".to_owned(), json!(self.status.as_u16()));
        document.insert("detail".to_owned(), json!(self.refusal.message));
        document.insert("code".to_owned(), json!(code));
        if let Some(wait) = self.refusal.retry_after_ms {
            document.insert("retry_after_ms".to_owned(), json!(wait));
        }
        if let Some(details) = &self.refusal.details {
            document.insert("details".to_owned(), details.clone());
        }
        Value::Object(document)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Problem {
            status: status(refusal.code),
            refusal: Box::new(refusal),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.refusal.retry_after_ms {
            // In whole seconds, rounded up: whoever waits as told is let in.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        }
        response
    }
}

/// For paths under `/v1` that there are not.
pub(super) async fn no_such_path() -> Problem {
    let refusal = Refusal::new(
        ErrorCode::UnknownMessageType,
        "there is no such path; GET /v1/openapi.json lists those there are",
    );
    Problem::with_status(StatusCode::NOT_FOUND, refusal)
}

/// For paths that there are, with another method.
pub(super) async fn not_with_this_method() -> Problem {
    let refusal = Refusal::new(
        ErrorCode::UnknownMessageType,
        "this path is not for that method; GET /v1/openapi.json says which it is for",
    );
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, refusal)
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::AuthFailed | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::InvalidMessage | ErrorCode::UnknownMessageType | ErrorCode::InvalidParams => {
            StatusCode::BAD_REQUEST
        }
        ErrorCode::UnknownChannel => StatusCode::NOT_FOUND,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TooManySubscriptions | ErrorCode::CommandFailed | ErrorCode::DeviceOffline => {
            StatusCode::CONFLICT
        }
        ErrorCode::UpstreamDown => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::AuthFailed => "Not signed in",
        ErrorCode::TokenExpired => "The token has expired",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::InvalidMessage => "The request cannot be read",
        ErrorCode::UnknownMessageType => "No such request",
        ErrorCode::UnknownChannel => "No such channel",
        ErrorCode::InvalidParams => "Something in the request does not fit",
        ErrorCode::RateLimited => "Too many requests",
        ErrorCode::TooManySubscriptions => "Too many subscriptions",
        ErrorCode::CommandFailed => "The command failed",
        ErrorCode::DeviceOffline => "The device is offline",
        ErrorCode::UpstreamDown => "The source is down",
        ErrorCode::Internal => "The server is at fault",
    }
}
