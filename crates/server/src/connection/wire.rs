//! One WebSocket, seen by the task that owns it: frames out of shared bytes, messages in, and an orderly end.
//!
//! Reading is tungstenite's: framing, masks, fragments, UTF-8, limits, the close handshake. Writing is ours, because
//! tungstenite copies every frame into a buffer per connection that never shrinks, and we hand the same frame to all
//! subscribers: what waits here are references, and one `writev` sends many. What tungstenite itself wants to say
//! (pongs, the answer to a close) it writes into `control`, from where it joins the queue at a frame's border.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use nexus_protocol::CloseCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::encoded::text_frame;

/// What is read from the socket at once. Large messages get a buffer of their size while they arrive.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// The most frames in one system call.
const FRAMES_AT_ONCE: usize = 64;
/// How long a client may take to read what stands before a close, and the close itself.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// How long we go on reading behind a close. If we did not, what the client is still sending would make the kernel
/// reset the connection, and the client would never see the close code.
const LINGER: Duration = Duration::from_secs(3);

/// One WebSocket.
pub struct Wire<S> {
    io: S,
    reader: WebSocketContext,
    control: Vec<u8>,
    /// Frames to be written. The first may be written in part.
    out: VecDeque<Bytes>,
    out_bytes: usize,
    first_is_partial: bool,
    /// Since when the client takes nothing although something waits for it.
    blocked_since: Option<Instant>,
    /// When it last took something again after it had taken nothing.
    unblocked_at: Option<Instant>,
}

/// What happened on a WebSocket.
#[derive(Debug)]
pub enum Event {
    /// All that waited was written.
    Flushed,
    /// The client has begun to take nothing.
    Blocked,
    /// A text message came.
    Text(Utf8Bytes),
    /// A binary message came.
    Binary(Bytes),
    /// A ping or a pong came.
    Control,
    /// Nothing more comes.
    Ended(Ended),
}

/// Why nothing more comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The client closed; our answer is queued.
    ByClient,
    /// The link broke.
    Broken,
    /// The client sent what is no WebSocket, or not within the limits.
    Violation(CloseCode, &'static str),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A WebSocket over a stream on which the handshake is done. `read` is what was read beyond it.
    pub fn new(io: S, read: &[u8], max_message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        Wire {
            io,
            reader: WebSocketContext::from_partially_read(read.to_vec(), Role::Server, Some(config)),
            control: Vec::new(),
            out: VecDeque::new(),
            out_bytes: 0,
            first_is_partial: false,
            blocked_since: None,
            unblocked_at: None,
        }
    }

    /// Queues a frame.
    pub fn push(&mut self, frame: Bytes) {
        self.out_bytes += frame.len();
        self.out.push_back(frame);
    }

    /// Queues a text message.
    pub fn push_text(&mut self, text: &str) {
        self.push(text_frame(text));
    }

    /// Queues a ping.
    pub fn push_ping(&mut self) {
        self.push(Bytes::from_static(&[0x89, 0]));
    }

    /// How many bytes wait to be written.
    pub fn waiting(&self) -> usize {
        self.out_bytes
    }

    /// Since when the client takes nothing although something waits for it.
    pub fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// When the client last took something again after it had taken nothing: a sign of life.
    pub fn unblocked_at(&self) -> Option<Instant> {
        self.unblocked_at
    }

    /// Writes what waits, and reads if `may_read`, until something happens. May be dropped at any time.
    pub async fn event(&mut self, may_read: bool) -> Event {
        poll_fn(|cx| self.poll_event(cx, may_read)).await
    }

    /// Writes, and then reads as well even if all was written at once: a client that gets as much as it can take must
    /// still be heard.
    fn poll_event(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<Event> {
        loop {
            let mut has_flushed = false;
            if !self.out.is_empty() {
                let was_blocked = self.blocked_since.is_some();
                match self.poll_write_out(cx) {
                    Poll::Ready(Ok(())) => has_flushed = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(Event::Ended(Ended::Broken)),
                    // Told once, so that whoever waits here can set its alarm.
                    Poll::Pending if !was_blocked => return Poll::Ready(Event::Blocked),
                    Poll::Pending => {}
                }
            }
            let otherwise = if has_flushed {
                Poll::Ready(Event::Flushed)
            } else {
                Poll::Pending
            };
            if !may_read {
                return otherwise;
            }
            let message = self.reader.read(&mut Side {
                io: &mut self.io,
                cx,
                control: &mut self.control,
            });
            let has_answer = !self.control.is_empty();
            self.queue_control();
            match message {
                Ok(Message::Text(text)) => return Poll::Ready(Event::Text(text)),
                Ok(Message::Binary(bytes)) => return Poll::Ready(Event::Binary(bytes)),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                    return Poll::Ready(Event::Control);
                }
                Ok(Message::Close(_)) => {
                    self.answer_close(cx);
                    return Poll::Ready(Event::Ended(Ended::ByClient));
                }
                // An answer that was just queued has not been tried to be written yet.
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock && has_answer => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return otherwise,
                Err(error) => return Poll::Ready(Event::Ended(Ended::from(&error))),
            }
        }
    }

    /// Writes until nothing waits.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let slices: Vec<IoSlice<'_>> = self
                .out
                .iter()
                .take(FRAMES_AT_ONCE)
                .map(|frame| IoSlice::new(frame))
                .collect();
            match Pin::new(&mut self.io).poll_write_vectored(cx, &slices) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
            }
        }
        // An idle connection holds no memory.
        self.out = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        if self.blocked_since.take().is_some() {
            self.unblocked_at = Some(Instant::now());
        }
        self.out_bytes -= written;
        let mut left = written;
        while let Some(first) = self.out.front_mut() {
            if first.len() > left {
                first.advance(left);
                self.first_is_partial |= left > 0;
                return;
            }
            left -= first.len();
            self.out.pop_front();
            self.first_is_partial = false;
        }
    }

    fn queue_control(&mut self) {
        if !self.control.is_empty() {
            let frames = std::mem::take(&mut self.control);
            self.push(frames.into());
        }
    }

    fn answer_close(&mut self, cx: &mut Context<'_>) {
        // It says that the connection is closed now, which we know.
        let _ = self.reader.flush(&mut Side {
            io: &mut self.io,
            cx,
            control: &mut self.control,
        });
        self.queue_control();
    }

    /// Closes with a code, behind everything that waits.
    pub async fn close(mut self, code: CloseCode, reason: &str) {
        self.push(close_frame(code, reason));
        self.finish().await;
    }

    /// Closes with a code, in place of everything that waits.
    pub async fn cut(mut self, code: CloseCode, reason: &str) {
        // A frame that was begun must be ended, or the close would be read as part of it.
        self.out.truncate(usize::from(self.first_is_partial));
        self.out_bytes = self.out.iter().map(Bytes::len).sum();
        self.close(code, reason).await;
    }

    /// Writes what waits, says that no more comes, and waits for the client to go.
    pub async fn finish(mut self) {
        let written = timeout(CLOSE_DEADLINE, async {
            poll_fn(|cx| self.poll_write_out(cx)).await?;
            self.io.shutdown().await
        })
        .await;
        if let Ok(Ok(())) = written {
            let _ = timeout(LINGER, self.drain()).await;
        }
    }

    async fn drain(&mut self) {
        // On the heap, because what stands in an async function is part of every connection from its beginning.
        let mut discarded = vec![0; 8 * 1024];
        while self.io.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
    }
}

impl From<&Error> for Ended {
    fn from(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => {
                Ended::Violation(CloseCode::TooBig, "the message is over the announced size")
            }
            Error::Utf8(_) => Ended::Violation(CloseCode::InvalidText, "text must be UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ended::Broken,
            // 1002 of RFC 6455: not part of the protocol, because no client that works gets it.
            Error::Protocol(_) => Ended::Violation(CloseCode::Other(1002), "this is no WebSocket frame"),
            _ => Ended::Broken,
        }
    }
}

/// The stream as tungstenite wants it: reading tries once, and writing goes into a buffer.
struct Side<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
    control: &'a mut Vec<u8>,
}

impl<S: AsyncRead + Unpin> Read for Side<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(result) => result.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S> Write for Side<'_, '_, S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.control.extend_from_slice(from);
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A close frame. The reason is cut to what a control frame holds.
fn close_frame(code: CloseCode, reason: &str) -> Bytes {
    const MOST: usize = 123;
    let end = reason.floor_char_boundary(MOST);
    let mut frame = Vec::with_capacity(4 + end);
    frame.push(0x88);
    frame.push(2 + end as u8);
    frame.extend_from_slice(&code.code().to_be_bytes());
    frame.extend_from_slice(&reason.as_bytes()[..end]);
    frame.into()
}
