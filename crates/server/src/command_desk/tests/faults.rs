//! Connections that end, devices that answer twice, late or with junk, disks that do not store, servers that restart.

use CommandStage::{Delivered, Done, Expired, Failed, Queued, Sent};

use super::*;

#[test]
fn a_connection_lost_before_the_device_confirmed_puts_it_back() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("c", "d", |_| {}).unwrap();
    world.detach("d");
    world.attach("d", 8);
    assert_eq!(world.stages("c"), [Queued, Sent, Queued, Sent]);
    assert_eq!(world.handed(), [(7, "c", false), (8, "c", true)]);
    assert_eq!(world.told("c"), ["ack", "sent", "queued", "sent"]);
    world.result("c", done("1")).unwrap();
    assert_eq!(world.last("c").status, Done);
}

#[test]
fn a_device_that_dies_in_the_middle_is_told_again_and_that_it_may_know() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("c", "d", |_| {}).unwrap();
    world.received("c").unwrap();
    world.detach("d");
    assert_eq!(
        world.stages("c"),
        [Queued, Sent, Delivered],
        "it was delivered and stays so"
    );
    world.attach("d", 8);
    assert_eq!(world.handed(), [(7, "c", false), (8, "c", true)]);
    world.received("c").unwrap();
    world.result("c", done("1")).unwrap();
    assert_eq!(world.stages("c"), [Queued, Sent, Delivered, Done]);
}

#[test]
fn what_is_open_goes_to_the_newest_connection_alone() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("a", "d", |_| {}).unwrap();
    world.attach("d", 8);
    world.order("b", "d", |_| {}).unwrap();
    assert_eq!(world.handed(), [(7, "a", false), (8, "a", true), (8, "b", false)]);
    assert_eq!(world.stages("a"), [Queued, Sent]);
    assert_eq!(
        (world.machine.unconfirmed(7), world.machine.unconfirmed(8)),
        (0, 2)
    );
}

#[test]
fn a_second_result_is_acknowledged_if_it_is_the_same_and_refused_if_not() {
    let mut world = World::new();
    world.attach("d", 7);
    for (id, first, other) in [
        ("a", done("1"), done("2")),
        ("b", done("1"), failed("no")),
        ("c", failed("no"), failed("yes")),
        ("e", Outcome::Done(None), done("null")),
    ] {
        world.order(id, "d", |_| {}).unwrap();
        world.result(id, first.clone()).unwrap();
        let lines = world.log.len();
        assert_eq!(world.result(id, first), Ok(command_id(id)));
        is_refused(world.result(id, other), ErrorCode::InvalidParams);
        assert_eq!(world.received(id), Ok(command_id(id)), "late, and harmless");
        assert_eq!(world.log.len(), lines, "nothing more is stored");
    }
}

#[test]
fn an_answer_that_comes_too_late_is_refused_and_noted_once() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("c", "d", |_| {}).unwrap();
    world.pass(Duration::from_secs(61));
    assert!(is_refused(world.received("c"), ErrorCode::InvalidParams).contains("expired"));
    for _ in 0..3 {
        assert!(is_refused(world.result("c", done("1")), ErrorCode::InvalidParams).contains("expired"));
    }
    assert_eq!(world.stages("c"), [Queued, Sent, Expired, Expired]);
    assert!(
        world
            .last("c")
            .error
            .as_ref()
            .unwrap()
            .ends_with("it answered late")
    );
    assert_eq!(world.last("c").result, None);
    world.restart();
    is_refused(world.result("c", done("1")), ErrorCode::InvalidParams);
    assert_eq!(world.stages("c").len(), 4, "it was noted before the restart");
}

#[test]
fn what_no_device_can_know_of_is_unknown() {
    let mut world = World::new();
    is_refused(world.received("c"), ErrorCode::InvalidParams);
    is_refused(world.result("c", done("1")), ErrorCode::InvalidParams);
    world.order("c", "d", |_| {}).unwrap();
    is_refused(world.received("c"), ErrorCode::InvalidParams);
    is_refused(world.result("c", done("1")), ErrorCode::InvalidParams);
    assert_eq!(world.stages("c"), [Queued]);
}

#[test]
fn what_cannot_be_stored_is_not_done_and_may_be_ordered_again() {
    let mut world = World::new();
    world.attach("d", 7);
    world.disk_works = false;
    let with_key = |order: &mut Order<Line>| order.key = key("k");
    is_refused(world.order("a", "d", with_key), ErrorCode::Internal);
    assert!(world.handed.is_empty() && world.told.is_empty());
    assert_eq!(world.machine.open(), 0);
    world.disk_works = true;
    assert_eq!(world.order("b", "d", with_key), Ok(command_id("b")));
    assert_eq!(world.handed(), [(7, "b", false)]);
}

#[test]
fn a_result_that_was_not_stored_is_stored_when_the_device_says_it_again() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("c", "d", |_| {}).unwrap();
    world.disk_works = false;
    world.result("c", done("1")).unwrap();
    assert_eq!(world.stages("c"), [Queued, Sent]);
    world.disk_works = true;
    world.result("c", done("1")).unwrap();
    world.result("c", done("1")).unwrap();
    assert_eq!(world.stages("c"), [Queued, Sent, Done]);
}

#[test]
fn a_restart_takes_up_everything_where_it_stood() {
    let mut world = World::new();
    world.attach("sent", 7);
    world.attach("delivered", 7);
    world.attach("failed", 7);
    world.order("q", "queued", |_| {}).unwrap();
    world.order("s", "sent", |_| {}).unwrap();
    world.order("e", "delivered", |_| {}).unwrap();
    world.order("f", "failed", |order| order.key = key("k")).unwrap();
    world.received("e").unwrap();
    world.result("f", failed("no")).unwrap();
    world.pass(Duration::from_secs(20));
    world.restart();
    assert_eq!(world.machine.open(), 3);
    assert_eq!(world.stages("s"), [Queued, Sent, Queued], "nobody is connected");
    for of in ["queued", "sent", "delivered"] {
        world.attach(of, 8);
    }
    assert_eq!(world.handed(), [(8, "q", false), (8, "s", true), (8, "e", true)]);
    world.restart();
    world.restart();
    world.attach("sent", 9);
    assert_eq!(
        world.handed(),
        [(9, "s", true)],
        "that it was sent is not forgotten by two restarts"
    );
    assert_eq!(
        world.order("new", "failed", |order| order.key = key("k")),
        Ok(command_id("f"))
    );
    assert_eq!(world.told("new"), ["ack", "COMMAND_FAILED"]);
    assert_eq!(world.result("f", failed("no")), Ok(command_id("f")));
    world.pass(Duration::from_secs(39));
    assert_eq!(world.machine.open(), 3);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.machine.open(), 0, "what is left of the ttl holds");
    assert_eq!(
        (world.last("q").status, world.last("f").status),
        (Expired, Failed)
    );
}
