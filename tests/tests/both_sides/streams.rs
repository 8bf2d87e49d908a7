//! Texts that are generated piece by piece, and rooms that are kept: whoever comes late or comes back has all of it, also
//! when the server was killed in between.

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Server, Settings, Stage, Wire, play};
use serde_json::{Value, json};

const PIECES: u64 = 120;

#[test]
fn a_stream_is_complete_for_viewers_who_come_late_or_come_back_after_a_kill() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut producer = producer(stage, &server).await?;
        let mut viewer = viewer(stage, &server).await?;
        let subscribed = viewer.subscribe("ai", Value::Null).await?;
        let epoch = subscribed["payload"]["epoch"].clone();

        for index in 0..PIECES / 2 {
            publish_piece(&mut producer, index).await?;
        }
        let mut text = String::new();
        let mut offset = 0;
        // It has seen some, when the server dies.
        for _ in 0..PIECES / 4 {
            let push = viewer.next_of("ai.update").await?;
            text.push_str(push["payload"]["chunk"].as_str().context("no chunk")?);
            offset = push["offset"].as_u64().context("no offset")?;
        }

        let server = server.kill_and_restart(async || Ok(())).await?;

        let mut producer = self::producer(stage, &server).await?;
        // It does not know whether its last piece arrived, and sends it again.
        let mut viewer = self::viewer(stage, &server).await?;
        let again = viewer
            .ask(
                "subscribe",
                json!({"channel": "ai", "recover": {"epoch": epoch, "offset": offset}}),
            )
            .await?;
        ensure!(again["payload"]["recovered"] == true, "{again}");
        for index in PIECES / 2 - 1..PIECES {
            publish_piece(&mut producer, index).await?;
        }
        let end = json!({"channel": "ai", "data": {"stream_id": "s1", "index": PIECES, "done": true}});
        producer.ask("publish", end).await?;
        loop {
            let push = viewer.next_of("ai.update").await?;
            let next = push["offset"].as_u64().context("no offset")?;
            ensure!(next == offset + 1, "{next} came behind {offset}");
            offset = next;
            text.push_str(push["payload"]["chunk"].as_str().unwrap_or_default());
            if push["payload"]["done"] == true {
                break;
            }
        }
        ensure!(text == whole(), "whoever comes back has every piece once: {text}");

        let mut late = self::viewer(stage, &server).await?;
        late.subscribe("ai", Value::Null).await?;
        let snapshot = late.next_of("ai.update").await?;
        ensure!(snapshot["snapshot"] == true, "{snapshot}");
        ensure!(
            snapshot["payload"]["text"] == whole().as_str(),
            "whoever comes late has all: {snapshot}"
        );
        Ok(())
    });
}

#[test]
fn nothing_that_was_acknowledged_in_a_kept_room_is_lost_by_a_kill() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut talker = producer(stage, &server).await?;
        talker.ask("join", json!({"room": "lobby"})).await?;
        let mut listener = viewer(stage, &server).await?;
        let subscribed = listener.subscribe("room:lobby", Value::Null).await?;
        let epoch = subscribed["payload"]["epoch"].clone();
        for number in 0..100 {
            let said = json!({"channel": "room:lobby", "data": {"n": number}});
            let ack = talker.ask("publish", said).await?;
            ensure!(ack["type"] == "ack", "{ack}");
        }
        let mut heard = Vec::new();
        let mut offset = Value::Null;
        for _ in 0..40 {
            let push = listener.next_of("message").await?;
            ensure!(push["from"] == "maker", "{push}");
            heard.push(push["payload"]["n"].as_u64().context("no number")?);
            offset = push["offset"].clone();
        }

        let server = server.kill_and_restart(async || Ok(())).await?;

        let mut listener = viewer(stage, &server).await?;
        let again = listener
            .ask(
                "subscribe",
                json!({"channel": "room:lobby", "recover": {"epoch": epoch, "offset": offset}}),
            )
            .await?;
        ensure!(again["payload"]["recovered"] == true, "{again}");
        while heard.len() < 100 {
            let push = listener.next_of("message").await?;
            heard.push(push["payload"]["n"].as_u64().context("no number")?);
        }
        ensure!(heard == (0..100).collect::<Vec<u64>>(), "{heard:?}");
        Ok(())
    });
}

fn piece(index: u64) -> String {
    format!("word{index} ")
}

fn whole() -> String {
    (0..PIECES).map(piece).collect()
}

async fn publish_piece(producer: &mut Wire, index: u64) -> anyhow::Result<()> {
    let data = json!({"stream_id": "s1", "index": index, "chunk": piece(index)});
    let ack = producer
        .ask("publish", json!({"channel": "ai", "data": data}))
        .await?;
    ensure!(ack["type"] == "ack", "{ack}");
    Ok(())
}

async fn producer(stage: &Stage, server: &Server) -> anyhow::Result<Wire> {
    let claims = Claims::of("maker", "operator").with("messages_per_minute", 10_000);
    let mut wire = server.connect().await?;
    wire.auth(&stage.token(&claims)?).await?;
    Ok(wire)
}

async fn viewer(stage: &Stage, server: &Server) -> anyhow::Result<Wire> {
    let mut wire = server.connect().await?;
    wire.auth(&stage.token(&Claims::viewer("eve"))?).await?;
    Ok(wire)
}
