//! What is no message, or none that makes sense.

use anyhow::{Context, ensure};
use nexus_e2e::Settings;
use serde_json::{Value, json};

use super::{disturb, ends, refused};

#[test]
fn what_is_no_message_is_refused_and_the_connection_goes_on() {
    disturb(Settings::default(), async |scene| {
        for text in [
            "",
            "hello",
            "{",
            "[]",
            "null",
            "42",
            r#""ping""#,
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"ping","id":{}}"#,
            r#"{"type":"ping","id":"has a space"}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","id":"x","payload":[]}"#,
            r#"{"type":"subscribe","id":"x","payload":{"channel":7}}"#,
            r#"{"type":"ping","timestamp":"yesterday"}"#,
            &format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
            "\u{0}\u{1}\u{2}",
        ] {
            let shown: String = text.chars().take(60).collect();
            let mut wire = scene.server.connect().await?;
            wire.send_text(text).await?;
            let answer = wire.next_of("error").await.context(shown.clone())?;
            refused(&answer, "INVALID_MESSAGE").context(shown.clone())?;
            let answer = wire.ask("ping", Value::Null).await.context(shown)?;
            ensure!(answer["type"] == "pong", "{answer}");
        }
        Ok(())
    });
}

#[test]
fn unknown_fields_are_ignored_however_deep_they_are() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        wire.send_text(format!(r#"{{"type":"ping","id":"deep","x":{deep}}}"#))
            .await?;
        let answer = wire.answer("deep").await?;
        ensure!(answer["type"] == "pong", "{answer}");
        Ok(())
    });
}

#[test]
fn each_wrong_request_gets_its_own_code_under_its_id() {
    disturb(Settings::default(), async |scene| {
        let subscribe =
            |channel: &str, params: Value| ("subscribe", json!({"channel": channel, "params": params}));
        for ((kind, payload), code) in [
            (("dance", json!({})), "UNKNOWN_MESSAGE_TYPE"),
            (("", json!({})), "UNKNOWN_MESSAGE_TYPE"),
            (subscribe("weather", json!({})), "UNKNOWN_CHANNEL"),
            (subscribe("trades", json!({})), "INVALID_PARAMS"),
            (
                subscribe("trades", json!({"symbol": "NOSUCHCOIN"})),
                "INVALID_PARAMS",
            ),
            (
                subscribe("trades", json!({"symbol": "BTC", "colour": "red"})),
                "INVALID_PARAMS",
            ),
            (
                subscribe("orderbook", json!({"symbol": "BTC", "depth": 21})),
                "INVALID_PARAMS",
            ),
            (
                subscribe("candles", json!({"symbol": "BTC", "interval": "7m"})),
                "INVALID_PARAMS",
            ),
            (subscribe("prices", json!({"throttle": -1})), "INVALID_PARAMS"),
        ] {
            let mut wire = scene.server.connect().await?;
            let answer = wire.ask(kind, payload.clone()).await?;
            refused(&answer, code).with_context(|| format!("{kind} {payload}"))?;
        }
        Ok(())
    });
}

#[test]
fn binary_data_is_closed_with_1003() {
    disturb(Settings::default(), async |scene| {
        for bytes in [vec![], vec![0xFF; 64], br#"{"type":"ping"}"#.to_vec()] {
            let mut wire = scene.server.connect().await?;
            wire.send_binary(bytes).await?;
            ends(&mut wire, 1003).await?;
        }
        Ok(())
    });
}

#[test]
fn text_that_is_not_utf_8_is_closed_with_1007() {
    disturb(Settings::default(), async |scene| {
        for bytes in [
            vec![0xFF, 0xFE],
            b"{\"type\":\"\xC3\x28\"}".to_vec(),
            vec![0xED, 0xA0, 0x80],
        ] {
            let mut wire = scene.server.connect().await?;
            wire.send_as_text(bytes).await?;
            ends(&mut wire, 1007).await?;
        }
        Ok(())
    });
}
