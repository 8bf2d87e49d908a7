//! `permessage-deflate` with those who offer it by themselves: the browser, npm's `ws`, Python's `websockets`. They read
//! the same as all others, and what they compress is read.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Claims, Market, Page, Server, Settings, play, until};
use serde_json::json;

use crate::foreign::{Foreign, Library};

#[test]
fn the_dashboard_gets_compressed_frames_and_never_has_to_come_back() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let page = Page::open_live(&stage.browser().await?, &format!("{}/markets/BTC", server.url())).await?;
        page.panel_is("book", "ready", Duration::from_secs(20)).await?;
        until(
            "fifty frames were compressed",
            Duration::from_secs(60),
            async || {
                let frames = counted(&server, "nexus_compressed_frames_total").await?;
                ensure!(frames >= 50, "{frames} were");
                Ok(())
            },
        )
        .await?;
        page.says("live", Duration::from_secs(5)).await?;
        let sockets = page.sockets().await?;
        ensure!(sockets == 1, "the page needed {sockets} WebSockets");
        let before = counted(&server, "nexus_compressed_before_bytes_total").await?;
        let after = counted(&server, "nexus_compressed_after_bytes_total").await?;
        ensure!(after * 2 < before, "{before} bytes became {after}");
        Ok(())
    });
}

#[test]
fn npm_ws_reads_and_writes_compressed_messages() {
    reads_and_writes(Library::NpmWs);
}

#[test]
fn python_websockets_reads_and_writes_compressed_messages() {
    reads_and_writes(Library::PythonWebsockets);
}

fn reads_and_writes(library: Library) {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let url = format!("ws://{}/ws?token={token}", server.address());
        let mut client = Foreign::start(library, &url).await?;
        ensure!(client.hear().await?["type"] == "welcome");
        client.say(json!({"type": "join_room", "room": "lobby"})).await?;
        client.hear_of("subscribed").await?;
        for number in 0..20 {
            // Each long enough to be compressed by both sides, and like the one before: whoever kept what was before
            // would refer to it.
            let text = format!("{number} {}", "grüezi mitenand ".repeat(200));
            client
                .say(json!({"type": "message", "room": "lobby", "data": {"text": text}}))
                .await?;
            let message = client.hear_of("message").await?;
            ensure!(message["data"] == json!({"text": text}), "{message}");
        }
        let frames = counted(&server, "nexus_compressed_frames_total").await?;
        ensure!(frames >= 20, "{frames} frames were compressed");
        Ok(())
    });
}

/// The value of a metric without labels.
async fn counted(server: &Server, name: &str) -> anyhow::Result<u64> {
    let (_, text) = server.get("/metrics").await?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.with_context(|| format!("there is no {name}"))?;
    Ok(value.trim().parse()?)
}
