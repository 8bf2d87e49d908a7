//! Nothing keeps people out: axe, which knows the rules of WCAG, finds nothing serious on any view, dark or light.

use std::collections::BTreeMap;

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
        // All of them, so that whoever mends one sees the others too; each once, with the first place where it was met.
        let mut barriers = BTreeMap::new();
        for scheme in Scheme::BOTH {
            for screen in [Screen::DESKTOP, Screen::PHONE] {
                browser.show_on(screen).await?;
                let page = Page::open_live(&browser, &format!("{}/markets/BTC", server.url())).await?;
                page.wear(scheme).await?;
                let place = format!("{} {}", scheme.name(), screen.name);
                look_for(&page, &mut barriers, &format!("{place}, the markets")).await?;
                let hooks = [
                    ("link-dialog", "chip"),
                    ("settings-dialog", "open-settings"),
                    ("sign-in-dialog", "open-sign-in"),
                ];
                for (dialog, hook) in hooks {
                    // A phone has a menu for the others.
                    if screen.is_phone() && hook != "chip" {
                        continue;
                    }
                    page.click(hook).await?;
                    page.shows_soon(dialog, true).await?;
                    look_for(&page, &mut barriers, &format!("{place}, the {dialog}")).await?;
                    page.browser().press("Escape").await?;
                    page.shows_soon(dialog, false).await?;
                }
            }
        }
        let found: Vec<String> = barriers
            .into_iter()
            .map(|(what, place)| format!("{what}\n  met at: {place}"))
            .collect();
        ensure!(
            found.is_empty(),
            "{} barriers:\n{}",
            found.len(),
            found.join("\n")
        );
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

/// Adds what axe finds on the page as it stands to what was found before.
async fn look_for(page: &Page, barriers: &mut BTreeMap<String, String>, place: &str) -> anyhow::Result<()> {
    page.browser()
        .script::<Value>(&format!("{AXE}; return null"), vec![])
        .await?;
    let violations: Vec<Violation> = page
        .browser()
        .script_async(
            "const done = arguments[0];
             // Colours that are still on their way are nobody's barrier.
             for (const one of document.getAnimations()) if (one.effect?.getComputedTiming().endTime < Infinity) one.finish();
             axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations.map((one) => ({
               id: one.id, impact: one.impact, help: one.help,
               nodes: one.nodes.slice(0, 5).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`),
             }))))",
            vec![],
        )
        .await
        .with_context(|| format!("axe on {place}"))?;
    for violation in violations
        .iter()
        .filter(|one| matches!(one.impact.as_deref(), Some("serious" | "critical")))
    {
        for node in &violation.nodes {
            let what = format!("{}: {}\n  {node}", violation.id, violation.help);
            barriers.entry(what).or_insert_with(|| place.to_owned());
        }
    }
    Ok(())
}
