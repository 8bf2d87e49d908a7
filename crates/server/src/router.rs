//! Which path leads to which door.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;

use crate::doors::{api, dashboard, health, native};
use crate::gateway::Gateway;

/// Which path leads to which door.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/ws", get(native::native))
        .route("/ws", get(native::classic))
        .merge(api::routes(&gateway))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(dashboard::dashboard)
        .layer(from_fn(dashboard::careful))
        .with_state(gateway)
}
