//! `telemetry`: devices report as themselves, the newest of each stands, and junk is refused and disturbs nobody.

use nexus_protocol::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Client, DEADLINE, SECRET, World, now, settings, signed};
use crate::publish::{are_refused, patient};

/// A client with a token of these claims.
pub(crate) async fn connect_with(world: &World, claims: Value) -> (Client, Value) {
    let mut client = world.connect().await;
    let answer = sign_in(&mut client, claims).await;
    (client, answer)
}

/// Signs in with a token of these claims.
pub(crate) async fn sign_in(client: &mut Client, mut claims: Value) -> Value {
    let expires = Timestamp::from_millis(now().as_millis() + DEADLINE.as_millis() as u64 * 100);
    claims["exp"] = json!(expires.as_millis() / 1_000);
    let token = signed(&claims, SECRET);
    let answer = client.ask("auth", json!({"token": token})).await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
    answer
}

#[tokio::test]
async fn a_report_comes_to_subscribers_and_the_newest_of_each_device_stands() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("telemetry").await;
    let mut pump = world.connect_as("pump", "device").await;
    let mut fan = world.connect_as("fan", "device").await;
    for (name, value) in [("pump", 1.5), ("fan", 2.0), ("pump", -3.0)] {
        let device = if name == "fan" { &mut fan } else { &mut pump };
        let ack = device
            .ask(
                "telemetry",
                json!({"device_id": name, "metrics": {"speed": value}, "at": now()}),
            )
            .await;
        assert_eq!(ack["type"], "ack", "{ack}");
        let push = viewer.next_of("telemetry.update").await;
        assert_eq!(push["payload"]["device_id"], name);
        assert_eq!(push["payload"]["metrics"], json!({"speed": value}));
        assert_eq!(push["payload"].get("skew_ms"), None, "{push}");
        assert_eq!(push["offset"], ack["payload"]["offset"]);
    }
    let mut late = world.connect_as("late", "viewer").await;
    late.subscribe("telemetry").await;
    for (name, value) in [("fan", 2.0), ("pump", -3.0)] {
        let push = late.next_of("telemetry.update").await;
        assert_eq!(push["snapshot"], true, "{push}");
        assert_eq!(push["payload"]["device_id"], name);
        assert_eq!(push["payload"]["metrics"]["speed"], value);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_noted_and_the_server_s_time_stays_the_publication_s() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("telemetry").await;
    let mut device = world.connect_as("d", "device").await;
    let hour = 3_600_000;
    for (ahead, at) in [
        (false, now().as_millis() - hour),
        (true, now().as_millis() + hour),
    ] {
        let at = Timestamp::from_millis(at);
        let report = json!({"device_id": "d", "metrics": {"a": 1}, "at": at});
        device.ask("telemetry", report).await;
        let push = viewer.next_of("telemetry.update").await;
        let skew = push["payload"]["skew_ms"].as_i64().unwrap();
        assert_eq!(skew > 0, ahead);
        assert!(
            skew.unsigned_abs().abs_diff(hour) < DEADLINE.as_millis() as u64,
            "{skew}"
        );
        assert_eq!(push["payload"]["at"], json!(at));
        let published: Timestamp = serde_json::from_value(push["timestamp"].clone()).unwrap();
        assert!(now().since(published) < DEADLINE);
    }
}

#[tokio::test]
async fn junk_is_refused_nothing_is_stored_and_the_device_stays() {
    let world = World::start(patient()).await;
    let mut device = world.connect_as("d", "device").await;
    let metrics = |count: usize| -> Value {
        (0..count)
            .map(|number| (number.to_string(), json!(number)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let of = |metrics: Value| json!({"device_id": "d", "metrics": metrics});
    let cases = vec![
        (json!({"device_id": "e", "metrics": {"a": 1}}), "FORBIDDEN"),
        (of(json!({})), "INVALID_PARAMS"),
        (of(metrics(65)), "INVALID_PARAMS"),
        (of(json!({"": 1})), "INVALID_PARAMS"),
        (of(json!({"a b": 1})), "INVALID_PARAMS"),
        (of(json!({"ä": 1})), "INVALID_PARAMS"),
        (of(json!({"x".repeat(65): 1})), "INVALID_PARAMS"),
        (of(json!({"a": null})), "INVALID_MESSAGE"),
        (of(json!({"a": "1"})), "INVALID_MESSAGE"),
        (of(json!([1])), "INVALID_MESSAGE"),
        (json!({"metrics": {"a": 1}}), "INVALID_MESSAGE"),
        (json!({"device_id": "", "metrics": {"a": 1}}), "INVALID_MESSAGE"),
        (
            json!({"device_id": "d", "metrics": {"a": 1}, "at": "now"}),
            "INVALID_MESSAGE",
        ),
        (Value::Null, "INVALID_MESSAGE"),
    ];
    are_refused(&world, &mut device, "telemetry", &["telemetry"], cases).await;
    for number in ["1e999", "-1e999", "NaN", "Infinity"] {
        device
            .send(&format!(
                r#"{{"type":"telemetry","id":"n","payload":{{"device_id":"d","metrics":{{"a":{number}}}}}}}"#
            ))
            .await;
        assert_eq!(
            device.next().await["error"]["code"],
            "INVALID_MESSAGE",
            "{number}"
        );
    }
    for role in ["viewer", "operator"] {
        let mut client = world.connect_as("d", role).await;
        assert_eq!(
            client.is_refused("telemetry", of(json!({"a": 1}))).await,
            "FORBIDDEN"
        );
    }
    let mut nobody = world.connect().await;
    assert_eq!(
        nobody.is_refused("telemetry", of(json!({"a": 1}))).await,
        "AUTH_FAILED"
    );
    assert_eq!(device.ask("telemetry", of(metrics(64))).await["type"], "ack");
}

#[tokio::test]
async fn the_token_says_how_many_messages_its_user_may_send() {
    let world = World::start(settings()).await;
    for (most, role) in [(3, "viewer"), (120, "device")] {
        let claims = json!({"sub": "d", "role": role, "messages_per_minute": most});
        let (mut client, answer) = connect_with(&world, claims).await;
        assert_eq!(answer["payload"]["messages_per_minute"], most);
        // `auth` was the first.
        for _ in 1..most {
            assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
        }
        let refused = client.ask("ping", Value::Null).await;
        assert_eq!(refused["error"]["code"], "RATE_LIMITED", "{most}");
        assert!(
            refused["error"]["message"]
                .as_str()
                .unwrap()
                .contains(&most.to_string())
        );
    }
}

#[tokio::test]
async fn a_device_is_seen_on_telemetry_while_it_is_connected_and_a_grace_longer() {
    let world = World::start(settings().with("presence_grace_secs", 1)).await;
    let mut viewer = world.connect_as("eve", "viewer").await;
    viewer.subscribe("telemetry").await;
    let device = world.connect_as("d", "device").await;
    let push = viewer.next_of("presence.update").await;
    assert_eq!(
        (&push["channel"], &push["payload"]["joined"][0]["user"]),
        (&json!("telemetry"), &json!("d"))
    );
    let list = viewer.ask("presence", json!({"channel": "telemetry"})).await;
    assert_eq!(list["payload"]["members"][0]["user"], "d", "{list}");
    device.leave().await;
    let back = world.connect_as("d", "device").await;
    back.leave().await;
    let push = viewer.next_of("presence.update").await;
    assert_eq!(
        push["payload"]["left"][0]["user"], "d",
        "it came back within the grace, and nobody heard: {push}"
    );
}
