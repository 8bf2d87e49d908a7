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
    AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use nexus_protocol::{CloseCode, JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::auth::{Identity, TokenError};
use crate::clock::wall_clock;
use crate::connection::Entrance;
use crate::connection::dialect::Dialect;
use crate::deflate::{self, Accepted, Compression};
use crate::doors::addresses::client_address;
use crate::encoded::{Compressor, WireClass};
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
    let compression = gateway.compressor.as_ref().map(Compressor::how);
    let handshake = match Handshake::read(request.method(), request.headers(), dialect, compression) {
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
    let (dialect, class) = (handshake.dialect.clone(), handshake.class());
    gateway
        .tasks
        .clone()
        .spawn(enter(gateway, upgrade, dialect, class, admitted));
    handshake.accept()
}

/// Waits for the socket behind the handshake, then hands it to the engine.
async fn enter(
    gateway: Arc<Gateway>,
    upgrade: OnUpgrade,
    dialect: Dialect,
    class: WireClass,
    admitted: Result<Option<Identity>, Away>,
) {
    let Ok(Ok(upgraded)) = timeout(UPGRADE_DEADLINE, upgrade).await else {
        return;
    };
    tracing::debug!(wire.text = ?class.text, wire.deflated = class.deflated, "a WebSocket was opened");
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
            class,
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
    /// What was agreed on.
    dialect: Dialect,
    /// Whether the client wants to be told so.
    names_subprotocol: bool,
    /// What was agreed on about compression, if anything was.
    deflate: Option<Accepted>,
}

impl Handshake {
    /// Checks what RFC 6455 wants of a client, and what we can speak.
    ///
    /// Of the subprotocols that a client offers, the first that we speak is agreed on: it names first what it likes best.
    /// The classic door knows no subprotocols, and lets those that are offered be.
    fn read(
        method: &Method,
        headers: &HeaderMap,
        dialect: Dialect,
        compression: Option<Compression>,
    ) -> Result<Self, NoHandshake> {
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
        let is_classic = matches!(dialect, Dialect::Classic(_));
        let names_subprotocol = !is_classic && headers.contains_key(SEC_WEBSOCKET_PROTOCOL);
        let dialect = match names_subprotocol {
            true => lists(headers, SEC_WEBSOCKET_PROTOCOL)
                .find_map(Dialect::of_subprotocol)
                .ok_or(NoHandshake::Subprotocol)?,
            false => dialect,
        };
        Ok(Handshake {
            accept: derive_accept_key(key.as_bytes()),
            dialect,
            names_subprotocol,
            deflate: compression.and_then(|compression| compressed(headers, compression)),
        })
    }

    /// How frames are written for the connection.
    fn class(&self) -> WireClass {
        WireClass {
            text: self.dialect.text(),
            deflated: self.deflate.is_some(),
        }
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
        if self.names_subprotocol {
            let agreed = HeaderValue::from_static(self.dialect.name());
            headers.insert(SEC_WEBSOCKET_PROTOCOL, agreed);
        }
        let agreed = self.deflate.map(|deflate| HeaderValue::try_from(deflate.answer));
        if let Some(Ok(agreed)) = agreed {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, agreed);
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
                    "this server speaks the subprotocols {JSON_SUBPROTOCOL} and {MSGPACK_SUBPROTOCOL}, and neither was offered\n"
                );
                (StatusCode::BAD_REQUEST, sentence).into_response()
            }
        }
    }
}

/// What is agreed on with a client about compression, if anything is.
fn compressed(headers: &HeaderMap, compression: Compression) -> Option<Accepted> {
    let fails = |agent: &HeaderValue| agent.to_str().is_ok_and(deflate::is_known_to_fail);
    if headers.get(USER_AGENT).is_some_and(fails) {
        return None;
    }
    let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
    deflate::negotiate(lines.filter_map(|line| line.to_str().ok()), compression)
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

    fn handshake(
        lines: &[(HeaderName, &str)],
        dialect: Dialect,
        compression: Option<Compression>,
    ) -> Handshake {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONNECTION, "Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        Handshake::read(&Method::GET, &headers, dialect, compression).unwrap()
    }

    #[test]
    fn compression_is_agreed_on_at_both_doors_where_it_is_on_and_offered() {
        const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.1 Safari/605.1.15";
        const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let on = Some(Compression::DEFAULT);
        let chromium = (
            SEC_WEBSOCKET_EXTENSIONS,
            "permessage-deflate; client_max_window_bits",
        );
        let unknown = (SEC_WEBSOCKET_EXTENSIONS, "permessage-foo");
        let safari = (USER_AGENT, SAFARI);
        for (case, lines, compression, expected) in [
            ("offered", &[chromium.clone()][..], on, Some(ANSWER)),
            (
                "offered in the second line",
                &[unknown.clone(), chromium.clone()],
                on,
                Some(ANSWER),
            ),
            ("switched off", std::slice::from_ref(&chromium), None, None),
            ("not offered", &[], on, None),
            ("another offered", &[unknown], on, None),
            (
                "offered by one that cannot do it",
                &[chromium.clone(), safari],
                on,
                None,
            ),
        ] {
            for dialect in [Dialect::Native, Dialect::Msgpack, Dialect::classic()] {
                let text = dialect.text();
                let handshake = handshake(lines, dialect, compression);
                let deflated = expected.is_some();
                assert_eq!(handshake.class(), WireClass { text, deflated }, "{case}");
                let response = handshake.accept();
                let answer = response.headers().get(SEC_WEBSOCKET_EXTENSIONS);
                assert_eq!(answer.map(|answer| answer.to_str().unwrap()), expected, "{case}");
            }
        }
    }

    #[test]
    fn the_first_subprotocol_that_we_speak_is_agreed_on_over_all_lines() {
        let classic = Dialect::classic();
        for (offered, door, expected, answer) in [
            (&[][..], Dialect::Native, Dialect::Native, None),
            (
                &["graphql-ws", "nexus.v1.msgpack,nexus.v1.json"],
                Dialect::Native,
                Dialect::Msgpack,
                Some("nexus.v1.msgpack"),
            ),
            (
                &["nexus.v1.json", "nexus.v1.msgpack"],
                Dialect::Native,
                Dialect::Native,
                Some("nexus.v1.json"),
            ),
            (&["nexus.v1.msgpack"], classic.clone(), classic.clone(), None),
        ] {
            let lines: Vec<_> = offered
                .iter()
                .map(|line| (SEC_WEBSOCKET_PROTOCOL, *line))
                .collect();
            let handshake = handshake(&lines, door, None);
            assert_eq!(handshake.dialect, expected, "{offered:?}");
            let response = handshake.accept();
            let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
            assert_eq!(agreed.map(|agreed| agreed.to_str().unwrap()), answer);
        }
    }

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
