//! A TCP connection with a grip on it: from outside it can be cut, so that both ends see a reset whatever was under way,
//! and bytes can be slipped in that no WebSocket library would write.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What holds one connection from outside.
#[derive(Debug, Default)]
pub(crate) struct Grip {
    token: CancellationToken,
    /// Bytes to write before anything else.
    slipped: Mutex<VecDeque<u8>>,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Grip {
    /// Resets the connection. Further cuts do nothing.
    pub(crate) fn cut(&self) {
        self.token.cancel();
        self.reader.wake();
        self.writer.wake();
    }

    /// Slips bytes in before the next that are written.
    pub(crate) fn slip(&self, bytes: &[u8]) {
        self.slipped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(bytes);
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
    grip: Arc<Grip>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.grip.token.is_cancelled() {
            // Closing without linger is what makes the peer see a reset instead of an orderly end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl Line {
    /// Writes what was slipped in; ready when nothing is left of it.
    fn poll_slipped(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut slipped = self.grip.slipped.lock().unwrap_or_else(PoisonError::into_inner);
        while !slipped.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, slipped.as_slices().0))?;
            slipped.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.grip.check(&self.grip.reader, cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.grip.check(&self.grip.writer, cx)?;
        ready!(self.poll_slipped(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.grip.check(&self.grip.writer, cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// All connections of a venue, so that a dying venue can cut them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Weak<Grip>>>>);

impl Lines {
    fn add(&self, grip: &Arc<Grip>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(grip));
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
                    let grip = Arc::new(Grip::default());
                    self.lines.add(&grip);
                    return (Line { stream, grip }, addr);
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
pub(crate) struct Caller(pub(crate) Arc<Grip>);

impl Connected<IncomingStream<'_, Door>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(stream.io().grip.clone())
    }
}
