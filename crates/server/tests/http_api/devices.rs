//! `/v1/commands`.

use serde_json::json;

use crate::asking::Asker;
use crate::harness::{World, settings};

#[tokio::test]
async fn a_command_is_ordered_done_and_looked_up() {
    let world = World::start(settings()).await;
    let mut device = world.connect_as("pump-1", "device").await;
    let operator = Asker::new(&world, "ann", "operator");
    let order =
        json!({"device_id": "pump-1", "name": "blink", "args": {"times": 3}, "idempotency_key": "b1"});
    let ack = operator.post("/v1/commands", &order).await;
    assert_eq!(ack.status, 202, "{ack:?}");
    let id = ack.body["command_id"].as_str().unwrap().to_owned();
    assert_eq!(
        operator.does("/v1/commands", &order).await["command_id"],
        id.as_str()
    );

    let push = device.next_of("command").await;
    assert_eq!(push["payload"]["command_id"], id.as_str());
    assert_eq!(push["payload"]["args"], json!({"times": 3}));
    device.ask("command.received", json!({"command_id": id})).await;
    let shown = operator.sees(&format!("/v1/commands/{id}")).await;
    assert_eq!(
        (&shown["status"], &shown["by"]),
        (&json!("delivered"), &json!("ann"))
    );
    device
        .ask(
            "command.result",
            json!({"command_id": id, "ok": true, "result": {"blinked": 3}}),
        )
        .await;
    let shown = operator.sees(&format!("/v1/commands/{id}")).await;
    assert_eq!(
        (&shown["status"], &shown["result"]["blinked"]),
        (&json!("done"), &json!(3))
    );
}

#[tokio::test]
async fn commands_are_listed_newest_first_page_by_page() {
    let world = World::start(settings()).await;
    let operator = Asker::new(&world, "ann", "operator");
    let mut ids = Vec::new();
    for number in 0..7 {
        let order = json!({"device_id": format!("d{}", number % 2), "name": "blink", "ttl_ms": 600_000});
        let ack = operator.does("/v1/commands", &order).await;
        ids.push(ack["command_id"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/commands?limit=3&status=queued".to_owned();
    for page_number in 0.. {
        assert!(page_number < 9, "the pages do not end");
        let page = operator.sees(&path).await;
        for command in page["commands"].as_array().unwrap() {
            seen.push(command["command_id"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/commands?limit=3&status=queued&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let of_one = operator.sees("/v1/commands?device=d1").await;
    assert_eq!(of_one["commands"].as_array().unwrap().len(), 3);
    operator
        .get("/v1/commands/c-none")
        .await
        .is_refused(404, "INVALID_PARAMS");
    let viewer = Asker::new(&world, "eve", "viewer");
    viewer
        .post("/v1/commands", &json!({"device_id": "d1", "name": "blink"}))
        .await
        .is_refused(403, "FORBIDDEN");
}
