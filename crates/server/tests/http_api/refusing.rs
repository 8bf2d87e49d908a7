//! What is refused, and how. Nothing of it is published, and nobody is disturbed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::asking::{Asker, send};
use crate::harness::{World, expired_token, settings};

#[tokio::test]
async fn bad_requests_are_refused_with_a_problem_document() {
    World::disturbed(settings().with("errors_per_minute", 1000), async |world| {
        let operator = Asker::new(world, "ann", "operator");
        let long = "x".repeat(2_000_000);
        for (path, body, status, code) in [
            ("/v1/publish", "", 400, "INVALID_MESSAGE"),
            ("/v1/publish", "{", 400, "INVALID_MESSAGE"),
            ("/v1/publish", "[]", 400, "INVALID_MESSAGE"),
            ("/v1/publish", "{}", 400, "INVALID_MESSAGE"),
            ("/v1/publish", r#"{"channel":"room:a"}"#, 400, "INVALID_MESSAGE"),
            (
                "/v1/publish",
                r#"{"channel":"Room A","data":1}"#,
                400,
                "INVALID_MESSAGE",
            ),
            (
                "/v1/publish",
                r#"{"channel":"nowhere:a","data":1}"#,
                404,
                "UNKNOWN_CHANNEL",
            ),
            ("/v1/publish", r#"{"messages":[]}"#, 400, "INVALID_MESSAGE"),
            (
                "/v1/publish",
                r#"{"messages":[],"channel":"room:a","data":1}"#,
                400,
                "INVALID_MESSAGE",
            ),
            (
                "/v1/publish",
                r#"{"channel":"room:a","data":1,"idempotency_key":""}"#,
                400,
                "INVALID_MESSAGE",
            ),
            ("/v1/publish", long.as_str(), 413, "INVALID_MESSAGE"),
            (
                "/v1/broadcast",
                r#"{"channels":[],"data":1}"#,
                400,
                "INVALID_MESSAGE",
            ),
            (
                "/v1/broadcast",
                r#"{"channels":"room:a","data":1}"#,
                400,
                "INVALID_MESSAGE",
            ),
            (
                "/v1/telemetry",
                r#"{"device_id":"d","metrics":{"a":1}}"#,
                403,
                "FORBIDDEN",
            ),
            (
                "/v1/telemetry",
                r#"{"device_id":"","metrics":{}}"#,
                400,
                "INVALID_MESSAGE",
            ),
            ("/v1/commands", r#"{"device_id":"d"}"#, 400, "INVALID_MESSAGE"),
            (
                "/v1/commands",
                r#"{"device_id":"d","name":"reboot"}"#,
                400,
                "INVALID_PARAMS",
            ),
            ("/v1/nothing", "{}", 404, "UNKNOWN_MESSAGE_TYPE"),
            ("/v1/history", "{}", 405, "UNKNOWN_MESSAGE_TYPE"),
        ] {
            let request = operator.request(Method::POST, path).body(body.to_owned());
            let answer = send(request).await;
            println!("{path} {}", &body[..body.len().min(80)]);
            answer.is_refused(status, code);
        }
        for (path, status, code) in [
            ("/v1/history", 400, "INVALID_MESSAGE"),
            ("/v1/history?channel=weather", 404, "UNKNOWN_CHANNEL"),
            ("/v1/history?channel=trades", 400, "INVALID_PARAMS"),
            ("/v1/history?channel=room:a&params=[", 400, "INVALID_MESSAGE"),
            ("/v1/history?channel=room:a&limit=-1", 400, "INVALID_MESSAGE"),
            ("/v1/history?channel=room:a&offset=1", 400, "INVALID_MESSAGE"),
            ("/v1/history?channel=room:a&until=1", 400, "INVALID_MESSAGE"),
            ("/v1/history?channel=room:a&epoch=e", 400, "INVALID_MESSAGE"),
            (
                "/v1/history?channel=room:a&epoch=other&offset=1",
                400,
                "INVALID_PARAMS",
            ),
            (
                "/v1/history?channel=room:a&epoch=other&until=1",
                400,
                "INVALID_PARAMS",
            ),
            (
                "/v1/history?channel=room:a&filters={\"a\":[]}",
                400,
                "INVALID_PARAMS",
            ),
            ("/v1/channels?limit=x", 400, "INVALID_MESSAGE"),
            ("/v1/commands?status=dancing", 400, "INVALID_MESSAGE"),
            ("/v1/presence?channel=", 404, "UNKNOWN_CHANNEL"),
            ("/v1/connections", 403, "FORBIDDEN"),
        ] {
            println!("{path}");
            operator.get(path).await.is_refused(status, code);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_has_no_right_is_told_whether_a_token_would_help() {
    let world = World::start(settings()).await;
    let body = json!({"channel": "room:a", "data": 1});
    for (token, status, code) in [
        (None, 401, "AUTH_FAILED"),
        (Some("a.b.c".to_owned()), 401, "AUTH_FAILED"),
        (Some(expired_token("ann")), 401, "TOKEN_EXPIRED"),
    ] {
        let answer = Asker::with_token(&world, token).post("/v1/publish", &body).await;
        answer.is_refused(status, code);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let viewer = Asker::new(&world, "ann", "viewer");
    viewer
        .post("/v1/publish", &body)
        .await
        .is_refused(403, "FORBIDDEN");
    let own = viewer
        .get("/v1/history?channel=user_fills&params={\"userId\":\"bob\"}")
        .await;
    own.is_refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn the_limit_of_messages_is_that_of_connections_and_says_when_to_come_back() {
    let world = World::start(settings().with("messages_per_minute", 5)).await;
    let operator = Asker::new(&world, "ann", "operator");
    let messages: Vec<Value> = (0..8)
        .map(|number| json!({"channel": "room:a", "data": number}))
        .collect();
    let answer = operator.does("/v1/publish", &json!({"messages": messages})).await;
    let results = answer["results"].as_array().unwrap();
    assert!(
        results[..5].iter().all(|result| result["offset"].is_u64()),
        "{answer}"
    );
    for result in &results[5..] {
        assert_eq!(result["error"]["code"], "RATE_LIMITED", "{answer}");
    }
    let refused = operator.get("/v1/channels").await;
    refused.is_refused(429, "RATE_LIMITED");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    // Somebody else is not concerned.
    Asker::new(&world, "bob", "operator").sees("/v1/channels").await;
}

#[tokio::test]
async fn pages_of_allowed_origins_may_ask_and_others_may_not() {
    let world = World::start(settings().with("allowed_origins", "https://good.example")).await;
    let anybody = Asker::with_token(&world, None);
    for (origin, is_allowed) in [("https://good.example", true), ("https://bad.example", false)] {
        let request = anybody
            .request(Method::OPTIONS, "/v1/publish")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = send(request).await;
        let allowed = answer.headers.get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), is_allowed, "{origin}: {answer:?}");
    }
}
