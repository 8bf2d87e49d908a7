//! A TCP connection that can be cut from outside: both ends then see a reset, whatever was under way.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Cuts one connection.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    token: CancellationToken,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Cutter {
    /// Resets the connection. Further cuts do nothing.
    pub(crate) fn cut(&self) {
        self.token.cancel();
        self.reader.wake();
        self.writer.wake();
    }

    /// Waits for the cut: for those who do not look at the connection.
    pub(crate) async fn until_cut(&self) {
        self.token.cancelled().await;
    }

    fn check(&self, waker: &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        waker.register(cx.waker());
        if self.token.is_cancelled() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    cutter: Arc<Cutter>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.cutter.token.is_cancelled() {
            // Closing without linger is what makes the peer see a reset instead of an orderly end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cutter.check(&self.cutter.reader, cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.cutter.check(&self.cutter.writer, cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cutter.check(&self.cutter.writer, cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// All connections of a venue, so that a dying venue can cut them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Weak<Cutter>>>>);

impl Lines {
    fn add(&self, cutter: &Arc<Cutter>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(cutter));
    }

    /// Cuts every connection there is.
    pub(crate) fn cut_all(&self) {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for line in lines.iter().filter_map(Weak::upgrade) {
            line.cut();
        }
    }
}

/// The listening socket.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) tcp: TcpListener,
    pub(crate) lines: Lines,
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((stream, addr)) => {
                    // Small frames should leave at once; without it they only leave later.
                    let _ = stream.set_nodelay(true);
                    let cutter = Arc::new(Cutter::default());
                    self.lines.add(&cutter);
                    return (Line { stream, cutter }, addr);
                }
                Err(error) => {
                    tracing::warn!(error = %error, "accepting failed, trying again");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// What a request knows of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Arc<Cutter>);

impl Connected<IncomingStream<'_, Door>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(stream.io().cutter.clone())
    }
}
