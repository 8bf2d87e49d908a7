//! Signing in: at the door, by message, again before the token ends; and what happens when it ends.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Client, Knock, World, expired_token, settings, signed, token};

const HOUR: Duration = Duration::from_secs(3600);

fn bearer(token: &str) -> Knock {
    Knock {
        headers: vec![("authorization", format!("Bearer {token}"))],
        ..Knock::default()
    }
}

fn query(token: &str) -> Knock {
    Knock {
        query: format!("?token={token}"),
        ..Knock::default()
    }
}

async fn may_read_own_fills(client: &mut Client) {
    let subscribed = client
        .subscribe_with(json!({"channel": "user_fills", "params": {"userId": "ann"}}))
        .await;
    assert_eq!(subscribed["channel"], "user_fills");
}

#[tokio::test]
async fn a_token_counts_in_the_query_the_header_and_the_first_message() {
    let world = World::start(settings()).await;
    let token = token("ann", "viewer", HOUR);
    for knock in [bearer(&token), query(&token)] {
        let mut client = world.knock(knock).await.unwrap();
        assert_eq!(client.next().await["type"], "connected");
        may_read_own_fills(&mut client).await;
    }
    let mut client = world.connect().await;
    let answer = client.ask("auth", json!({"token": token})).await;
    assert_eq!(answer["payload"]["user"], "ann", "{answer}");
    assert!(answer["payload"]["expires_at"].is_string());
    may_read_own_fills(&mut client).await;
}

#[tokio::test]
async fn a_wrong_token_at_the_door_is_closed_with_4000_and_an_expired_one_with_4001() {
    World::disturbed(settings(), async |world| {
        let foreign = signed(
            &json!({"sub": "ann", "exp": 4_000_000_000u64}),
            "another secret that is long enough too",
        );
        for wrong in ["nonsense", "a.b.c", &foreign] {
            world.is_sent_away(bearer(wrong), 4000).await;
            world.is_sent_away(query(wrong), 4000).await;
        }
        world.is_sent_away(query(""), 4000).await;
        let basic = Knock {
            headers: vec![("authorization", "Basic YTpi".to_owned())],
            ..Knock::default()
        };
        world.is_sent_away(basic, 4000).await;
        world.is_sent_away(bearer(&expired_token("ann")), 4001).await;
        world.is_sent_away(query(&expired_token("ann")), 4001).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_token_by_auth_is_refused_and_closed() {
    World::disturbed(settings(), async |world| {
        for (token, refusal, close) in [
            ("nonsense".to_owned(), "AUTH_FAILED", 4000),
            (expired_token("ann"), "TOKEN_EXPIRED", 4001),
        ] {
            let mut client = world.connect().await;
            assert_eq!(client.is_refused("auth", json!({"token": token})).await, refusal);
            assert_eq!(client.code().await, close);
        }
    })
    .await;
}

#[tokio::test]
async fn when_the_token_ends_the_client_is_told_and_closed_with_4001() {
    World::disturbed(settings(), async |world| {
        let mut client = world
            .knock(bearer(&token("ann", "viewer", Duration::from_millis(1500))))
            .await
            .unwrap();
        assert_eq!(client.next().await["type"], "connected");
        let told = client.next().await;
        assert_eq!(told["error"]["code"], "TOKEN_EXPIRED", "{told}");
        assert_eq!(told.get("id"), None);
        assert_eq!(client.code().await, 4001);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_refreshed_without_a_reconnect_and_nothing_is_missed() {
    let world = World::start(settings()).await;
    let short = Duration::from_millis(1500);
    let mut client = world.knock(bearer(&token("ann", "viewer", short))).await.unwrap();
    client.next_of("connected").await;
    client.subscribe("room:a").await;
    world.publish("room:a", "1").await;
    let answer = client
        .ask("auth", json!({"token": token("ann", "viewer", HOUR)}))
        .await;
    assert_eq!(answer["type"], "authenticated");
    // Longer than the first token holds: the silence is what is tested.
    let silence = tokio::time::timeout(short + short, async {
        let first = client.next().await;
        assert_eq!(first["payload"], 1);
        client.next().await
    })
    .await;
    assert!(
        silence.is_err(),
        "nothing happens when the old token ends: {silence:?}"
    );
    world.publish("room:a", "2").await;
    assert_eq!(client.next().await["offset"], 2);
}

#[tokio::test]
async fn another_user_s_token_does_not_take_the_connection_over() {
    let world = World::start(settings()).await;
    let mut client = world.connect_as("ann", "viewer").await;
    assert_eq!(
        client
            .is_refused("auth", json!({"token": token("bob", "admin", HOUR)}))
            .await,
        "FORBIDDEN"
    );
    may_read_own_fills(&mut client).await;
}

#[tokio::test]
async fn a_refresh_that_allows_less_ends_what_it_no_longer_allows() {
    let world = World::start(settings()).await;
    let mut client = world.connect_as("ann", "admin").await;
    client.subscribe("telemetry").await;
    client.subscribe("room:a").await;
    let narrow = signed(
        &json!({"sub": "ann", "exp": 4_000_000_000u64, "channels": ["room:*"]}),
        crate::harness::SECRET,
    );
    client.request("auth", json!({"token": narrow})).await;
    let ended = client.next().await;
    assert_eq!(
        (&ended["type"], &ended["payload"]["channel"]),
        (&json!("unsubscribed"), &json!("telemetry"))
    );
    assert_eq!(client.next().await["type"], "authenticated");
    world.publish("telemetry", "1").await;
    world.publish("room:a", "2").await;
    assert_eq!(client.next().await["payload"], 2);
}

#[tokio::test]
async fn where_one_must_sign_in_whoever_does_not_is_closed_with_1008() {
    World::disturbed(settings(), async |_| {}).await;
    let world = World::start(settings().with("anonymous", "").with("sign_in_secs", 1.5)).await;
    let mut silent = world.connect().await;
    let mut signed_in = world.connect_as("ann", "viewer").await;
    assert_eq!(
        silent.is_refused("subscribe", json!({"channel": "prices"})).await,
        "AUTH_FAILED"
    );
    assert_eq!(silent.code().await, 1008);
    signed_in.subscribe("room:a").await;
}

#[tokio::test]
async fn others_channels_and_roles_are_guarded() {
    let world = World::start(settings()).await;
    let mut viewer = world.connect_as("ann", "viewer").await;
    let bobs = json!({"channel": "user_orders", "params": {"userId": "bob"}});
    assert_eq!(viewer.is_refused("subscribe", bobs.clone()).await, "FORBIDDEN");
    assert_eq!(viewer.is_refused("history", bobs.clone()).await, "FORBIDDEN");
    let mut admin = world.connect_as("root", "admin").await;
    admin.subscribe_with(bobs).await;
    let mut nobody = world.connect().await;
    assert_eq!(
        nobody
            .is_refused("subscribe", json!({"channel": "telemetry"}))
            .await,
        "AUTH_FAILED"
    );
}
