//! Pictures of every view and every state of the dashboard, dark and light, on every screen: for people who look at them
//! (`cargo xtask screenshots` puts them into `target/screenshots`), and a test that none is blank.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use nexus_e2e::{Browser, Claims, Market, Page, Scheme, Screen, Settings, Stage, play, until};
use serde_json::json;

const SCREENS: [Screen; 4] = [
    Screen::DESKTOP,
    Screen::TABLET,
    Screen::PHONE,
    Screen::SMALL_PHONE,
];
const SOON: Duration = Duration::from_secs(40);
/// More than three pages of a room's past, and no more than it keeps.
const MESSAGES: usize = 180;

#[test]
fn a_live_market_on_every_screen() {
    play(async |stage| {
        let exchange = stage.exchange(lively()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        let camera = Camera::new(stage)?;
        for screen in SCREENS {
            browser.show_on(screen).await?;
            let tabs: &[&str] = if screen.is_phone() {
                &["watch", "chart", "book", "tape"]
            } else {
                &["chart"]
            };
            for tab in tabs {
                let page = Page::open_live(&browser, &format!("{}/markets/BTC?i=1m&tab={tab}", server.url()))
                    .await?;
                settled(&page).await?;
                let name = if screen.is_phone() {
                    format!("live-{tab}")
                } else {
                    "live".to_owned()
                };
                camera.shoot(&page, &name, &[screen]).await?;
            }
        }
        Ok(())
    });
}

#[test]
fn dialogs_searches_and_wrong_addresses() {
    play(async |stage| {
        let exchange = stage.exchange(lively()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        let camera = Camera::new(stage)?;
        let page = Page::open_live(&browser, &format!("{}/markets/ETH", server.url())).await?;
        settled(&page).await?;

        for (name, hook) in [
            ("settings", "open-settings"),
            ("sign-in", "open-sign-in"),
            ("link", "chip"),
        ] {
            browser.show_on(Screen::DESKTOP).await?;
            page.click(hook).await?;
            page.shows_soon(&format!("{name}-dialog"), true).await?;
            camera
                .shoot(
                    &page,
                    &format!("dialog-{name}"),
                    &[Screen::DESKTOP, Screen::PHONE],
                )
                .await?;
            browser.press("Escape").await?;
            page.shows_soon(&format!("{name}-dialog"), false).await?;
        }
        browser.show_on(Screen::DESKTOP).await?;
        browser.press("?").await?;
        page.shows_soon("help-dialog", true).await?;
        camera
            .shoot(&page, "dialog-help", &[Screen::DESKTOP, Screen::PHONE])
            .await?;
        browser.press("Escape").await?;

        for (name, path) in [
            ("search", "/markets/ETH?q=b&tab=watch"),
            ("search-without-match", "/markets/ETH?q=zzzz&tab=watch"),
            ("unknown-coin", "/markets/NOSUCHCOIN"),
            ("not-found", "/no/such/view"),
        ] {
            let page = Page::open(&browser, &format!("{}{path}", server.url())).await?;
            settled(&page).await?;
            camera
                .shoot(&page, name, &[Screen::DESKTOP, Screen::PHONE])
                .await?;
        }
        Ok(())
    });
}

#[test]
fn a_person_who_is_signed_in() {
    play(async |stage| {
        let exchange = stage.exchange(lively()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let page = Page::open_live(&browser, &format!("{}/#token={token}", server.url())).await?;
        settled(&page).await?;
        let camera = Camera::new(stage)?;
        camera.shoot(&page, "signed-in", &[Screen::DESKTOP]).await?;
        page.click("open-sign-in").await?;
        page.shows_soon("sign-in-dialog", true).await?;
        camera.shoot(&page, "dialog-account", &[Screen::DESKTOP]).await
    });
}

#[test]
fn a_room_and_what_was_said_before() {
    play(async |stage| {
        let settings = Settings::default().with("NEXUS_MESSAGES_PER_MINUTE", 1_000);
        let server = stage.server_before(None, settings).await?;
        let mut bob = server.connect().await?;
        bob.auth(&stage.token(&Claims::of("bob", "viewer"))?).await?;
        bob.ask("join", json!({"room": "lobby"})).await?;
        for number in 1..=MESSAGES {
            let said = json!({"channel": "room:lobby", "data": {"text": format!("message {number}")}});
            let ack = bob.ask("publish", said).await?;
            ensure!(ack["type"] == "ack", "{ack}");
        }
        let browser = stage.browser().await?;
        for part in ["WebSocket connection to", "ERR_CONNECTION_REFUSED"] {
            browser.expect_in_console(part);
        }
        let camera = Camera::new(stage)?;
        let token = stage.token(&Claims::viewer("ann"))?;
        let page = Page::open(&browser, &format!("{}/rooms#token={token}", server.url())).await?;
        page.shows_soon("room-join", true).await?;
        let both = [Screen::DESKTOP, Screen::PHONE];
        camera.shoot(&page, "rooms-none", &both).await?;
        browser.show_on(Screen::DESKTOP).await?;
        page.write_into("room-join", "lobby").await?;
        page.click("room-join-button").await?;
        let last = format!("message {MESSAGES}");
        page.texts_soon("message-text", SOON, |texts| texts.last() == Some(&last))
            .await?;
        camera.shoot(&page, "room", &both).await?;

        // Back to the first, page by page, and nothing is passed over.
        browser.show_on(Screen::DESKTOP).await?;
        let all: Vec<String> = (1..=MESSAGES).map(|number| format!("message {number}")).collect();
        page.click_on(".talk").await?;
        until("all that was said is there", SOON, async || {
            browser.press("Home").await?;
            browser.frames(3).await?;
            let shown = page.texts("message-text").await?;
            ensure!(shown == all, "{} of {MESSAGES}: {:?}", shown.len(), shown.first());
            Ok(())
        })
        .await?;
        camera.shoot(&page, "room-past", &both).await?;

        let server = server
            .kill_and_restart(async || {
                page.says("reconnecting", SOON).await?;
                camera.shoot(&page, "room-reconnecting", &both).await
            })
            .await?;
        page.says("live", Duration::from_secs(90)).await?;
        drop(server);
        Ok(())
    });
}

#[test]
fn everything_that_can_be_wrong() {
    play(async |stage| {
        let exchange = stage.exchange(lively()).await?;
        let server = stage.server(&exchange, Settings::default()).await?;
        let browser = stage.browser().await?;
        for part in [
            "WebSocket connection to",
            "ERR_CONNECTION_REFUSED",
            "ERR_INTERNET_DISCONNECTED",
            // A name that is not of this machine, without TLS: the browser says which headers it then passes over.
            "Cross-Origin-Opener-Policy",
        ] {
            browser.expect_in_console(part);
        }
        let camera = Camera::new(stage)?;
        let both = [Screen::DESKTOP, Screen::PHONE];
        let page = Page::open_live(&browser, &format!("{}/markets/BTC", server.far_url())).await?;
        settled(&page).await?;

        exchange.stall(true).await?;
        page.says("stale", SOON).await?;
        camera.shoot(&page, "stale", &both).await?;
        exchange.clear().await?;
        page.says("live", Duration::from_secs(90)).await?;

        exchange.go_down().await?;
        page.panel_is("tape", "stale", SOON).await?;
        camera.shoot(&page, "upstream-down", &both).await?;
        exchange.clear().await?;
        page.says("live", Duration::from_secs(90)).await?;

        let killed_at = exchange.observe().await?.now;
        let server = server
            .kill_and_restart(async || {
                page.says("reconnecting", SOON).await?;
                camera.shoot(&page, "reconnecting", &both).await?;
                browser.go_offline(true).await?;
                page.says("offline", SOON).await?;
                camera.shoot(&page, "offline", &both).await?;
                browser.go_offline(false).await?;
                until(
                    "more happened than the exchange remembers",
                    Duration::from_secs(150),
                    async || {
                        let missed = exchange.trades("BTC", killed_at).await?.trades.len();
                        ensure!(missed > 20, "only {missed} trades happened");
                        Ok(())
                    },
                )
                .await
            })
            .await?;
        page.says("live", Duration::from_secs(60)).await?;
        browser.show_on(Screen::DESKTOP).await?;
        page.shows_soon("tape-gap", true).await?;
        settled(&page).await?;
        camera.shoot(&page, "back-with-a-gap", &[Screen::DESKTOP]).await?;
        drop(server);
        Ok(())
    });
}

#[test]
fn a_server_without_a_market_and_one_that_wants_a_token() {
    play(async |stage| {
        let browser = stage.browser().await?;
        let camera = Camera::new(stage)?;
        let both = [Screen::DESKTOP, Screen::PHONE];

        let lonely = stage.server_before(None, Settings::default()).await?;
        let page = Page::open(&browser, &lonely.url()).await?;
        page.panel_is("watch", "error", SOON).await?;
        camera.shoot(&page, "no-market", &both).await?;

        let exchange = stage.exchange(lively()).await?;
        let private = Settings::default().with("NEXUS_ANONYMOUS", "");
        let server = stage.server(&exchange, private).await?;
        let page = Page::open(&browser, &server.url()).await?;
        page.says("signed-out", SOON).await?;
        camera.shoot(&page, "signed-out", &both).await
    });
}

/// Puts pictures where they are wanted.
struct Camera {
    dir: PathBuf,
}

impl Camera {
    fn new(stage: &Stage) -> anyhow::Result<Self> {
        let dir = match std::env::var_os("NEXUS_SCREENSHOTS") {
            Some(dir) => PathBuf::from(dir),
            None => stage.directory("screenshots")?,
        };
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Camera { dir })
    }

    /// Takes a page as it stands, dark and light, on some screens.
    async fn shoot(&self, page: &Page, name: &str, screens: &[Screen]) -> anyhow::Result<()> {
        for screen in screens {
            page.browser().show_on(*screen).await?;
            let mut brightness = Vec::new();
            for scheme in Scheme::BOTH {
                let file = format!("{name}-{}-{}.png", screen.name, scheme.name());
                page.wear(scheme).await?;
                let picture = drawn(page.browser(), *screen)
                    .await
                    .with_context(|| file.clone())?;
                picture.save(Path::new(&self.dir.join(&file)))?;
                brightness.push(picture.brightness());
            }
            ensure!(
                brightness[0] < brightness[1],
                "{name}: dark is not darker than light: {brightness:?}"
            );
        }
        Ok(())
    }
}

/// A picture of the page once it is drawn, at the screen's size.
async fn drawn(browser: &Rc<Browser>, screen: Screen) -> anyhow::Result<nexus_e2e::Picture> {
    until("the page is drawn", SOON, async || {
        browser.frames(3).await?;
        let picture = browser.picture().await?;
        picture.is_drawn()?;
        let expected = (screen.width * screen.ratio, screen.height * screen.ratio);
        ensure!(
            picture.size() == expected,
            "{:?} instead of {expected:?}",
            picture.size()
        );
        Ok(picture)
    })
    .await
}

/// Waits until what can be loaded is.
async fn settled(page: &Page) -> anyhow::Result<()> {
    until("no panel is loading any more", SOON, async || {
        for panel in ["watch", "chart", "book", "tape"] {
            // A phone shows one at a time, a wrong address none.
            if page.shows(&format!("panel-{panel}")).await? {
                let shown = page.panel(panel).await?;
                ensure!(shown.state != "loading", "the panel {panel} is {shown:?}");
            }
        }
        Ok(())
    })
    .await?;
    page.browser().frames(30).await
}

/// A market in which much happens.
fn lively() -> Market {
    Market {
        coins: 230,
        ..Market::default()
    }
}
