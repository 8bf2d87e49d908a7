//! On a phone panes become tabs, and nothing scrolls sideways.

use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Market, Page, Screen, Settings, play, until};

const SOON: Duration = Duration::from_secs(15);
/// The tabs, and the panel that each brings.
const PANES: [(&str, &str); 4] = [
    ("watch", "watch"),
    ("chart", "chart"),
    ("book", "book"),
    ("tape", "tape"),
];

#[test]
fn nothing_scrolls_sideways_on_any_screen() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        for screen in [
            Screen::SMALL_PHONE,
            Screen::PHONE,
            Screen::TABLET,
            Screen::DESKTOP,
        ] {
            browser.show_on(screen).await?;
            for (tab, _) in PANES {
                let page =
                    Page::open_live(&browser, &format!("{}/markets/BTC?tab={tab}", server.url())).await?;
                let (over, sticking_out) = page.sideways().await?;
                ensure!(
                    over <= 0,
                    "{} `{tab}` is {over} px too wide: {sticking_out:?}",
                    screen.name
                );
                ensure!(
                    sticking_out.is_empty(),
                    "{} `{tab}` is cut off: {sticking_out:?}",
                    screen.name
                );
            }
        }
        Ok(())
    });
}

#[test]
fn panes_are_tabs_one_at_a_time() {
    play(async |stage| {
        let exchange = stage.exchange(Market::default()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        browser.show_on(Screen::SMALL_PHONE).await?;
        let page = Page::open_live(&browser, &format!("{}/markets/BTC", server.url())).await?;

        for (tab, panel) in PANES {
            page.click(&format!("tab-{tab}")).await?;
            until(
                &format!("the tab {tab} brings its panel alone"),
                SOON,
                async || {
                    for (_, other) in PANES {
                        let shown = page.shows(&format!("panel-{other}")).await?;
                        ensure!(
                            shown == (other == panel),
                            "`{other}` is {}",
                            if shown { "shown" } else { "hidden" }
                        );
                    }
                    Ok(())
                },
            )
            .await?;
            page.panel_is(panel, "ready", SOON)
                .await
                .with_context(|| format!("the pane {panel}"))?;
        }
        Ok(())
    });
}
