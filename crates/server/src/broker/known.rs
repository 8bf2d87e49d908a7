//! What is known of a topic now, on its way to a subscriber: some of it selected, and then encoded.

use std::sync::Arc;

use bytes::Bytes;
use nexus_protocol::{Offset, Timestamp};

use crate::broker::keys::Standing;
use crate::encoded::{Publication, TopicHead};
use crate::filters::{Fields, Predicate};

/// What is known of a topic now, not encoded yet: that takes time, and is done without the topic's lock.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// One value.
    Whole(Arc<Publication>),
    /// All parts, as one payload.
    Parts(Offset, Timestamp, String),
    /// Some of what stands by key, oldest first, and the offset that they reach.
    Keys(Vec<Standing>, Offset),
}

/// What passes of what is known.
pub(super) fn selected(known: Known, earlier: &[Arc<Publication>], filter: &Predicate) -> Known {
    match known {
        Known::Whole(_) => {
            let newest = earlier
                .iter()
                .rev()
                .find(|publication| publication.passes(filter));
            newest.map_or(Known::Nothing, |newest| Known::Whole(Arc::clone(newest)))
        }
        Known::Keys(mut standing, reaches) => {
            standing.retain(|standing| match &standing.stands {
                Some(text) => filter.passes(&Fields::read(text)),
                None => standing.newest.passes(filter),
            });
            Known::Keys(standing, reaches)
        }
        // Markets have no filters.
        known @ (Known::Nothing | Known::Parts(..)) => known,
    }
}

/// The frames of what is known, and how far they reach.
pub(super) fn encoded(head: &TopicHead, offset: Offset, known: Known) -> (Vec<Bytes>, Offset) {
    match known {
        Known::Nothing => (Vec::new(), offset),
        Known::Whole(newest) => {
            let from = newest.from.as_ref();
            let frame = head.frame(offset, newest.time, true, from, newest.payload());
            (vec![frame], offset)
        }
        Known::Parts(of, time, payload) => (vec![head.frame(of, time, true, None, &payload)], offset),
        Known::Keys(standing, reaches) => {
            let frame = |standing: &Standing| {
                let newest = &standing.newest;
                head.frame(offset, newest.time, true, newest.from.as_ref(), standing.text())
            };
            (standing.iter().map(frame).collect(), reaches)
        }
    }
}
