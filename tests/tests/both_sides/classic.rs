//! The classic door with the WebSocket libraries that people have: npm's `ws` and Python's `websockets`, which know
//! nothing of Nexus but its flat messages.

use anyhow::ensure;
use nexus_e2e::{Claims, Market, Server, Settings, play};
use serde_json::json;

use crate::foreign::{Foreign, Library};

#[test]
fn npm_ws_is_served_by_the_classic_door() {
    is_served(Library::NpmWs);
}

#[test]
fn python_websockets_is_served_by_the_classic_door() {
    is_served(Library::PythonWebsockets);
}

fn is_served(library: Library) {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let mut client = Foreign::start(library, &url(&server, "")).await?;

        let welcome = client.hear().await?;
        ensure!(
            welcome["type"] == "welcome" && welcome["clientId"].is_string(),
            "{welcome}"
        );
        client.say(json!({"type": "ping"})).await?;
        ensure!(client.hear().await?["type"] == "pong");
        client.say(json!({"type": "auth", "token": token})).await?;
        ensure!(client.hear().await? == json!({"type": "auth", "success": true}));

        client
            .say(json!({"type": "subscribe", "channel": "orderbook", "params": {"symbol": "BTC"}}))
            .await?;
        let subscribed = client.hear_of("subscribed").await?;
        ensure!(subscribed["channel"] == "orderbook", "{subscribed}");
        let book = client.hear_of("data").await?;
        ensure!(
            book["channel"] == "orderbook" && book["params"]["symbol"] == "BTC",
            "{book}"
        );
        ensure!(
            book["data"]["bids"][0][0].is_number() && book["data"]["asks"][0][1].is_number(),
            "numbers are no texts here: {book}"
        );
        ensure!(book["timestamp"].as_u64() > Some(1_700_000_000_000), "{book}");
        client
            .say(json!({"type": "unsubscribe", "payload": {"channel": "orderbook", "params": {"symbol": "BTC"}}}))
            .await?;
        client.hear_of("unsubscribed").await?;

        client.say(json!({"type": "join_room", "room": "lobby"})).await?;
        ensure!(client.hear_of("subscribed").await?["channel"] == "room:lobby");
        let mut other = Foreign::start(library, &url(&server, &format!("?token={token}"))).await?;
        let welcome = other.hear().await?;
        ensure!(welcome["user"]["id"] == "ann", "{welcome}");
        other
            .say(json!({"type": "join", "payload": {"room": "lobby", "user": "ann"}}))
            .await?;
        other.hear_of("subscribed").await?;
        other
            .say(json!({"type": "message", "room": "lobby", "data": {"text": "grüezi"}}))
            .await?;
        let message = client.hear_of("message").await?;
        ensure!(message["channel"] == "room:lobby", "{message}");
        ensure!(message["data"] == json!({"text": "grüezi"}), "{message}");

        client
            .say(json!({"type": "subscribe", "channel": "weather"}))
            .await?;
        let error = client.hear_of("error").await?;
        ensure!(
            error["code"] == "UNKNOWN_CHANNEL" && error["channel"] == "weather",
            "{error}"
        );

        let mut stranger = Foreign::start(library, &url(&server, "?token=a.b.c")).await?;
        ensure!(stranger.hear().await? == json!({"closed": 1008}));

        server.terminate().await?;
        let shutdown = client.hear_of("shutdown").await?;
        ensure!(shutdown["message"].is_string(), "{shutdown}");
        Ok(())
    });
}

fn url(server: &Server, query: &str) -> String {
    format!("ws://{}/ws{query}", server.address())
}
