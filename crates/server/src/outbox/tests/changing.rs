//! A subscription whose settings change while publications are on their way: whatever it wants in which order, it gets
//! what it wants, once and in order, or is told how many it did not get.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::*;
use crate::filters::FieldPath;

/// What a subscription wants from now on.
#[derive(Clone, PartialEq, Debug)]
struct Wanted {
    policy: Policy,
    filter: Option<Arc<Predicate>>,
}

/// What the subscriber got while it wanted something.
#[derive(Debug)]
struct Period {
    wanted: Wanted,
    /// It got all that it wanted up to here before, and up to `end` in this period.
    begin: u64,
    end: u64,
    /// Pushes: offset, how many it stands for, whether a snapshot.
    got: Vec<(u64, u64, bool)>,
    /// What it was told that it does not get: behind the first, up to the second.
    gaps: Vec<(u64, u64)>,
    /// When something came, except for what goes on with what came before.
    at: Vec<Instant>,
}

/// A topic with a history, and a subscriber that changes its mind.
struct World {
    head: Arc<TopicHead>,
    ring: Ring,
    keep: Keep,
    outbox: Outbox,
    lane: LaneId,
    now: Instant,
    periods: Vec<Period>,
    goes_on: bool,
    published: BTreeMap<u64, Arc<Publication>>,
}

/// So many publications are read at once in `every`, and so many keys sent at once in `latest`.
const PIECE: usize = 3;

impl World {
    fn new(wanted: Wanted, room: usize, keep: usize) -> Self {
        let topic = Topic::parse(&ChannelName::parse("events").unwrap(), Params::default());
        let head = Arc::new(TopicHead::of(&topic.unwrap().topic));
        let outbox = Outbox::new(room);
        let lane = outbox.open(&head.topic, Policy::Every);
        let mut world = World {
            head,
            ring: Ring::default(),
            keep: Keep {
                publications: keep,
                bytes: usize::MAX,
            },
            outbox,
            lane,
            now: Instant::now(),
            periods: Vec::new(),
            goes_on: false,
            published: BTreeMap::new(),
        };
        world.change(wanted);
        world
    }

    fn publish(&mut self, key: u8) {
        let offset = self.ring.last().next();
        // The last key stands for what has none.
        let text = match key {
            4 => format!(r#"{{"n":{}}}"#, offset.0 % 3),
            key => format!(r#"{{"n":{},"k":"{key}"}}"#, offset.0 % 3),
        };
        let content = Content::Whole(text.into());
        let publication = Arc::new(Publication::new(&self.head, offset, Timestamp::EXAMPLE, content));
        self.published.insert(offset.0, Arc::clone(&publication));
        self.ring.push(Arc::clone(&publication), self.keep, |_| {});
        self.outbox.offer(self.lane, &publication);
    }

    /// Subscribes again, as `subscribe` does it: the old lane ends, the new one goes on from where it stood.
    fn change(&mut self, wanted: Wanted) {
        let begin = self
            .outbox
            .close(self.lane)
            .map_or(Offset::ZERO, |closed| closed.sent);
        if let Some(ended) = self.periods.last_mut() {
            ended.end = begin.0;
        }
        self.lane = self
            .outbox
            .open_filtered(&self.head.topic, wanted.policy.clone(), wanted.filter.clone());
        let position = Position {
            epoch: Epoch::from_random(1),
            offset: begin,
        };
        let by = (begin < self.ring.last()).then_some(CatchUp::After(begin));
        self.outbox.start(self.lane, position, by, None);
        self.goes_on = false;
        self.periods.push(Period {
            wanted,
            begin: begin.0,
            end: begin.0,
            got: Vec::new(),
            gaps: Vec::new(),
            at: Vec::new(),
        });
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.outbox.release(self.now);
    }

    fn take(&mut self) -> bool {
        let Some(work) = self.outbox.next(self.now) else {
            return false;
        };
        let goes_on = std::mem::take(&mut self.goes_on);
        if !goes_on && matches!(work, Work::Merged(_) | Work::CatchUp(_)) {
            let now = self.now;
            self.period().at.push(now);
        }
        match work {
            Work::Publication(publication) => self.get(&publication),
            Work::Merged(pending) => pending.into_pushes().iter().for_each(|it| self.get(it)),
            Work::CatchUp(behind) => self.catch_up(&behind),
            Work::Status(..) | Work::Note(_) | Work::Presence(_) | Work::Overrun => {
                panic!("nothing else is on its way")
            }
        }
        true
    }

    /// As the connection does it: in pieces, by the newest of each key where a key is named, or by a snapshot.
    fn catch_up(&mut self, behind: &Behind) {
        let last = self.ring.last();
        let CatchUp::After(offset) = behind.by else {
            return self.snapshot(behind);
        };
        let all: Vec<_> = self.ring.after(offset).cloned().collect();
        let missed = self.ring.oldest().0.saturating_sub(offset.next().0);
        if behind.latest && behind.key.is_none() {
            if missed > 0 {
                return self.snapshot(behind);
            }
            let mut pending = Pending::default();
            for publication in all.iter().filter(|it| behind.selects(it)) {
                pending.push(publication).unwrap();
            }
            pending.into_pushes().iter().for_each(|it| self.get(it));
            self.outbox.caught_up(behind.lane, last, last);
            return;
        }
        if missed > 0 {
            self.period().gaps.push((offset.0, offset.0 + missed));
        }
        let mut reaches = last.max(offset);
        if behind.latest {
            let mut pending = Pending::by(behind.key.as_ref());
            for publication in all.iter().filter(|it| behind.selects(it)) {
                pending.push(publication).unwrap();
                if pending.count() - pending.replaced() >= PIECE as u64 {
                    reaches = publication.offset;
                    break;
                }
            }
            pending.into_pushes().iter().for_each(|it| self.get(it));
            if reaches < last {
                self.goes_on = true;
                return self.outbox.goes_on(behind.lane, CatchUp::After(reaches));
            }
        } else if let Some(end) = all.get(PIECE - 1) {
            reaches = end.offset;
            let piece = all.iter().take(PIECE).filter(|it| behind.selects(it));
            piece.for_each(|it| self.get(it));
        } else {
            let piece = all.iter().filter(|it| behind.selects(it));
            piece.for_each(|it| self.get(it));
        }
        self.outbox.caught_up(behind.lane, reaches, last);
    }

    fn snapshot(&mut self, behind: &Behind) {
        let last = self.ring.last();
        let all: Vec<_> = self.ring.after(Offset::ZERO).cloned().collect();
        if all.iter().rev().any(|it| behind.selects(it)) {
            self.period().got.push((last.0, 0, true));
        }
        self.outbox.caught_up(behind.lane, last, last);
    }

    fn get(&mut self, publication: &Publication) {
        let push = (publication.offset.0, publication.conflated, false);
        self.period().got.push(push);
    }

    fn period(&mut self) -> &mut Period {
        self.periods.last_mut().unwrap()
    }

    /// Nothing more is published, and time goes by.
    fn quiet(&mut self) {
        loop {
            while self.take() {}
            let Some(until) = self.outbox.held_until() else {
                break;
            };
            self.wait(until.saturating_duration_since(self.now));
        }
        let end = self.outbox.close(self.lane).unwrap().sent;
        self.period().end = end.0;
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let mut newest = 0;
        let mut reached = 0;
        for period in &self.periods {
            prop_assert_eq!(
                period.begin,
                reached,
                "each goes on from where the one before it ended"
            );
            reached = period.end;
            for (offset, ..) in &period.got {
                prop_assert!(
                    *offset > newest,
                    "in order, and nothing twice: {:?}",
                    self.periods
                );
                newest = *offset;
            }
            self.check_period(period)?;
        }
        prop_assert_eq!(reached, self.ring.last().0, "nothing is left over");
        Ok(())
    }

    fn check_period(&self, period: &Period) -> Result<(), TestCaseError> {
        let is_lost = |offset: &u64| {
            period
                .gaps
                .iter()
                .any(|(after, upto)| after < offset && offset <= upto)
        };
        let selects = |it: &&Arc<Publication>| {
            let filter = period.wanted.filter.as_ref();
            filter.is_none_or(|filter| it.passes(filter))
        };
        let wanted: Vec<&Arc<Publication>> = self
            .published
            .range((Bound::Excluded(period.begin), Bound::Included(period.end)))
            .filter(|(offset, _)| !is_lost(offset))
            .map(|(_, publication)| publication)
            .filter(selects)
            .collect();
        let offsets: Vec<u64> = period.got.iter().map(|(offset, ..)| *offset).collect();
        let conflated: u64 = period.got.iter().map(|(_, conflated, _)| conflated).sum();
        let is_whole = period.got.iter().all(|(_, _, snapshot)| !snapshot);
        match &period.wanted.policy {
            Policy::Every => {
                let expected: Vec<u64> = wanted.iter().map(|it| it.offset.0).collect();
                prop_assert_eq!(&offsets, &expected);
            }
            Policy::Latest { key: None, .. } => {
                if let Some(newest) = wanted.last() {
                    let last = offsets.last().copied().unwrap_or_default();
                    prop_assert!(last >= newest.offset.0);
                }
                prop_assert!(period.gaps.is_empty());
            }
            Policy::Latest { key: Some(key), .. } => {
                prop_assert!(is_whole, "by a key of its own, nothing stands for all");
                let mut newest = BTreeMap::new();
                for publication in &wanted {
                    let value = publication.with_fields(|fields| fields.value(key).clone());
                    newest.insert(value, publication.offset.0);
                }
                let got: BTreeSet<u64> = offsets.iter().copied().collect();
                prop_assert!(
                    newest.values().all(|offset| got.contains(offset)),
                    "the newest of each key: {:?} of {:?}",
                    newest,
                    period
                );
            }
        }
        if is_whole {
            prop_assert_eq!(
                offsets.len() as u64 + conflated,
                wanted.len() as u64,
                "{:?}",
                period
            );
        }
        if let Policy::Latest { throttle, .. } = &period.wanted.policy {
            let early = period.at.windows(2).any(|pair| pair[1] - pair[0] < *throttle);
            prop_assert!(!early, "{:?}", period.at);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish(u8),
    Take,
    Wait(u64),
    Change(Wanted),
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let policy = prop_oneof![
        Just(Policy::Every),
        (prop_oneof![Just(0), Just(50), Just(250)], any::<bool>()).prop_map(|(throttle, by_key)| {
            Policy::Latest {
                throttle: Duration::from_millis(throttle),
                key: by_key.then(|| FieldPath::parse("k").unwrap()),
            }
        }),
    ];
    let filter = prop_oneof![Just(None), (0u8..3).prop_map(Some)];
    (policy, filter).prop_map(|(policy, n)| {
        let filters = n.map(|n| Filters([("n".to_owned(), Condition::Equals(n.into()))].into()));
        let filter = filters.and_then(|it| Predicate::compile(&it).unwrap());
        Wanted {
            policy,
            filter: filter.map(Arc::new),
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0u8..5).prop_map(Step::Publish),
        4 => Just(Step::Take),
        2 => (1u64..200).prop_map(Step::Wait),
        1 => wanted().prop_map(Step::Change),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn whatever_changes_it_gets_what_it_wants_or_is_told_what_not(
        first in wanted(),
        steps in steps(),
        room in prop_oneof![Just(1_usize << 20), 1usize..2_000],
        keep in 3usize..60,
    ) {
        let mut world = World::new(first, room, keep);
        for step in steps {
            match step {
                Step::Publish(key) => world.publish(key),
                Step::Take => {
                    world.take();
                }
                Step::Wait(millis) => world.wait(Duration::from_millis(millis)),
                Step::Change(wanted) => world.change(wanted),
            }
            prop_assert!(world.outbox.waiting() <= room, "the bound holds");
        }
        world.quiet();
        world.check()?;
    }
}

#[test]
fn the_first_comes_at_once_and_the_last_when_the_throttle_is_over() {
    let throttle = Duration::from_millis(200);
    let policy = Policy::Latest { throttle, key: None };
    let wanted = Wanted { policy, filter: None };
    let mut world = World::new(wanted, 1 << 20, 100);
    let start = world.now;
    let millis = Duration::from_millis;
    // One publication each 30 ms for a second, and never again.
    for _ in 0..34 {
        world.publish(1);
        while world.take() {}
        let next = world.now + millis(30);
        if let Some(until) = world.outbox.held_until().filter(|until| *until < next) {
            world.wait(until - world.now);
            while world.take() {}
        }
        world.wait(next - world.now);
    }
    world.quiet();
    let period = &world.periods[0];
    let at: Vec<_> = period.at.iter().map(|at| *at - start).collect();
    assert_eq!(at, [0, 200, 400, 600, 800, 1_000].map(millis));
    let offsets: Vec<_> = period.got.iter().map(|(offset, ..)| *offset).collect();
    assert_eq!(offsets, [1, 7, 14, 21, 27, 34], "each time the newest there is");
}

#[test]
fn more_keys_than_fit_come_from_the_history_without_waiting_for_the_throttle() {
    let policy = Policy::Latest {
        throttle: Duration::from_millis(200),
        key: Some(FieldPath::parse("k").unwrap()),
    };
    let wanted = Wanted { policy, filter: None };
    let mut world = World::new(wanted, 400, 100);
    let start = world.now;
    world.publish(0);
    while world.take() {}
    for _ in 0..4 {
        for key in 0..5 {
            world.publish(key);
        }
    }
    assert!(!world.take(), "it waits for the throttle");
    world.wait(Duration::from_millis(200));
    while world.take() {}
    let period = &world.periods[0];
    assert_eq!(period.at, [start, start + Duration::from_millis(200)]);
    assert_eq!(period.got.last(), Some(&(21, 0, false)));
    world.quiet();
    world.check().unwrap();
}
