//! Whatever a client does wrong gets exactly the answer that `docs/PROTOCOL.md` says, and everyone else goes on as if
//! nothing had been: beside each offender a witness follows the trades and must have seen every one of them.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, End, Exchange, Knock, Server, Settings, Stage, Wire, Witness, play};
use serde_json::{Value, json};

/// How long the server may take to close, where no other time is announced.
const CLOSE: Duration = Duration::from_secs(10);

#[test]
fn a_foreign_origin_is_closed_with_1008() {
    disturb(Settings::default(), async |scene| {
        for origin in [
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1:1",
            "null",
        ] {
            let knock = Knock::default().header("origin", origin);
            closed(scene.server.knock(knock).await?, 1008)
                .await
                .context(origin)?;
        }
        Ok(())
    });
}

#[test]
fn the_own_origin_is_welcome() {
    disturb(Settings::default(), async |scene| {
        let knock = Knock::default().header("origin", scene.server.url());
        let mut wire = scene
            .server
            .knock(knock)
            .await?
            .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        wire.next_of("connected").await?;
        Ok(())
    });
}

#[test]
fn no_token_on_a_protected_channel_is_refused() {
    disturb(Settings::default(), async |scene| {
        for (channel, params) in [
            ("user_fills", json!({"userId": "ann"})),
            ("telemetry", Value::Null),
        ] {
            let mut wire = scene.server.connect().await?;
            let answer = wire
                .ask("subscribe", json!({"channel": channel, "params": params}))
                .await?;
            refused(&answer, "AUTH_FAILED").context(channel)?;
        }
        Ok(())
    });
}

#[test]
fn no_token_where_one_must_sign_in_is_refused_and_closed_with_1008_after_the_announced_time() {
    let settings = nobody_may_anything().with("NEXUS_SIGN_IN_SECS", 2);
    disturb(settings, async |scene| {
        let mut wire = scene.server.connect().await?;
        let connected = wire.next_of("connected").await?;
        ensure!(
            connected["payload"]["limits"]["sign_in_ms"] == 2_000,
            "announced is {connected}"
        );
        let answer = wire.ask("subscribe", json!({"channel": "prices"})).await?;
        refused(&answer, "AUTH_FAILED")?;
        ends(&mut wire, 1008).await
    });
}

#[test]
fn a_wrong_token_at_the_door_is_closed_with_4000() {
    disturb(Settings::default(), async |scene| {
        for (what, token) in scene.wrong_tokens()? {
            scene.stage.keep_secret(&token);
            let knock = Knock::default().header("authorization", format!("Bearer {token}"));
            closed(scene.server.knock(knock).await?, 4000)
                .await
                .with_context(|| format!("{what} as a header"))?;
            let knock = Knock::default().at(format!("/v1/ws?token={token}"));
            closed(scene.server.knock(knock).await?, 4000)
                .await
                .with_context(|| format!("{what} in the query"))?;
        }
        Ok(())
    });
}

#[test]
fn a_wrong_token_in_auth_is_refused() {
    disturb(Settings::default(), async |scene| {
        for (what, token) in scene.wrong_tokens()? {
            scene.stage.keep_secret(&token);
            let mut wire = scene.server.connect().await?;
            refused(&wire.auth(&token).await?, "AUTH_FAILED").context(what)?;
        }
        Ok(())
    });
}

#[test]
fn an_expired_token_is_told_apart_from_a_wrong_one() {
    disturb(Settings::default(), async |scene| {
        let token = scene.stage.token(&Claims::viewer("ann").expiring_in(-3_600))?;
        let knock = Knock::default().header("authorization", format!("Bearer {token}"));
        closed(scene.server.knock(knock).await?, 4001)
            .await
            .context("at the door")?;
        let mut wire = scene.server.connect().await?;
        refused(&wire.auth(&token).await?, "TOKEN_EXPIRED").context("in `auth`")
    });
}

#[test]
fn the_101st_message_in_a_minute_is_refused_with_a_time_to_wait() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        for number in 1..=100 {
            let answer = wire.ask("ping", Value::Null).await?;
            ensure!(
                answer["type"] == "pong",
                "message {number} was answered with {answer}"
            );
        }
        let answer = wire.ask("ping", Value::Null).await?;
        refused(&answer, "RATE_LIMITED")?;
        let wait = answer["error"]["retry_after_ms"]
            .as_u64()
            .context("no time to wait")?;
        ensure!((1..=60_000).contains(&wait), "wait {wait} ms");
        Ok(())
    });
}

#[test]
fn the_11th_refusal_in_a_minute_is_closed_with_1008() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        for _ in 1..=10 {
            refused(&wire.ask("dance", Value::Null).await?, "UNKNOWN_MESSAGE_TYPE")?;
        }
        wire.request("dance", Value::Null).await?;
        ends(&mut wire, 1008).await
    });
}

#[test]
fn a_message_over_the_limit_is_closed_with_1009() {
    disturb(Settings::default(), async |scene| {
        for bytes in [128 * 1024 + 1, 1024 * 1024] {
            let mut wire = scene.server.connect().await?;
            // The server may close before it took all of it; what counts is what it says.
            let _ = wire.send_text(padded(bytes)).await;
            ends(&mut wire, 1009)
                .await
                .with_context(|| format!("{bytes} bytes of text"))?;

            let mut wire = scene.server.connect().await?;
            let _ = wire.send_binary(vec![0; bytes]).await;
            ends(&mut wire, 1009)
                .await
                .with_context(|| format!("{bytes} bytes, binary"))?;
        }
        Ok(())
    });
}

#[test]
fn a_message_just_within_the_limit_is_answered() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        wire.send_text(padded(128 * 1024)).await?;
        let answer = wire.answer("padded").await?;
        ensure!(answer["type"] == "pong", "{answer}");
        Ok(())
    });
}

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
            &format!(
                r#"{{"type":"ping","x":{}{}}}"#,
                "[".repeat(50_000),
                "]".repeat(50_000)
            ),
            "\u{0}\u{1}\u{2}",
        ] {
            let shown: String = text.chars().take(60).collect();
            let mut wire = scene.server.connect().await?;
            wire.send_text(text).await?;
            refused(&wire.next_of("error").await?, "INVALID_MESSAGE").context(shown.clone())?;
            let answer = wire.ask("ping", Value::Null).await.context(shown)?;
            ensure!(answer["type"] == "pong", "{answer}");
        }
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

#[test]
fn the_257th_subscription_is_refused_and_the_others_stay() {
    // So many requests are more than a minute allows.
    disturb(
        Settings::default().with("NEXUS_MESSAGES_PER_MINUTE", 1_000),
        async |scene| {
            let mut wire = scene.server.connect().await?;
            let coins = scene.coins().await?;
            let topics = coins.iter().flat_map(|coin| {
                (1..=20).map(
                    move |depth| json!({"channel": "orderbook", "params": {"symbol": coin, "depth": depth}}),
                )
            });
            let mut topics = topics.take(257);
            for number in 1..=256 {
                let topic = topics.next().context("too few coins")?;
                let answer = wire.ask("subscribe", topic).await?;
                ensure!(answer["type"] == "subscribed", "subscription {number}: {answer}");
            }
            let answer = wire
                .ask("subscribe", topics.next().context("too few coins")?)
                .await?;
            refused(&answer, "TOO_MANY_SUBSCRIPTIONS")?;
            wire.next_of("orderbook.update").await?;
            Ok(())
        },
    );
}

#[test]
fn the_11th_connection_in_a_minute_is_closed_with_4029() {
    let settings = Settings::default()
        .with("NEXUS_CONNECTIONS_PER_MINUTE", 10)
        .with("NEXUS_EXEMPT_LOOPBACK", false);
    disturb(settings, async |scene| {
        // The witness was the first.
        let mut wires = Vec::new();
        for _ in 2..=10 {
            let mut wire = scene.server.connect().await?;
            wire.next_of("connected").await?;
            wires.push(wire);
        }
        closed(scene.server.knock(Knock::default()).await?, 4029).await?;
        for wire in &mut wires {
            let answer = wire.ask("ping", Value::Null).await?;
            ensure!(answer["type"] == "pong", "{answer}");
        }
        Ok(())
    });
}

#[test]
fn every_limit_is_announced_before_it_can_be_broken() {
    disturb(Settings::default(), async |scene| {
        let mut wire = scene.server.connect().await?;
        let connected = wire.next().await?;
        ensure!(
            connected["type"] == "connected",
            "the first message is {connected}"
        );
        let expected = json!({
            "messages_per_minute": 100,
            "errors_per_minute": 10,
            "message_bytes": 131_072,
            "subscriptions": 256,
            "outbox_bytes": 1_048_576,
            "sign_in_ms": 10_000,
            "idle_ms": 60_000,
        });
        ensure!(
            connected["payload"]["limits"] == expected,
            "announced is {connected}"
        );
        ensure!(
            connected["payload"]["protocol"] == "nexus.v1.json",
            "the protocol is {connected}"
        );
        Ok(())
    });
}

/// What an offender meets: a server with a market behind it, and a witness beside.
struct Scene<'a> {
    stage: &'a Stage,
    server: Server,
    exchange: Exchange,
}

impl Scene<'_> {
    /// Tokens that nobody signed for this server.
    fn wrong_tokens(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let right = self.stage.token(&Claims::viewer("mallory"))?;
        let (signed, signature) = right.rsplit_once('.').context("a token has three parts")?;
        let (header, claims) = signed.split_once('.').context("a token has three parts")?;
        let foreign = nexus_e2e::sign(
            &Claims::viewer("mallory"),
            "another secret, which is as long as ours is",
        )?;
        Ok(vec![
            ("nonsense", "nonsense-that-is-no-token".to_owned()),
            ("a foreign signature", foreign),
            ("no signature", format!("{signed}.")),
            ("swapped parts", format!("{claims}.{header}.{signature}")),
            // {"alg":"none"}
            (
                "the algorithm `none`",
                format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.{signature}"),
            ),
        ])
    }

    /// Coins of the market.
    async fn coins(&self) -> anyhow::Result<Vec<String>> {
        let meta = self.exchange.info(json!({"type": "meta"})).await?;
        let coins = meta["universe"].as_array().context("no universe")?;
        let is_listed = |coin: &&Value| coin["isDelisted"] != true;
        Ok(coins
            .iter()
            .filter(is_listed)
            .filter_map(|coin| Some(coin["name"].as_str()?.to_owned()))
            .collect())
    }
}

/// Lets someone offend while a witness looks at the market.
fn disturb(settings: Settings, offend: impl AsyncFnOnce(&Scene<'_>) -> anyhow::Result<()>) {
    play(async |stage| {
        let exchange = stage.exchange(Default::default()).await?;
        let server = stage.server(&exchange, settings).await?;
        let mut wire = server.connect().await?;
        wire.auth(&stage.token(&Claims::viewer("witness"))?).await?;
        let witness = Witness::follow(wire, "BTC").await?;
        let scene = Scene {
            stage,
            server,
            exchange,
        };

        offend(&scene).await?;

        witness.saw_everything(&scene.exchange).await?;
        Ok(())
    });
}

fn nobody_may_anything() -> Settings {
    Settings::default().with("NEXUS_ANONYMOUS", "")
}

/// A `ping` of exactly so many bytes.
fn padded(bytes: usize) -> String {
    let message = |padding: &str| format!(r#"{{"type":"ping","id":"padded","padding":"{padding}"}}"#);
    message(&"x".repeat(bytes.saturating_sub(message("").len())))
}

fn refused(answer: &Value, code: &str) -> anyhow::Result<()> {
    ensure!(
        answer["type"] == "error" && answer["error"]["code"] == code,
        "{code} was due, but came {answer}"
    );
    ensure!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|text| text.len() > 10),
        "it explains nothing: {answer}"
    );
    Ok(())
}

async fn ends(wire: &mut Wire, code: u16) -> anyhow::Result<()> {
    let End { code: got, reason } = wire.end(CLOSE).await?;
    ensure!(
        got == code,
        "{code} was due, but it was closed with {got} ({reason})"
    );
    Ok(())
}

async fn closed(opened: Result<Wire, nexus_e2e::Refused>, code: u16) -> anyhow::Result<()> {
    match opened {
        Ok(mut wire) => ends(&mut wire, code).await,
        Err(refused) => {
            anyhow::bail!("the upgrade was refused with {refused:?}: a browser could not see why")
        }
    }
}
