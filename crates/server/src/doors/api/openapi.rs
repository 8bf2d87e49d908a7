//! `GET /v1/openapi.json`: what the API is, for programs and for people who write them.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// The description; a test keeps its paths those of the router.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// The description. Anyone may read it.
pub(super) async fn openapi() -> Response {
    (
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")],
        DOCUMENT,
    )
        .into_response()
}
