//! The example `floor`: it writes to every subscriber of a topic what a publisher sent for it, byte for byte. So it is the
//! load that makes the frames, as long as those that Nexus would deliver.

use super::Heard;
use crate::bench::frames;
use crate::bench::payload::{self, Stamp};
use crate::bench::unfold::Folder;

const WHOLE_TEXT: u8 = 0x81;
const DEFLATED: u8 = 0x40;

/// A text like the one that Nexus would push. It is as long, and the time in it is always the same.
pub(super) fn push(channel: &str, is_signed_in: bool, stamp: Stamp, payload: &[u8]) -> Vec<u8> {
    let from = if is_signed_in { r#","from":"bench""# } else { "" };
    let head = format!(
        r#"{{"type":"message","channel":"{channel}","offset":{},"timestamp":"2026-11-03T01:53:54.518Z"{from},"payload":"#,
        stamp.number + 1
    );
    [head.as_bytes(), payload, b"}"].concat()
}

/// A record of the floor's publisher.
pub(super) fn publish(topic: usize, push: &[u8], folder: Option<&mut Folder>, out: &mut Vec<u8>) {
    let mut frame = Vec::with_capacity(push.len() + 10);
    match folder {
        Some(folder) => frames::unmasked(WHOLE_TEXT | DEFLATED, folder.fold(push), &mut frame),
        None => frames::unmasked(WHOLE_TEXT, push, &mut frame),
    }
    out.extend_from_slice(&(topic as u32).to_be_bytes());
    out.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    out.extend_from_slice(&frame);
}

#[inline]
pub(super) fn hear<'a>(text: &'a [u8], size: usize, heard: &mut impl FnMut(Heard<'a>)) {
    if let Some(stamp) = payload::at_end(text, size, 1) {
        heard(Heard::Delivery(stamp));
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Marks, Offset, Params, PublicationHead, Timestamp, Topic, UserId};

    use super::*;

    #[test]
    fn a_push_is_what_nexus_would_push() {
        let channel = ChannelName::parse("room:bench").unwrap();
        let topic = Topic::parse(&channel, Params::default()).unwrap().topic;
        let time = Timestamp::from_millis(1_793_670_834_518);
        let stamp = Stamp { number: 41, due: 0 };
        for from in [None, Some(UserId::parse("bench").unwrap())] {
            let nexus =
                PublicationHead::of(&topic).encode(Offset(42), Marks::default(), time, from.as_ref(), "{}");
            let ours = push("room:bench", from.is_some(), stamp, b"{}");
            let blank = |text: &str| text.replace(&time.to_string(), "2026-11-03T01:53:54.518Z");
            assert_eq!(String::from_utf8(ours).unwrap(), blank(&nexus));
        }
    }
}
