//! A real browser: headless Chromium with a profile of its own, driven over WebDriver and the DevTools protocol.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{
    CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::cable::FAR_NAME;
use crate::log::Log;
use crate::picture::Picture;
use crate::process::{Process, Recipe};
use crate::programs::Programs;

/// Browsers that run at a time: each wants a core.
static FREE: Semaphore = Semaphore::const_new(2);

/// Counts the sockets of a page; those of a development server that reloads the page are not ours.
const COUNT_SOCKETS: &str = r#"
window.nexusSockets = 0;
window.WebSocket = class extends WebSocket {
  constructor(url, ...rest) {
    super(url, ...rest);
    if (new URL(url, location.href).pathname.endsWith('/v1/ws')) window.nexusSockets += 1;
  }
};
"#;

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    chromedriver: Process,
    log: Log,
    /// What the page wrote to its console, as far as it was collected; guards nothing else.
    console: Mutex<Vec<String>>,
    /// Parts of console lines that a test expects.
    expected: Mutex<Vec<String>>,
    _profile: TempDir,
    _permit: SemaphorePermit<'static>,
}

/// What a page is seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// For file names.
    pub name: &'static str,
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// Physical pixels a CSS pixel.
    pub ratio: u32,
    /// What one points with.
    pub pointer: Pointer,
}

/// What one points with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// A mouse, and a keyboard beside it.
    Mouse,
    /// A finger.
    Touch,
}

/// Dark or light, as the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Dark,
    Light,
}

impl Screen {
    /// A desktop.
    pub const DESKTOP: Screen = Screen::new("desktop", 1440, 900, 1, Pointer::Mouse);
    /// A tablet, upright.
    pub const TABLET: Screen = Screen::new("tablet", 820, 1180, 1, Pointer::Touch);
    /// A usual phone.
    pub const PHONE: Screen = Screen::new("phone", 390, 844, 2, Pointer::Touch);
    /// The smallest phone that must do.
    pub const SMALL_PHONE: Screen = Screen::new("small-phone", 360, 740, 2, Pointer::Touch);

    /// Whether it is so narrow that panes become tabs.
    pub fn is_phone(self) -> bool {
        self.width < 600
    }

    const fn new(name: &'static str, width: u32, height: u32, ratio: u32, pointer: Pointer) -> Self {
        Screen {
            name,
            width,
            height,
            ratio,
            pointer,
        }
    }
}

impl Scheme {
    /// Both.
    pub const BOTH: [Scheme; 2] = [Scheme::Dark, Scheme::Light];

    /// As CSS calls it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Dark => "dark",
            Scheme::Light => "light",
        }
    }
}

impl Browser {
    pub(crate) async fn start(programs: &Programs, log: Log) -> anyhow::Result<Self> {
        let permit = FREE.acquire().await.context("the browsers were closed down")?;
        let profile = TempDir::with_prefix("nexus-e2e-profile-")?;
        let recipe = Recipe {
            binary: programs.chromedriver.clone(),
            args: vec!["--port=0".into()],
            envs: Vec::new(),
            dir: profile.path().to_owned(),
            greeting: "started successfully on port ",
        };
        let chromedriver = Process::start(&recipe, &log).await?;
        let port: u16 = chromedriver
            .greeted_with()
            .trim_end_matches('.')
            .parse()
            .context("no port")?;

        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&programs.chrome.to_string_lossy())?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        capabilities.set("pageLoadStrategy", "none")?;
        for flag in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-default-browser-check",
            "--no-proxy-server",
            "--hide-scrollbars",
        ] {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--host-resolver-rules=MAP {FAR_NAME} 127.0.0.1"))?;
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .request_timeout(Duration::from_secs(60))
            .connect()
            .await
            .with_context(|| format!("no browser; its log ends\n{}", log.tail()))?;
        let browser = Browser {
            driver,
            chromedriver,
            log,
            console: Mutex::default(),
            expected: Mutex::default(),
            _profile: profile,
            _permit: permit,
        };
        browser
            .devtools(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": COUNT_SOCKETS}),
            )
            .await?;
        browser.show_on(Screen::DESKTOP).await?;
        browser.prefer(Scheme::Dark).await?;
        Ok(browser)
    }

    /// Goes to an address; does not wait for the page.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn open(&self, url: &str) -> anyhow::Result<()> {
        self.log.note(format!(
            "[test] open {}",
            url.split('#').next().unwrap_or_default()
        ));
        self.driver.goto(url).await.context("cannot open the page")
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn reload(&self) -> anyhow::Result<()> {
        self.driver.refresh().await.context("cannot reload the page")
    }

    /// Runs the body of a JavaScript function in the page, and reads what it returns.
    ///
    /// # Errors
    /// If it throws, or returns something else.
    pub async fn script<T: DeserializeOwned>(&self, body: &str, args: Vec<Value>) -> anyhow::Result<T> {
        let returned = self
            .driver
            .execute(body, args)
            .await
            .with_context(|| format!("the script failed: {body}"))?;
        Ok(serde_json::from_value(returned.json().clone())?)
    }

    /// The same for a function that calls its last argument when it is done.
    ///
    /// # Errors
    /// If it throws, or returns something else.
    pub async fn script_async<T: DeserializeOwned>(&self, body: &str, args: Vec<Value>) -> anyhow::Result<T> {
        self.driver.set_script_timeout(Duration::from_secs(60)).await?;
        let returned = self
            .driver
            .execute_async(body, args)
            .await
            .with_context(|| format!("the script failed: {body}"))?;
        Ok(serde_json::from_value(returned.json().clone())?)
    }

    /// Sends a command of the DevTools protocol.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn devtools(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.driver
            .cdp()
            .send_raw(method, params)
            .await
            .with_context(|| format!("{method} failed"))
    }

    /// Shows the page on another screen.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn show_on(&self, screen: Screen) -> anyhow::Result<()> {
        let is_touch = screen.pointer == Pointer::Touch;
        let metrics = json!({
            "width": screen.width,
            "height": screen.height,
            "deviceScaleFactor": screen.ratio,
            "mobile": is_touch,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": is_touch}))
            .await?;
        Ok(())
    }

    /// Prefers dark or light, as the system would.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn prefer(&self, scheme: Scheme) -> anyhow::Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.name()}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}))
            .await?;
        Ok(())
    }

    /// Takes the network away from the browser, or gives it back.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn go_offline(&self, offline: bool) -> anyhow::Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        let conditions =
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", conditions)
            .await?;
        Ok(())
    }

    /// Puts the window away or back to the front: a page that is put away is hidden.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn hide(&self, hidden: bool) -> anyhow::Result<()> {
        let window = self.devtools("Browser.getWindowForTarget", json!({})).await?["windowId"].clone();
        let state = if hidden { "minimized" } else { "normal" };
        let bounds = json!({"windowId": window, "bounds": {"windowState": state}});
        self.devtools("Browser.setWindowBounds", bounds).await?;
        Ok(())
    }

    /// Freezes the page as a sleeping machine does: no script runs, and its sockets are gone when it wakes.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn sleep(&self, asleep: bool) -> anyhow::Result<()> {
        let state = if asleep { "frozen" } else { "active" };
        self.devtools("Page.setWebLifecycleState", json!({"state": state}))
            .await?;
        Ok(())
    }

    /// Presses and lets go of a key, as a person does: whatever has the focus gets it.
    ///
    /// # Errors
    /// If there is no such key.
    pub async fn press(&self, key: &str) -> anyhow::Result<()> {
        let (code, number, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "Tab" => ("Tab", 9, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowLeft" => ("ArrowLeft", 37, ""),
            "ArrowRight" => ("ArrowRight", 39, ""),
            "Home" => ("Home", 36, ""),
            "End" => ("End", 35, ""),
            " " => ("Space", 32, " "),
            "/" => ("Slash", 191, "/"),
            "?" => ("Slash", 191, "?"),
            letter if letter.chars().count() == 1 => ("", 0, letter),
            other => bail!("no key `{other}` is known here"),
        };
        let event = |kind: &str, text: &str| {
            json!({
                "type": kind, "key": key, "code": code, "text": text,
                "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number,
                "modifiers": if key == "?" { 8 } else { 0 },
            })
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.devtools("Input.dispatchKeyEvent", event(down, text)).await?;
        self.devtools("Input.dispatchKeyEvent", event("keyUp", ""))
            .await?;
        Ok(())
    }

    /// Types a text, key by key.
    ///
    /// # Errors
    /// If a character has no key.
    pub async fn write(&self, text: &str) -> anyhow::Result<()> {
        for letter in text.chars() {
            self.press(&letter.to_string()).await?;
        }
        Ok(())
    }

    /// Pastes a text where the focus is.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn insert(&self, text: &str) -> anyhow::Result<()> {
        self.devtools("Input.insertText", json!({"text": text})).await?;
        Ok(())
    }

    /// Waits until the page was drawn so many times more.
    ///
    /// # Errors
    /// If it is not drawn, as a hidden one.
    pub async fn frames(&self, count: u32) -> anyhow::Result<()> {
        let wait = "const [count, done] = arguments;
            const next = (left) => left === 0 ? done(null) : requestAnimationFrame(() => next(left - 1));
            next(count)";
        self.script_async::<Value>(wait, vec![json!(count)])
            .await
            .map(|_| ())
    }

    /// A picture of what is on the screen.
    ///
    /// # Errors
    /// If the browser makes none.
    pub async fn picture(&self) -> anyhow::Result<Picture> {
        Picture::from_png(self.driver.screenshot_as_png().await.context("no screenshot")?)
    }

    /// A picture of a part of the page, in CSS pixels.
    ///
    /// # Errors
    /// If the browser makes none.
    pub async fn clip(&self, x: f64, y: f64, width: f64, height: f64) -> anyhow::Result<Picture> {
        let clip = json!({"x": x, "y": y, "width": width, "height": height, "scale": 1});
        let answer = self
            .devtools("Page.captureScreenshot", json!({"format": "png", "clip": clip}))
            .await?;
        let encoded = answer["data"].as_str().context("no picture")?;
        Picture::from_png(BASE64_STANDARD.decode(encoded)?)
    }

    /// The page's markup as it stands.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn markup(&self) -> anyhow::Result<String> {
        self.script("return document.documentElement.outerHTML", vec![])
            .await
    }

    /// From now on console lines with this in them are no fault: a test that kills a server sees failed connections.
    pub fn expect_in_console(&self, part: &str) {
        self.expected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(part.to_owned());
    }

    /// Everything that the page wrote to its console so far.
    ///
    /// # Errors
    /// If the browser does not tell.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let entries = self.driver.browser_log().await.context("no console log")?;
        let mut console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        console.extend(
            entries
                .into_iter()
                .map(|entry| format!("{} {}", entry.level, entry.message)),
        );
        Ok(console.clone())
    }

    /// Fails if the page wrote an error or a warning that no test expects.
    ///
    /// # Errors
    /// If it did.
    pub async fn console_is_clean(&self) -> anyhow::Result<()> {
        let console = self.console().await?;
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fault = |line: &&String| {
            (line.starts_with("SEVERE") || line.starts_with("WARNING"))
                && !expected.iter().any(|part| line.contains(part))
        };
        let faults: Vec<_> = console.iter().filter(is_fault).map(String::as_str).collect();
        ensure!(
            faults.is_empty(),
            "the page complained in its console:\n{}",
            faults.join("\n")
        );
        Ok(())
    }

    /// Ends the browser.
    pub(crate) async fn quit(self) {
        // The process is killed next; asking first lets Chromium end its children.
        let _ = self.driver.quit().await;
        let _ = self.chromedriver.kill().await;
    }
}
