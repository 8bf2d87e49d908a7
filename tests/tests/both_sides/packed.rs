//! MessagePack with somebody else's library: Python's, which knows nothing of Nexus.

use anyhow::ensure;
use nexus_e2e::{Claims, Market, Settings, play};
use serde_json::{Value, json};

use crate::foreign::{Foreign, Library};

#[test]
fn python_msgpack_is_served_by_the_native_door() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let settings = Settings::default().with("NEXUS_MESSAGE_BYTES", 1 << 20);
        let server = stage.server(&exchange, settings).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let url = format!("ws://{}/v1/ws", server.address());
        let mut client = Foreign::start(Library::PythonMsgpack, &url).await?;
        let connected = client.hear().await?;
        ensure!(
            connected["type"] == "connected" && connected["payload"]["protocol"] == "nexus.v1.msgpack",
            "{connected}"
        );
        client
            .say(json!({"type": "auth", "id": "a", "payload": {"token": token}}))
            .await?;
        client.hear_of("authenticated").await?;
        client
            .say(json!({"type": "join", "id": "j", "payload": {"room": "lobby"}}))
            .await?;
        client.hear_of("joined").await?;
        client
            .say(json!({"type": "subscribe", "id": "s", "payload": {"channel": "room:lobby"}}))
            .await?;
        ensure!(client.hear_of("subscribed").await?["id"] == "s");

        // Every form that the library writes, and that we write.
        let data = json!({
            "raw": {"hex": "0001feff"},
            "none": {"hex": ""},
            "lengths": [{"hex": "ab".repeat(255)}, {"hex": "ab".repeat(256)}, {"hex": "ab".repeat(70_000)}],
            "texts": ["x".repeat(31), "x".repeat(32), "x".repeat(256), "x".repeat(70_000), "gr\u{fc}ezi \u{1f600} \u{0}"],
            "whole": [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_296_u64, u64::MAX],
            "below": [-1, -32, -33, -128, -129, -32_768, -32_769, -2_147_483_649_i64, i64::MIN],
            "floats": [0.1, -2.5e-7, 1e300, 21.0],
            "much": (0..70_000).map(|n| n % 7).collect::<Vec<_>>(),
            "many": (0..20).map(|n| (n.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "words": [true, false, Value::Null, {}, []],
        });
        client
            .say(json!({"type": "publish", "id": "p", "payload": {"channel": "room:lobby", "data": data}}))
            .await?;
        let message = client.hear_of("message").await?;
        ensure!(message["payload"] == data, "it came back as {message:.2000}");
        ensure!(message["from"] == "ann");

        client
            .say(json!({"type": "subscribe", "id": "b", "payload": {"channel": "orderbook", "params": {"symbol": "BTC"}}}))
            .await?;
        let book = client.hear_of("orderbook.update").await?;
        ensure!(book["payload"]["bids"][0][0].is_string(), "{book}");
        client.say(json!({"type": "dance", "id": "x"})).await?;
        let refused = client.hear_of("error").await?;
        ensure!(
            refused["id"] == "x" && refused["error"]["code"] == "UNKNOWN_MESSAGE_TYPE",
            "{refused}"
        );

        server.terminate().await?;
        let shutdown = client.hear_of("shutdown").await?;
        ensure!(
            shutdown["payload"]["reconnect_after_ms"].is_number(),
            "{shutdown}"
        );
        Ok(())
    });
}
