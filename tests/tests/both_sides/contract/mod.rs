//! Whatever a client does wrong gets exactly the answer that `docs/PROTOCOL.md` says, and everyone else goes on as if
//! nothing had been: beside each offender a witness follows the trades and must have seen every one of them.

mod door;
mod limits;
mod messages;

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, End, Exchange, Server, Settings, Stage, Wire, Witness, play};
use serde_json::{Value, json};

/// How long the server may take to close, where no other time is announced.
const CLOSE: Duration = Duration::from_secs(10);

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
