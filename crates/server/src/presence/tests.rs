//! Who is there: the pure room against what its changes say, and the registry with its clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{
    ChannelName, Epoch, Offset, Params, Position, PresenceUpdate, Timestamp, Topic, UserId,
};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::hub::{Hub, Seat};
use crate::outbox::{LaneId, Outbox, Policy, PresenceWork, Work};
use crate::presence::changes::Changes;
use crate::presence::room::Room;
use crate::presence::{Presence, PresenceError, PresenceLimits};

fn user(name: impl std::fmt::Display) -> UserId {
    UserId::parse(&name.to_string()).unwrap()
}

fn lobby() -> Topic {
    let name = ChannelName::parse("room:lobby").unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

/// What a client makes of what it is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Picture {
    members: BTreeMap<UserId, Timestamp>,
    typing: BTreeSet<UserId>,
}

impl Picture {
    fn apply(&mut self, update: &PresenceUpdate) {
        if let Some(members) = &update.members {
            self.members = members
                .iter()
                .map(|member| (member.user.clone(), member.since))
                .collect();
            self.typing.clear();
        }
        for member in &update.joined {
            self.members.insert(member.user.clone(), member.since);
        }
        for member in &update.left {
            self.members.remove(&member.user);
            self.typing.remove(&member.user);
        }
        self.typing.extend(update.typing.iter().cloned());
        for user in &update.paused {
            self.typing.remove(user);
        }
    }

    fn names(&self) -> Vec<&str> {
        self.members.keys().map(UserId::as_str).collect()
    }
}

#[derive(Clone, Debug)]
enum Act {
    Enter(u8),
    Lose(u8),
    Leave(u8),
    Type(u8, bool),
    /// A client comes and reads the list.
    Look,
    Wait(u64),
}

fn act(users: u8) -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..users).prop_map(Act::Enter),
        2 => (0..users).prop_map(Act::Lose),
        2 => (0..users).prop_map(Act::Leave),
        2 => (0..users, any::<bool>()).prop_map(|(user, on)| Act::Type(user, on)),
        1 => Just(Act::Look),
        3 => (0u64..7_000).prop_map(Act::Wait),
        3 => (0u64..40).prop_map(Act::Wait),
    ]
}

proptest! {
    #[test]
    fn a_list_and_the_changes_behind_it_end_with_who_is_there(
        acts in prop_oneof![
            proptest::collection::vec(act(5), 1..120),
            proptest::collection::vec(act(100), 100..400),
        ],
    ) {
        const GRACE: Duration = Duration::from_secs(5);
        let mut now = Instant::now();
        let mut wall = 1_000_000;
        let mut room = Room::default();
        let mut connections: BTreeMap<u8, u32> = BTreeMap::new();
        // From the beginning; one that merges all it gets; those who came in between.
        let mut pictures = vec![Picture::default()];
        let mut unsent = Changes::default();
        let mut slow = Picture::default();
        let mut last_announced: Option<Instant> = None;
        for act in acts.into_iter().chain([Act::Wait(20_000)]) {
            let until = match &act {
                Act::Wait(millis) => now + Duration::from_millis(*millis),
                _ => now,
            };
            match act {
                Act::Enter(name) => {
                    wall += 1;
                    room.enter(&user(name), Timestamp::from_millis(wall), usize::MAX).unwrap();
                    *connections.entry(name).or_default() += 1;
                }
                Act::Lose(name) | Act::Leave(name) if connections.get(&name).is_none_or(|count| *count == 0) => {}
                Act::Lose(name) => {
                    *connections.entry(name).or_default() -= 1;
                    room.lose(&user(name), now + GRACE);
                }
                Act::Leave(name) => {
                    *connections.entry(name).or_default() -= 1;
                    room.leave(&user(name));
                }
                Act::Type(name, on) => {
                    prop_assert_eq!(room.set_typing(&user(name), on, now), room.has(&user(name)));
                }
                Act::Look => {
                    let mut picture = Picture::default();
                    picture.apply(&room.whole());
                    pictures.push(picture);
                }
                Act::Wait(_) => {}
            }
            loop {
                if let Some(changes) = room.poll(now) {
                    if changes.len() > 32 || room.len() > 32 {
                        let pause = last_announced.map(|at| now.saturating_duration_since(at));
                        prop_assert!(pause.is_none_or(|pause| pause >= Duration::from_millis(50)), "{:?}", pause);
                    }
                    last_announced = Some(now);
                    let update = changes.update();
                    for picture in &mut pictures {
                        picture.apply(&update);
                    }
                    unsent.merge(&changes);
                    if unsent.len() > 9 {
                        slow.apply(&room.whole());
                        unsent = Changes::default();
                    }
                }
                match room.due().filter(|due| *due <= until) {
                    Some(due) => {
                        prop_assert!(due > now, "the clock must go on");
                        now = due;
                    }
                    None => break,
                }
            }
            now = until;
        }
        slow.apply(&unsent.update());
        let mut truth = Picture::default();
        truth.apply(&room.whole());
        let expected: Vec<UserId> = {
            let present = connections.iter().filter(|(_, count)| **count > 0);
            let names: BTreeSet<UserId> = present.map(|(name, _)| user(name)).collect();
            names.into_iter().collect()
        };
        prop_assert_eq!(truth.members.keys().cloned().collect::<Vec<_>>(), expected);
        prop_assert!(truth.typing.is_empty(), "typing ends by itself");
        for picture in pictures.iter().chain([&slow]) {
            prop_assert_eq!(picture, &truth);
        }
    }
}

#[test]
fn whoever_goes_and_comes_back_unheard_does_not_type_for_ever() {
    let start = Instant::now();
    let mut room = Room::default();
    let mut picture = Picture::default();
    let since = Timestamp::from_millis;
    // So many that news are paced.
    for name in 0..40 {
        room.enter(&user(name), since(name), usize::MAX).unwrap();
    }
    room.set_typing(&user(7), true, start);
    picture.apply(&room.poll(start).unwrap().update());
    assert!(picture.typing.contains(&user(7)));
    room.leave(&user(7));
    room.enter(&user(7), since(99), usize::MAX).unwrap();
    picture.apply(&room.poll(start + Duration::from_secs(1)).unwrap().update());
    assert!(picture.typing.is_empty(), "{picture:?}");
    assert_eq!(picture.members[&user(7)], since(99));
}

/// A presence with its clock, and one client that watches the lobby.
struct World {
    presence: Presence,
    outbox: Arc<Outbox>,
    hub: Hub,
    _seat: Seat,
    _lane: LaneId,
    _stop: tokio_util::sync::DropGuard,
}

impl World {
    fn new(limits: PresenceLimits) -> Self {
        let hub = Hub::default();
        let presence = Presence::new(hub.clone(), limits);
        let stop = CancellationToken::new();
        tokio::spawn(presence.clone().run(stop.clone()));
        let (outbox, lane, seat) = watch(&hub);
        World {
            presence,
            outbox,
            hub,
            _seat: seat,
            _lane: lane,
            _stop: stop.drop_guard(),
        }
    }

    /// What was told since the last time, each as one line.
    fn told(&self) -> Vec<String> {
        updates(&self.presence, &self.outbox)
            .iter()
            .map(|update| {
                let users = |members: &[nexus_protocol::Member]| -> Vec<String> {
                    members.iter().map(|member| member.user.to_string()).collect()
                };
                let names =
                    |users: &[UserId]| -> Vec<String> { users.iter().map(UserId::to_string).collect() };
                let mut said = Vec::new();
                for (what, who) in [
                    ("joined", users(&update.joined)),
                    ("left", users(&update.left)),
                    ("typing", names(&update.typing)),
                    ("paused", names(&update.paused)),
                ] {
                    if !who.is_empty() {
                        said.push(format!("{what} {}", who.join(",")));
                    }
                }
                if let Some(members) = &update.members {
                    said.push(format!("members {}", users(members).join(",")));
                }
                said.join(" ")
            })
            .collect()
    }
}

fn watch(hub: &Hub) -> (Arc<Outbox>, LaneId, Seat) {
    let outbox = Arc::new(Outbox::new(10_000));
    let lane = outbox.open(&lobby(), Policy::Every);
    outbox.watch_presence(lane, &lobby());
    let seat = hub.take_seat(&lobby(), &outbox, lane);
    let position = Position {
        epoch: Epoch::from_random(1),
        offset: Offset::ZERO,
    };
    outbox.start(lane, position, None, None);
    (outbox, lane, seat)
}

fn updates(presence: &Presence, outbox: &Outbox) -> Vec<PresenceUpdate> {
    let mut told = Vec::new();
    while let Some(work) = outbox.next(Instant::now()) {
        told.push(match work {
            Work::Presence(PresenceWork::News(news)) => news.changes.update(),
            Work::Presence(PresenceWork::Merged(_, changes)) => changes.update(),
            Work::Presence(PresenceWork::Whole(topic)) => presence.whole(&topic),
            other => panic!("nothing else waits: {other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_leaves_after_the_grace_and_an_ended_one_at_once() {
    let world = World::new(PresenceLimits::default());
    let ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    let bob = world.presence.enter(&lobby(), &user("bob")).unwrap();
    assert_eq!(world.told(), ["joined ann,bob"]);
    bob.leave();
    assert_eq!(world.told(), ["left bob"]);
    drop(ann);
    sleep(Duration::from_millis(4_900)).await;
    assert!(world.told().is_empty() && world.presence.is_member(&lobby(), &user("ann")));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(world.told(), ["left ann"]);
    assert_eq!(world.presence.topics(), 0, "nobody holds no memory");
}

#[tokio::test(start_paused = true)]
async fn a_flapping_link_is_not_seen_and_two_connections_are_one_member() {
    let world = World::new(PresenceLimits::default());
    let mut ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    let since = world.presence.members(&lobby())[0].since;
    assert_eq!(world.told(), ["joined ann"]);
    for _ in 0..5 {
        drop(ann);
        sleep(Duration::from_secs(4)).await;
        ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    }
    let second = world.presence.enter(&lobby(), &user("ann")).unwrap();
    ann.leave();
    sleep(Duration::from_secs(60)).await;
    let members = world.presence.members(&lobby());
    assert_eq!((members.len(), members[0].since), (1, since));
    assert!(world.told().is_empty());
    second.leave();
    assert_eq!(world.told(), ["left ann"]);
}

#[tokio::test(start_paused = true)]
async fn typing_ends_by_itself_and_repeats_are_not_told() {
    let world = World::new(PresenceLimits::default());
    let ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    assert!(
        !world.presence.set_typing(&lobby(), &user("bob"), true),
        "no member"
    );
    world.told();
    let types = |on| world.presence.set_typing(&lobby(), &user("ann"), on);
    assert!(types(true) && types(true) && types(true));
    assert_eq!(world.told(), ["typing ann"]);
    sleep(Duration::from_millis(1_100)).await;
    types(true);
    assert_eq!(world.told(), ["typing ann"], "said again, it holds longer");
    sleep(Duration::from_millis(4_900)).await;
    assert!(world.told().is_empty());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(world.told(), ["paused ann"]);
    types(true);
    types(false);
    types(false);
    assert_eq!(world.told(), ["paused ann"], "nobody was told in between");
    types(true);
    world.told();
    ann.leave();
    assert_eq!(world.told(), ["left ann"], "who left does not type");
    sleep(Duration::from_secs(10)).await;
    assert!(world.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_come_at_once_are_told_in_a_few_words() {
    let world = World::new(PresenceLimits::default());
    let mut all = Vec::new();
    let mut pushes = 0;
    let mut picture = Picture::default();
    for number in 0..1_000 {
        all.push(world.presence.enter(&lobby(), &user(number)).unwrap());
        if number % 10 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        for update in updates(&world.presence, &world.outbox) {
            picture.apply(&update);
            pushes += 1;
        }
    }
    sleep(Duration::from_millis(100)).await;
    for update in updates(&world.presence, &world.outbox) {
        picture.apply(&update);
        pushes += 1;
    }
    assert_eq!(picture.members.len(), 1_000);
    assert!(pushes < 40, "{pushes} pushes");
    for attendance in all {
        attendance.leave();
    }
    sleep(Duration::from_millis(100)).await;
    let updates = updates(&world.presence, &world.outbox);
    updates.iter().for_each(|update| picture.apply(update));
    assert!(picture.members.is_empty() && updates.len() < 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_ends_with_the_right_list_from_bounded_memory() {
    let world = World::new(PresenceLimits::default());
    let (slow, _lane, _seat) = watch(&world.hub);
    let mut held = BTreeMap::new();
    for round in 0..2_000u32 {
        let name = round * 7 % 150;
        match held.remove(&name) {
            Some(attendance) => drop(attendance),
            None => {
                held.insert(name, world.presence.enter(&lobby(), &user(name)).unwrap());
            }
        }
        sleep(Duration::from_millis(60)).await;
        world.told();
    }
    sleep(Duration::from_secs(10)).await;
    let waiting = updates(&world.presence, &slow);
    assert_eq!(waiting.len(), 1, "all is said at once");
    assert!(waiting[0].members.is_some());
    let mut picture = Picture::default();
    picture.apply(&waiting[0]);
    let mut expected: Vec<String> = held.keys().map(u32::to_string).collect();
    expected.sort();
    assert_eq!(picture.names(), expected);
}

#[tokio::test(start_paused = true)]
async fn members_and_topics_are_bounded_and_told_apart() {
    let world = World::new(PresenceLimits {
        members: 2,
        topics: 1,
        ..PresenceLimits::default()
    });
    let ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    let _bob = world.presence.enter(&lobby(), &user("bob")).unwrap();
    let _again = world.presence.enter(&lobby(), &user("bob")).unwrap();
    let full = world.presence.enter(&lobby(), &user("cat"));
    assert_eq!(full.unwrap_err(), PresenceError::TooManyMembers);
    let elsewhere = world.presence.enter(&Topic::Telemetry, &user("ann"));
    assert_eq!(elsewhere.unwrap_err(), PresenceError::TooManyTopics);
    ann.leave();
    assert!(world.presence.enter(&lobby(), &user("cat")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_watch_is_told_nothing() {
    let world = World::new(PresenceLimits::default());
    let (outbox, lane, _seat) = watch(&world.hub);
    outbox.unwatch_presence(lane);
    let _ann = world.presence.enter(&lobby(), &user("ann")).unwrap();
    assert!(outbox.next(Instant::now()).is_none());
    outbox.watch_presence(lane, &lobby());
    let _bob = world.presence.enter(&lobby(), &user("bob")).unwrap();
    assert!(outbox.next(Instant::now()).is_some());
}
