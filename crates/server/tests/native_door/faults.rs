//! Links that end in every way, clients that come and go by the thousand, publishers who all talk at once: nothing is left
//! behind, and everybody else hears everything once and in one order.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use nexus_server::config::Settings;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::harness::{Client, DEADLINE, End, Knock, World, frame, settings, token};

/// Settings in which one who does much is not stopped.
fn lively() -> Settings {
    settings()
        .with("messages_per_minute", 1_000_000)
        .with("history_publications", 5_000)
        .with("history_bytes", 1 << 26)
}

/// Waits until nobody is connected but so many, who have so many subscriptions.
async fn until_left(world: &World, connections: u64, subscriptions: u64) {
    let waiting = async {
        while world.metric("nexus_connections").await != connections
            || world.metric("nexus_subscriptions").await != subscriptions
        {
            tokio::task::yield_now().await;
        }
    };
    let left = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(left.is_ok(), "connections or subscriptions are left");
    assert_eq!(world.gateway.hub.seats(), subscriptions);
    assert_eq!(world.gateway.connections.len() as u64, connections);
}

/// Ends a connection in one of four ways.
async fn go(mut client: Client, how: usize) {
    match how % 4 {
        0 => client.end_or_leave().await,
        1 => drop(client),
        2 => {
            client.socket.get_ref().set_zero_linger().unwrap();
        }
        _ => {
            // No more comes from it, and the rest of a request never does.
            client.send_raw(&frame(0x81, br#"{"type":"ping"}"#)[..5]).await;
            client.socket.get_mut().shutdown().await.unwrap();
            client.end().await;
        }
    }
}

#[tokio::test]
async fn a_client_that_says_that_no_more_comes_is_let_go() {
    World::disturbed(settings(), async |world| {
        for channel in ["room:witness", "room:b"] {
            let mut client = world.connect().await;
            client.subscribe(channel).await;
            client.socket.get_mut().shutdown().await.unwrap();
            client.end().await;
        }
        until_left(world, 1, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_reset_amid_everything_that_waits_for_it_leaves_nothing() {
    World::disturbed(lively(), async |world| {
        let word = format!("\"{}\"", "x".repeat(20_000));
        let mut clients = Vec::new();
        for number in 0..12 {
            let mut client = world.connect_narrow().await;
            for mode in ["every", "latest"] {
                let channel = format!("room:{mode}");
                client
                    .subscribe_with(json!({"channel": channel, "mode": mode}))
                    .await;
            }
            clients.push((number, client));
        }
        for round in 0..60 {
            for mode in ["every", "latest"] {
                world.publish(&format!("room:{mode}"), &word).await;
            }
            if round % 5 == 4 {
                let (_, client) = clients.pop().unwrap();
                client.socket.get_ref().set_zero_linger().unwrap();
            }
        }
        until_left(world, 1, 1).await;
    })
    .await;
}

#[tokio::test]
async fn thousands_come_and_go_while_there_is_talk_and_nothing_is_left() {
    const AT_ONCE: usize = 40;
    const TIMES: usize = 50;
    World::disturbed(lively(), async |world| {
        let come_and_go = async |number: usize| {
            for time in 0..TIMES {
                let mut client = world.connect().await;
                // Some go before they are answered.
                if (number + time).is_multiple_of(5) {
                    client
                        .request("subscribe", json!({"channel": "room:witness"}))
                        .await;
                } else {
                    client.subscribe("room:witness").await;
                    let wanted = json!({"channel": format!("room:{}", time % 7), "throttle": 50});
                    client.subscribe_with(wanted).await;
                    client.next_of("message").await;
                }
                go(client, number + time).await;
            }
        };
        join_all((0..AT_ONCE).map(come_and_go)).await;
        until_left(world, 1, 1).await;
        let came = world.metric("nexus_connections_accepted_total").await;
        assert_eq!(came as usize, AT_ONCE * TIMES + 1);
        assert_eq!(world.gateway.hub.topics_wanted(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_slow_subscriber_of_many_topics_gets_each_or_is_told_how_many_it_did_not_get() {
    const TOPICS: usize = 200;
    const EACH: u64 = 100;
    let settings = lively()
        .with("namespaces", "room history=20")
        .with("outbox_bytes", 100_000);
    let world = World::start(settings).await;
    let mut slow = world.connect_narrow().await;
    let mut quick = world.connect().await;
    for topic in 0..TOPICS {
        slow.subscribe(&format!("room:{topic}")).await;
    }
    quick.subscribe("room:0").await;
    let pad = "x".repeat(1_000);
    for n in 1..=EACH {
        for topic in 0..TOPICS {
            world
                .publish(&format!("room:{topic}"), &json!({"n": n, "pad": pad}).to_string())
                .await;
        }
        let push = quick.next_of("message").await;
        assert_eq!(push["offset"], n, "whoever is quick is not held up");
    }
    let mut positions: BTreeMap<String, u64> = BTreeMap::new();
    let mut missed = 0;
    while positions.len() < TOPICS || positions.values().any(|position| *position < EACH) {
        let push = slow.next().await;
        let channel = push["channel"].as_str().unwrap().to_owned();
        let position = positions.entry(channel).or_default();
        if push["type"] == "message" {
            *position += 1;
            assert_eq!(push["offset"], *position, "{push}");
        } else if push["payload"]["state"] == "gap" {
            let gap = &push["payload"]["gap"];
            let lost = gap["missed"].as_u64().unwrap();
            *position += lost;
            missed += lost;
            assert_eq!(gap["offset"], *position, "{push}");
        }
    }
    assert!(missed > 0, "it was slow");
    assert_eq!(world.metric("nexus_publications_missed_total").await, missed);
    slow.leave().await;
    until_left(&world, 1, 1).await;
}

#[tokio::test]
async fn what_is_on_its_way_at_the_planned_end_comes_whole_before_the_close_or_is_given_up() {
    let mut world = World::start(lively().with("grace_secs", 5)).await;
    let mut reads = world.connect_narrow().await;
    let mut never = world.connect_narrow().await;
    for client in [&mut reads, &mut never] {
        client.subscribe("events").await;
    }
    let word = format!("\"{}\"", "x".repeat(5_000));
    for _ in 0..100 {
        world.publish("events", &word).await;
    }
    world.begin_to_end();
    let mut next = 1;
    let mut is_told = false;
    let code = loop {
        match reads.receive().await {
            Ok(push) if push["type"] == "events.update" => {
                assert_eq!(push["offset"], next);
                next += 1;
            }
            Ok(push) => {
                assert_eq!(push["type"], "shutdown");
                is_told = true;
            }
            Err(End::Closed(code, _)) => break code,
            Err(End::Broken) => panic!("it broke without a code"),
        }
    };
    assert_eq!(code, 1012);
    assert!(is_told);
    assert!(
        next > 10,
        "what follows, it recovers elsewhere from where it stands"
    );
    drop(reads);
    world.ended().await;
    drop(never);
}

#[tokio::test]
async fn many_publishers_over_http_and_websockets_are_heard_in_one_order_everywhere() {
    const PUBLISHERS: usize = 6;
    const EACH: usize = 80;
    let world = World::start(lively()).await;
    let mut listeners = Vec::new();
    for number in 0..12 {
        let mut listener = match number % 2 {
            0 => world.connect().await,
            _ => world.connect_packed().await,
        };
        listener.subscribe("room:a").await;
        listeners.push(listener);
    }
    let classic = Knock {
        path: Some("/ws"),
        ..Knock::default()
    };
    let mut classic = world.knock(classic).await.unwrap();
    classic
        .send(&json!({"type": "subscribe", "channel": "room:a"}).to_string())
        .await;
    classic.next_of("subscribed").await;
    let bearer = format!("Bearer {}", token("ann", "operator", DEADLINE * 10));
    let url = format!("http://{}/v1/publish", world.address);
    let talk = async |publisher: usize| {
        let mut socket = world.connect_as("ann", "operator").await;
        let http = reqwest::Client::new();
        for word in 0..EACH {
            let body = json!({"channel": "room:a", "data": {"by": publisher, "word": word}});
            if publisher.is_multiple_of(2) {
                assert_eq!(socket.ask("publish", body).await["type"], "ack");
                continue;
            }
            let request = http.post(&url).header("authorization", &bearer).json(&body);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200);
        }
        socket.leave().await;
    };
    let listen = async |listener: &mut Client| {
        let mut heard = Vec::new();
        for offset in 1..=PUBLISHERS * EACH {
            let push = listener.next_of("message").await;
            assert_eq!(push["offset"], offset);
            heard.push(push["payload"].clone());
        }
        heard
    };
    let (_, heard) = tokio::join!(
        join_all((0..PUBLISHERS).map(talk)),
        join_all(listeners.iter_mut().map(listen)),
    );
    let mut flat: Vec<Value> = Vec::new();
    while flat.len() < PUBLISHERS * EACH {
        flat.push(classic.next_of("message").await["data"].clone());
    }
    for all in &heard {
        assert_eq!(all, &heard[0]);
    }
    assert_eq!(flat, heard[0], "the classic door has the same order");
    for publisher in 0..PUBLISHERS {
        let words = heard[0].iter().filter(|word| word["by"] == publisher);
        let words: Vec<u64> = words.map(|word| word["word"].as_u64().unwrap()).collect();
        assert!(words.is_sorted() && words.len() == EACH, "each in its own order");
    }
}

/// Whoever asks much at once and reads nothing, then is gone: what it asked for holds nothing.
#[tokio::test]
async fn requests_of_one_who_has_gone_hold_nothing() {
    World::disturbed(lively(), async |world| {
        for _ in 0..20 {
            let mut client = world.connect().await;
            for topic in 0..100 {
                client
                    .request("subscribe", json!({"channel": format!("room:{topic}")}))
                    .await;
            }
            client.socket.get_ref().set_zero_linger().unwrap();
        }
        until_left(world, 1, 1).await;
        tokio::time::timeout(Duration::from_secs(5), async {
            while world.gateway.hub.topics_wanted() != 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("a topic is wanted by nobody");
    })
    .await;
}
