//! The same command ordered again under its key.

use super::*;

fn with_key(order: &mut Order<Line>) {
    order.key = key("k");
}

#[test]
fn a_repeat_is_the_same_command_and_is_told_where_it_stands() {
    let mut world = World::new();
    world.order("a", "d", with_key).unwrap();
    assert_eq!(world.order("b", "d", with_key), Ok(command_id("a")));
    assert_eq!(world.told("b"), ["ack", "queued"]);
    world.attach("d", 7);
    assert_eq!(world.order("c", "d", with_key), Ok(command_id("a")));
    world.received("a").unwrap();
    world.result("a", done("1")).unwrap();
    assert_eq!(world.order("e", "d", with_key), Ok(command_id("a")));
    assert_eq!(world.told("a"), ["ack", "sent", "delivered", "done"]);
    assert_eq!(world.told("b"), ["ack", "queued", "sent", "delivered", "done"]);
    assert_eq!(world.told("c"), ["ack", "sent", "delivered", "done"]);
    assert_eq!(world.told("e"), ["ack", "done"]);
    assert_eq!(world.handed.len(), 1, "it was sent once");
    assert_eq!(world.log.len(), 4);
}

#[test]
fn a_repeat_that_comes_while_the_first_is_being_stored_waits_for_it() {
    let mut world = World::new();
    world.attach("d", 7);
    let mut orders = Vec::new();
    for id in ["a", "b"] {
        let ticket = world.ticket();
        world.machine.order(
            world.now,
            Order {
                ticket,
                key: key("k"),
                ..order(id, "d")
            },
        );
        orders.push(ticket);
    }
    world.settle();
    for ticket in orders {
        assert_eq!(world.answers[&ticket], Ok(command_id("a")));
    }
    assert_eq!(world.told("b"), ["ack", "sent"]);
    assert_eq!((world.handed.len(), world.log.len()), (1, 2));
}

#[test]
fn a_key_with_other_content_is_refused_and_another_user_s_key_is_another() {
    let mut world = World::new();
    world.order("a", "d", with_key).unwrap();
    let changes: [fn(&mut Order<Line>); 3] = [
        |order| order.device = device("e"),
        |order| order.name = "bark".to_owned(),
        |order| order.args = Some(Json::parse("{}").unwrap()),
    ];
    for change in changes {
        let refused = world.order("b", "d", |order| {
            with_key(order);
            change(order);
        });
        is_refused(refused, ErrorCode::InvalidParams);
    }
    assert_eq!(world.log.len(), 1);
    let of_bob = world.order("c", "d", |order| {
        with_key(order);
        order.by = UserId::parse("bob").unwrap();
    });
    assert_eq!(of_bob, Ok(command_id("c")));
}

#[test]
fn who_is_gone_or_asks_over_http_follows_nothing_and_the_command_goes_on() {
    let mut world = World::new();
    world.attach("d", 7);
    world.order("a", "d", |order| order.follower = None).unwrap();
    world.result("a", done("1")).unwrap();
    assert!(world.told.is_empty());
    assert_eq!(world.last("a").status, CommandStage::Done);
}
