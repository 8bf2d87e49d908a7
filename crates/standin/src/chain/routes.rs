//! The HTTP side: the upgrade, `POST /`, `/ready`, and the two doors for tests, `/_fault` and `/_state`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::chain::connection;
use crate::chain::faults::{Fault, HttpMode};
use crate::chain::graphql::{self, Error, Request};
use crate::chain::ledger::ChainView;
use crate::chain::node::{Node, Observation};
use crate::chain::queries;
use crate::line::Caller;

const SUBPROTOCOL: &str = "graphql-transport-ws";
const PLAYGROUND: &str = "<!doctype html>\n<title>Simulated chain node</title>\n<p>A stand-in for a chain node: POST GraphQL here, or follow a chain under <code>/ws</code>.\n";
const SORRY: &str = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n";

/// All routes of a stand-in node.
pub(crate) fn routes(node: Arc<Node>) -> Router {
    Router::new()
        .route("/", post(query).get(async || Html(PLAYGROUND)))
        .route("/ready", get(async || "ready!"))
        .route("/ws", get(upgrade))
        .route("/_fault", post(fault))
        .route("/_state", get(state))
        .with_state(node)
}

async fn upgrade(
    State(node): State<Arc<Node>>,
    ConnectInfo(Caller(grip)): ConnectInfo<Caller>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let mut standing = node.standing.subscribe();
    let refuse = match standing.wait_for(|standing| !standing.hang_upgrades).await {
        Ok(standing) => standing.refuse,
        Err(_) => Some(502),
    };
    if let Some(status) = refuse {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        return (status, Html(SORRY)).into_response();
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !offered.any(|name| name.trim() == SUBPROTOCOL) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let seat = node.take_seat(grip);
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(4 * 1_024)
        .max_message_size(1 << 20)
        .on_upgrade(move |socket| connection::serve(node, seat, socket))
}

async fn query(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    node.count_request();
    let mut mode = HttpMode::Ok;
    node.standing.send_if_modified(|standing| {
        if standing.http.is_some() {
            mode = Arc::make_mut(standing).take_http();
        }
        false
    });
    match mode {
        HttpMode::Ok => {}
        HttpMode::Html500 => return (StatusCode::INTERNAL_SERVER_ERROR, Html(SORRY)).into_response(),
        HttpMode::Garbage => return "{\"data\": never".into_response(),
        HttpMode::Hang => std::future::pending().await,
    }
    let Ok(request) = serde_json::from_slice::<Request>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = match graphql::parse(&request) {
        Ok(operation) => queries::execute(&node, &operation),
        Err(error) => Error::answer(&[error]),
    };
    axum::Json(answer).into_response()
}

async fn fault(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            let connections = node.fault(fault);
            axum::Json(serde_json::json!({ "ok": true, "connections": connections })).into_response()
        }
        Err(error) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("not a fault: {error}\n"),
        )
            .into_response(),
    }
}

/// What `/_state` shows beside the connections.
#[derive(Debug, Deserialize)]
struct Show {
    /// Only this chain.
    chain: Option<String>,
}

async fn state(State(node): State<Arc<Node>>, Query(show): Query<Show>) -> Response {
    #[derive(Serialize)]
    struct Body {
        #[serde(flatten)]
        observation: Observation,
        chains: Vec<ChainView>,
    }
    let mut chains = node.chains();
    if let Some(id) = show.chain {
        chains.retain(|chain| chain.chain_id == id);
    }
    axum::Json(Body {
        observation: node.observe(),
        chains,
    })
    .into_response()
}
