//! The HTTP API: what programs do without a WebSocket. Each request becomes the same command that a door makes of it, with
//! the same permissions and the same limits; errors are problem documents of
//! [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457). `GET /v1/openapi.json` describes it, and a test holds it to that.

mod body;
mod caller;
mod chains;
mod commands;
mod looking;
mod managing;
mod openapi;
mod problem;
mod publishing;
mod rates;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, Method};
use axum::routing::{any, get, post};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub use rates::Callers;

use crate::gateway::Gateway;

/// The header that names a publish, so that its repeat is none.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Every path of the API.
pub fn routes(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/publish", post(publishing::publish))
        .route("/v1/broadcast", post(publishing::broadcast))
        .route("/v1/telemetry", post(publishing::telemetry))
        .route("/v1/commands", post(commands::order).get(commands::list))
        .route("/v1/commands/{id}", get(commands::one))
        .route("/v1/channels", get(looking::channels))
        .route("/v1/history", get(looking::history))
        .route("/v1/presence", get(looking::presence))
        .route("/v1/chains", get(chains::chains))
        .route("/v1/connections", get(managing::connections))
        .route("/v1/disconnect", post(managing::disconnect))
        .route("/v1/unsubscribe", post(managing::unsubscribe))
        .route("/v1/tokens/revoke", post(managing::revoke))
        .route("/v1/openapi.json", get(openapi::openapi))
        .route("/v1/{*path}", any(problem::no_such_path))
        .method_not_allowed_fallback(problem::not_with_this_method)
        .layer(cors(Arc::clone(gateway)))
}

/// Pages of allowed origins may ask from elsewhere; there are no cookies, so nothing is sent along unasked.
fn cors(gateway: Arc<Gateway>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |_, parts| {
            gateway.origins.allow(&parts.headers)
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IDEMPOTENCY_KEY])
        .expose_headers([RETRY_AFTER])
}
