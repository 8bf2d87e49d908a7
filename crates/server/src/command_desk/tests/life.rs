//! What becomes of one command after the other, when all goes as it should or the device is away.

use CommandStage::{Delivered, Done, Expired, Failed, Queued, Sent};

use super::*;
use crate::command_desk::links::MOST_UNCONFIRMED;

#[test]
fn a_command_goes_to_the_device_and_its_result_comes_back() {
    let mut world = World::new();
    world.attach("d", 7);
    assert_eq!(world.order("c", "d", |_| {}), Ok(command_id("c")));
    assert_eq!(world.handed(), [(7, "c", false)]);
    assert_eq!(world.received("c"), Ok(command_id("c")));
    assert_eq!(world.result("c", done("{}")), Ok(command_id("c")));
    assert_eq!(world.stages("c"), [Queued, Sent, Delivered, Done]);
    assert_eq!(world.told("c"), ["ack", "sent", "delivered", "done"]);
    assert_eq!(world.happened, [Event::Ordered, Event::Done]);
    assert_eq!(world.machine.open(), 0);
    let last = world.last("c");
    assert_eq!(last.result, Some(Json::parse("{}").unwrap()));
    assert_eq!((last.by.as_str(), last.device_id.as_str()), ("ann", "d"));
}

#[test]
fn a_failure_and_a_result_without_a_word_before_are_ends_too() {
    let mut world = World::new();
    world.attach("d", 7);
    for (id, outcome, stage, told) in [
        ("a", failed("the pump is locked"), Failed, "COMMAND_FAILED"),
        ("b", failed(""), Failed, "COMMAND_FAILED"),
        ("c", Outcome::Done(None), Done, "done"),
    ] {
        world.order(id, "d", |_| {}).unwrap();
        world.result(id, outcome).unwrap();
        assert_eq!(world.stages(id), [Queued, Sent, stage]);
        assert_eq!(world.told(id), ["ack", "sent", told]);
    }
    assert_eq!(world.last("a").error.as_deref(), Some("the pump is locked"));
}

#[test]
fn a_device_that_is_away_gets_it_when_it_comes_in_time() {
    let mut world = World::new();
    world.order("c", "d", |_| {}).unwrap();
    world.attach("other", 6);
    world.pass(Duration::from_millis(59_999));
    assert_eq!(world.told("c"), ["ack"]);
    world.attach("d", 7);
    assert_eq!(world.handed(), [(7, "c", false)]);
    assert_eq!(world.told("c"), ["ack", "sent"]);
}

#[test]
fn an_order_that_comes_too_late_is_told_by_where_it_was() {
    for (name, until, told) in [
        ("away", Queued, "DEVICE_OFFLINE"),
        ("sent", Sent, "COMMAND_FAILED"),
        ("delivered", Delivered, "COMMAND_FAILED"),
        ("delivered, then away", Delivered, "COMMAND_FAILED"),
    ] {
        let mut world = World::new();
        if until != Queued {
            world.attach("d", 7);
        }
        world.order("c", "d", |_| {}).unwrap();
        if until == Delivered {
            world.received("c").unwrap();
        }
        if name.ends_with("then away") {
            world.detach("d");
        }
        world.pass(Duration::from_secs(60));
        assert_eq!(world.last("c").status, Expired, "{name}");
        assert_eq!(world.told("c").last().map(String::as_str), Some(told), "{name}");
        assert_eq!(world.machine.next_deadline(), None, "{name}");
        world.attach("d", 8);
        assert!(
            world.handed.iter().all(|(line, _)| *line != 8),
            "{name}: it is over"
        );
    }
}

#[test]
fn now_or_never_is_now_or_refused_and_ends_with_the_connection() {
    let mut world = World::new();
    let now = |order: &mut Order<Line>| order.now_only = true;
    is_refused(world.order("a", "d", now), ErrorCode::DeviceOffline);
    assert!(world.log.is_empty(), "nothing is stored");
    world.attach("d", 7);
    world.order("b", "d", now).unwrap();
    world.detach("d");
    assert_eq!(world.stages("b"), [Queued, Sent, Expired]);
    assert_eq!(world.told("b"), ["ack", "sent", "DEVICE_OFFLINE"]);
    world.attach("d", 8);
    world.order("c", "d", now).unwrap();
    world.received("c").unwrap();
    world.detach("d");
    assert_eq!(
        world.last("c").status,
        Delivered,
        "it has it, and may come back with the result"
    );
}

#[test]
fn commands_of_one_device_go_out_in_their_order_and_only_so_many_unconfirmed() {
    let mut world = World::new();
    for number in 0..100 {
        world.order(&format!("c{number}"), "d", |_| {}).unwrap();
    }
    is_refused(world.order("more", "d", |_| {}), ErrorCode::RateLimited);
    world.order("other", "e", |_| {}).unwrap();
    world.attach("d", 7);
    assert_eq!(world.handed.len(), MOST_UNCONFIRMED);
    world.received("c3").unwrap();
    world.result("c5", Outcome::Done(None)).unwrap();
    assert_eq!(world.handed.len(), MOST_UNCONFIRMED + 2);
    let order: Vec<_> = world.handed().iter().map(|(_, id, _)| (*id).to_owned()).collect();
    let expected: Vec<_> = (0..MOST_UNCONFIRMED + 2)
        .map(|number| format!("c{number}"))
        .collect();
    assert_eq!(order, expected);
    world.order("again", "d", |_| {}).unwrap();
    is_refused(world.order("more", "d", |_| {}), ErrorCode::RateLimited);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.machine.open(), 0);
    world.order("later", "d", |_| {}).unwrap();
    assert_eq!(world.handed.last().unwrap().1.command_id.as_str(), "later");
}
