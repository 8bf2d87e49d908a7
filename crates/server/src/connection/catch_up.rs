//! How a subscription that is behind gets what it lacks: out of the broker, in pieces, as the socket drains.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nexus_protocol::{ChannelStatus, FeedState, Gap, Offset, Push, Timestamp, Topic};

use crate::broker::{Piece, Snapshot, SnapshotOf};
use crate::clock::wall_clock;
use crate::conflate::Pending;
use crate::connection::Connection;
use crate::outbox::{Behind, CatchUp, Caught};

/// So much is read at once: enough to fill the socket, little enough that other subscriptions get their turn.
const PIECE_BYTES: usize = 32 * 1024;

/// A subscription that is being caught up.
pub(super) struct CatchingUp {
    behind: Behind,
    question: Question,
    answer: Pin<Box<dyn Future<Output = Found> + Send>>,
}

/// What the broker is asked for.
#[derive(Clone, Copy)]
enum Question {
    /// What is known now, of keys that have changed behind `after`.
    Snapshot { after: Offset, until: Option<Offset> },
    /// Everything behind this, to become one push.
    Merged(Offset),
    /// Everything behind this, to become one push for each value of a field.
    Newest(Offset),
    /// The next piece behind this.
    Piece(Offset),
    /// How the source is, to be told that the subscription is no longer behind.
    Source(Offset),
}

/// What it had.
enum Found {
    /// And how much is gone that nothing stands for.
    Snapshot(Snapshot, Option<Piece>),
    Piece(Piece),
}

impl Connection {
    pub(super) fn catch_up(&mut self, behind: Behind) {
        let question = match behind.by {
            CatchUp::Snapshot { after, until } => Question::Snapshot { after, until },
            CatchUp::After(offset) if behind.key.is_some() => Question::Newest(offset),
            CatchUp::After(offset) if behind.latest => Question::Merged(offset),
            CatchUp::After(offset) => Question::Piece(offset),
        };
        self.ask_broker(behind, question);
    }

    fn ask_broker(&mut self, behind: Behind, question: Question) {
        let broker = self.gateway.broker.clone();
        let topic = behind.topic.clone();
        let filter = behind.filter.clone();
        let is_whole = behind.by == CatchUp::WHOLE;
        let answer = Box::pin(async move {
            match question {
                Question::Snapshot { after, until } => {
                    let bytes = PIECE_BYTES;
                    let of = SnapshotOf { after, until, bytes };
                    let snapshot = broker.snapshot(&topic, of, filter.as_deref()).await;
                    let may_lack = snapshot.frames.is_empty() && until.is_none() && !is_whole;
                    let gone = match may_lack {
                        true => Some(broker.after(&topic, after, 0).await),
                        false => None,
                    };
                    Found::Snapshot(snapshot, gone)
                }
                Question::Merged(offset) | Question::Newest(offset) => {
                    Found::Piece(broker.after(&topic, offset, usize::MAX).await)
                }
                Question::Piece(offset) => Found::Piece(broker.after(&topic, offset, PIECE_BYTES).await),
                Question::Source(offset) => Found::Piece(broker.after(&topic, offset, 0).await),
            }
        });
        self.catching_up = Some(Box::new(CatchingUp {
            behind,
            question,
            answer,
        }));
    }

    /// Goes on with the subscription that is being caught up. Says whether it got any further.
    pub(super) fn poll_catch_up(&mut self) -> bool {
        let Some(catching_up) = &mut self.catching_up else {
            return false;
        };
        let waker = Waker::from(Arc::clone(&self.outbox));
        let Poll::Ready(found) = catching_up.answer.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return false;
        };
        if let Some(caught) = self.catching_up.take() {
            let CatchingUp { behind, question, .. } = *caught;
            if self.outbox.position(behind.lane).is_none() {
                // It was closed meanwhile.
                return true;
            }
            match (question, found) {
                (Question::Snapshot { after, .. }, Found::Snapshot(snapshot, gone)) => {
                    if let Some(gone) = gone {
                        self.tell_what_is_gone(&behind, after, &gone);
                    }
                    self.send_snapshot(behind, snapshot);
                }
                (Question::Merged(offset), Found::Piece(all)) => self.send_merged(behind, offset, &all),
                (Question::Newest(offset), Found::Piece(all)) => self.send_newest(behind, offset, &all),
                (Question::Piece(offset), Found::Piece(piece)) => self.send_piece(behind, offset, &piece),
                (Question::Source(_), Found::Piece(piece)) => {
                    self.tell(&behind.topic, caught_up_status(&piece, wall_clock()));
                }
                // Each question has its own kind of answer.
                (_, Found::Snapshot(..)) | (Question::Snapshot { .. }, Found::Piece(_)) => {}
            }
        }
        true
    }

    /// What is known now; of many keys a piece, and the lane gets another turn for the rest.
    fn send_snapshot(&mut self, behind: Behind, snapshot: Snapshot) {
        for frame in snapshot.frames {
            self.send(frame);
        }
        if snapshot.reaches < snapshot.offset {
            let rest = CatchUp::Snapshot {
                after: snapshot.reaches,
                until: Some(snapshot.offset),
            };
            return self.outbox.goes_on(behind.lane, rest);
        }
        let caught = self.outbox.caught_up(behind.lane, snapshot.offset, snapshot.last);
        if caught == (Caught::Live { told: true }) {
            // Only after a gap in a topic with keys.
            self.ask_broker(behind, Question::Source(snapshot.offset));
        }
    }

    /// Nothing is known that could stand for what is missing: what the history no longer has is a gap.
    fn tell_what_is_gone(&mut self, behind: &Behind, after: Offset, piece: &Piece) {
        if piece.missed > 0 && !piece.by_key {
            self.gateway.metrics.missed.inc_by(piece.missed);
            self.tell(&behind.topic, gap_status(piece, after, wall_clock()));
        }
    }

    /// Everything that is missing as one push, or the snapshot where the history no longer reaches back.
    fn send_merged(&mut self, behind: Behind, offset: Offset, all: &Piece) {
        let mut pending = Pending::default();
        let merged = all
            .publications
            .iter()
            .filter(|publication| behind.selects(publication))
            .try_for_each(|publication| pending.push(publication));
        if all.missed > 0 || merged.is_err() {
            return self.ask_broker(
                behind,
                Question::Snapshot {
                    after: offset,
                    until: None,
                },
            );
        }
        self.send_pending(pending);
        self.outbox.caught_up(behind.lane, all.reaches, all.last);
    }

    /// Of what is missing the newest of each value of a field, as far as the history reaches back; what it lacks is told.
    fn send_newest(&mut self, behind: Behind, offset: Offset, all: &Piece) {
        if all.missed > 0 {
            self.gateway.metrics.missed.inc_by(all.missed);
            self.tell(&behind.topic, gap_status(all, offset, wall_clock()));
            if all.by_key {
                // What stands for each of the topic's own keys makes up for what is gone.
                return self.ask_broker(
                    behind,
                    Question::Snapshot {
                        after: offset,
                        until: None,
                    },
                );
            }
        }
        let mut pending = Pending::by(behind.key.as_ref());
        let mut reaches = all.reaches;
        for publication in all.publications.iter().filter(|it| behind.selects(it)) {
            // As much at once as one turn takes. It is whole, and the rest follows.
            if pending.push(publication).is_err() || pending.bytes() > PIECE_BYTES {
                reaches = publication.offset;
                break;
            }
        }
        self.send_pending(pending);
        if reaches < all.reaches {
            return self.outbox.goes_on(behind.lane, CatchUp::After(reaches));
        }
        self.outbox.caught_up(behind.lane, all.reaches, all.last);
    }

    fn send_piece(&mut self, behind: Behind, offset: Offset, piece: &Piece) {
        if behind.tell {
            self.gateway.metrics.behind.inc();
            self.tell(&behind.topic, behind_status(piece, wall_clock()));
        }
        if piece.missed > 0 {
            self.gateway.metrics.missed.inc_by(piece.missed);
            self.tell(&behind.topic, gap_status(piece, offset, wall_clock()));
            if piece.by_key {
                // What stands for each key makes up for what is gone.
                return self.ask_broker(
                    behind,
                    Question::Snapshot {
                        after: offset,
                        until: None,
                    },
                );
            }
        }
        for publication in piece.publications.iter().filter(|it| behind.selects(it)) {
            self.write(publication.frame_for(self.class));
        }
        let caught = self.outbox.caught_up(behind.lane, piece.reaches, piece.last);
        if caught == (Caught::Live { told: true }) {
            self.tell(&behind.topic, caught_up_status(piece, wall_clock()));
        }
    }

    fn tell(&mut self, topic: &Topic, status: ChannelStatus) {
        self.push(&Push::Status(topic.clone(), status));
    }
}

fn behind_status(piece: &Piece, now: Timestamp) -> ChannelStatus {
    ChannelStatus {
        reason: Some("your link is slower than the channel; catching up from the history".to_owned()),
        ..status(piece, FeedState::Resyncing, now)
    }
}

fn gap_status(piece: &Piece, offset: Offset, now: Timestamp) -> ChannelStatus {
    ChannelStatus {
        reason: Some("you were too far behind, and the history no longer reaches back".to_owned()),
        gap: Some(Gap::Publications {
            missed: piece.missed,
            offset: Offset(offset.0 + piece.missed),
        }),
        ..status(piece, FeedState::Gap, now)
    }
}

/// What the source says; a topic without a source is live as soon as nothing is missing.
fn caught_up_status(piece: &Piece, now: Timestamp) -> ChannelStatus {
    match &piece.status {
        Some(status) => ChannelStatus::clone(status),
        None => status(piece, FeedState::Live, now),
    }
}

fn status(piece: &Piece, state: FeedState, now: Timestamp) -> ChannelStatus {
    let source: Option<&Arc<ChannelStatus>> = piece.status.as_ref();
    ChannelStatus {
        simulated: source.is_some_and(|status| status.simulated),
        ..ChannelStatus::new(state, now)
    }
}
