//! The handshake: who is let in, who is sent away and with what.

use nexus_server::config::Settings;
use serde_json::{Value, json};

use crate::harness::{Knock, World, settings};

fn header(name: &'static str, value: &str) -> Knock {
    Knock {
        headers: vec![(name, value.to_owned())],
        ..Knock::default()
    }
}

#[tokio::test]
async fn the_first_message_announces_every_limit() {
    let world = World::start(settings().with("messages_per_minute", 77).with("slow_secs", 3)).await;
    let mut client = world.knock(Knock::default()).await.unwrap();
    let connected = client.next().await;
    assert_eq!(connected["type"], "connected");
    let payload = &connected["payload"];
    assert_eq!(payload["protocol"], "nexus.v1.json");
    assert_eq!(payload["heartbeat_ms"], 15_000);
    assert!(payload["client_id"].as_str().unwrap().len() >= 32);
    assert_eq!(
        payload["limits"],
        json!({"messages_per_minute": 77, "errors_per_minute": 10, "message_bytes": 131_072, "subscriptions": 256,
               "outbox_bytes": 1_048_576, "sign_in_ms": 10_000, "idle_ms": 60_000})
    );
}

#[tokio::test]
async fn the_subprotocol_is_agreed_on_or_refused_in_http() {
    let world = World::start(settings()).await;
    for (offered, agreed) in [
        ("nexus.v1.json", "nexus.v1.json"),
        ("nexus.v1.msgpack", "nexus.v1.msgpack"),
        ("nexus.v1.msgpack, nexus.v1.json", "nexus.v1.msgpack"),
        ("nexus.v1.json,nexus.v1.msgpack", "nexus.v1.json"),
        ("graphql-ws, nexus.v2.json , nexus.v1.msgpack", "nexus.v1.msgpack"),
    ] {
        // The library refuses an answer that was not offered.
        let mut client = world
            .knock(header("sec-websocket-protocol", offered))
            .await
            .unwrap();
        assert_eq!(client.next().await["payload"]["protocol"], agreed, "{offered}");
    }
    let refused = world
        .knock(header("sec-websocket-protocol", "nexus.v2.msgpack, graphql-ws"))
        .await;
    let response = refused.err().expect("no subprotocol that the server speaks");
    assert_eq!(response.status(), 400);
    let body = String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
    assert!(
        body.contains("nexus.v1.json") && body.contains("nexus.v1.msgpack"),
        "{body}"
    );
}

#[tokio::test]
async fn plain_http_is_told_what_this_is() {
    let world = World::start(settings()).await;
    let (status, headers, body) = world.get("/v1/ws", &[]).await;
    assert_eq!(status, 426);
    assert_eq!(headers["upgrade"], "websocket");
    assert!(String::from_utf8(body).unwrap().contains("WebSocket"));
}

#[tokio::test]
async fn a_foreign_origin_is_closed_with_1008() {
    World::disturbed(settings(), async |world| {
        for origin in [
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "null",
            "http://",
            "",
        ] {
            world.is_sent_away(header("origin", origin), 1008).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_own_page_and_programs_are_welcome() {
    let world = World::start(settings()).await;
    let own = format!("http://{}", world.address);
    for knock in [
        header("origin", &own),
        header("origin", "http://localhost:8081"),
        Knock::default(),
    ] {
        assert_eq!(
            world.knock(knock).await.unwrap().next().await["type"],
            "connected"
        );
    }
}

#[tokio::test]
async fn listed_origins_are_welcome_and_no_others() {
    let world = World::start(settings().with("allowed_origins", "https://app.example")).await;
    let mut welcome = world
        .knock(header("origin", "https://app.example"))
        .await
        .unwrap();
    assert_eq!(welcome.next().await["type"], "connected");
    world
        .is_sent_away(header("origin", &format!("http://{}", world.address)), 1008)
        .await;
}

#[tokio::test]
async fn the_11th_connection_of_an_address_in_a_minute_is_closed_with_4029() {
    let settings = settings()
        .with("exempt_loopback", false)
        .with("connections_per_minute", 10);
    let world = World::start(settings).await;
    let mut clients = Vec::new();
    for _ in 1..=10 {
        clients.push(world.connect().await);
    }
    world.is_sent_away(Knock::default(), 4029).await;
    for client in &mut clients {
        assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_count() {
    let settings: Settings = settings()
        .with("exempt_loopback", false)
        .with("connections_per_minute", 1)
        .with("trusted_proxies", "127.0.0.1");
    let world = World::start(settings).await;
    let from = |address: &str| header("x-forwarded-for", address);
    let first = world.knock(from("203.0.113.1")).await.unwrap();
    world.is_sent_away(from("203.0.113.1"), 4029).await;
    let mut other = world.knock(from("203.0.113.2")).await.unwrap();
    assert_eq!(other.next().await["type"], "connected");
    drop(first);
}

#[tokio::test]
async fn without_trusted_proxies_nobody_can_pretend_to_be_another() {
    let settings = settings()
        .with("exempt_loopback", false)
        .with("connections_per_minute", 1);
    let world = World::start(settings).await;
    let _first = world.connect().await;
    world
        .is_sent_away(header("x-forwarded-for", "203.0.113.2"), 4029)
        .await;
}
