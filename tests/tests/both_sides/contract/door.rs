//! Who may come in: origins, tokens, and the time to sign in.

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Knock, Settings};
use serde_json::{Value, json};

use super::{closed, disturb, ends, nobody_may_anything, refused};

#[test]
fn a_foreign_origin_is_closed_with_1008() {
    disturb(Settings::default(), async |scene| {
        for origin in ["https://evil.example", "http://127.0.0.1.evil.example", "null"] {
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
fn a_wrong_token_in_auth_is_refused_and_closed_with_4000() {
    disturb(Settings::default(), async |scene| {
        for (what, token) in scene.wrong_tokens()? {
            scene.stage.keep_secret(&token);
            let mut wire = scene.server.connect().await?;
            refused(&wire.auth(&token).await?, "AUTH_FAILED").context(what)?;
            ends(&mut wire, 4000).await.context(what)?;
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
        refused(&wire.auth(&token).await?, "TOKEN_EXPIRED").context("in `auth`")?;
        ends(&mut wire, 4001).await.context("in `auth`")
    });
}
