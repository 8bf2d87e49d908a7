//! Rooms: who is there, what is said, and what becomes of both when links break.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_protocol::UserId;
use nexus_server::presence::Attendance;
use serde_json::{Value, json};

use crate::harness::{Client, DEADLINE, SECRET, World, settings, signed, topic};

/// Users, of a list of members or of names.
fn names(members: &Value) -> Vec<&str> {
    let members = members.as_array().into_iter().flatten();
    members
        .filter_map(|member| member.as_str().or_else(|| member["user"].as_str()))
        .collect()
}

async fn join(client: &mut Client, room: &str) -> Value {
    let answer = client.ask("join", json!({"room": room})).await;
    assert_eq!(answer["type"], "joined", "{answer}");
    answer["payload"].clone()
}

async fn leave(client: &mut Client, room: &str) {
    let answer = client.ask("leave", json!({"room": room})).await;
    assert_eq!(
        (&answer["type"], &answer["payload"]["room"]),
        (&json!("left"), &json!(room))
    );
}

/// The next news of who is there: in a quiet room, one thing each.
async fn news(client: &mut Client) -> String {
    let push = client.next_of("presence.update").await;
    let payload = push["payload"].as_object().unwrap();
    let mut said = Vec::new();
    for (what, who) in payload {
        said.push(format!("{what} {}", names(who).join(",")));
    }
    said.join(" ")
}

/// Nothing is on its way to a client: what it asks for now is the next that comes.
async fn hears_nothing(client: &mut Client) {
    client.ask("ping", Value::Null).await;
    let id = client.request("ping", Value::Null).await;
    let next = client.next().await;
    assert_eq!(next["id"], id.as_str(), "{next}");
}

async fn connect_with(world: &World, mut claims: Value) -> Client {
    claims["exp"] = json!(4_000_000_000u64);
    let mut client = world.connect().await;
    let answer = client
        .ask("auth", json!({"token": signed(&claims, SECRET)}))
        .await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
    client
}

#[tokio::test]
async fn two_in_a_room_see_each_other_and_what_is_said() {
    let world = World::start(settings()).await;
    world.publish("room:a", "\"before\"").await;
    let mut ann = world.connect_as("ann", "viewer").await;
    let joined = join(&mut ann, "a").await;
    assert_eq!(
        (joined["room"].as_str(), names(&joined["members"])),
        (Some("a"), vec!["ann"])
    );
    assert_eq!(
        ann.next().await["payload"],
        "before",
        "the history follows the answer"
    );
    let mut bob = world.connect_as("bob", "viewer").await;
    let joined = join(&mut bob, "a").await;
    assert_eq!(names(&joined["members"]), ["ann", "bob"]);
    assert!(joined["members"][0]["since"].is_string() && joined["epoch"].is_string());
    assert_eq!(bob.next().await["payload"], "before");
    assert_eq!(news(&mut ann).await, "joined bob");

    let typing = ann.ask("typing", json!({"room": "a"})).await;
    assert_eq!(typing["type"], "ack");
    assert_eq!(news(&mut bob).await, "typing ann");
    let said = json!({"channel": "room:a", "data": {"text": "hello"}});
    let ack = ann.ask("publish", said).await;
    assert_eq!(
        (&ack["type"], &ack["payload"]["offset"]),
        (&json!("ack"), &json!(2))
    );
    // Who has said something no longer types; which of the two is told first does not matter.
    let mut told = [bob.next().await, bob.next().await];
    told.sort_by_key(|push| push["type"].to_string());
    let [message, paused] = told;
    assert_eq!(
        (&message["payload"]["text"], &message["from"], &message["channel"]),
        (&json!("hello"), &json!("ann"), &json!("room:a"))
    );
    assert_eq!(paused["payload"], json!({"paused": ["ann"]}));
    leave(&mut bob, "a").await;
    // Together with what came just before, if that still waited.
    while !news(&mut ann).await.contains("left bob") {}
    world.publish("room:a", "3").await;
    hears_nothing(&mut bob).await;
    assert_eq!(ann.next_of("message").await["payload"], 3);
}

#[tokio::test]
async fn only_members_publish_and_type_where_the_room_says_so() {
    let world = World::start(settings()).await;
    let said = json!({"channel": "room:a", "data": 1});
    let typing = json!({"room": "a", "typing": true});
    let mut ann = world.connect_as("ann", "viewer").await;
    ann.subscribe("room:a").await;
    assert_eq!(ann.is_refused("publish", said.clone()).await, "FORBIDDEN");
    assert_eq!(ann.is_refused("typing", typing.clone()).await, "FORBIDDEN");
    join(&mut ann, "a").await;
    assert_eq!(ann.ask("publish", said.clone()).await["type"], "ack");
    assert_eq!(ann.ask("typing", typing.clone()).await["type"], "ack");
    leave(&mut ann, "a").await;
    assert_eq!(ann.is_refused("publish", said.clone()).await, "FORBIDDEN");
    let mut operator = world.connect_as("op", "operator").await;
    assert_eq!(operator.ask("publish", said).await["type"], "ack");
    assert_eq!(operator.is_refused("typing", typing).await, "FORBIDDEN");
}

#[tokio::test]
async fn joining_twice_is_fine_and_leaving_ends_what_joining_made_and_no_more() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    let first = join(&mut ann, "a").await;
    world.publish("room:a", "1").await;
    assert_eq!(ann.next_of("message").await["payload"], 1);
    // By its whole name, it is the same room.
    let second = join(&mut ann, "room:a").await;
    assert_eq!(first["members"], second["members"]);
    assert_eq!(
        (&second["epoch"], &second["offset"]),
        (&first["epoch"], &json!(1))
    );
    world.publish("room:a", "2").await;
    assert_eq!(ann.next_of("message").await["offset"], 2, "once");
    leave(&mut ann, "a").await;
    world.publish("room:a", "3").await;
    hears_nothing(&mut ann).await;
    leave(&mut ann, "a").await;

    ann.subscribe_with(json!({"channel": "room:b", "mode": "latest"}))
        .await;
    join(&mut ann, "b").await;
    leave(&mut ann, "b").await;
    world.publish("room:b", "1").await;
    assert_eq!(
        ann.next_of("message").await["payload"],
        1,
        "it had subscribed by itself"
    );
    join(&mut ann, "c").await;
    ann.subscribe("room:c").await;
    leave(&mut ann, "c").await;
    world.publish("room:c", "1").await;
    assert_eq!(ann.next_of("message").await["channel"], "room:c");
}

#[tokio::test]
async fn a_flapping_link_is_not_seen_and_a_lost_one_is_after_the_grace() {
    let world = World::start(settings().with("presence_grace_secs", 1.5)).await;
    let mut bob = world.connect_as("bob", "viewer").await;
    join(&mut bob, "a").await;
    let mut ann = world.connect_as("ann", "viewer").await;
    join(&mut ann, "a").await;
    assert_eq!(news(&mut bob).await, "joined ann");
    let since = world.gateway.presence.members(&topic("room:a"))[0].since;
    for _ in 0..2 {
        drop(ann);
        ann = world.connect_as("ann", "viewer").await;
        join(&mut ann, "a").await;
    }
    let mut second = world.connect_as("ann", "viewer").await;
    join(&mut second, "a").await;
    drop(ann);
    // Longer than the grace: the silence is what is tested.
    tokio::time::sleep(Duration::from_secs(2)).await;
    hears_nothing(&mut bob).await;
    let members = world.gateway.presence.members(&topic("room:a"));
    assert_eq!(
        (members.len(), members[0].since),
        (2, since),
        "two connections are one member"
    );
    let lost = std::time::Instant::now();
    drop(second);
    assert_eq!(news(&mut bob).await, "left ann");
    assert!(
        lost.elapsed() >= Duration::from_millis(1_400),
        "{:?}",
        lost.elapsed()
    );
}

#[tokio::test]
async fn presence_is_asked_and_told_by_permission_alone() {
    let world = World::start(settings().with("namespaces", "quiet subscribe=signed_in,club presence")).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    join(&mut ann, "club:x").await;
    let who = |channel: &str| json!({"channel": channel});
    let list = ann.ask("presence", who("club:x")).await;
    assert_eq!(
        (names(&list["payload"]["members"]), &list["payload"]["channel"]),
        (vec!["ann"], &json!("club:x"))
    );
    let empty = ann.ask("presence", who("room:nobody")).await;
    assert_eq!(empty["payload"]["members"], json!([]));
    let devices = ann.ask("presence", who("telemetry")).await;
    assert_eq!(devices["type"], "presence");
    assert_eq!(ann.is_refused("presence", who("quiet:x")).await, "INVALID_PARAMS");
    assert_eq!(ann.is_refused("presence", who("events")).await, "INVALID_PARAMS");
    // `anonymous` lists rooms, and not clubs.
    let mut nobody = world.connect().await;
    assert_eq!(nobody.ask("presence", who("room:a")).await["type"], "presence");
    assert_eq!(nobody.is_refused("presence", who("club:x")).await, "AUTH_FAILED");
    assert_eq!(
        nobody.is_refused("join", json!({"room": "a"})).await,
        "AUTH_FAILED"
    );

    let mut blind = connect_with(&world, json!({"sub": "eve", "presence": []})).await;
    blind.subscribe("club:x").await;
    assert_eq!(blind.is_refused("presence", who("club:x")).await, "FORBIDDEN");
    let joined = join(&mut blind, "club:y").await;
    assert_eq!(names(&joined["members"]), ["eve"]);
    let mut also = world.connect_as("fay", "viewer").await;
    join(&mut also, "club:y").await;
    assert_eq!(
        names(&join(&mut blind, "club:y").await["members"]),
        ["eve"],
        "oneself alone"
    );
    let mut seeing = world.connect_as("bob", "viewer").await;
    seeing.subscribe("club:x").await;
    leave(&mut ann, "club:x").await;
    assert_eq!(news(&mut seeing).await, "left ann");
    hears_nothing(&mut blind).await;
}

#[tokio::test]
async fn a_refresh_that_takes_the_right_away_ends_membership_and_subscription() {
    let world = World::start(settings().with("anonymous", "")).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    let mut bob = world.connect_as("bob", "viewer").await;
    for room in ["a", "b"] {
        join(&mut ann, room).await;
        join(&mut bob, room).await;
    }
    let narrow = json!({"sub": "bob", "exp": 4_000_000_000u64, "join": ["room:b"], "presence": []});
    bob.request("auth", json!({"token": signed(&narrow, SECRET)}))
        .await;
    assert_eq!(bob.next_of("left").await["payload"]["room"], "a");
    assert_eq!(bob.next().await["payload"]["channel"], "room:a");
    assert_eq!(bob.next().await["type"], "authenticated");
    for expected in ["joined bob", "joined bob", "left bob"] {
        assert_eq!(news(&mut ann).await, expected);
    }
    leave(&mut ann, "b").await;
    world.publish("room:a", "1").await;
    world.publish("room:b", "2").await;
    let next = bob.next().await;
    assert_eq!(
        (&next["type"], &next["payload"]),
        (&json!("message"), &json!(2)),
        "and it is told of nobody"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_disturbs_nobody() {
    let settings = settings().with("errors_per_minute", 100).with(
        "namespaces",
        "news subscribe=anyone,staff presence join=operators subscribe=signed_in",
    );
    World::disturbed(settings, async |world| {
        let mut ann = world.connect_as("ann", "viewer").await;
        let long = "x".repeat(200);
        for (kind, payload, code) in [
            ("join", json!({}), "INVALID_MESSAGE"),
            ("join", json!({"room": 7}), "INVALID_MESSAGE"),
            ("join", json!(null), "INVALID_MESSAGE"),
            ("join", json!({"room": ""}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": "a b"}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": "ä"}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": ":"}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": "room:"}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": "nothing:a"}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": long}), "UNKNOWN_CHANNEL"),
            ("join", json!({"room": "news:a"}), "FORBIDDEN"),
            ("join", json!({"room": "staff:a"}), "FORBIDDEN"),
            ("leave", json!({}), "INVALID_MESSAGE"),
            ("leave", json!({"room": "a b"}), "UNKNOWN_CHANNEL"),
            ("typing", json!({"room": "a", "typing": "yes"}), "INVALID_MESSAGE"),
            ("typing", json!({"room": "nothing:a"}), "UNKNOWN_CHANNEL"),
            ("typing", json!({"room": "a"}), "FORBIDDEN"),
            ("presence", json!({}), "INVALID_MESSAGE"),
            (
                "presence",
                json!({"channel": "room:a", "params": {"x": 1}}),
                "INVALID_PARAMS",
            ),
            ("presence", json!({"channel": "nothing:a"}), "UNKNOWN_CHANNEL"),
            (
                "presence",
                json!({"channel": "trades", "params": {"symbol": "BTC"}}),
                "INVALID_PARAMS",
            ),
            ("subscribe", json!({"channel": "nothing:a"}), "UNKNOWN_CHANNEL"),
            ("history", json!({"channel": "nothing:a"}), "UNKNOWN_CHANNEL"),
            (
                "publish",
                json!({"channel": "nothing:a", "data": 1}),
                "UNKNOWN_CHANNEL",
            ),
        ] {
            assert_eq!(
                ann.is_refused(kind, payload.clone()).await,
                code,
                "{kind} {payload}"
            );
        }
        let mut admin = world.connect_as("root", "admin").await;
        assert_eq!(
            admin.is_refused("join", json!({"room": "news:a"})).await,
            "INVALID_PARAMS"
        );
        assert_eq!(world.gateway.presence.topics(), 0, "nobody was let in");
    })
    .await;
}

#[tokio::test]
async fn a_room_counts_as_a_subscription() {
    let world = World::start(settings().with("subscriptions", 2)).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    join(&mut ann, "a").await;
    ann.subscribe("room:b").await;
    let refused = ann.is_refused("join", json!({"room": "c"})).await;
    assert_eq!(refused, "TOO_MANY_SUBSCRIPTIONS");
    join(&mut ann, "b").await;
    leave(&mut ann, "a").await;
    join(&mut ann, "c").await;
}

#[tokio::test]
async fn a_slow_client_ends_with_the_right_list() {
    let world = World::start(settings().with("slow_secs", 60).with("outbox_bytes", 65_536)).await;
    let mut slow = world.connect_narrow().await;
    slow.subscribe("room:a").await;
    // Its link is full before the crowd comes.
    let page = json!("x".repeat(60_000)).to_string();
    for _ in 0..100 {
        world.publish("room:a", &page).await;
    }
    let (room, presence) = (topic("room:a"), world.gateway.presence.clone());
    let mut held: Vec<Option<Attendance>> = (0..300).map(|_| None).collect();
    for step in 0..3_000usize {
        let place = &mut held[step * 7 % 300];
        match place.take() {
            Some(attendance) => attendance.leave(),
            None => {
                let user = UserId::parse(&format!("u{}", step * 7 % 300)).unwrap();
                *place = Some(presence.enter(&room, &user).unwrap());
            }
        }
        if step % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let expected: BTreeSet<String> = presence
        .members(&room)
        .iter()
        .map(|member| member.user.to_string())
        .collect();
    let mut picture = BTreeSet::new();
    let mut pushes = 0;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while picture != expected || pushes == 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the picture never becomes right"
        );
        let push = slow.next_of("presence.update").await;
        pushes += 1;
        let payload = &push["payload"];
        let users =
            |of: &str| -> Vec<String> { names(&payload[of]).into_iter().map(str::to_owned).collect() };
        if payload.get("members").is_some() {
            picture = users("members").into_iter().collect();
        }
        picture.extend(users("joined"));
        for user in users("left") {
            picture.remove(&user);
        }
    }
    assert!(pushes < 300, "{pushes} pushes for 3,000 comings and goings");
}
