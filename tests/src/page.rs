//! The dashboard as a person sees it: what it says, found by the `data-testid` hooks that `crates/web` documents.
//!
//! Each question is one script, so that its answer is of one moment.

mod tape;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use self::tape::ShownTape;
use crate::browser::{Browser, Scheme};
use crate::picture::Picture;
use crate::until::until;

/// How long a page may take from its address to its first data; a busy machine is slow.
const LOAD_LIMIT: Duration = Duration::from_secs(40);

/// The dashboard in a browser.
#[derive(Clone, Debug)]
pub struct Page {
    browser: Rc<Browser>,
}

/// The connection chip.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Chip {
    /// `live`, `stale`, `reconnecting`, `resyncing`, `offline`, `signed-out`.
    pub state: String,
    /// What people read.
    pub text: String,
}

/// A panel of the page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Panel {
    /// `ready`, `loading`, `empty`, `error`, `stale`.
    pub state: String,
    /// `loading`, `quiet`, `live`, `resyncing`, `stale`, `failed`.
    pub freshness: String,
}

/// The order book.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ShownBook {
    /// Prices as they stand from top to bottom.
    pub bids: Vec<f64>,
    /// Prices as they stand from top to bottom.
    pub asks: Vec<f64>,
}

impl Page {
    /// Goes to the dashboard and waits until it stands there; its data may come later.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn open(browser: &Rc<Browser>, url: &str) -> anyhow::Result<Self> {
        let page = Page {
            browser: browser.clone(),
        };
        browser.open(url).await?;
        until("the dashboard stands there", LOAD_LIMIT, async || {
            page.chip().await.map(|_| ())
        })
        .await?;
        Ok(page)
    }

    /// The same, and waits until it says live.
    ///
    /// # Errors
    /// If it does not become live.
    pub async fn open_live(browser: &Rc<Browser>, url: &str) -> anyhow::Result<Self> {
        let page = Self::open(browser, url).await?;
        page.says("live", LOAD_LIMIT).await?;
        Ok(page)
    }

    /// The browser that it is in.
    pub fn browser(&self) -> &Rc<Browser> {
        &self.browser
    }

    /// What the connection chip says.
    ///
    /// # Errors
    /// If there is none.
    pub async fn chip(&self) -> anyhow::Result<Chip> {
        self.of(
            "chip",
            "return {state: it.dataset.state ?? '', text: it.innerText.replace(/\\s+/g, ' ').trim()}",
        )
        .await
    }

    /// Waits until the chip says this.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn says(&self, state: &str, limit: Duration) -> anyhow::Result<Chip> {
        until(&format!("the chip says {state}"), limit, async || {
            let chip = self.chip().await?;
            ensure!(chip.state == state, "it says {chip:?}");
            Ok(chip)
        })
        .await
    }

    /// How a panel is: `watch`, `chart`, `depth`, `book`, `tape`.
    ///
    /// # Errors
    /// If there is none.
    pub async fn panel(&self, name: &str) -> anyhow::Result<Panel> {
        self.of(
            &format!("panel-{name}"),
            "return {state: it.dataset.state ?? '', freshness: it.dataset.freshness ?? ''}",
        )
        .await
    }

    /// Waits until a panel is in a state.
    ///
    /// # Errors
    /// If it is not in time.
    pub async fn panel_is(&self, name: &str, state: &str, limit: Duration) -> anyhow::Result<Panel> {
        until(&format!("the panel {name} is {state}"), limit, async || {
            let panel = self.panel(name).await?;
            ensure!(panel.state == state, "it is {panel:?}");
            Ok(panel)
        })
        .await
    }

    /// A picture of the content of a panel, without its head.
    ///
    /// # Errors
    /// If there is none.
    pub async fn picture_of(&self, panel: &str) -> anyhow::Result<Picture> {
        let (x, y, width, height): (f64, f64, f64, f64) = self
            .of(
                &format!("panel-{panel}"),
                "const box = (it.querySelector('.panel-body') ?? it).getBoundingClientRect();
                 return [box.x, box.y, Math.min(box.width, innerWidth - box.x), Math.min(box.height, innerHeight - box.y)]",
            )
            .await?;
        self.browser.clip(x, y, width, height).await
    }

    /// How colourful each of these panels is: what is dimmed is less so than it was.
    ///
    /// # Errors
    /// If one is not there.
    pub async fn colours_of(&self, panels: &[&'static str]) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let mut colours = BTreeMap::new();
        for panel in panels {
            colours.insert(*panel, self.picture_of(panel).await?.colourfulness());
        }
        Ok(colours)
    }

    /// Waits until each panel is stale and clearly less colourful than it was.
    ///
    /// # Errors
    /// If one is not in time.
    pub async fn dims(&self, before: &BTreeMap<&'static str, f64>, limit: Duration) -> anyhow::Result<()> {
        for (panel, live) in before {
            self.panel_is(panel, "stale", limit).await?;
            until(
                &format!("the panel {panel} is dimmed"),
                Duration::from_secs(5),
                async || {
                    let now = self.picture_of(panel).await?.colourfulness();
                    ensure!(now < live * 0.95, "its colours went from {live:.4} to {now:.4}");
                    Ok(())
                },
            )
            .await?;
        }
        Ok(())
    }

    /// Whether something of this `data-testid` is to be seen.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn shows(&self, hook: &str) -> anyhow::Result<bool> {
        self.script(
            "const it = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
             return it !== null && it.checkVisibility() && it.getClientRects().length > 0",
            json!(hook),
        )
        .await
    }

    /// Waits until something is to be seen, or no more.
    ///
    /// # Errors
    /// If it does not come so in time.
    pub async fn shows_soon(&self, hook: &str, shown: bool) -> anyhow::Result<()> {
        let what = format!("`{hook}` is {}", if shown { "to be seen" } else { "gone" });
        until(&what, Duration::from_secs(15), async || {
            ensure!(self.shows(hook).await? == shown, "it is not so");
            Ok(())
        })
        .await
    }

    /// The text of the first thing with this hook.
    ///
    /// # Errors
    /// If there is none.
    pub async fn text(&self, hook: &str) -> anyhow::Result<String> {
        self.of(hook, "return it.innerText.replace(/\\s+/g, ' ').trim()")
            .await
    }

    /// The texts of everything with this hook, from top to bottom.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn texts(&self, hook: &str) -> anyhow::Result<Vec<String>> {
        self.script(
            "return [...document.querySelectorAll(`[data-testid=\"${arguments[0]}\"]`)]
               .map((it) => it.innerText.replace(/\\s+/g, ' ').trim())",
            json!(hook),
        )
        .await
    }

    /// Waits until the texts of everything with this hook are as they should be, and gives them.
    ///
    /// # Errors
    /// If they are not in time.
    pub async fn texts_soon(
        &self,
        hook: &str,
        limit: Duration,
        are_right: impl Fn(&[String]) -> bool,
    ) -> anyhow::Result<Vec<String>> {
        until(&format!("`{hook}` says what it should"), limit, async || {
            let texts = self.texts(hook).await?;
            ensure!(are_right(&texts), "it says {texts:?}");
            Ok(texts)
        })
        .await
    }

    /// Clicks a field and writes into it, as a person does.
    ///
    /// # Errors
    /// If there is none.
    pub async fn write_into(&self, hook: &str, text: &str) -> anyhow::Result<()> {
        self.click(hook).await?;
        self.browser.insert(text).await
    }

    /// An attribute of the first thing with this hook.
    ///
    /// # Errors
    /// If there is none.
    pub async fn attribute(&self, hook: &str, name: &str) -> anyhow::Result<String> {
        self.of(hook, &format!("return it.getAttribute('{name}') ?? ''"))
            .await
    }

    /// Clicks the first thing with this hook, where a person would.
    ///
    /// # Errors
    /// If there is none.
    pub async fn click(&self, hook: &str) -> anyhow::Result<()> {
        self.click_on(&format!("[data-testid=\"{hook}\"]")).await
    }

    /// Clicks the first thing that a CSS selector finds, where a person would.
    ///
    /// # Errors
    /// If there is none, or something else lies above it.
    pub async fn click_on(&self, selector: &str) -> anyhow::Result<()> {
        let (x, y, hit): (f64, f64, bool) = self
            .script(
                "const it = document.querySelector(arguments[0]);
                 if (it === null) throw new Error(`there is no ${arguments[0]}`);
                 it.scrollIntoView({block: 'nearest', inline: 'nearest'});
                 const box = it.getBoundingClientRect();
                 const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                 const top = document.elementFromPoint(x, y);
                 return [x, y, top !== null && (it.contains(top) || top.contains(it))]",
                json!(selector),
            )
            .await?;
        ensure!(
            hit,
            "`{selector}` cannot be clicked: something lies above it, or it is off the screen"
        );
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.browser.devtools("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Wears dark or light at once, without being loaded anew.
    ///
    /// # Errors
    /// If the page does not become so.
    pub async fn wear(&self, scheme: Scheme) -> anyhow::Result<()> {
        self.browser.prefer(scheme).await?;
        self.script::<Value>(
            "document.documentElement.dataset.theme = arguments[0]; return null",
            json!(scheme.name()),
        )
        .await?;
        self.browser.frames(3).await
    }

    /// Prices of the watchlist's visible rows, as written.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn watched(&self) -> anyhow::Result<Vec<(String, String)>> {
        self.script(
            "return [...document.querySelectorAll('[data-testid=\"watch-row\"]')].map((row) =>
               [row.dataset.symbol, row.querySelector('[data-testid=\"watch-price\"]')?.innerText.trim() ?? ''])",
            Value::Null,
        )
        .await
    }

    /// The order book.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn book(&self) -> anyhow::Result<ShownBook> {
        self.script(
            "const side = (name) => [...document.querySelectorAll(`[data-testid=\"book-row\"][data-side=\"${name}\"]`)]
               .filter((row) => row.dataset.price).map((row) => Number(row.dataset.price));
             return {bids: side('bid'), asks: side('ask')}",
            Value::Null,
        )
        .await
    }

    /// From now on keeps every state of the chip.
    ///
    /// # Errors
    /// If there is no chip.
    pub async fn record_chip(&self) -> anyhow::Result<()> {
        self.of("chip", RECORD_CHIP).await
    }

    /// The states of the chip since [`Page::record_chip`], in their order, each as often as it came.
    ///
    /// # Errors
    /// If nothing was recorded.
    pub async fn recorded_chip(&self) -> anyhow::Result<Vec<String>> {
        let states: Option<Vec<String>> = self
            .script("return window.nexusChip ?? null", Value::Null)
            .await?;
        states.context("the chip was not recorded, or the page was loaded anew")
    }

    /// WebSockets that the page ever opened to a server of ours.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn sockets(&self) -> anyhow::Result<usize> {
        self.script("return window.nexusSockets", Value::Null).await
    }

    /// How many colours the canvases of a panel show together; a blank one has one.
    ///
    /// # Errors
    /// If there is no canvas.
    pub async fn canvas_colours(&self, panel: &str) -> anyhow::Result<usize> {
        self.of(
            &format!("panel-{panel}"),
            "const all = [...it.querySelectorAll('canvas')].filter((one) => one.width > 0 && one.height > 0);
             if (all.length === 0) throw new Error('there is no canvas');
             const colours = new Set();
             for (const one of all) {
               const pixels = new Uint32Array(one.getContext('2d').getImageData(0, 0, one.width, one.height).data.buffer);
               for (const pixel of pixels) colours.add(pixel);
             }
             return colours.size",
        )
        .await
    }

    /// What has the focus: its hook, or its tag and name.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn focused(&self) -> anyhow::Result<String> {
        self.script(
            "const it = document.activeElement;
             return it?.dataset?.testid ?? `${it?.tagName ?? ''} ${it?.getAttribute('aria-label') ?? ''}`.trim()",
            Value::Null,
        )
        .await
    }

    /// Whether a person can see what has the focus: an outline or a shadow that is not there without the focus.
    ///
    /// # Errors
    /// If nothing has the focus.
    pub async fn focus_is_visible(&self) -> anyhow::Result<bool> {
        self.script(
            "const it = document.activeElement;
             if (it === null || it === document.body) throw new Error('nothing has the focus');
             const drawn = (one) => {
               const style = getComputedStyle(one);
               const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
               return outline || style.boxShadow !== 'none';
             };
             return drawn(it) || (it.parentElement !== null && it.matches('input') && drawn(it.parentElement))",
            Value::Null,
        )
        .await
    }

    /// How far the page is wider than the screen, in CSS pixels, and what sticks out.
    ///
    /// # Errors
    /// If the page does not answer.
    pub async fn sideways(&self) -> anyhow::Result<(i64, Vec<String>)> {
        self.script(
            "const root = document.scrollingElement;
             const out = [...document.body.querySelectorAll('*')].filter((one) => {
               const box = one.getBoundingClientRect();
               return box.width > 0 && box.right > innerWidth + 1 && one.checkVisibility()
                 && !one.closest('svg, [inert], [aria-hidden=\"true\"], .visually-hidden');
             });
             const name = (one) => `${one.tagName.toLowerCase()}.${one.className} ${one.dataset.testid ?? ''}`;
             return [root.scrollWidth - innerWidth, out.slice(0, 5).map(name)]",
            Value::Null,
        )
        .await
    }

    /// Runs the body of a function that has `it`, the first thing with this hook.
    async fn of<T: DeserializeOwned>(&self, hook: &str, body: &str) -> anyhow::Result<T> {
        let script = format!(
            "const it = document.querySelector(`[data-testid=\"${{arguments[0]}}\"]`);
             if (it === null) throw new Error(`there is no ${{arguments[0]}}`);
             {body}"
        );
        self.script(&script, json!(hook)).await
    }

    async fn script<T: DeserializeOwned>(&self, body: &str, argument: Value) -> anyhow::Result<T> {
        self.browser.script(body, vec![argument]).await
    }
}

/// The chip may be made anew at any time, so the whole page is looked at.
const RECORD_CHIP: &str = r#"
const states = window.nexusChip = [it.dataset.state];
const look = () => {
  const state = document.querySelector('[data-testid="chip"]')?.dataset.state;
  if (state !== undefined && state !== states.at(-1)) states.push(state);
};
new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributeFilter: ['data-state']});
return null;
"#;
