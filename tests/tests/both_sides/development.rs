//! Developing the dashboard: `trunk serve` on its own port beside a server passes on every path that is the server's,
//! WebSockets included, and the page works through it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Page, Programs, Settings, Stage, play, until};

/// Trunk compiles the dashboard when it starts; mostly that is done already.
const BUILT: Duration = Duration::from_secs(400);

#[test]
fn the_page_works_through_trunk_serve() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let trunk = serve(stage, &server.address().to_string()).await?;

        let page = Page::open_live(&stage.browser().await?, &format!("{trunk}/markets/BTC")).await?;

        page.panel_is("tape", "ready", Duration::from_secs(20)).await?;
        for path in ["/health", "/health/ready", "/metrics"] {
            let through = reqwest::get(format!("{trunk}{path}")).await?;
            ensure!(
                through.status().is_success(),
                "{path} answered {} through trunk",
                through.status()
            );
            let body = through.text().await?;
            ensure!(
                !body.contains("<html"),
                "{path} answered with the page instead of the server's own"
            );
        }
        Ok(())
    });
}

/// Starts trunk with the repository's own settings, but for the ports and where it builds.
async fn serve(stage: &Stage, server: &str) -> anyhow::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("no workspace")?
        .canonicalize()?;
    let dir = stage.directory("trunk")?;
    let settings = std::fs::read_to_string(root.join("Trunk.toml"))?;
    let index = root.join("index.html");
    let changed = settings
        .replace("127.0.0.1:8080", server)
        .replace("target = \"index.html\"", &format!("target = {index:?}"))
        .replace("dist = \"dist\"", &format!("dist = {:?}", dir.join("dist")))
        .replace("\"index.html\"", &format!("{index:?}"))
        .replace("\"crates/", &format!("\"{}/crates/", root.display()));
    ensure!(
        changed.contains(server),
        "Trunk.toml passes nothing on to 127.0.0.1:8080"
    );
    let config = dir.join("Trunk.toml");
    std::fs::write(&config, changed)?;

    let port = free_port().await?;
    let args = [
        "serve".to_owned(),
        format!("--config={}", config.display()),
        format!("--port={port}"),
        "--release".to_owned(),
        "--no-autoreload".to_owned(),
        "--skip-version-check".to_owned(),
    ];
    stage
        .program("trunk", &Programs::tool("NEXUS_TRUNK")?, &args, "starting build")
        .await
        .context("trunk serve")?;
    let url = format!("http://127.0.0.1:{port}");
    until("trunk has built the page", BUILT, async || {
        let page = reqwest::get(&url).await?.error_for_status()?.text().await?;
        ensure!(page.contains("nexus-web"), "it serves {page:.100}");
        Ok(())
    })
    .await?;
    Ok(url)
}

/// Trunk cannot choose one by itself.
async fn free_port() -> anyhow::Result<u16> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.port())
}
