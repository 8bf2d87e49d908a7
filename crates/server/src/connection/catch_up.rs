//! How a subscription that is behind gets what it lacks: out of the broker, in pieces, as the socket drains.

use std::sync::Arc;

use nexus_protocol::{ChannelStatus, FeedState, Gap, Offset, Push, Timestamp, Topic};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::broker::{Piece, SnapshotOf};
use crate::clock::wall_clock;
use crate::conflate::Pending;
use crate::connection::Connection;
use crate::outbox::{Behind, CatchUp, Caught};

/// So much is read at once: enough to fill the socket, little enough that other subscriptions get their turn.
const PIECE_BYTES: usize = 32 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) async fn catch_up(&mut self, behind: Behind) {
        match behind.by {
            CatchUp::Snapshot { after, until } => self.send_snapshot(&behind, after, until).await,
            CatchUp::After(offset) if behind.key.is_some() => self.send_newest(&behind, offset).await,
            CatchUp::After(offset) if behind.latest => self.send_merged(&behind, offset).await,
            CatchUp::After(offset) => self.send_piece(&behind, offset).await,
        }
    }

    /// What is known now; of many keys a piece, and the lane gets another turn for the rest.
    async fn send_snapshot(&mut self, behind: &Behind, after: Offset, until: Option<Offset>) {
        let of = SnapshotOf {
            after,
            until,
            bytes: PIECE_BYTES,
        };
        let snapshot = self
            .gateway
            .broker
            .snapshot(&behind.topic, of, behind.filter.as_deref())
            .await;
        if snapshot.frames.is_empty() && until.is_none() && behind.by != CatchUp::WHOLE {
            self.tell_what_is_gone(behind, after).await;
        }
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
            let piece = self.gateway.broker.after(&behind.topic, snapshot.offset, 0).await;
            self.tell(&behind.topic, caught_up_status(&piece, wall_clock()));
        }
    }

    /// Nothing is known that could stand for what is missing: what the history no longer has is a gap.
    async fn tell_what_is_gone(&mut self, behind: &Behind, after: Offset) {
        let piece = self.gateway.broker.after(&behind.topic, after, 0).await;
        if piece.missed > 0 && !piece.by_key {
            self.gateway.metrics.missed.inc_by(piece.missed);
            self.tell(&behind.topic, gap_status(&piece, after, wall_clock()));
        }
    }

    /// Everything that is missing as one push, or the snapshot where the history no longer reaches back.
    async fn send_merged(&mut self, behind: &Behind, offset: Offset) {
        let all = self.gateway.broker.after(&behind.topic, offset, usize::MAX).await;
        let mut pending = Pending::default();
        let merged = all
            .publications
            .iter()
            .filter(|publication| behind.selects(publication))
            .try_for_each(|publication| pending.push(publication));
        if all.missed > 0 || merged.is_err() {
            return self.send_snapshot(behind, offset, None).await;
        }
        self.send_pending(pending);
        self.outbox.caught_up(behind.lane, all.reaches, all.last);
    }

    /// Of what is missing the newest of each value of a field, as far as the history reaches back; what it lacks is told.
    async fn send_newest(&mut self, behind: &Behind, offset: Offset) {
        let all = self.gateway.broker.after(&behind.topic, offset, usize::MAX).await;
        if all.missed > 0 {
            self.gateway.metrics.missed.inc_by(all.missed);
            self.tell(&behind.topic, gap_status(&all, offset, wall_clock()));
            if all.by_key {
                // What stands for each of the topic's own keys makes up for what is gone.
                return self.send_snapshot(behind, offset, None).await;
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

    async fn send_piece(&mut self, behind: &Behind, offset: Offset) {
        let piece = self
            .gateway
            .broker
            .after(&behind.topic, offset, PIECE_BYTES)
            .await;
        if behind.tell {
            self.gateway.metrics.behind.inc();
            self.tell(&behind.topic, behind_status(&piece, wall_clock()));
        }
        if piece.missed > 0 {
            self.gateway.metrics.missed.inc_by(piece.missed);
            self.tell(&behind.topic, gap_status(&piece, offset, wall_clock()));
            if piece.by_key {
                // What stands for each key makes up for what is gone.
                return self.send_snapshot(behind, offset, None).await;
            }
        }
        for publication in piece.publications.iter().filter(|it| behind.selects(it)) {
            let frame = self.dialect.publication(publication);
            self.write(frame);
        }
        let caught = self.outbox.caught_up(behind.lane, piece.reaches, piece.last);
        if caught == (Caught::Live { told: true }) {
            self.tell(&behind.topic, caught_up_status(&piece, wall_clock()));
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
        reason: Some("your link was too slow, and the history no longer reaches back".to_owned()),
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
