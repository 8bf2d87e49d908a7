//! `GET /v1/ws`, the native door, and `GET /ws`, the classic one. The handshake and who may
//! come in; then the engine has the socket.
//!
//! Whoever may not come in is let through the handshake and closed with a code, because a browser shows a page the
//! close code and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use nexus_protocol::{CloseCode, JSON_SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::auth::{Identity, TokenError};
use crate::clock::wall_clock;
use crate::connection::Entrance;
use crate::connection::dialect::Dialect;
use crate::doors::addresses::client_address;
use crate::engine::{self, Arrival};
use crate::gateway::Gateway;

/// How long the switch from HTTP may take after our answer.
const UPGRADE_DEADLINE: Duration = Duration::from_secs(10);

/// The address of whoever opened the TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Why someone who speaks WebSocket is sent away.
type Away = (CloseCode, &'static str);

/// Answers the handshake of the native door, and hands the socket to the engine.
pub async fn native(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    open(gateway, request, Dialect::Native)
}

/// Answers the handshake of the classic door, and hands the socket to the engine.
pub async fn classic(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    open(gateway, request, Dialect::classic())
}

fn open(gateway: Arc<Gateway>, mut request: Request, dialect: Dialect) -> Response {
    let handshake = match Handshake::read(request.method(), request.headers(), &dialect) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return (
            StatusCode::UPGRADE_REQUIRED,
            "this needs HTTP/1.1 and a WebSocket\n",
        )
            .into_response();
    };
    let peer = request.extensions().get::<Peer>().copied();
    let admitted = admit(&gateway, peer, request.headers(), request.uri());
    gateway
        .tasks
        .clone()
        .spawn(enter(gateway, upgrade, dialect, false, admitted));
    handshake.accept()
}

/// Waits for the socket behind the handshake, then hands it to the engine.
async fn enter(
    gateway: Arc<Gateway>,
    upgrade: OnUpgrade,
    dialect: Dialect,
    deflated: bool,
    admitted: Result<Option<Identity>, Away>,
) {
    let Ok(Ok(upgraded)) = timeout(UPGRADE_DEADLINE, upgrade).await else {
        return;
    };
    // Our listener accepts plain sockets and nothing else.
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        tracing::error!("a WebSocket came over something that is no socket");
        return;
    };
    let stream = match parts.io.into_inner().into_std() {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a WebSocket could not be handed over");
            return;
        }
    };
    let tracked = gateway.tasks.token();
    let entrance = match admitted {
        Ok(identity) => Ok(Entrance {
            dialect,
            deflated,
            identity,
            tracked,
        }),
        Err((code, reason)) => Err(engine::Away {
            code: dialect.close_code(code),
            reason,
            tracked,
        }),
    };
    let arrival = Arrival {
        gateway: Arc::clone(&gateway),
        stream,
        read: parts.read_buf,
        entrance,
    };
    gateway.engine.adopt(arrival);
}

/// Who may come in, and as whom.
fn admit(
    gateway: &Gateway,
    peer: Option<Peer>,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Option<Identity>, Away> {
    if gateway.drain.has_begun() {
        return Err((CloseCode::Restart, "the server restarts"));
    }
    if let Some(Peer(peer)) = peer {
        let client = client_address(peer, headers, &gateway.trusted_proxies);
        let limits = &gateway.limits;
        let is_counted = !(limits.exempt_loopback && client.is_loopback());
        if is_counted
            && gateway
                .addresses
                .admit(client, limits.connections_per_minute, Instant::now())
                .is_err()
        {
            return Err((
                CloseCode::TooManyRequests,
                "too many new connections; wait a minute",
            ));
        }
    }
    if !gateway.origins.allow(headers) {
        return Err((CloseCode::Policy, "pages of this origin may not connect"));
    }
    let Some(token) = token(headers, uri) else {
        return Ok(None);
    };
    match gateway.verifier.verify(&token, wall_clock()) {
        Ok(identity) => Ok(Some(identity)),
        Err(TokenError::Wrong) => Err((CloseCode::AuthFailed, "the token is wrong")),
        Err(TokenError::Expired) => Err((CloseCode::TokenExpired, "the token has expired")),
    }
}

/// The token of the `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    headers.get(AUTHORIZATION).map(|value| {
        let text = value.to_str().unwrap_or_default();
        let token = text
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        // Another scheme than Bearer is a wrong token, not none.
        token.map_or(String::new(), |(_, token)| token.trim().to_owned())
    })
}

/// The token of the `Authorization` header, or of the query.
fn token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    bearer(headers).or_else(|| {
        let query = uri.query()?.split('&');
        // Tokens have no characters that a query must escape.
        query
            .filter_map(|pair| pair.strip_prefix("token="))
            .next()
            .map(str::to_owned)
    })
}

/// A WebSocket handshake that is right.
struct Handshake {
    accept: String,
    has_protocol: bool,
}

impl Handshake {
    /// Checks what RFC 6455 wants of a client, and what we can speak.
    ///
    /// The classic door knows no subprotocols, and lets those that are offered be.
    fn read(method: &Method, headers: &HeaderMap, dialect: &Dialect) -> Result<Self, NoHandshake> {
        let names = |header: HeaderName, token: &str| {
            lists(headers, header).any(|item| item.eq_ignore_ascii_case(token))
        };
        if method != Method::GET || !names(CONNECTION, "upgrade") || !names(UPGRADE, "websocket") {
            return Err(NoHandshake::NoWebSocket);
        }
        if !names(SEC_WEBSOCKET_VERSION, "13") {
            return Err(NoHandshake::Version);
        }
        let key = headers
            .get(SEC_WEBSOCKET_KEY)
            .filter(|key| key.len() == 24)
            .ok_or(NoHandshake::Key)?;
        let is_native = *dialect == Dialect::Native;
        let offers_any = is_native && headers.contains_key(SEC_WEBSOCKET_PROTOCOL);
        let has_protocol =
            is_native && lists(headers, SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == JSON_SUBPROTOCOL);
        if offers_any && !has_protocol {
            return Err(NoHandshake::Subprotocol);
        }
        Ok(Handshake {
            accept: derive_accept_key(key.as_bytes()),
            has_protocol,
        })
    }

    fn accept(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.has_protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(JSON_SUBPROTOCOL));
        }
        response
    }
}

/// Why a request is no handshake that we can answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NoHandshake {
    /// It is plain HTTP.
    NoWebSocket,
    /// It is another version of the standard.
    Version,
    /// The key is missing, or none.
    Key,
    /// It offers subprotocols, and none that we speak.
    Subprotocol,
}

impl IntoResponse for NoHandshake {
    fn into_response(self) -> Response {
        match self {
            NoHandshake::NoWebSocket => {
                let sentence = "this is a WebSocket: connect to it with one (docs/PROTOCOL.md)\n";
                (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], sentence).into_response()
            }
            NoHandshake::Version => {
                let sentence = "this server speaks version 13 of WebSocket\n";
                (
                    StatusCode::UPGRADE_REQUIRED,
                    [(SEC_WEBSOCKET_VERSION, "13")],
                    sentence,
                )
                    .into_response()
            }
            NoHandshake::Key => (
                StatusCode::BAD_REQUEST,
                "the header Sec-WebSocket-Key is missing or wrong\n",
            )
                .into_response(),
            NoHandshake::Subprotocol => {
                let sentence = format!(
                    "this server speaks the subprotocol {JSON_SUBPROTOCOL}, and that was not offered\n"
                );
                (StatusCode::BAD_REQUEST, sentence).into_response()
            }
        }
    }
}

/// The items of a header that is a list, over all its lines.
fn lists(headers: &HeaderMap, header: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers
        .get_all(header)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_the_header_or_the_query() {
        for (header, uri, expected) in [
            (None, "/v1/ws", None),
            (None, "/v1/ws?token=a.b.c", Some("a.b.c")),
            (None, "/v1/ws?x=1&token=a.b.c&y", Some("a.b.c")),
            (None, "/v1/ws?mytoken=a.b.c", None),
            (None, "/v1/ws?token=", Some("")),
            (Some("Bearer a.b.c"), "/v1/ws?token=other", Some("a.b.c")),
            (Some("bearer  a.b.c"), "/v1/ws", Some("a.b.c")),
            (Some("Basic abc"), "/v1/ws", Some("")),
            (Some("Bearer"), "/v1/ws", Some("")),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, header.parse().unwrap());
            }
            let found = token(&headers, &uri.parse().unwrap());
            assert_eq!(found.as_deref(), expected, "{header:?} {uri}");
        }
    }
}
