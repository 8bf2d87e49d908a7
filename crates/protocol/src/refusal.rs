//! A refusal: what tells a client that a request was not done, why, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a request was refused, as a program reads it. The list is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// Not signed in, or the token is wrong.
    AuthFailed,
    /// The token was right and has expired: get another and send `auth`.
    TokenExpired,
    /// Signed in, but not allowed to do this.
    Forbidden,
    /// No JSON, no envelope, or a payload that does not fit its type.
    InvalidMessage,
    /// The `type` is none that a client may send to this server.
    UnknownMessageType,
    /// There is no such channel.
    UnknownChannel,
    /// The channel is there, but not with these params or filters.
    InvalidParams,
    /// Too many messages: wait `retry_after_ms`.
    RateLimited,
    /// More subscriptions than one connection may have.
    TooManySubscriptions,
    /// The device said that the command failed.
    CommandFailed,
    /// The device is not connected.
    DeviceOffline,
    /// The source of this channel cannot be reached now.
    UpstreamDown,
    /// Our fault.
    Internal,
}

/// The answer to a request that was not done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence that says what to do next.
    pub message: String,
    /// When to try again, in milliseconds from now, where that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More for programs, by code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [ErrorCode; 13] = [
        ErrorCode::AuthFailed,
        ErrorCode::TokenExpired,
        ErrorCode::Forbidden,
        ErrorCode::InvalidMessage,
        ErrorCode::UnknownMessageType,
        ErrorCode::UnknownChannel,
        ErrorCode::InvalidParams,
        ErrorCode::RateLimited,
        ErrorCode::TooManySubscriptions,
        ErrorCode::CommandFailed,
        ErrorCode::DeviceOffline,
        ErrorCode::UpstreamDown,
        ErrorCode::Internal,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::AuthFailed => "AUTH_FAILED",
            ErrorCode::TokenExpired => "TOKEN_EXPIRED",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::InvalidMessage => "INVALID_MESSAGE",
            ErrorCode::UnknownMessageType => "UNKNOWN_MESSAGE_TYPE",
            ErrorCode::UnknownChannel => "UNKNOWN_CHANNEL",
            ErrorCode::InvalidParams => "INVALID_PARAMS",
            ErrorCode::RateLimited => "RATE_LIMITED",
            ErrorCode::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            ErrorCode::CommandFailed => "COMMAND_FAILED",
            ErrorCode::DeviceOffline => "DEVICE_OFFLINE",
            ErrorCode::UpstreamDown => "UPSTREAM_DOWN",
            ErrorCode::Internal => "INTERNAL",
        }
    }

    /// Whether the same request may succeed later without anything being changed by the client.
    pub fn is_transient(self) -> bool {
        match self {
            ErrorCode::RateLimited
            | ErrorCode::DeviceOffline
            | ErrorCode::UpstreamDown
            | ErrorCode::Internal => true,
            ErrorCode::AuthFailed
            | ErrorCode::TokenExpired
            | ErrorCode::Forbidden
            | ErrorCode::InvalidMessage
            | ErrorCode::UnknownMessageType
            | ErrorCode::UnknownChannel
            | ErrorCode::InvalidParams
            | ErrorCode::TooManySubscriptions
            | ErrorCode::CommandFailed => false,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Refusal {
    /// A refusal with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal {
            code,
            message: message.into(),
            retry_after_ms: None,
            details: None,
        }
    }

    /// With the time after which to try again, in milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }
}

impl From<crate::TopicError> for Refusal {
    fn from(error: crate::TopicError) -> Self {
        let code = match &error {
            crate::TopicError::UnknownChannel(_) => ErrorCode::UnknownChannel,
            crate::TopicError::InvalidParams(_) => ErrorCode::InvalidParams,
        };
        Refusal::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_and_read_by_its_name() {
        for code in ErrorCode::ALL {
            let text = serde_json::to_string(&code).unwrap();
            assert_eq!(text, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), code);
        }
    }
}
