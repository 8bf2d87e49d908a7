//! The HTTP side: the upgrade, `/info`, and the two doors for tests, `/_fault` and `/_state`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::exchange::connection;
use crate::exchange::faults::{Fault, HttpMode};
use crate::exchange::frames::{WireTrade, json, texts};
use crate::exchange::info::{InfoRequest, Most};
use crate::exchange::market::{BLOCK_MS, Market};
use crate::exchange::venue::{Observation, Venue};
use crate::line::Caller;

/// What a load balancer says while the venue is being upgraded.
const SORRY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
/// How long a slow answer takes, of the venue's time.
const SLOW: Duration = Duration::from_secs(2);

/// All routes of a stand-in exchange.
pub(crate) fn routes(venue: Arc<Venue>) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route("/info", post(info))
        .route("/_fault", post(fault))
        .route("/_state", get(state))
        .with_state(venue)
}

async fn upgrade(
    State(venue): State<Arc<Venue>>,
    ConnectInfo(Caller(grip)): ConnectInfo<Caller>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let mut standing = venue.standing.subscribe();
    let answering = standing.wait_for(|standing| !standing.hang_upgrades);
    let refuse = match answering.await {
        Ok(standing) => standing.refuse,
        Err(_) => Some(502),
    };
    if let Some(status) = refuse {
        venue.count_refused();
        return (status_of(status), Html(SORRY)).into_response();
    }
    let Some(seat) = venue.take_seat(grip) else {
        return (
            StatusCode::TOO_MANY_REQUESTS,
            Html(SORRY.replace("502 Bad Gateway", "429 Too Many Requests")),
        )
            .into_response();
    };
    upgrade
        .read_buffer_size(4 * 1_024)
        .max_message_size(1 << 20)
        .on_upgrade(move |socket| connection::serve(venue, seat, socket))
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
}

async fn info(State(venue): State<Arc<Venue>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut mode = None;
    venue.standing.send_if_modified(|standing| {
        if standing.http.is_none() {
            return false;
        }
        mode = Arc::make_mut(standing).take_http();
        true
    });
    match mode {
        None | Some(HttpMode::Ok) => {}
        Some(HttpMode::Html500) => {
            let page = SORRY.replace("502 Bad Gateway", "500 Internal Server Error");
            return (StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response();
        }
        Some(HttpMode::TooMany) => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        Some(HttpMode::Slow) => tokio::time::sleep(venue.clock.wall(SLOW)).await,
        Some(HttpMode::Hang) => std::future::pending().await,
    }

    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json {
        let text = "Expected request with `Content-Type: application/json`";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    }
    let Ok(request) = serde_json::from_slice::<InfoRequest>(&body) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, texts::BAD_BODY).into_response();
    };
    if !venue.weigh(request.weight()) {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    // Years of candles take a while; the frames of others go on meanwhile.
    let answer = tokio::task::spawn_blocking(move || {
        let most = Most {
            recent_trades: venue.config.recent_trades,
            account_rows: venue.config.account_rows,
        };
        let answer = request.answer(&venue.market, &venue.accounts, venue.block(), most);
        // The rows are known only now; they count against what comes next.
        venue.weigh(request.weight_of_rows(&answer));
        answer
    });
    match answer.await {
        Ok(answer) => ([(header::CONTENT_TYPE, "application/json")], answer.body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn fault(State(venue): State<Arc<Venue>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            let connections = venue.fault(fault);
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
    /// The trades of this coin.
    coin: Option<String>,
    /// The orders and fills of this address.
    user: Option<String>,
    /// From this time (Unix ms); by default the last minute.
    from: Option<i64>,
    /// Up to this time; by default now.
    to: Option<i64>,
}

async fn state(State(venue): State<Arc<Venue>>, Query(show): Query<Show>) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        observation: Observation,
        /// The stretch of time whose trades follow, Unix ms.
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<[i64; 2]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        trades: Option<Vec<WireTrade<'a>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        orders: Option<Vec<serde_json::Value>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fills: Option<Vec<serde_json::Value>>,
    }
    let observation = venue.observe();
    let (range, trades) = match &show.coin {
        None => (None, None),
        Some(coin) => {
            let Some(id) = venue.market.universe.find(coin) else {
                return (StatusCode::NOT_FOUND, "no such coin\n").into_response();
            };
            let block = venue.block();
            let from = Market::block_at(show.from.unwrap_or(observation.now - 60_000));
            let to = Market::block_at(show.to.unwrap_or(observation.now)).clamp(0, block);
            // A day of trades at most: enough for any run, and the answer stays bounded.
            let from = from.max(to - 4 * 86_400);
            let trades = venue.market.trades(id, from, to);
            let range = [from * BLOCK_MS, (to + 1) * BLOCK_MS - 1];
            (Some(range), Some(WireTrade::all(venue.market.coin(id), &trades)))
        }
    };
    let account = show.user.map(|user| {
        let from = show.from.unwrap_or(observation.now - 60_000);
        venue.account_rows(&user, from, show.to.unwrap_or(observation.now))
    });
    let (orders, fills) = account.unzip();
    let body = json(&Body {
        observation,
        range,
        trades,
        orders,
        fills,
    });
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
