//! `GET /v1/channels`, `/v1/history`, `/v1/presence`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::asking::Asker;
use crate::harness::{World, settings};

#[tokio::test]
async fn the_past_is_read_page_by_page_without_a_hole() {
    let world = World::start(settings()).await;
    for number in 0..95 {
        world.publish("room:a", &number.to_string()).await;
    }
    let viewer = Asker::new(&world, "ann", "viewer");
    let mut path = "/v1/history?channel=room:a&limit=10".to_owned();
    let mut seen = Vec::new();
    for page_number in 0.. {
        assert!(page_number < 20, "the pages do not end");
        let page = viewer.sees(&path).await;
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["payload"].as_u64().unwrap()));
        let next = &page["next"];
        if next.is_null() {
            assert_eq!(page["more"], false);
            break;
        }
        let (epoch, offset) = (next["epoch"].as_str().unwrap(), &next["offset"]);
        path = format!("/v1/history?channel=room:a&limit=10&epoch={epoch}&offset={offset}");
    }
    assert_eq!(seen, (0..95).collect::<Vec<u64>>());
    let newest = viewer
        .sees("/v1/history?channel=room:a&limit=3&reverse=true")
        .await;
    let payloads: Vec<&Value> = newest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["payload"])
        .collect();
    assert_eq!(payloads, [&json!(94), &json!(93), &json!(92)]);
}

#[tokio::test]
async fn a_batch_of_one_millisecond_is_walked_both_ways_by_following_next() {
    let world = World::start(settings().with("messages_per_minute", 1_000)).await;
    let operator = Asker::new(&world, "ann", "operator");
    let messages: Vec<_> = (0..60)
        .map(|number| json!({"channel": "room:a", "data": number}))
        .collect();
    operator.does("/v1/publish", &json!({"messages": messages})).await;
    let whole = operator.sees("/v1/history?channel=room:a").await;
    let times: BTreeSet<&str> = items(&whole)
        .filter_map(|item| item["timestamp"].as_str())
        .collect();
    assert!(times.len() < 60, "some are of one millisecond: {times:?}");

    let viewer = Asker::new(&world, "bob", "viewer");
    let forward: Vec<u64> = (0..60).collect();
    let back: Vec<u64> = (0..60).rev().collect();
    for limit in [1, 5, 7, 59, 60, 1_000] {
        let query = format!("channel=room:a&limit={limit}");
        assert_eq!(walk(&viewer, &query).await, forward, "{limit}");
        assert_eq!(
            walk(&viewer, &format!("{query}&reverse=true")).await,
            back,
            "{limit}"
        );
    }
    // Both bounds, which stay as they are while the other one moves.
    let epoch = whole["epoch"].as_str().unwrap();
    let some = format!("channel=room:a&limit=4&epoch={epoch}&offset=10&until=31");
    assert_eq!(walk(&viewer, &some).await, forward[10..30]);
    assert_eq!(walk(&viewer, &format!("{some}&reverse=true")).await, back[30..50]);
}

#[tokio::test]
async fn channels_are_listed_page_by_page_as_far_as_they_may_be_read() {
    let world = World::start(settings().with("anonymous", "room:*")).await;
    for number in 0..25 {
        world.publish(&format!("room:r{number:02}"), "1").await;
    }
    world.publish("events", r#"{"kind":"x"}"#).await;
    let mut listener = world.connect().await;
    listener.subscribe("room:r07").await;

    let viewer = Asker::new(&world, "ann", "viewer");
    let mut seen = Vec::new();
    let mut path = "/v1/channels?prefix=room:&limit=10".to_owned();
    for page_number in 0.. {
        assert!(page_number < 9, "the pages do not end");
        let page = viewer.sees(&path).await;
        seen.extend(page["channels"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/channels?prefix=room:&limit=10&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(seen[7]["channel"], "room:r07");
    assert_eq!(
        (&seen[7]["subscribers"], &seen[7]["offset"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(seen[8]["subscribers"], 0);

    let anybody = Asker::with_token(&world, None);
    let all = anybody.sees("/v1/channels?limit=1000").await;
    assert!(
        all["channels"]
            .as_array()
            .unwrap()
            .iter()
            .all(|shown| shown["channel"] != "events"),
        "what may not be read is not listed: {all}"
    );
}

#[tokio::test]
async fn presence_says_who_is_there() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    assert_eq!(ann.ask("join", json!({"room": "lobby"})).await["type"], "joined");
    let viewer = Asker::new(&world, "bob", "viewer");
    let list = viewer.sees("/v1/presence?channel=room:lobby").await;
    assert_eq!(list["members"][0]["user"], "ann");
    assert_eq!(list["members"].as_array().unwrap().len(), 1);
}

/// The payloads of all pages, each asked for with the query before it and the fields of `next`.
async fn walk(asker: &Asker<'_>, query: &str) -> Vec<u64> {
    let mut query: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Vec::new();
    for page_number in 0.. {
        assert!(page_number < 100, "the pages do not end");
        let parts: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let page = asker.sees(&format!("/v1/history?{}", parts.join("&"))).await;
        seen.extend(items(&page).filter_map(|item| item["payload"].as_u64()));
        let Some(next) = page["next"].as_object() else {
            assert_eq!(page["more"], false);
            break;
        };
        for (name, value) in next {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            query.insert(name.clone(), text);
        }
    }
    seen
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}
