//! Nothing keeps people out: axe, which knows the rules of WCAG, finds nothing serious on any view, dark or light.

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Page, Scheme, Screen, Settings, play};
use serde::Deserialize;
use serde_json::Value;

/// The script itself; see `tests/vendor/README.md`.
const AXE: &str = include_str!("../../vendor/axe-core/axe.min.js");

#[test]
fn axe_finds_nothing_serious_in_dark_and_light() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        for scheme in Scheme::BOTH {
            for screen in [Screen::DESKTOP, Screen::PHONE] {
                browser.show_on(screen).await?;
                let page = Page::open_live(&browser, &format!("{}/markets/BTC", server.url())).await?;
                page.wear(scheme).await?;
                let place = format!("{} {}", scheme.name(), screen.name);
                no_barriers(&page)
                    .await
                    .with_context(|| format!("{place}, the markets"))?;
                for (key, dialog) in [("?", "help-dialog"), (",", "settings-dialog")] {
                    page.browser().press(key).await?;
                    page.shows_soon(dialog, true).await?;
                    no_barriers(&page)
                        .await
                        .with_context(|| format!("{place}, the {dialog}"))?;
                    page.browser().press("Escape").await?;
                    page.shows_soon(dialog, false).await?;
                }
            }
        }
        Ok(())
    });
}

/// What axe complains of.
#[derive(Deserialize)]
struct Violation {
    id: String,
    impact: Option<String>,
    help: String,
    nodes: Vec<String>,
}

async fn no_barriers(page: &Page) -> anyhow::Result<()> {
    page.browser()
        .script::<Value>(&format!("{AXE}; return null"), vec![])
        .await?;
    let violations: Vec<Violation> = page
        .browser()
        .script_async(
            "const done = arguments[0];
             axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations.map((one) => ({
               id: one.id, impact: one.impact, help: one.help,
               nodes: one.nodes.slice(0, 5).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`),
             }))))",
            vec![],
        )
        .await?;
    let serious: Vec<String> = violations
        .iter()
        .filter(|one| matches!(one.impact.as_deref(), Some("serious" | "critical")))
        .map(|one| format!("{}: {}\n  {}", one.id, one.help, one.nodes.join("\n  ")))
        .collect();
    ensure!(serious.is_empty(), "{}", serious.join("\n"));
    Ok(())
}
