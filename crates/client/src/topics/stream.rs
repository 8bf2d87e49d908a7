//! What comes on the topics: confirmations, publications, statuses; what of it is new, and what is missing.

use std::cmp::Ordering;
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{
    Admit, ChannelStatus, ErrorCode, FeedState, Gap, Position, Publication, Subscribed, Topic,
};

use crate::topics::{Phase, TopicKey, Topics};
use crate::{Continuity, Loss};

/// A topic that has been quiet in its order for so long is trusted again.
const TRUSTED_AFTER: Duration = Duration::from_secs(10);
/// So many repeats in a row are no accident: our position is not the server's.
const MANY_REPEATS: u8 = 3;

/// What came of a publication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// The application gets it.
    Fresh {
        /// How many before it it stands for.
        conflated: u64,
    },
    /// The application had it already, or the topic is not, or not yet, listened to.
    Ignored,
    /// It shows that our position is not the server's: the topic is asked for again from where we stand.
    Doubted,
}

/// What came of a `subscribed`.
pub(crate) struct JoinedAs {
    pub(crate) topic: Topic,
    pub(crate) continuity: Continuity,
    pub(crate) loss: Option<Loss>,
}

impl Topics {
    /// The server confirmed the subscription that this request asked for. `None` if the answer is out of date.
    pub(crate) fn joined(
        &mut self,
        key: TopicKey,
        request: u64,
        now: Duration,
        reply: &Subscribed,
    ) -> Option<JoinedAs> {
        let wanted = self.wanted.get(&key)?;
        if wanted.phase != (Phase::Asked { request }) || reply.topic().as_ref() != Ok(&wanted.topic) {
            return None;
        }
        Some(self.join(key, now, reply))
    }

    /// The server began a topic anew, unasked.
    pub(crate) fn rejoined(&mut self, now: Duration, reply: &Subscribed) -> Option<JoinedAs> {
        let key = *self.keys.get(&reply.topic().ok()?)?;
        let joined = matches!(self.wanted.get(&key)?.phase, Phase::Joined { .. });
        joined.then(|| self.join(key, now, reply))
    }

    fn join(&mut self, key: TopicKey, now: Duration, reply: &Subscribed) -> JoinedAs {
        self.set_phase(
            key,
            Phase::Joined {
                at: now,
                contiguous: reply.contiguous,
                at_snapshot: true,
            },
        );
        let wanted = self.wanted.get_mut(&key).expect("looked up by the caller");
        wanted.status.clone_from(&reply.status);
        wanted.news_at = Some(now);
        wanted.refused_since = None;
        let offered = Position {
            epoch: reply.epoch.clone(),
            offset: reply.offset,
        };
        wanted.is_partial = wanted.topic.has_keys() && wanted.wish.snapshot && reply.recovered != Some(true);
        let (continuity, position, loss) = match wanted.position.take() {
            None => (Continuity::New, offered, None),
            Some(had) => resumed(had, offered, reply.recovered),
        };
        wanted.position = Some(position);
        JoinedAs {
            topic: wanted.topic.clone(),
            continuity,
            loss,
        }
    }

    /// A publication came on the link.
    pub(crate) fn take(&mut self, now: Duration, publication: &Publication) -> Taken {
        let Some(key) = self.keys.get(&publication.topic).copied() else {
            return Taken::Ignored;
        };
        let Some(wanted) = self.wanted.get_mut(&key) else {
            return Taken::Ignored;
        };
        let (
            Phase::Joined {
                at,
                contiguous,
                at_snapshot,
            },
            Some(position),
        ) = (&mut wanted.phase, &mut wanted.position)
        else {
            return Taken::Ignored;
        };
        let skipped = match position.admit(publication.offset) {
            Admit::Fresh => 0,
            // A snapshot of the very position that we stand at: the beginning of everything, or of one more key.
            Admit::Repeat
                if publication.snapshot && *at_snapshot && publication.offset == position.offset =>
            {
                0
            }
            Admit::Repeat => {
                wanted.repeats += 1;
                if wanted.repeats < MANY_REPEATS {
                    return Taken::Ignored;
                }
                return self.doubt(key, now);
            }
            Admit::Gap { missed } if publication.snapshot || !*contiguous => missed,
            Admit::Gap { .. } => return self.doubt(key, now),
        };
        if now > *at + TRUSTED_AFTER {
            wanted.backoff.reset();
        }
        *at_snapshot = publication.snapshot && publication.topic.has_keys();
        wanted.is_partial &= publication.snapshot;
        position.offset = publication.offset;
        wanted.repeats = 0;
        wanted.news_at = Some(now);
        // Of a filtered topic, offsets also skip what was not asked for: the server alone knows.
        let conflated = if wanted.wish.filters.is_empty() {
            skipped
        } else {
            publication.conflated
        };
        wanted.conflated += conflated;
        Taken::Fresh { conflated }
    }

    /// Our position is not the server's. Asks again from where we stand: at once the first time, then with back-off,
    /// so that a server that goes on like this is not asked without end.
    fn doubt(&mut self, key: TopicKey, now: Duration) -> Taken {
        let wanted = self.wanted.get_mut(&key).expect("looked up by the caller");
        let first = wanted.backoff.failures() == 0;
        // The jitter does not matter here: one client, one topic.
        let wait = wanted.backoff.fail(&mut Rng::with_seed(key.0));
        let phase = if first {
            Phase::Queued
        } else {
            Phase::Retrying {
                until: now + wait,
                code: ErrorCode::Internal,
                since: now,
            }
        };
        self.set_phase(key, phase);
        Taken::Doubted
    }

    /// A status came on the link. `None` if the topic is not listened to.
    pub(crate) fn status(&mut self, topic: &Topic, status: &ChannelStatus) -> Option<Option<Loss>> {
        let key = self.keys.get(topic)?;
        let wanted = self.wanted.get_mut(key)?;
        let Phase::Joined { .. } = wanted.phase else {
            return None;
        };
        if status.state != FeedState::Gap {
            wanted.status = Some(status.clone());
        }
        let loss = match (&status.gap, &mut wanted.position) {
            (None, _) | (Some(Gap::Publications { .. }), None) => None,
            (Some(Gap::Source { from, to }), _) => Some(Loss::Source { from: *from, to: *to }),
            (Some(Gap::Publications { offset, .. }), Some(position)) => {
                (*offset > position.offset).then(|| {
                    let after = position.clone();
                    position.offset = *offset;
                    Loss::Range { after, upto: *offset }
                })
            }
        };
        Some(loss)
    }
}

/// How a server that goes on from `offered` continues what we `had`: where we stand then, and what is missing between.
fn resumed(
    mut had: Position,
    offered: Position,
    recovered: Option<bool>,
) -> (Continuity, Position, Option<Loss>) {
    if had.epoch != offered.epoch && recovered == Some(true) {
        // The order was interrupted, and goes on behind everything that we have: offsets still count.
        had.epoch.clone_from(&offered.epoch);
    }
    if had.epoch != offered.epoch {
        let loss = Loss::NewOrder {
            after: had,
            now: offered.clone(),
        };
        return (Continuity::Reloaded, offered, Some(loss));
    }
    match offered.offset.cmp(&had.offset) {
        // It goes on from where we stand: nothing is missing, whatever it says.
        Ordering::Equal => (Continuity::Recovered, had, None),
        // It repeats some of what we have.
        Ordering::Less if recovered == Some(true) => (Continuity::Recovered, had, None),
        // It has forgotten some of what we have, but kept the epoch.
        Ordering::Less => {
            let loss = Loss::NewOrder {
                after: had,
                now: offered.clone(),
            };
            (Continuity::Reloaded, offered, Some(loss))
        }
        // Whatever it says, it goes on further behind.
        Ordering::Greater => {
            let loss = Loss::Range {
                after: had,
                upto: offered.offset,
            };
            (Continuity::Reloaded, offered, Some(loss))
        }
    }
}
