//! The views of everything that speaks, as people use them: two browsers in a room, a device that is ordered about, work
//! that goes on, a chain that grows, an account whose orders fill.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Browser, Claims, Market, Page, Server, Settings, Stage, Wire, play};
use serde_json::{Value, json};

/// How long a page may take to show what happened; a busy machine is slow.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn two_browsers_talk_in_a_room_and_lose_nothing_when_the_server_is_killed() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let ann = in_the_lobby(stage, &server, "ann").await?;
        let bob = in_the_lobby(stage, &server, "bob").await?;
        ann.texts_soon("member", SOON, |members| members.len() == 2)
            .await?;
        bob.texts_soon("member", SOON, |members| members.len() == 2)
            .await?;

        ann.write_into("message-input", "hello bob").await?;
        ann.browser().press("Enter").await?;
        bob.texts_soon("message-text", SOON, |texts| texts == ["hello bob"])
            .await?;
        bob.write_into("message-input", "hel").await?;
        ann.texts_soon("typing", SOON, |texts| {
            texts.iter().any(|text| text.contains("bob"))
        })
        .await?;
        bob.browser().insert("lo ann").await?;
        bob.browser().press("Enter").await?;
        ann.texts_soon("message-text", SOON, |texts| texts == ["hello bob", "hello ann"])
            .await?;

        let server = server
            .kill_and_restart(async || {
                ann.says("reconnecting", SOON).await?;
                Ok(())
            })
            .await?;

        ann.says("live", Duration::from_secs(60)).await?;
        bob.says("live", Duration::from_secs(60)).await?;
        bob.write_into("message-input", "still there?").await?;
        bob.browser().press("Enter").await?;
        for page in [&ann, &bob] {
            page.texts_soon("message-text", SOON, |texts| {
                texts == ["hello bob", "hello ann", "still there?"]
            })
            .await?;
            page.texts_soon("member", SOON, |members| members.len() == 2)
                .await?;
        }
        drop(server);
        Ok(())
    });
}

#[test]
fn a_device_is_ordered_about_from_the_page() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut device = someone(stage, &server, "pump-1", "device").await?;
        let report = json!({"device_id": "pump-1", "metrics": {"temperature_c": 21.5, "rpm": 1200}});
        device.ask("telemetry", report).await?;
        let page = signed_in(stage, &server, "ann", "operator", "/devices").await?;
        page.texts_soon("device-row", SOON, |rows| {
            rows.len() == 1 && rows[0].contains("pump-1")
        })
        .await?;
        page.click("device-row").await?;
        page.texts_soon("metric", SOON, |tiles| {
            tiles.iter().any(|tile| tile.contains("21.5"))
        })
        .await?;

        page.write_into("command-name", "blink").await?;
        page.click("command-send").await?;
        let push = device.next_of("command").await?;
        ensure!(push["payload"]["name"] == "blink", "{push}");
        let id = push["payload"]["command_id"].clone();
        device.ask("command.received", json!({"command_id": id})).await?;
        nexus_e2e::until("the page shows that it was delivered", SOON, async || {
            ensure!(page.shows("command").await?, "no command is shown");
            let state = page.attribute("command", "data-status").await?;
            ensure!(state == "delivered", "it says {state}");
            Ok(())
        })
        .await?;
        let result = json!({"command_id": id, "ok": true, "result": {"blinked": 3}});
        device.ask("command.result", result).await?;
        nexus_e2e::until("the page shows that it is done", SOON, async || {
            let state = page.attribute("command", "data-status").await?;
            ensure!(state == "done", "it says {state}");
            Ok(())
        })
        .await?;
        drop(device);
        nexus_e2e::until("the page shows that it is offline", SOON, async || {
            let state = page.attribute("device-row", "data-state").await?;
            ensure!(state == "offline", "it says {state}");
            Ok(())
        })
        .await
    });
}

#[test]
fn tasks_progress_and_streams_type_themselves() {
    play(async |stage| {
        let server = stage.server_before(None, Settings::default()).await?;
        let mut maker = someone(stage, &server, "maker", "operator").await?;
        publish(
            &mut maker,
            "ai",
            json!({"stream_id": "s1", "title": "Answer", "chunk": "Once "}),
        )
        .await?;
        publish(&mut maker, "ai", json!({"stream_id": "s1", "chunk": "upon "})).await?;
        let task = json!({"task_id": "t1", "title": "Nightly backup", "progress": 0.25});
        publish(&mut maker, "tasks", task).await?;
        publish(&mut maker, "events", json!({"kind": "door", "open": true})).await?;

        // It comes late, and sees what there is.
        let page = signed_in(stage, &server, "ann", "viewer", "/activity").await?;
        page.texts_soon("stream-text", SOON, |texts| {
            texts.len() == 1 && texts[0].starts_with("Once upon")
        })
        .await?;
        page.texts_soon("task", SOON, |tasks| {
            tasks.len() == 1 && tasks[0].contains("Nightly backup")
        })
        .await?;
        ensure!(page.attribute("task-progress", "data-percent").await? == "25");
        page.texts_soon("event", SOON, |events| {
            events.len() == 1 && events[0].contains("door")
        })
        .await?;

        publish(
            &mut maker,
            "ai",
            json!({"stream_id": "s1", "chunk": "a time", "done": true}),
        )
        .await?;
        publish(
            &mut maker,
            "tasks",
            json!({"task_id": "t1", "title": "Nightly backup", "progress": 0.75}),
        )
        .await?;
        page.texts_soon("stream-text", SOON, |texts| texts == ["Once upon a time"])
            .await?;
        nexus_e2e::until("the task goes on", SOON, async || {
            let percent = page.attribute("task-progress", "data-percent").await?;
            ensure!(percent == "75", "it says {percent}");
            Ok(())
        })
        .await
    });
}

#[test]
fn a_chain_grows_and_what_the_node_did_not_tell_is_fetched() {
    play(async |stage| {
        let standin = stage.programs().standin.clone();
        let args = ["chain", "--listen=127.0.0.1:0", "--block-every=1s"].map(str::to_owned);
        let node = stage
            .program("chain", &standin, &args, "listening on http://")
            .await?;
        let url = format!("http://{}", node.greeted_with());
        let settings = Settings::default()
            .with("NEXUS_LINERA_URL", &url)
            .with("NEXUS_LINERA_SIMULATED", "true");
        let server = stage.server_before(None, settings).await?;
        let page = signed_in(stage, &server, "ann", "viewer", "/chains").await?;
        let before = heights(&page, 3).await?;
        let newest = before.iter().max().copied().context("no block")?;
        let after = nexus_e2e::until("the chain grows", SOON, async || {
            let heights = heights(&page, 3).await?;
            ensure!(heights.iter().max() > Some(&(newest + 2)), "{heights:?}");
            Ok(heights)
        })
        .await?;
        let mut sorted = after.clone();
        sorted.sort_unstable();
        let expected: Vec<u64> = (sorted[0]..sorted[0] + sorted.len() as u64).collect();
        ensure!(
            sorted == expected,
            "each block once, and none is missing: {sorted:?}"
        );
        page.shows_soon("chain-simulated", true).await
    });
}

#[test]
fn an_account_s_orders_fill_for_its_owner_alone() {
    play(async |stage| {
        let exchange = stage
            .exchange(Market {
                speed: 5.0,
                ..Market::default()
            })
            .await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let address = "0x00000000000000000000000000000000000000a1";
        let claims = Claims::viewer("ann").with("address", address);
        let token = stage.token(&claims)?;
        let browser = stage.browser().await?;
        let page = Page::open_live(&browser, &format!("{}/?coin=BTC#token={token}", server.url())).await?;
        page.click("below-positions").await?;
        page.texts_soon("account-value", Duration::from_secs(60), |texts| {
            texts.len() == 1 && texts[0].chars().any(|c| c.is_ascii_digit())
        })
        .await?;
        page.click("below-orders").await?;
        page.texts_soon("order-row", Duration::from_secs(60), |rows| !rows.is_empty())
            .await?;
        page.click("below-fills").await?;
        page.texts_soon("fill-row", Duration::from_secs(90), |rows| !rows.is_empty())
            .await?;

        let mut bob = someone(stage, &server, "bob", "viewer").await?;
        let refused = bob
            .ask(
                "subscribe",
                json!({"channel": "user_fills", "params": {"userId": "ann"}}),
            )
            .await?;
        ensure!(refused["error"]["code"] == "FORBIDDEN", "{refused}");
        Ok(())
    });
}

/// The heights of the blocks that are shown, at least so many.
async fn heights(page: &Page, least: usize) -> anyhow::Result<Vec<u64>> {
    let texts = page
        .texts_soon("block-height", SOON, |texts| texts.len() >= least)
        .await?;
    texts
        .iter()
        .map(|text| {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            digits.parse().with_context(|| format!("no height: {text}"))
        })
        .collect()
}

async fn in_the_lobby(stage: &Stage, server: &Server, user: &str) -> anyhow::Result<Page> {
    let page = signed_in(stage, server, user, "viewer", "/rooms").await?;
    page.shows_soon("room-join", true).await?;
    page.write_into("room-join", "lobby").await?;
    page.click("room-join-button").await?;
    page.shows_soon("message-input", true).await?;
    Ok(page)
}

async fn signed_in(
    stage: &Stage,
    server: &Server,
    user: &str,
    role: &'static str,
    path: &str,
) -> anyhow::Result<Page> {
    let token = stage.token(&Claims::of(user, role))?;
    let browser: Rc<Browser> = stage.browser().await?;
    Page::open(&browser, &format!("{}{path}#token={token}", server.url())).await
}

async fn someone(stage: &Stage, server: &Server, sub: &str, role: &'static str) -> anyhow::Result<Wire> {
    let mut wire = server.connect().await?;
    let answer = wire.auth(&stage.token(&Claims::of(sub, role))?).await?;
    ensure!(answer["type"] == "authenticated", "{answer}");
    Ok(wire)
}

async fn publish(wire: &mut Wire, channel: &str, data: Value) -> anyhow::Result<()> {
    let ack = wire
        .ask("publish", json!({"channel": channel, "data": data}))
        .await?;
    ensure!(ack["type"] == "ack", "{ack}");
    Ok(())
}
