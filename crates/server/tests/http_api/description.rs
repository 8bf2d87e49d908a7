//! `GET /v1/openapi.json` describes what there is, and nothing else.

use reqwest::Method;
use serde_json::{Value, json};

use crate::asking::{Asker, send};
use crate::harness::{World, settings};

#[tokio::test]
async fn every_operation_of_the_description_is_there() {
    let world = World::start(settings().with("errors_per_minute", 1000)).await;
    let admin = Asker::new(&world, "root", "admin");
    let document = Asker::with_token(&world, None).sees("/v1/openapi.json").await;
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = admin.request(method.clone(), &path.replace("{id}", "c-1"));
            let answer = send(request.json(&json!({}))).await;
            let is_missing = answer.body["code"] == "UNKNOWN_MESSAGE_TYPE";
            assert!(!is_missing && answer.status < 500, "{method} {path}: {answer:?}");
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn every_route_is_described() {
    let routes = include_str!("../../src/doors/api/mod.rs");
    let document: Value = serde_json::from_str(include_str!("../../src/doors/api/openapi.json")).unwrap();
    let mut count = 0;
    for line in routes
        .lines()
        .filter_map(|line| line.trim().strip_prefix(".route(\""))
    {
        let (path, handlers) = line.split_once('"').unwrap();
        if path.contains("{*") {
            continue;
        }
        for method in ["get", "post"] {
            let has = handlers.contains(&format!("{method}("));
            let described = !document["paths"][path][method].is_null();
            assert_eq!(has, described, "{method} {path}");
            count += usize::from(has);
        }
    }
    assert!(count >= 15, "{count}");
}
