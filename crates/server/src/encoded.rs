//! A publication as it is stored and sent: its text is put together once, and shared by reference with every outbox
//! and the history.
//!
//! `frame` is a complete WebSocket text frame of the native JSON protocol. How other connections want it ([`WireClass`]) is
//! made of it when the first of them does, and kept beside it.

mod compressor;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use nexus_protocol::{Marks, Offset, PublicationHead, Timestamp, Topic, UserId, classic, msgpack};

use crate::content::{Content, Draft, Parts};
use crate::filters::{Fields, Predicate};
use crate::frames;

pub use compressor::{Compressed, Compressor};

/// How frames are written for a connection. Connections of one class share every frame that is not for one alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct WireClass {
    /// How messages are written.
    pub text: WireText,
    /// Whether `permessage-deflate` was agreed on ([RFC 7692](https://www.rfc-editor.org/rfc/rfc7692)).
    pub deflated: bool,
}

/// How messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum WireText {
    /// Envelopes of `nexus.v1.json`.
    #[default]
    Json,
    /// The same envelopes in MessagePack, `nexus.v1.msgpack`.
    Msgpack,
    /// The flat messages of the classic door.
    Classic,
}

/// What is fixed of all publications of one topic.
#[derive(Debug)]
pub struct TopicHead {
    /// The topic.
    pub topic: Topic,
    json: PublicationHead,
    /// What compresses them, if anything does.
    compressor: Option<Compressor>,
}

/// One publication, encoded.
#[derive(Debug)]
pub struct Publication {
    /// Of which topic.
    pub head: Arc<TopicHead>,
    /// Its place in the topic's order.
    pub offset: Offset,
    /// When it was published.
    pub time: Timestamp,
    /// The same moment on the clock that measures how long delivery takes.
    pub made: Instant,
    /// Who published it, where subscribers are told.
    pub from: Option<UserId>,
    /// Its parts, where the topic is published by parts.
    pub parts: Option<Parts>,
    /// Its key, where the topic is published by keys.
    pub key: Option<KeyMark>,
    /// How many publications before it are not sent, because it stands for them: it was made for those alone who wait
    /// together.
    pub conflated: u64,
    /// The text frame, header included.
    pub frame: Bytes,
    /// The same in MessagePack, once somebody wants it.
    msgpack: OnceLock<Option<Bytes>>,
    /// The same for the classic door, once somebody there wants it.
    classic: OnceLock<Option<Bytes>>,
    /// The compressed frames, once somebody wants one.
    deflated: OnceLock<Box<Deflated>>,
    /// What filters ask for, once somebody filters; none if it is too much to keep.
    fields: OnceLock<Option<Box<Fields>>>,
    /// How many bytes the payload has; it stands at the end of the frame, before the last `}`.
    payload_len: usize,
}

/// The compressed frames of a publication, each once somebody wants it.
#[derive(Debug, Default)]
struct Deflated {
    json: OnceLock<Bytes>,
    msgpack: OnceLock<Bytes>,
    classic: OnceLock<Bytes>,
}

/// Of which key a publication is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyMark {
    /// What it is of: a device, a command, a task, a stream.
    pub key: Arc<str>,
    /// Whether nothing more comes for the key.
    pub is_final: bool,
    /// Whether more stands for the key than this payload, so that a newer publication does not replace this one.
    pub adds_up: bool,
}

impl TopicHead {
    /// The head of a topic's publications.
    pub fn of(topic: &Topic) -> Self {
        TopicHead {
            topic: topic.clone(),
            json: PublicationHead::of(topic),
            compressor: None,
        }
    }

    /// The same, with publications that are compressed for connections that take them so.
    #[must_use]
    pub fn compressed_by(self, compressor: Option<Compressor>) -> Self {
        TopicHead { compressor, ..self }
    }

    /// What compresses frames of this size, if anything does.
    fn compressor_for(&self, frame: &[u8]) -> Option<&Compressor> {
        self.compressor
            .as_ref()
            .filter(|compressor| compressor.takes(frame))
    }

    /// The frame of a payload, as a push of this topic.
    pub fn frame(
        &self,
        offset: Offset,
        time: Timestamp,
        snapshot: bool,
        from: Option<&UserId>,
        payload: &str,
    ) -> Bytes {
        let marks = Marks {
            snapshot,
            conflated: 0,
        };
        frames::text_by(|text| self.json.append(text, offset, marks, time, from, payload))
    }
}

impl Publication {
    /// Encodes a publication.
    pub fn new(head: &Arc<TopicHead>, offset: Offset, time: Timestamp, draft: impl Into<Draft>) -> Self {
        Publication::encode(head, offset, time, 0, draft.into())
    }

    /// The same publication in place of others that are not sent, and with another payload where it stands for more than
    /// itself.
    pub fn in_place_of(&self, conflated: u64, payload: Option<&str>) -> Self {
        let draft = Draft {
            content: Content::Whole(payload.unwrap_or_else(|| self.payload()).into()),
            from: self.from.clone(),
        };
        Publication {
            made: self.made,
            key: self.key.clone(),
            ..Publication::encode(&self.head, self.offset, self.time, conflated, draft)
        }
    }

    fn encode(head: &Arc<TopicHead>, offset: Offset, time: Timestamp, conflated: u64, draft: Draft) -> Self {
        let Draft { content, from } = draft;
        let (text, parts, key) = match content {
            Content::Whole(text) => (text, None, None),
            Content::Keyed(keyed) => {
                let mark = KeyMark {
                    key: keyed.key,
                    is_final: keyed.is_final,
                    adds_up: keyed.stands.is_some(),
                };
                (keyed.text, None, Some(mark))
            }
            Content::Parts(parts) => (
                parts
                    .frame
                    .render(parts.parts.iter().map(|part| &*part.text))
                    .into(),
                Some(parts),
                None,
            ),
        };
        let marks = Marks {
            snapshot: false,
            conflated,
        };
        Publication {
            head: Arc::clone(head),
            offset,
            time,
            made: Instant::now(),
            parts,
            key,
            msgpack: OnceLock::new(),
            classic: OnceLock::new(),
            deflated: OnceLock::new(),
            fields: OnceLock::new(),
            frame: frames::text_by(|frame| {
                head.json.append(frame, offset, marks, time, from.as_ref(), &text)
            }),
            from,
            conflated,
            payload_len: text.len(),
        }
    }

    /// The payload, exactly as it was published.
    pub fn payload(&self) -> &str {
        let end = self.frame.len() - 1;
        std::str::from_utf8(&self.frame[end - self.payload_len..end]).unwrap_or_default()
    }

    /// The publication as a push that stands for everything up to it.
    pub fn snapshot_frame(&self) -> Bytes {
        self.head
            .frame(self.offset, self.time, true, self.from.as_ref(), self.payload())
    }

    /// The frame as connections of a class want it, encoded when the first of them does; none where its door has no word for
    /// it.
    pub fn frame_for(&self, class: WireClass) -> Option<Bytes> {
        let plain = self.plain_frame(class.text)?;
        let compressor = class.deflated.then(|| self.head.compressor_for(&plain)).flatten();
        let Some(compressor) = compressor else {
            return Some(plain);
        };
        let deflated = self.deflated.get_or_init(Box::default);
        let kept = match class.text {
            WireText::Json => &deflated.json,
            WireText::Msgpack => &deflated.msgpack,
            WireText::Classic => &deflated.classic,
        };
        Some(kept.get_or_init(|| compressor.frame(&plain)).clone())
    }

    fn plain_frame(&self, text: WireText) -> Option<Bytes> {
        match text {
            WireText::Json => Some(self.frame.clone()),
            WireText::Msgpack => self.msgpack.get_or_init(|| msgpack_frame(&self.frame)).clone(),
            WireText::Classic => self.classic_frame(),
        }
    }

    /// The text frame of the classic door; encoded when the first client there wants it.
    pub fn classic_frame(&self) -> Option<Bytes> {
        let transcribed = || classic::transcribe(frame_text(&self.frame)).map(|text| text_frame(&text));
        self.classic.get_or_init(transcribed).clone()
    }

    /// Whether it passes a filter. The payload is read when the first filter asks, and then kept as fields, unless these
    /// are much more than the payload itself.
    pub fn passes(&self, filter: &Predicate) -> bool {
        self.with_fields(|fields| filter.passes(fields))
    }

    /// Looks at the fields of the payload.
    pub fn with_fields<T>(&self, look: impl FnOnce(&Fields) -> T) -> T {
        let most = 1024 + 2 * self.frame.len();
        let kept = self.fields.get_or_init(|| {
            let fields = Fields::read(self.payload());
            (fields.bytes() <= most).then(|| Box::new(fields))
        });
        match kept {
            Some(fields) => look(fields),
            None => look(&Fields::read(self.payload())),
        }
    }

    /// Roughly what it holds in memory; the same from its beginning to its end, whoever may want it how.
    pub fn bytes(&self) -> usize {
        let parts = self
            .parts
            .iter()
            .flat_map(|parts| &parts.parts)
            .map(|part| part.text.len() + 64);
        // What is large enough to be compressed mostly shrinks to less than half.
        let compressed = self
            .head
            .compressor_for(&self.frame)
            .map_or(0, |_| self.frame.len() / 2);
        128 + self.frame.len() + compressed + parts.sum::<usize>()
    }
}

/// The text in a frame that [`text_frame`] made.
pub fn frame_text(frame: &[u8]) -> &str {
    std::str::from_utf8(frames::payload(frame)).unwrap_or_default()
}

/// What stands as JSON in a text frame, as MessagePack in a binary frame. What we frame is JSON; if it were not, this
/// would be none, and the client would find the gap.
pub fn msgpack_frame(native: &[u8]) -> Option<Bytes> {
    match msgpack::pack(frame_text(native)) {
        Ok(packed) => Some(binary_frame(&packed)),
        Err(error) => {
            tracing::error!(%error, "a message that is no JSON was kept from the clients that speak MessagePack");
            None
        }
    }
}

/// A text as an unmasked WebSocket text frame ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
pub fn text_frame(text: &str) -> Bytes {
    frames::text(text)
}

/// Bytes as an unmasked WebSocket binary frame.
pub fn binary_frame(bytes: &[u8]) -> Bytes {
    frames::binary(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Compression;
    use nexus_protocol::{ChannelName, Params};

    fn topic() -> Topic {
        Topic::parse(&ChannelName::parse("room:a").unwrap(), Params::default())
            .unwrap()
            .topic
    }

    #[test]
    fn the_payload_is_found_again_in_the_frame() {
        let head = Arc::new(TopicHead::of(&topic()));
        for payload in ["1", r#"{"text":"hé"}"#, &format!("\"{}\"", "x".repeat(70_000))] {
            let publication = Publication::new(
                &head,
                Offset(3),
                Timestamp::EXAMPLE,
                Content::Whole(payload.into()),
            );
            assert_eq!(publication.payload(), payload);
        }
    }

    #[test]
    fn a_publication_is_compressed_once_for_each_kind_of_connection() {
        let compressor = Compressor::new(Compression::DEFAULT);
        let head = Arc::new(TopicHead::of(&topic()).compressed_by(Some(compressor.clone())));
        let publication = |payload: &str| {
            Publication::new(
                &head,
                Offset(3),
                Timestamp::EXAMPLE,
                Content::Whole(payload.into()),
            )
        };
        let class = |text, deflated| WireClass { text, deflated };

        let large = publication(&format!("\"{}\"", "again ".repeat(200)));
        let (native, classic) = (WireText::Json, WireText::Classic);
        let first = large.frame_for(class(native, true)).unwrap();
        assert_eq!(first[0], 0xc1);
        let again = large.frame_for(class(native, true)).unwrap();
        assert_eq!(again.as_ptr(), first.as_ptr());
        assert_eq!(compressor.compressed().frames, 1);
        let other_door = large.frame_for(class(classic, true)).unwrap();
        assert_ne!(other_door, first);
        assert_eq!(compressor.compressed().frames, 2);
        for text in [native, classic] {
            assert_eq!(large.frame_for(class(text, false)), large.plain_frame(text));
        }

        // What is small is the plain frame itself, and so is everything where nothing is compressed.
        let small = publication("1");
        assert_eq!(
            small.frame_for(class(native, true)).unwrap().as_ptr(),
            small.frame.as_ptr()
        );
        assert!(small.deflated.get().is_none());
        let plain_head = Arc::new(TopicHead::of(&topic()));
        let plain = Publication::new(
            &plain_head,
            Offset(3),
            Timestamp::EXAMPLE,
            Content::Whole(large.payload().into()),
        );
        assert_eq!(
            plain.frame_for(class(native, true)).unwrap().as_ptr(),
            plain.frame.as_ptr()
        );
        assert_eq!(compressor.compressed().frames, 2);
        assert!(large.bytes() > plain.bytes());
    }

    #[test]
    fn a_publication_is_packed_once_for_all_who_speak_messagepack() {
        let head = Arc::new(TopicHead::of(&topic()));
        let content = Content::Whole(r#"{"raw":{"$bytes":"AAEC"},"n":[1,2.5]}"#.into());
        let publication = Publication::new(&head, Offset(3), Timestamp::EXAMPLE, content);
        let class = WireClass {
            text: WireText::Msgpack,
            deflated: false,
        };
        let packed = publication.frame_for(class).unwrap();
        assert_eq!(packed[0], 0x82);
        assert!(packed.windows(5).any(|bytes| bytes == b"\xc4\x03\x00\x01\x02"));
        let bounds = msgpack::Bounds {
            bytes: 1024,
            depth: 8,
        };
        let text = msgpack::unpack(frames::payload(&packed), bounds).unwrap();
        assert_eq!(text, frame_text(&publication.frame));
        let again = publication.frame_for(class).unwrap();
        assert_eq!(again.as_ptr(), packed.as_ptr(), "it is kept");
        assert_eq!(msgpack_frame(&text_frame("no JSON")), None);
    }

    #[test]
    fn frames_are_those_of_the_standard() {
        use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;
        for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000] {
            let text = "x".repeat(length);
            let frame = text_frame(&text);
            let read = FrameSocket::new(std::io::Cursor::new(frame.to_vec()))
                .read(None)
                .unwrap()
                .unwrap();
            assert!(read.header().is_final);
            assert_eq!(frame_text(&frame), text);
            assert_eq!(read.into_text().unwrap().as_str(), text);
        }
    }
}
