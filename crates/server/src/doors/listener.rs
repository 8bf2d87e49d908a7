//! Accepts TCP connections and speaks HTTP/1.1 on them. Our own loop, so that a client that connects and says nothing
//! has a deadline, and so that the native door gets the plain socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::doors::native::Peer;
use crate::gateway::Gateway;

/// How long a client may take to send the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// What the kernel keeps for a client that reads slowly. What waits longer waits in our outbox, where it is replaced
/// by what is newer, and counted.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// A client that takes nothing for so long is cut by the kernel. It is what bounds an answer over plain HTTP; WebSockets
/// are closed with a code long before.
const STALLED: Duration = Duration::from_secs(60);
/// How long to wait when the machine can open no more sockets.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is told to stop.
pub async fn accept(listener: TcpListener, router: Router, gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                prepare(&stream, STALLED.max(gateway.limits.slow_after * 2));
                gateway
                    .tasks
                    .spawn(serve(stream, peer, router.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Sets what the kernel does by itself. Where it does not know an option, the connection works without it.
fn prepare(stream: &TcpStream, stalled: Duration) {
    let socket = SockRef::from(stream);
    // We put together ourselves what is sent at once.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(stalled));
    #[cfg(not(target_os = "linux"))]
    let _ = stalled;
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client's HTTP ended early");
    }
}
