//! The envelope that every message of the native door has, before its payload is looked at.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Offset, Params, UserId};

/// An envelope that was received. Everything but the type is optional, and unknown fields are ignored.
#[derive(Deserialize)]
pub(crate) struct Received<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) channel: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) params: Option<Params>,
    #[serde(default)]
    pub(crate) offset: Option<Offset>,
    #[serde(default)]
    pub(crate) snapshot: bool,
    #[serde(default)]
    pub(crate) conflated: u64,
    #[serde(default)]
    pub(crate) from: Option<UserId>,
    #[serde(borrow, default)]
    pub(crate) payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

/// An envelope to be sent. Fields that are absent are not written.
#[derive(Serialize)]
pub(crate) struct Sent<'a, P: Serialize> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Params::is_empty")]
    pub(crate) params: Params,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<Offset>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<crate::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a crate::Refusal>,
}

impl<'a, P: Serialize> Sent<'a, P> {
    /// An envelope with a type and a payload.
    pub(crate) fn new(kind: &'a str, payload: Option<P>) -> Self {
        Sent {
            kind,
            id: None,
            channel: None,
            params: Params::default(),
            offset: None,
            snapshot: false,
            timestamp: None,
            payload,
            error: None,
        }
    }
}
