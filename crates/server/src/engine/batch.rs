//! What a cohort is told in one turn: put together once for each way in which its members' frames are written.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use nexus_protocol::{ChannelStatus, Push, Topic};

use crate::clock::wall_clock;
use crate::connection::dialect;
use crate::encoded::{Publication, WireClass, WireText};

/// One thing that a cohort is told.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// A publication.
    Publication(Arc<Publication>),
    /// How the topic's source is.
    Status(Arc<ChannelStatus>),
}

/// What a cohort is told in one turn.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    topic: &'a Topic,
    said: &'a [Said],
    /// By wire class, once somebody of the class wants it.
    written: [Option<Written>; CLASSES],
}

/// The frames of a batch, one behind the other.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The bytes; none at all if the class has no word for any of it.
    pub(super) bytes: Bytes,
    /// How many frames they are.
    pub(super) frames: u64,
}

const CLASSES: usize = 6;

impl<'a> Batch<'a> {
    pub(super) fn new(topic: &'a Topic, said: &'a [Said]) -> Self {
        Batch {
            topic,
            said,
            written: [const { None }; CLASSES],
        }
    }

    /// The batch as connections of a class get it.
    pub(super) fn written(&mut self, class: WireClass) -> &Written {
        let (topic, said) = (self.topic, self.said);
        self.written[index(class)].get_or_insert_with(|| write(topic, said, class))
    }
}

fn index(class: WireClass) -> usize {
    let text = match class.text {
        WireText::Json => 0,
        WireText::Msgpack => 1,
        WireText::Classic => 2,
    };
    text * 2 + usize::from(class.deflated)
}

fn write(topic: &Topic, said: &[Said], class: WireClass) -> Written {
    let frame = |said: &Said| match said {
        Said::Publication(publication) => publication.frame_for(class),
        Said::Status(status) => {
            let push = Push::Status(topic.clone(), ChannelStatus::clone(status));
            dialect::push_frame(class.text, &push, wall_clock())
        }
    };
    if let [only] = said {
        let bytes = frame(only).unwrap_or_default();
        let frames = u64::from(!bytes.is_empty());
        return Written { bytes, frames };
    }
    let frames: Vec<Bytes> = said.iter().filter_map(frame).collect();
    let mut bytes = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    frames.iter().for_each(|frame| bytes.extend_from_slice(frame));
    Written {
        bytes: bytes.freeze(),
        frames: frames.len() as u64,
    }
}
