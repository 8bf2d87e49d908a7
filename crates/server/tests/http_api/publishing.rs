//! `POST /v1/publish`, `/v1/broadcast`, `/v1/telemetry`.

use reqwest::Method;
use serde_json::json;

use crate::asking::{Asker, send};
use crate::harness::{World, settings};

#[tokio::test]
async fn what_is_published_over_http_reaches_subscribers_with_its_publisher() {
    let world = World::start(settings()).await;
    let mut listener = world.connect().await;
    listener.subscribe("room:a").await;
    let operator = Asker::new(&world, "ann", "operator");
    let ack = operator
        .does(
            "/v1/publish",
            &json!({"channel": "room:a", "data": {"text": "hi"}}),
        )
        .await;
    assert_eq!(ack["offset"], 1);
    let push = listener.next_of("message").await;
    assert_eq!(push["payload"], json!({"text": "hi"}));
    assert_eq!(push["from"], "ann");
    assert_eq!(push["offset"], 1);
}

#[tokio::test]
async fn bytes_are_published_in_their_json_form() {
    let world = World::start(settings()).await;
    let mut packed = world.connect_packed().await;
    packed.subscribe("room:a").await;
    let operator = Asker::new(&world, "ann", "operator");
    let body = json!({"channel": "room:a", "data": {"name": "a.png", "raw": {"$bytes": "iVBORw=="}}});
    operator.does("/v1/publish", &body).await;
    let bytes = packed.next_bytes().await;
    let raw = b"\xa3raw\xc4\x04\x89PNG";
    assert!(bytes.windows(raw.len()).any(|part| part == raw), "{bytes:02x?}");
    let page = operator.sees("/v1/history?channel=room:a").await;
    assert_eq!(page["items"][0]["payload"], body["data"]);
}

#[tokio::test]
async fn a_batch_is_published_in_order_with_one_result_each() {
    let world = World::start(settings()).await;
    let mut listener = world.connect().await;
    listener.subscribe("room:a").await;
    let operator = Asker::new(&world, "ann", "operator");
    let messages: Vec<_> = (0..20)
        .map(|number| json!({"channel": "room:a", "data": number}))
        .chain([
            json!({"channel": "prices", "data": {}}),
            json!({"channel": "room:a", "data": "end"}),
        ])
        .collect();
    let answer = operator.does("/v1/publish", &json!({"messages": messages})).await;
    let results = answer["results"].as_array().unwrap();
    for (place, result) in results[..20].iter().enumerate() {
        assert_eq!(result["offset"], place as u64 + 1);
    }
    assert_eq!(results[20]["channel"], "prices");
    assert!(results[20]["error"]["code"].is_string(), "{}", results[20]);
    assert_eq!(results[21]["offset"], 21);
    for number in 0..20 {
        assert_eq!(listener.next_of("message").await["payload"], number);
    }
}

#[tokio::test]
async fn a_batch_is_stored_together() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings()
        .with("store", true)
        .with("data_dir", dir.path().display())
        .with("messages_per_minute", 1_000);
    let world = World::start(settings).await;
    let operator = Asker::new(&world, "ann", "operator");
    let before = world.metric("nexus_store_batches_total").await;
    let messages: Vec<_> = (0..50)
        .map(|number| json!({"channel": "room:a", "data": number, "idempotency_key": format!("k{number}")}))
        .chain((50..100).map(|number| json!({"channel": "room:a", "data": number})))
        // A repeat within the batch has the answer of the first.
        .chain([json!({"channel": "room:a", "data": 7, "idempotency_key": "k7"})])
        .collect();
    let answer = operator.does("/v1/publish", &json!({"messages": messages})).await;
    let offsets: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["offset"].as_u64().unwrap_or_else(|| panic!("{result}")))
        .collect();
    assert_eq!(offsets, (1..=100).chain([8]).collect::<Vec<_>>());
    let batches = world.metric("nexus_store_batches_total").await - before;
    assert!(batches < 100, "each of 100 was waited for by itself: {batches}");
}

#[tokio::test]
async fn a_broadcast_reaches_every_channel() {
    let world = World::start(settings()).await;
    let operator = Asker::new(&world, "ann", "operator");
    let channels: Vec<String> = (0..10).map(|number| format!("room:r{number}")).collect();
    let body = json!({"channels": channels, "data": {"all": true}, "idempotency_key": "once"});
    let first = operator.does("/v1/broadcast", &body).await;
    assert_eq!(first["results"].as_array().unwrap().len(), 10);
    let again = operator.does("/v1/broadcast", &body).await;
    assert_eq!(first, again, "the key makes the second one a repeat");
    for channel in channels {
        let page = operator.sees(&format!("/v1/history?channel={channel}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    }
}

#[tokio::test]
async fn the_same_idempotency_key_publishes_once() {
    let world = World::start(settings()).await;
    let operator = Asker::new(&world, "ann", "operator");
    let publish = |data: &'static str| {
        let request = operator.request(Method::POST, "/v1/publish");
        send(
            request
                .header("idempotency-key", "k1")
                .json(&json!({"channel": "room:a", "data": data})),
        )
    };
    let first = publish("x").await;
    assert_eq!(first.status, 200);
    assert_eq!(publish("x").await.body, first.body);
    assert!(
        publish("y").await.status >= 400,
        "the key belongs to other content"
    );
    let page = operator.sees("/v1/history?channel=room:a").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn payloads_are_passed_on_exactly() {
    let world = World::start(settings()).await;
    let operator = Asker::new(&world, "ann", "operator");
    let mut listener = world.connect().await;
    listener.subscribe("room:a").await;
    let body = r#"{"channel":"room:a","data":{ "n" : 1.10, "big":123456789012345678901234567890 }}"#;
    let request = operator.request(Method::POST, "/v1/publish").body(body);
    assert_eq!(send(request).await.status, 200);
    let text = listener.next_text().await;
    assert!(
        text.ends_with(r#""payload":{ "n" : 1.10, "big":123456789012345678901234567890 }}"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_device_reports_over_http_too() {
    let world = World::start(settings()).await;
    let device = Asker::new(&world, "pump-1", "device");
    device
        .does(
            "/v1/telemetry",
            &json!({"device_id": "pump-1", "metrics": {"rpm": 1200}}),
        )
        .await;
    let other = device
        .post(
            "/v1/telemetry",
            &json!({"device_id": "pump-2", "metrics": {"rpm": 1}}),
        )
        .await;
    other.is_refused(403, "FORBIDDEN");
    let viewer = Asker::new(&world, "ann", "viewer");
    let page = viewer.sees("/v1/history?channel=telemetry").await;
    assert_eq!(page["items"][0]["payload"]["metrics"]["rpm"], 1200.0);
}
