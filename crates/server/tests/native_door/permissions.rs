//! What tokens allow, and what ends it: tokens for one subscription, revocation, an operator's word.

use std::time::{Duration, SystemTime};

use nexus_protocol::{CloseCode, UserId};
use nexus_server::auth::Revoke;
use nexus_server::connections::Selector;
use serde_json::{Value, json};

use crate::harness::{Client, Knock, SECRET, World, now, settings, signed, topic};

/// A token with these claims that holds for so long.
fn token(mut claims: Value, holds: Duration) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    claims["exp"] = json!((now + holds).as_secs_f64());
    claims["iat"] = json!(now.as_secs_f64());
    signed(&claims, SECRET)
}

const HOUR: Duration = Duration::from_secs(3600);

async fn connect_with(world: &World, claims: Value) -> Client {
    let mut client = world.connect().await;
    let answer = client.ask("auth", json!({"token": token(claims, HOUR)})).await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
    client
}

fn query(token: &str) -> Knock {
    Knock {
        query: format!("?token={token}"),
        ..Knock::default()
    }
}

async fn revoke(world: &World, revoke: Revoke) {
    let gateway = &world.gateway;
    gateway
        .revocations
        .revoke(&revoke, None, now(), &gateway.connections)
        .await
        .unwrap();
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

#[tokio::test]
async fn a_claim_allows_what_the_role_does_not_and_denies_what_it_does() {
    let world = World::start(
        settings()
            .with("anonymous", "")
            .with("namespaces", "x subscribe=nobody"),
    )
    .await;
    let mut ann = connect_with(
        &world,
        json!({"sub": "ann", "subscribe": ["x:*"], "publish": ["x:a", "events"]}),
    )
    .await;
    ann.subscribe("x:a").await;
    assert_eq!(
        ann.is_refused("subscribe", json!({"channel": "room:a"})).await,
        "FORBIDDEN"
    );
    assert_eq!(
        ann.ask("publish", json!({"channel": "x:a", "data": 1})).await["type"],
        "ack"
    );
    assert_eq!(ann.next_of("message").await["payload"], 1);
    assert_eq!(
        ann.ask("publish", json!({"channel": "events", "data": {}})).await["type"],
        "ack"
    );
    assert_eq!(
        ann.is_refused("publish", json!({"channel": "x:b", "data": 1}))
            .await,
        "FORBIDDEN"
    );
    let mut operator = connect_with(&world, json!({"sub": "op", "role": "operator", "publish": []})).await;
    assert_eq!(
        operator
            .is_refused("publish", json!({"channel": "events", "data": {}}))
            .await,
        "FORBIDDEN"
    );
    assert_eq!(
        operator.is_refused("subscribe", json!({"channel": "x:a"})).await,
        "FORBIDDEN"
    );
    let mut admin = connect_with(&world, json!({"sub": "root", "role": "admin"})).await;
    admin.subscribe("x:a").await;
}

#[tokio::test]
async fn a_token_s_budget_is_in_force() {
    let world = World::start(settings()).await;
    let mut ann = connect_with(&world, json!({"sub": "ann", "messages_per_minute": 3})).await;
    // The `auth` itself was the first.
    for _ in 0..2 {
        assert_eq!(ann.ask("ping", Value::Null).await["type"], "pong");
    }
    assert_eq!(ann.is_refused("ping", Value::Null).await, "RATE_LIMITED");
}

#[tokio::test]
async fn a_token_for_one_subscription_allows_that_topic_to_its_user_alone() {
    let world = World::start(
        settings()
            .with("anonymous", "")
            .with("namespaces", "x subscribe=nobody"),
    )
    .await;
    let of = |claims: Value| token(claims, HOUR);
    let anns = of(json!({"sub": "ann", "channel": "x:a"}));
    let anyones = of(json!({"anonymous": true, "channel": "x:a"}));
    let plain = of(json!({"sub": "ann", "role": "admin"}));
    let with = |channel: &str, token: &str| json!({"channel": channel, "token": token});
    let mut ann = connect_with(&world, json!({"sub": "ann"})).await;
    let mut bob = connect_with(&world, json!({"sub": "bob"})).await;
    let unknown = of(json!({"sub": "ann", "channel": "y:a"}));
    let expired = token(json!({"sub": "ann", "channel": "x:a"}), Duration::ZERO);
    for (channel, token, code) in [
        ("x:b", &*anns, "FORBIDDEN"),
        ("x:a", &*plain, "AUTH_FAILED"),
        ("x:a", "nonsense", "AUTH_FAILED"),
        ("y:a", &*unknown, "UNKNOWN_CHANNEL"),
        ("x:a", &*expired, "TOKEN_EXPIRED"),
    ] {
        let refused = ann.is_refused("subscribe", with(channel, token)).await;
        assert_eq!(refused, code, "{channel}");
    }
    assert_eq!(bob.is_refused("subscribe", with("x:a", &anns)).await, "FORBIDDEN");
    ann.subscribe_with(with("x:a", &anns)).await;
    bob.subscribe_with(with("x:a", &anyones)).await;
    let mut nobody = world.connect().await;
    nobody.subscribe_with(with("x:a", &anyones)).await;
    world.publish("x:a", "1").await;
    for client in [&mut ann, &mut bob, &mut nobody] {
        assert_eq!(client.next_of("message").await["payload"], 1);
    }
    // It is none for a connection.
    for grant in [&anns, &anyones] {
        world.is_sent_away(query(grant), 4000).await;
    }
    assert_eq!(
        ann.is_refused("auth", json!({"token": anns})).await,
        "AUTH_FAILED"
    );
    assert_eq!(ann.code().await, 4000);
}

#[tokio::test]
async fn a_subscription_ends_with_its_token_unless_it_is_renewed() {
    let world = World::start(settings().with("namespaces", "x subscribe=nobody")).await;
    let short = Duration::from_millis(1_500);
    let with =
        |holds| json!({"channel": "x:a", "token": token(json!({"sub": "ann", "channel": "x:a"}), holds)});
    let mut ends = connect_with(&world, json!({"sub": "ann"})).await;
    let mut renews = connect_with(&world, json!({"sub": "ann"})).await;
    ends.subscribe_with(with(short)).await;
    renews.subscribe_with(with(short)).await;
    renews.subscribe_with(with(HOUR)).await;
    let ended = ends.next().await;
    assert_eq!(
        (&ended["type"], ended.get("id"), &ended["payload"]["channel"]),
        (&json!("unsubscribed"), None, &json!("x:a"))
    );
    // A refresh of the connection's own token changes nothing about it.
    let again = token(json!({"sub": "ann"}), HOUR);
    renews.ask("auth", json!({"token": again})).await;
    world.publish("x:a", "1").await;
    assert_eq!(renews.next().await["payload"], 1);
    assert_eq!(
        ends.ask("ping", Value::Null).await["type"],
        "pong",
        "the connection goes on"
    );
}

#[tokio::test]
async fn whoever_listens_by_a_token_for_anyone_need_not_sign_in_until_it_ends() {
    let settings = settings().with("anonymous", "").with("sign_in_secs", 1);
    let world = World::start(settings.with("namespaces", "x subscribe=nobody")).await;
    let grant = token(
        json!({"anonymous": true, "channel": "x:a"}),
        Duration::from_secs(2),
    );
    let mut nobody = world.connect().await;
    let began = std::time::Instant::now();
    nobody
        .subscribe_with(json!({"channel": "x:a", "token": grant}))
        .await;
    let ended = nobody.next_of("unsubscribed").await;
    assert_eq!(ended["payload"]["channel"], "x:a");
    assert!(began.elapsed() > Duration::from_millis(1_500));
    assert_eq!(nobody.ask("ping", Value::Null).await["type"], "pong");
    assert_eq!(nobody.code().await, 1008, "then it must");
}

#[tokio::test]
async fn whoever_is_revoked_is_closed_at_once_and_does_not_come_back() {
    let data = tempfile::tempdir().unwrap();
    let with_data = || settings().with("data_dir", data.path().display());
    World::disturbed(with_data(), async |world| {
        let anns = token(json!({"sub": "ann"}), HOUR);
        let named = token(json!({"sub": "bob", "jti": "stolen"}), HOUR);
        let mut watcher = connect_with(world, json!({"sub": "eve"})).await;
        watcher.ask("join", json!({"room": "a"})).await;
        let mut open = Vec::new();
        for token in [&anns, &anns, &named] {
            let mut client = world.knock(query(token)).await.unwrap();
            client.next_of("connected").await;
            client.ask("join", json!({"room": "a"})).await;
            open.push(client);
        }
        let mut bob = connect_with(world, json!({"sub": "bob"})).await;
        revoke(world, Revoke::User(user("ann"))).await;
        revoke(world, Revoke::Token("stolen".into())).await;
        for client in &mut open {
            assert_eq!(client.code().await, 4000);
        }
        let mut gone = Vec::new();
        while gone.len() < 2 {
            let update = watcher.next_of("presence.update").await;
            let left = update["payload"]["left"].as_array().cloned().unwrap_or_default();
            gone.extend(left.iter().map(|member| member["user"].clone()));
        }
        assert_eq!(gone, ["ann", "bob"], "without a grace");
        assert_eq!(
            bob.ask("ping", Value::Null).await["type"],
            "pong",
            "bob's other token counts"
        );
        for token in [&anns, &named] {
            world.is_sent_away(query(token), 4000).await;
            let mut client = world.connect().await;
            assert_eq!(
                client.is_refused("auth", json!({"token": token})).await,
                "AUTH_FAILED"
            );
            assert_eq!(client.code().await, 4000);
        }
        assert_eq!(world.get("/health", &[]).await.0, 200);
    })
    .await;
    // It is the same after a restart; a new token counts.
    let world = World::start(with_data()).await;
    let old = signed(
        &json!({"sub": "ann", "exp": 4_000_000_000u64, "iat": 1_000_000}),
        SECRET,
    );
    world.is_sent_away(query(&old), 4000).await;
    connect_with(&world, json!({"sub": "ann"})).await;
}

#[tokio::test]
async fn a_subscription_s_own_token_can_be_revoked() {
    let data = tempfile::tempdir().unwrap();
    let world = World::start(
        settings()
            .with("data_dir", data.path().display())
            .with("namespaces", "x subscribe=nobody"),
    )
    .await;
    let mut nobody = world.connect().await;
    let grant = token(json!({"anonymous": true, "channel": "x:a", "jti": "g"}), HOUR);
    let with = json!({"channel": "x:a", "token": grant});
    nobody.subscribe_with(with.clone()).await;
    nobody.subscribe("room:b").await;
    revoke(&world, Revoke::Token("g".into())).await;
    assert_eq!(nobody.next_of("unsubscribed").await["payload"]["channel"], "x:a");
    assert_eq!(nobody.is_refused("subscribe", with).await, "AUTH_FAILED");
    world.publish("room:b", "1").await;
    assert_eq!(nobody.next().await["payload"], 1);
}

#[tokio::test]
async fn an_operator_closes_connections_and_ends_subscriptions() {
    World::disturbed(settings(), async |world| {
        let connections = &world.gateway.connections;
        let mut ann = world.connect_as("ann", "viewer").await;
        let mut bob = world.connect_as("bob", "operator").await;
        ann.ask("join", json!({"room": "a"})).await;
        bob.subscribe("room:a").await;
        let page = connections.list(Some(&user("ann")), None, 10);
        assert_eq!(page.connections.len(), 1);
        assert_eq!(connections.unsubscribe(&user("ann"), &topic("room:a")), 1);
        assert_eq!(ann.next_of("left").await["payload"]["room"], "a");
        assert_eq!(ann.next().await["type"], "unsubscribed");
        world.publish("room:a", "1").await;
        assert_eq!(bob.next_of("message").await["payload"], 1);
        let client = page.connections[0].client.clone();
        let removed = |whom| connections.disconnect(&whom, CloseCode::Removed, "removed by an operator");
        assert_eq!(removed(Selector::Client(client)), 1);
        assert_eq!(ann.code().await, 4009);
        assert_eq!(removed(Selector::User(user("bob"))), 1);
        assert_eq!(bob.code().await, 4009);
    })
    .await;
}
