//! How a publication and a topic are written down: with a checksum over what they say and where they stand, so that a
//! record that is broken, or is of another place, is never taken for one that is whole. Pure.

use std::sync::Arc;

use nexus_protocol::{ChannelName, Epoch, Offset, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::content::{Content, Draft, Keyed};
use crate::encoded::Publication;

/// Names a topic within the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::broker) struct TopicId(pub(in crate::broker) u64);

/// A publication as it was written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::broker) struct Record {
    pub(in crate::broker) offset: Offset,
    pub(in crate::broker) time: Timestamp,
    /// The oldest publication of the unbroken history when this one was written.
    pub(in crate::broker) history_from: Offset,
    /// What was published. What stands for a key is written elsewhere.
    pub(in crate::broker) draft: Draft,
    /// Whether more than the payload stands for the key.
    pub(in crate::broker) adds_up: bool,
}

/// A topic as it was written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::broker) struct TopicRecord {
    pub(in crate::broker) channel: ChannelName,
    pub(in crate::broker) epoch: Epoch,
    /// Orders that this one goes on from, oldest first.
    pub(in crate::broker) past: Vec<PastEpoch>,
    /// The last publication when this was written.
    pub(in crate::broker) last: Offset,
    /// Up to here, the history is gone because it was to go.
    pub(in crate::broker) gone: Offset,
}

/// An order that ended, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::broker) struct PastEpoch {
    pub(in crate::broker) epoch: Epoch,
    /// The last publication that the present order has in common with it.
    pub(in crate::broker) end: Offset,
}

/// The bytes are not what was written at this place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::broker) struct Broken;

const IS_KEYED: u8 = 1;
const IS_FINAL: u8 = 2;
const ADDS_UP: u8 = 4;
const HAS_FROM: u8 = 8;

/// The place of a publication.
pub(super) fn place(topic: TopicId, offset: Offset) -> [u8; 16] {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&topic.0.to_be_bytes());
    place[8..].copy_from_slice(&offset.0.to_be_bytes());
    place
}

/// The place of what stands for a key.
pub(super) fn key_place(topic: TopicId, key: &str) -> Vec<u8> {
    [&topic.0.to_be_bytes(), key.as_bytes()].concat()
}

/// Writes a publication.
pub(super) fn encode(topic: TopicId, publication: &Publication, history_from: Offset) -> Vec<u8> {
    let payload = publication.payload();
    let from = publication.from.as_ref().map(UserId::as_str);
    let key = publication.key.as_ref();
    let flags = [
        (key.is_some(), IS_KEYED),
        (key.is_some_and(|mark| mark.is_final), IS_FINAL),
        (key.is_some_and(|mark| mark.adds_up), ADDS_UP),
        (from.is_some(), HAS_FROM),
    ];
    let flags = flags
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .fold(0, |all, (_, flag)| all | flag);
    let mut body = Vec::with_capacity(64 + payload.len());
    body.push(flags);
    body.extend_from_slice(&publication.time.as_millis().to_be_bytes());
    body.extend_from_slice(&history_from.0.to_be_bytes());
    push_text(&mut body, from.unwrap_or_default());
    push_text(&mut body, key.map_or("", |mark| &mark.key));
    push_text(&mut body, payload);
    sealed(&place(topic, publication.offset), &body)
}

/// Reads a publication.
pub(super) fn decode(topic: TopicId, offset: Offset, bytes: &[u8]) -> Result<Record, Broken> {
    let mut body = opened(&place(topic, offset), bytes)?;
    let flags = *take(&mut body, 1)?.first().ok_or(Broken)?;
    let time = Timestamp::from_millis(take_number(&mut body)?);
    let history_from = Offset(take_number(&mut body)?);
    let from = take_text(&mut body)?;
    let key = take_text(&mut body)?;
    let text: Arc<str> = take_text(&mut body)?.into();
    if !body.is_empty() {
        return Err(Broken);
    }
    let content = if flags & IS_KEYED == 0 {
        Content::Whole(text)
    } else {
        Content::Keyed(Keyed {
            key: key.into(),
            text,
            stands: None,
            is_final: flags & IS_FINAL != 0,
        })
    };
    let from = (flags & HAS_FROM != 0).then(|| UserId::parse(from).map_err(|_| Broken));
    Ok(Record {
        offset,
        time,
        history_from,
        draft: Draft {
            content,
            from: from.transpose()?,
        },
        adds_up: flags & ADDS_UP != 0,
    })
}

/// Writes what stands for a key, as of a publication.
pub(super) fn encode_stands(place: &[u8], offset: Offset, text: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + text.len());
    body.extend_from_slice(&offset.0.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    sealed(place, &body)
}

/// Reads what stands for a key, and as of which publication.
pub(super) fn decode_stands(place: &[u8], bytes: &[u8]) -> Result<(Offset, Arc<str>), Broken> {
    let mut body = opened(place, bytes)?;
    let offset = Offset(take_number(&mut body)?);
    Ok((offset, std::str::from_utf8(body).map_err(|_| Broken)?.into()))
}

/// Writes a topic.
pub(super) fn encode_topic(topic: TopicId, record: &TopicRecord) -> Vec<u8> {
    // Names, numbers and lists of them: nothing that JSON could not hold.
    let body = serde_json::to_vec(record).unwrap_or_default();
    sealed(&topic.0.to_be_bytes(), &body)
}

/// Reads a topic.
pub(super) fn decode_topic(place: &[u8], bytes: &[u8]) -> Result<(TopicId, TopicRecord), Broken> {
    let body = opened(place, bytes)?;
    let id = TopicId(u64::from_be_bytes(place.try_into().map_err(|_| Broken)?));
    Ok((id, serde_json::from_slice(body).map_err(|_| Broken)?))
}

/// A body behind the checksum of its place and itself.
fn sealed(place: &[u8], body: &[u8]) -> Vec<u8> {
    [&checksum(place, body).to_be_bytes(), body].concat()
}

fn opened<'a>(place: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
    let (sum, body) = bytes.split_at_checked(4).ok_or(Broken)?;
    if sum != checksum(place, body).to_be_bytes() {
        return Err(Broken);
    }
    Ok(body)
}

fn checksum(place: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(place);
    hasher.update(body);
    hasher.finalize()
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

fn take<'a>(body: &mut &'a [u8], count: usize) -> Result<&'a [u8], Broken> {
    let (taken, rest) = body.split_at_checked(count).ok_or(Broken)?;
    *body = rest;
    Ok(taken)
}

fn take_number(body: &mut &[u8]) -> Result<u64, Broken> {
    let bytes = take(body, 8)?.try_into().map_err(|_| Broken)?;
    Ok(u64::from_be_bytes(bytes))
}

fn take_text<'a>(body: &mut &'a [u8]) -> Result<&'a str, Broken> {
    let length = take(body, 4)?.try_into().map_err(|_| Broken)?;
    let bytes = take(body, u32::from_be_bytes(length) as usize)?;
    std::str::from_utf8(bytes).map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Params, Topic};
    use proptest::prelude::*;

    use super::*;
    use crate::encoded::TopicHead;

    fn publication(content: Content, from: Option<&str>) -> Publication {
        let topic = Topic::parse(&ChannelName::parse("tasks").unwrap(), Params::default());
        let head = Arc::new(TopicHead::of(&topic.unwrap().topic));
        let from = from.map(|user| UserId::parse(user).unwrap());
        Publication::new(&head, Offset(7), Timestamp::EXAMPLE, Draft { content, from })
    }

    fn keyed(text: &str, is_final: bool) -> Content {
        Content::Keyed(Keyed {
            key: "k-1".into(),
            text: text.into(),
            stands: None,
            is_final,
        })
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (content, from) in [
            (Content::Whole("1".into()), None),
            (Content::Whole(r#"{"é":[1,2]}"#.into()), Some("anna")),
            (keyed("{}", false), None),
            (keyed("{}", true), Some("d-1")),
        ] {
            let publication = publication(content.clone(), from);
            let bytes = encode(TopicId(3), &publication, Offset(5));
            let read = decode(TopicId(3), Offset(7), &bytes).unwrap();
            assert_eq!((read.time, read.history_from), (Timestamp::EXAMPLE, Offset(5)));
            assert_eq!(read.draft.content, content);
            assert_eq!(read.draft.from.as_ref().map(UserId::as_str), from);
            assert!(!read.adds_up);
            assert_eq!(
                decode(TopicId(4), Offset(7), &bytes),
                Err(Broken),
                "another topic"
            );
            assert_eq!(
                decode(TopicId(3), Offset(8), &bytes),
                Err(Broken),
                "another offset"
            );
        }
        let place = key_place(TopicId(3), "k-1");
        let stands = encode_stands(&place, Offset(9), "whole");
        assert_eq!(decode_stands(&place, &stands), Ok((Offset(9), "whole".into())));
        assert_eq!(decode_stands(&key_place(TopicId(3), "k-2"), &stands), Err(Broken));
    }

    proptest! {
        #[test]
        fn no_flipped_bit_and_no_cut_goes_unseen(bit: prop::sample::Index, cut: prop::sample::Index) {
            let bytes = encode(TopicId(3), &publication(keyed("{\"a\":1}", true), Some("anna")), Offset(5));
            let mut flipped = bytes.clone();
            let bit = bit.index(bytes.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(TopicId(3), Offset(7), &flipped), Err(Broken));
            prop_assert_eq!(decode(TopicId(3), Offset(7), &bytes[..cut.index(bytes.len())]), Err(Broken));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = decode(TopicId(0), Offset(0), &bytes);
            let _ = decode_stands(&bytes, &bytes);
            let _ = decode_topic(&bytes, &bytes);
            let _ = decode(TopicId(0), Offset(0), &sealed(&place(TopicId(0), Offset(0)), &bytes));
        }
    }
}
