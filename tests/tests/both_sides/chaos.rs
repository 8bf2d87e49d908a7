//! The whole way from the exchange to a program, with everything going wrong: each trade comes exactly once and in order,
//! or is declared as missing. Nothing else is allowed to happen.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Cable, Claims, Exchange, Follower, Market, Server, Settings, play, until};
use serde_json::json;

/// How long everything goes wrong.
const CHAOS: Duration = Duration::from_secs(60);
/// How long the exchange is silent when it is. It numbers nothing: what it leaves out in a pause as short as those between
/// its trades, nobody can see.
const SILENCE_MS: std::ops::Range<u64> = 10_000..14_000;
/// How long a link may take to be back after one fault.
const BACK: Duration = Duration::from_secs(60);

#[test]
fn through_random_faults_every_trade_comes_once_or_is_declared_as_missing() {
    play(async |stage| {
        let seed = std::env::var("NEXUS_CHAOS_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        // Shown when the test fails; to see the same again, set the variable to it.
        stage.log("chaos").note(format!("NEXUS_CHAOS_SEED={seed}"));
        let mut dice = fastrand::Rng::with_seed(seed);

        let exchange = stage
            .exchange(Market {
                recent_trades: 60,
                ..Market::default()
            })
            .await?;
        let mut server = Some(stage.server(&exchange, Settings::default()).await?);
        let address = server.as_ref().context("a server")?.address();
        let cable = Cable::to(address).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let mut followers = Vec::new();
        for coin in ["BTC", "ETH", "SOL"] {
            followers
                .push(Follower::follow(&format!("http://{}", cable.address()), token.clone(), coin).await?);
        }

        // Once for sure, whatever the dice say.
        let running = server.take().context("a server")?;
        server = Some(
            running
                .kill_and_restart(async || pause(&exchange, 500).await)
                .await?,
        );

        let began = tokio::time::Instant::now();
        while began.elapsed() < CHAOS {
            let running = server.take().context("the server did not come back")?;
            server = Some(go_wrong(&mut dice, &exchange, running, &cable).await?);
            pause(&exchange, dice.u64(200..3_000)).await?;
        }
        exchange.clear().await?;
        cable.mend();

        for follower in followers {
            ensure!(
                follower.reconnects() >= 1,
                "the link was never lost, so nothing was tested"
            );
            follower.account(&exchange).await?;
        }
        Ok(())
    });
}

#[test]
fn a_short_cut_of_the_source_is_mended_from_its_memory_without_a_gap() {
    play(async |stage| {
        let exchange = stage
            .exchange(Market {
                recent_trades: 400,
                ..Market::default()
            })
            .await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let follower = Follower::follow(&server.url(), stage.token(&Claims::viewer("ann"))?, "BTC").await?;

        for _ in 0..3 {
            let opened = exchange.observe().await?.opened;
            exchange.cut().await?;
            until("the server has found the exchange again", BACK, async || {
                let observed = exchange.observe().await?;
                ensure!(
                    observed.opened > opened && observed.is_subscribed("trades"),
                    "{observed:?}"
                );
                Ok(())
            })
            .await?;
        }

        ensure!(
            follower.declarations() == 0,
            "a gap was declared although the exchange still had all"
        );
        ensure!(
            follower.reconnects() == 0,
            "the client's own link is none of the exchange's business"
        );
        let account = follower.account(&exchange).await?;
        ensure!(account.declared == 0, "{account:?}");
        Ok(())
    });
}

#[test]
fn a_lost_link_is_recovered_from_the_history_without_a_loss() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let cable = Cable::to(server.address()).await?;
        let url = format!("http://{}", cable.address());
        let follower = Follower::follow(&url, stage.token(&Claims::viewer("ann"))?, "BTC").await?;

        for round in 1..=3 {
            cable.cut();
            until("the client has noticed", BACK, async || {
                ensure!(!follower.is_live(), "it is live");
                Ok(())
            })
            .await?;
            cable.mend();
            until("the client is back", BACK, async || {
                ensure!(
                    follower.is_live() && follower.reconnects() == round,
                    "{} returns",
                    follower.reconnects()
                );
                Ok(())
            })
            .await?;
        }

        ensure!(
            follower.declarations() == 0,
            "the history reached back, so nothing may be lost"
        );
        let account = follower.account(&exchange).await?;
        ensure!(account.declared == 0, "{account:?}");
        Ok(())
    });
}

/// One thing goes wrong.
async fn go_wrong(
    dice: &mut fastrand::Rng,
    exchange: &Exchange,
    server: Server,
    cable: &Cable,
) -> anyhow::Result<Server> {
    match dice.u32(0..14) {
        0 => exchange.cut().await?,
        1 => exchange.fault(json!({"fault": "close"})).await?,
        2 => exchange.fault(json!({"fault": "malformed"})).await?,
        3 => exchange.fault(json!({"fault": "huge"})).await?,
        4 => exchange.fault(json!({"fault": "binary"})).await?,
        5 => exchange.fault(json!({"fault": "duplicate_trades"})).await?,
        6 => {
            exchange.stall(true).await?;
            pause(exchange, dice.u64(SILENCE_MS)).await?;
            exchange.clear().await?;
        }
        7 => {
            exchange.stall_trades("ETH", true).await?;
            pause(exchange, dice.u64(SILENCE_MS)).await?;
            exchange.clear().await?;
        }
        8 => {
            exchange.go_down().await?;
            pause(exchange, dice.u64(500..6_000)).await?;
            exchange.clear().await?;
        }
        9 => {
            exchange
                .fault(json!({"fault": "http", "mode": "html500", "times": 3}))
                .await?;
            exchange.cut().await?;
        }
        10 | 11 => {
            cable.cut();
            pause(exchange, dice.u64(100..2_000)).await?;
            cable.mend();
        }
        12 => {
            cable.pull_out();
            pause(exchange, dice.u64(500..4_000)).await?;
            cable.mend();
        }
        _ => {
            let wait = dice.u64(0..3_000);
            return server
                .kill_and_restart(async || pause(exchange, wait).await)
                .await;
        }
    }
    Ok(server)
}

/// Lets so many milliseconds of the market happen.
async fn pause(exchange: &Exchange, millis: u64) -> anyhow::Result<()> {
    let then = exchange.observe().await?.now + millis;
    until("some time has passed at the exchange", BACK, async || {
        let now = exchange.observe().await?.now;
        ensure!(now >= then, "it is {now}, not yet {then}");
        Ok(())
    })
    .await
}
