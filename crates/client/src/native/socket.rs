//! The task that owns one connection: opens it, reads, writes, closes it.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use nexus_protocol::msgpack::{Bounds, pack, unpack};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::native::driver::CLOSE_DEADLINE;
use crate::{LinkId, ServerUrl, Wire, close_code_of_http};

/// The largest message that a server may send.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How much a message in MessagePack may become. It may be as deep as anyone could publish.
const UNPACKED: Bounds = Bounds {
    bytes: MESSAGE_BYTES,
    depth: 1024 * 1024,
};
/// The session gives up an attempt long before; this only ends the task.
const CONNECT_DEADLINE: Duration = Duration::from_secs(60);
/// A frame that cannot be written for so long shows that the link is dead.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// What a browser would report of a connection that broke.
const BROKEN: u16 = 1006;
/// What a browser would report of a close without a code.
const NO_CODE: u16 = 1005;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a connection reports.
pub(super) enum FromSocket {
    Opened,
    Text(Utf8Bytes),
    Unreadable,
    Closed { code: u16, reason: String },
}

/// What a connection is told to do.
pub(super) enum ToSocket {
    Text(String),
    Close { code: u16, reason: &'static str },
}

/// Opens a connection and serves it until either side closes it. Ends as well when nobody takes its reports any more.
pub(super) async fn run(
    link: LinkId,
    url: ServerUrl,
    wire: Wire,
    reports: mpsc::Sender<(LinkId, FromSocket)>,
    mut orders: mpsc::Receiver<ToSocket>,
) {
    let opened = tokio::select! {
        opened = timeout(CONNECT_DEADLINE, open(&url, wire)) => opened,
        // An attempt that is given up has nothing to close yet.
        _ = orders.recv() => return,
    };
    let (code, reason) = match opened {
        Ok(Ok(socket)) => {
            if reports.send((link, FromSocket::Opened)).await.is_err() {
                return;
            }
            let (sink, stream) = socket.split();
            let mut read = pin!(read(link, wire, stream, &reports));
            tokio::select! {
                end = &mut read => end,
                // What cannot be written any more may be because the other side has closed, and it says why.
                end = write(wire, sink, orders) => timeout(CLOSE_DEADLINE, read).await.unwrap_or(end),
            }
        }
        Ok(Err(error)) => end_of(&error),
        Err(_) => (BROKEN, "the server did not answer in time".to_owned()),
    };
    // Nobody may be left to hear it.
    let _ = reports.send((link, FromSocket::Closed { code, reason })).await;
}

async fn open(url: &ServerUrl, wire: Wire) -> Result<WebSocket, Error> {
    let mut request = url.as_str().into_client_request()?;
    let headers = request.headers_mut();
    let subprotocol = HeaderValue::from_static(wire.subprotocol());
    headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    let agent = concat!("nexus-client/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let connector = url
        .as_str()
        .starts_with("wss:")
        .then(|| Connector::Rustls(Arc::clone(tls())));
    let (socket, _) = connect_async_tls_with_config(request, Some(config), true, connector).await?;
    Ok(socket)
}

/// Reports what comes, as fast as it is taken, until the end.
async fn read(
    link: LinkId,
    wire: Wire,
    mut stream: SplitStream<WebSocket>,
    reports: &mpsc::Sender<(LinkId, FromSocket)>,
) -> (u16, String) {
    while let Some(message) = stream.next().await {
        let report = match message {
            Ok(Message::Text(text)) if wire == Wire::Json => FromSocket::Text(text),
            Ok(Message::Binary(bytes)) if wire == Wire::Msgpack => match unpack(&bytes, UNPACKED) {
                Ok(text) => FromSocket::Text(text.into()),
                Err(_) => FromSocket::Unreadable,
            },
            Ok(Message::Text(_) | Message::Binary(_)) => FromSocket::Unreadable,
            // The library answers pings, and a close, as it goes on.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(frame)) => {
                // Reading on writes our half of the close.
                let _ = timeout(CLOSE_DEADLINE, async { while stream.next().await.is_some() {} }).await;
                return frame.map_or((NO_CODE, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
            }
            Err(error) => return end_of(&error),
        };
        if reports.send((link, report)).await.is_err() {
            break;
        }
    }
    (BROKEN, String::new())
}

/// Writes what is to be written, until it is told to close.
async fn write(
    wire: Wire,
    mut sink: SplitSink<WebSocket, Message>,
    mut orders: mpsc::Receiver<ToSocket>,
) -> (u16, String) {
    while let Some(order) = orders.recv().await {
        match order {
            ToSocket::Text(text) => {
                let message = match wire {
                    Wire::Json => Message::text(text),
                    // What a session writes is JSON.
                    Wire::Msgpack => Message::binary(pack(&text).unwrap_or_default()),
                };
                let written = timeout(WRITE_DEADLINE, sink.send(message)).await;
                match written {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return end_of(&error),
                    Err(_) => return (BROKEN, "nothing could be written for too long".to_owned()),
                }
            }
            ToSocket::Close { code, reason } => {
                let frame = CloseFrame {
                    code: code.into(),
                    reason: Utf8Bytes::from_static(reason),
                };
                // The other side's answer ends `read`, which ends this as well; or its time is up.
                let _ = timeout(CLOSE_DEADLINE, async {
                    let _ = sink.send(Message::Close(Some(frame))).await;
                    std::future::pending::<()>().await;
                })
                .await;
                break;
            }
        }
    }
    (BROKEN, String::new())
}

/// What an error of the library means to a session.
fn end_of(error: &Error) -> (u16, String) {
    match error {
        Error::Http(response) => {
            let status = response.status();
            let body = response.body().as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(&body[..body.len().min(200)]);
            (
                close_code_of_http(status.as_u16()),
                format!("HTTP {status} {said}").trim().to_owned(),
            )
        }
        Error::Io(error) => (BROKEN, error.to_string()),
        other => (BROKEN, other.to_string()),
    }
}

/// TLS as browsers do it: their roots, and one crypto provider that no other library of the process can change.
fn tls() -> &'static Arc<ClientConfig> {
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    TLS.get_or_init(|| {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_needs_nothing_of_the_process() {
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
        assert!(!tls().crypto_provider().cipher_suites.is_empty());
    }
}
