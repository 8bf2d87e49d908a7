//! What a client says: bytes become messages, and each is acted on before the next is looked at.

use bytes::Bytes;
use nexus_protocol::CloseCode;
use std::ops::ControlFlow;
use tokio::time::Instant;

use crate::connection::dialect::Incoming;
use crate::connection::wire::{Came, Ended};
use crate::connection::{Connection, End, Flow, Tools};
use crate::deflate::Inflate;
use crate::frames::{self, Decoder, Item};

/// What a queued frame holds beside its bytes, roughly.
const QUEUED_BYTES: usize = 128;

impl Connection {
    pub(super) fn read(&mut self, tools: &mut Tools, now: Instant) -> Flow {
        if !self.wire.unread.is_empty() {
            let mut unread = std::mem::take(&mut self.wire.unread);
            return self.handle_bytes(&mut unread, &mut tools.inflate, now);
        }
        match self.wire.read(&mut tools.scratch) {
            Came::Bytes(read) => self.handle_bytes(&mut tools.scratch[..read], &mut tools.inflate, now),
            Came::Nothing => Flow::Continue(()),
            Came::End => Flow::Break(End::Theirs(Ended::Broken)),
        }
    }

    /// Acts on what came, until a request takes time; the rest then waits.
    fn handle_bytes(&mut self, bytes: &mut [u8], inflate: &mut Inflate, now: Instant) -> Flow {
        // Lent out, because what it hands out is borrowed from it.
        let mut decoder = std::mem::replace(&mut self.wire.decoder, Decoder::new(0, false));
        let mut at = 0;
        let flow = loop {
            if !self.may_read() {
                self.wire.unread = bytes[at..].to_vec();
                break Flow::Continue(());
            }
            let step = match decoder.next(&mut bytes[at..], inflate) {
                Ok(step) => step,
                Err(violation) => break Flow::Break(End::Close(violation.code, violation.reason)),
            };
            at += step.used;
            let Some(item) = step.item else {
                break Flow::Continue(());
            };
            self.heard = now;
            if let ControlFlow::Break(end) = self.handle_item(&item, now) {
                break Flow::Break(end);
            }
        };
        self.wire.decoder = decoder;
        flow
    }

    fn handle_item(&mut self, item: &Item<'_>, now: Instant) -> Flow {
        match item {
            Item::Text(text) => {
                self.handle_message(Incoming::Text(text), now)?;
                self.poll_request()
            }
            Item::Binary(bytes) => {
                self.handle_message(Incoming::Binary(bytes), now)?;
                self.poll_request()
            }
            Item::Ping(payload) => {
                let pong = frames::pong(payload);
                // An answer like others: of whoever does not read them, no more is read.
                self.answer_bytes += pong.len() + QUEUED_BYTES;
                self.wire.push(pong);
                self.count_control(now)
            }
            Item::Pong => self.count_control(now),
            Item::Close(code, _) => {
                // Answered as it was said.
                self.close_behind_acks(match code {
                    Some(code) => frames::close(*code, ""),
                    None => Bytes::from_static(&[0x88, 0]),
                })
            }
        }
    }

    fn count_control(&mut self, now: Instant) -> Flow {
        let most = self.gateway.limits.messages_per_minute;
        match self.session.controls.admit(now, most) {
            Ok(()) => Flow::Continue(()),
            Err(_) => Flow::Break(End::Close(CloseCode::Policy, "too many pings")),
        }
    }
}
