//! `GET /health`, `/health/live`, `/health/ready` and `/metrics`: for operators and their machines.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::feeds::{FeedReport, LinkReport};
use crate::gateway::Gateway;

/// How the server is, for people and for the dashboard's server page.
pub async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let standing = gateway.standing();
    let is_ending = gateway.drain.has_begun();
    let is_failing = standing.store.is_some_and(|store| !store.works);
    let store = standing.store.map(|store| {
        json!({
            "works": store.works,
            "waiting": store.waiting,
            "waiting_bytes": store.waiting_bytes,
            "refused": store.refused,
            "lost": store.lost,
        })
    });
    let feeds: Vec<_> = gateway.feeds.report().iter().map(shown).collect();
    Json(json!({
        "status": match (is_ending, is_failing) {
            (true, _) => "draining",
            (false, true) => "degraded",
            (false, false) => "healthy",
        },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": gateway.started.elapsed().as_secs(),
        "websocket": {"clients": standing.connections, "subscriptions": standing.subscriptions},
        "topics": standing.topics,
        "store": store,
        "feeds": feeds,
    }))
    .into_response()
}

/// Whether the process works at all.
pub async fn live() -> &'static str {
    "live\n"
}

/// Whether new clients are welcome: not from the moment that a drain begins.
pub async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, &'static str) {
    if gateway.drain.has_begun() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// What is counted.
pub async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(CONTENT_TYPE, OPEN_METRICS)],
        gateway.metrics.render(&gateway.standing()),
    )
        .into_response()
}

fn shown(feed: &FeedReport) -> Value {
    let state = match feed.state {
        LinkReport::Idle => "idle",
        LinkReport::Connecting => "connecting",
        LinkReport::Up => "up",
        LinkReport::Down => "down",
    };
    json!({
        "name": feed.name,
        "simulated": feed.simulated,
        "state": state,
        "reason": feed.reason,
        "connections": feed.connections,
        "subscriptions": feed.subscriptions,
        "topics": feed.topics,
        "last_message": feed.last_message,
    })
}
