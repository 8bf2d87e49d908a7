//! The promise of an outbox against a model: whatever is published and taken in whatever order, a subscriber gets
//! every publication once and in order, or is told how many it did not get.

mod changing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{
    ChannelName, ChannelStatus, CommandId, CommandStage, CommandStatus, Condition, Epoch, FeedState, Filters,
    Gap, MessageId, Offset, Params, Position, Reply, Timestamp, Topic,
};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::conflate::Pending;
use crate::content::Content;
use crate::encoded::TopicHead;
use crate::filters::Predicate;
use crate::history::{Keep, Ring};

const LATEST: Policy = Policy::Latest {
    throttle: Duration::ZERO,
    key: None,
};

/// A topic, its history, and one subscriber that takes what its outbox says.
struct Model {
    head: Arc<TopicHead>,
    ring: Ring,
    keep: Keep,
    outbox: Outbox,
    lane: LaneId,
    /// What the subscriber got: offsets, and how many it was told that it missed.
    got: Vec<Got>,
    /// The offsets behind which it was told that it missed some, and the last of these.
    missed: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Got {
    Publication(Offset),
    Merged(Offset),
    Snapshot(Offset),
    Missed(u64),
    ToldBehind,
    ToldLive,
    Status(FeedState),
}

impl Model {
    fn new(policy: Policy, outbox_bytes: usize, keep: usize) -> Self {
        Model::selecting(policy, outbox_bytes, keep, None)
    }

    fn selecting(policy: Policy, outbox_bytes: usize, keep: usize, filter: Option<Arc<Predicate>>) -> Self {
        let topic = Topic::parse(&ChannelName::parse("events").unwrap(), Params::default());
        let topic = topic.unwrap().topic;
        let outbox = Outbox::new(outbox_bytes);
        let lane = outbox.open_filtered(&topic, policy, filter);
        Model {
            head: Arc::new(TopicHead::of(&topic)),
            ring: Ring::default(),
            keep: Keep {
                publications: keep,
                bytes: usize::MAX,
            },
            outbox,
            lane,
            got: Vec::new(),
            missed: Vec::new(),
        }
    }

    fn start(&mut self, by: Option<CatchUp>) {
        let position = Position {
            epoch: Epoch::from_random(1),
            offset: match by {
                Some(CatchUp::After(offset)) => offset,
                Some(CatchUp::Snapshot { .. }) | None => self.ring.last(),
            },
        };
        self.outbox.start(self.lane, position, by, None);
    }

    fn publish(&mut self) {
        let offset = self.ring.last().next();
        let content = Content::Whole(format!(r#"{{"n":{}}}"#, offset.0 % 3).into());
        let publication = Publication::new(&self.head, offset, Timestamp::EXAMPLE, content);
        let publication = Arc::new(publication);
        self.ring.push(Arc::clone(&publication), self.keep, |_| {});
        self.outbox.offer(self.lane, &publication);
    }

    fn say(&mut self, state: FeedState) {
        let status = Arc::new(ChannelStatus::new(state, Timestamp::EXAMPLE));
        self.outbox.offer_status(self.lane, &status);
    }

    /// Does the next thing, as the connection's task does it.
    fn take(&mut self, now: Instant) -> bool {
        match self.outbox.next(now) {
            None => return false,
            Some(Work::Publication(publication)) => self.got.push(Got::Publication(publication.offset)),
            Some(Work::Merged(pending)) => self.got.push(Got::Merged(pending.offset())),
            Some(Work::Status(_, status)) => self.got.push(Got::Status(status.state)),
            Some(Work::CatchUp(behind)) => self.catch_up(&behind),
            Some(Work::Note(_) | Work::Presence(_) | Work::Overrun) => panic!("nobody posted a note"),
        }
        true
    }

    fn catch_up(&mut self, behind: &Behind) {
        if behind.tell {
            self.got.push(Got::ToldBehind);
        }
        let last = self.ring.last();
        let reaches = match behind.by {
            CatchUp::Snapshot { .. } => {
                self.got.push(Got::Snapshot(last));
                last
            }
            CatchUp::After(offset) => {
                let missed = self.ring.oldest().0.saturating_sub(offset.next().0);
                if missed > 0 {
                    self.got.push(Got::Missed(missed));
                    self.missed.push((offset.0, offset.0 + missed));
                }
                let piece: Vec<_> = self.ring.after(offset).take(3).cloned().collect();
                let selected = piece.iter().filter(|it| behind.selects(it));
                self.got.extend(selected.map(|it| Got::Publication(it.offset)));
                piece.last().map_or(last.max(offset), |last| last.offset)
            }
        };
        if self.outbox.caught_up(behind.lane, reaches, last) == (Caught::Live { told: true }) {
            self.got.push(Got::ToldLive);
        }
    }

    fn take_all(&mut self) {
        while self.take(Instant::now()) {}
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish,
    Take,
    Say,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![6 => Just(Step::Publish), 4 => Just(Step::Take), 1 => Just(Step::Say)];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn every_gets_all_in_order_or_the_number_of_those_it_did_not_get(
        before in 0u64..10,
        steps in steps(),
        room in 1usize..2_000,
        keep in 1usize..20,
    ) {
        let mut model = Model::new(Policy::Every, room, keep);
        for _ in 0..before {
            model.publish();
        }
        model.start(Some(CatchUp::After(Offset::ZERO)));
        for step in steps {
            match step {
                Step::Publish => model.publish(),
                Step::Take => {
                    model.take(Instant::now());
                }
                Step::Say => model.say(FeedState::Stale),
            }
            prop_assert!(model.outbox.waiting() <= room, "the bound holds");
        }
        model.take_all();
        let mut position = 0;
        let mut is_behind = false;
        for got in &model.got {
            match got {
                Got::Publication(offset) => {
                    position += 1;
                    prop_assert_eq!(offset.0, position);
                }
                Got::Missed(missed) => position += missed,
                Got::ToldBehind => {
                    prop_assert!(!is_behind);
                    is_behind = true;
                }
                Got::ToldLive => {
                    prop_assert!(is_behind);
                    is_behind = false;
                }
                Got::Status(_) => {}
                Got::Merged(_) | Got::Snapshot(_) => prop_assert!(false, "nothing is replaced"),
            }
        }
        prop_assert_eq!(position, model.ring.last().0, "nothing is left over");
        prop_assert!(!is_behind);
        prop_assert_eq!(model.outbox.waiting(), 0);
    }

    #[test]
    fn what_is_filtered_on_the_way_is_what_is_filtered_afterwards(
        before in 0u64..10,
        steps in steps(),
        room in 1usize..2_000,
        keep in 1usize..20,
    ) {
        let filter = Filters([("n".to_owned(), Condition::Equals(1.into()))].into());
        let filter = Predicate::compile(&filter).unwrap().map(Arc::new);
        let mut model = Model::selecting(Policy::Every, room, keep, filter);
        for _ in 0..before {
            model.publish();
        }
        model.start(Some(CatchUp::After(Offset::ZERO)));
        for step in steps {
            match step {
                Step::Publish => model.publish(),
                Step::Take => {
                    model.take(Instant::now());
                }
                Step::Say => model.say(FeedState::Stale),
            }
            prop_assert!(model.outbox.waiting() <= room);
        }
        model.take_all();
        let got: Vec<u64> = model
            .got
            .iter()
            .filter_map(|got| if let Got::Publication(offset) = got { Some(offset.0) } else { None })
            .collect();
        let was_missed = |offset: u64| model.missed.iter().any(|(after, last)| *after < offset && offset <= *last);
        let expected: Vec<u64> = (1..=model.ring.last().0)
            .filter(|offset| offset % 3 == 1 && !was_missed(*offset))
            .collect();
        prop_assert_eq!(got, expected);
        let closed = model.outbox.close(model.lane).unwrap();
        prop_assert_eq!(closed.sent, model.ring.last(), "what was not selected counts as seen");
    }

    #[test]
    fn latest_ends_with_the_newest_and_offsets_rise(
        steps in steps(),
        room in 1usize..2_000,
    ) {
        let mut model = Model::new(LATEST, room, 5);
        model.start(None);
        for step in steps {
            match step {
                Step::Publish => model.publish(),
                Step::Take => {
                    model.take(Instant::now());
                }
                Step::Say => model.say(FeedState::Stale),
            }
            prop_assert!(model.outbox.waiting() <= room);
        }
        model.take_all();
        let mut newest = Offset::ZERO;
        for got in &model.got {
            if let Got::Merged(offset) | Got::Snapshot(offset) | Got::Publication(offset) = got {
                prop_assert!(*offset > newest);
                newest = *offset;
            }
        }
        prop_assert_eq!(newest, model.ring.last());
        prop_assert_eq!(model.outbox.waiting(), 0);
    }
}

#[test]
fn what_is_offered_between_the_seat_and_the_read_is_not_sent_twice() {
    let mut model = Model::new(Policy::Every, 10_000, 100);
    model.publish();
    model.publish();
    // The read sees both; a third comes before the lane starts.
    let position = Position {
        epoch: Epoch::from_random(1),
        offset: Offset(2),
    };
    model.publish();
    model.outbox.start(model.lane, position, None, None);
    model.publish();
    model.take_all();
    assert_eq!(
        model.got,
        [Got::Publication(Offset(3)), Got::Publication(Offset(4))]
    );
}

#[test]
fn an_announcement_that_was_lost_is_a_delay_and_no_loss() {
    let mut model = Model::new(Policy::Every, 10_000, 100);
    model.start(None);
    model.publish();
    let lost = Publication::new(
        &model.head,
        Offset(2),
        Timestamp::EXAMPLE,
        Content::Whole("1".into()),
    );
    model.ring.push(Arc::new(lost), model.keep, |_| {});
    model.publish();
    model.take_all();
    let offsets: Vec<Got> = model
        .got
        .iter()
        .copied()
        .filter(|got| matches!(got, Got::Publication(_)))
        .collect();
    assert_eq!(offsets, [1, 2, 3].map(|offset| Got::Publication(Offset(offset))));
}

#[test]
fn a_status_that_the_answer_already_told_is_not_told_again() {
    let mut model = Model::new(Policy::Every, 10_000, 100);
    model.say(FeedState::Stale);
    let position = Position {
        epoch: Epoch::from_random(1),
        offset: Offset::ZERO,
    };
    let seen = ChannelStatus::new(FeedState::Stale, Timestamp::EXAMPLE);
    model.outbox.start(model.lane, position, None, Some(&seen));
    model.say(FeedState::Live);
    model.take_all();
    assert_eq!(model.got, [Got::Status(FeedState::Live)]);
}

#[test]
fn gaps_of_the_source_survive_an_overflow_as_one() {
    let mut model = Model::new(Policy::Every, 400, 100);
    model.start(None);
    for from in [10, 20] {
        let gap = Gap::Source { from, to: from + 5 };
        let status = ChannelStatus {
            gap: Some(gap),
            ..ChannelStatus::new(FeedState::Gap, Timestamp::EXAMPLE)
        };
        model.outbox.offer_status(model.lane, &Arc::new(status));
    }
    for _ in 0..10 {
        model.publish();
    }
    let mut gaps = Vec::new();
    while let Some(work) = model.outbox.next(Instant::now()) {
        match work {
            Work::Status(_, status) => gaps.push(status.gap.clone()),
            Work::CatchUp(behind) => model.catch_up(&behind),
            Work::Publication(_) | Work::Merged(_) | Work::Note(_) | Work::Presence(_) | Work::Overrun => {}
        }
    }
    assert_eq!(gaps, [Some(Gap::Source { from: 10, to: 25 })]);
}

#[test]
fn a_throttled_lane_waits_and_then_sends_one_push() {
    let throttle = Duration::from_millis(250);
    let mut model = Model::new(Policy::Latest { throttle, key: None }, 10_000, 100);
    model.start(None);
    let start = Instant::now();
    model.publish();
    assert!(model.take(start));
    for _ in 0..5 {
        model.publish();
        assert!(!model.take(start + throttle / 2));
    }
    assert_eq!(model.outbox.held_until(), Some(start + throttle));
    model.outbox.release(start + throttle);
    assert_eq!(model.outbox.held_until(), None);
    assert!(model.take(start + throttle));
    assert!(!model.take(start + throttle));
    assert_eq!(model.got, [Got::Merged(Offset(1)), Got::Merged(Offset(6))]);
}

#[test]
fn news_of_the_source_do_not_wait_for_the_throttle() {
    let throttle = Duration::from_millis(250);
    let mut model = Model::new(Policy::Latest { throttle, key: None }, 10_000, 100);
    model.start(None);
    let start = Instant::now();
    model.publish();
    assert!(model.take(start));
    model.publish();
    assert!(!model.take(start));
    model.say(FeedState::Down);
    assert!(model.take(start));
    assert!(!model.take(start));
    assert_eq!(model.got.last(), Some(&Got::Status(FeedState::Down)));
    assert_eq!(model.outbox.held_until(), Some(start + throttle));
}

#[test]
fn lanes_take_turns() {
    let topic = |name: &str| {
        Topic::parse(&ChannelName::parse(name).unwrap(), Params::default())
            .unwrap()
            .topic
    };
    let outbox = Outbox::new(1 << 20);
    let mut heads = VecDeque::new();
    for name in ["room:a", "room:b"] {
        let topic = topic(name);
        let lane = outbox.open(&topic, Policy::Every);
        let position = Position {
            epoch: Epoch::from_random(1),
            offset: Offset::ZERO,
        };
        outbox.start(lane, position, None, None);
        heads.push_back((lane, Arc::new(TopicHead::of(&topic))));
    }
    for (lane, head) in &heads {
        for offset in 1..=3 {
            let publication = Publication::new(
                head,
                Offset(offset),
                Timestamp::EXAMPLE,
                Content::Whole("1".into()),
            );
            outbox.offer(*lane, &Arc::new(publication));
        }
    }
    let mut order = Vec::new();
    while let Some(Work::Publication(publication)) = outbox.next(Instant::now()) {
        order.push((publication.head.topic.to_string(), publication.offset.0));
    }
    let expected = [
        ("room:a", 1),
        ("room:b", 1),
        ("room:a", 2),
        ("room:b", 2),
        ("room:a", 3),
        ("room:b", 3),
    ];
    assert_eq!(order, expected.map(|(topic, offset)| (topic.to_owned(), offset)));
}

#[test]
fn how_far_a_command_is_waits_once_and_the_rest_is_bounded() {
    let outbox = Outbox::new(1000);
    let status = |number: usize, status| {
        let id = MessageId::parse(&format!("m{number}")).unwrap();
        let command_id = CommandId::parse(&format!("c{number}")).unwrap();
        Note::Answer(
            Some(id),
            Reply::CommandStatus(CommandStatus { command_id, status }),
        )
    };
    // A device that comes and goes, and a sender that reads slowly.
    for _ in 0..1_000 {
        for number in 0..64 {
            outbox.post(status(number, CommandStage::Sent)).unwrap();
            outbox.post(status(number, CommandStage::Queued)).unwrap();
        }
    }
    let mut notes = Vec::new();
    while let Some(work) = outbox.next(Instant::now()) {
        let Work::Note(note) = work else {
            panic!("{work:?}");
        };
        notes.push(note);
    }
    assert!(notes.len() < MOST_NOTES);
    for number in 0..64 {
        let id = Some(MessageId::parse(&format!("m{number}")).unwrap());
        let mut of_this = notes
            .iter()
            .filter(|note| matches!(note, Note::Answer(answered, _) if *answered == id));
        assert_eq!(
            of_this.next_back(),
            Some(&status(number, CommandStage::Queued)),
            "the latest"
        );
    }
    assert!(outbox.next(Instant::now()).is_none());
    for _ in 0..MOST_NOTES {
        outbox.post(Note::Answer(None, Reply::Pong)).unwrap();
    }
    assert!(outbox.post(Note::Answer(None, Reply::Pong)).is_err());
    assert!(matches!(outbox.next(Instant::now()), Some(Work::Overrun)));
}
