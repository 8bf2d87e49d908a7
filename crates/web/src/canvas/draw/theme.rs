//! The colours of `styles/tokens.css` as a canvas needs them, read once per change of theme.
//!
//! Tokens are written `light-dark(…)`; what a canvas needs is the resolved colour. So each is given to an invisible
//! element and read back computed, which also follows the palette and whatever an operator overrides.

use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement, MutationObserver, MutationObserverInit};

use crate::canvas::live::{Live, Watch};

/// Resolved colours and the font.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Theme {
    /// Behind everything.
    pub panel: String,
    /// Hairlines between panes.
    pub line: String,
    /// Lines of the grid.
    pub grid: String,
    /// Labels of the axes.
    pub axis_text: String,
    /// Labels that begin a day, a month, a year.
    pub strong_text: String,
    /// Crosshair lines.
    pub crosshair: String,
    /// Ground of the crosshair's labels.
    pub label: String,
    /// Text on it.
    pub label_text: String,
    /// Rising: text and labels.
    pub up: String,
    /// Falling: text and labels.
    pub down: String,
    /// Text on a label filled with `up` or `down`.
    pub on_side: String,
    /// Rising: candles and areas.
    pub up_fill: String,
    /// Falling: candles and areas.
    pub down_fill: String,
    /// Rising: volume, under figures.
    pub up_wash: String,
    /// Falling: volume, under figures.
    pub down_wash: String,
    /// Strokes of a gap.
    pub hatch: String,
    /// The line of a series that has no sides.
    pub series: String,
    /// The area below it.
    pub series_wash: String,
    /// Font families.
    pub font: String,
}

impl Theme {
    /// Reads the tokens as they apply at `host`.
    pub fn read(host: &Element) -> Self {
        let Some(window) = web_sys::window() else {
            return Self::default();
        };
        let Some(document) = window.document() else {
            return Self::default();
        };
        let Ok(probe) = document.create_element("i") else {
            return Self::default();
        };
        let probe: HtmlElement = probe.unchecked_into();
        let _ = probe.style().set_property("display", "none");
        let _ = probe.style().set_property("transition", "none");
        let _ = host.append_child(&probe);
        let color = |token: &str| {
            let _ = probe.style().set_property("color", &format!("var({token})"));
            let computed = window.get_computed_style(&probe).ok().flatten();
            computed
                .and_then(|style| style.get_property_value("color").ok())
                .unwrap_or_default()
        };
        let theme = Self {
            panel: color("--panel"),
            line: color("--line"),
            grid: color("--chart-grid"),
            axis_text: color("--chart-axis-text"),
            strong_text: color("--text"),
            crosshair: color("--chart-crosshair"),
            label: color("--chart-label"),
            label_text: color("--chart-label-text"),
            up: color("--up"),
            down: color("--down"),
            on_side: color("--chart-on-side"),
            up_fill: color("--up-fill"),
            down_fill: color("--down-fill"),
            up_wash: color("--up-wash"),
            down_wash: color("--down-wash"),
            hatch: color("--chart-hatch"),
            series: color("--chart-line"),
            series_wash: color("--accent-wash"),
            font: window
                .get_computed_style(&probe)
                .ok()
                .flatten()
                .and_then(|style| style.get_property_value("font-family").ok())
                .unwrap_or_else(|| "sans-serif".to_owned()),
        };
        probe.remove();
        theme
    }
}

/// Calls `wake` whenever the page's theme may have changed: `data-theme` or `data-palette` of the root element, or the
/// system's preference.
pub fn on_theme_change(wake: impl Fn() + 'static) -> Watch {
    CHANGES.with(|changes| changes.subscribe(wake))
}

thread_local! {
    /// One observer for the page, made with the first chart, kept for good.
    static CHANGES: Live<()> = observe();
}

fn observe() -> Live<()> {
    let changes = Live::new(());
    let Some(window) = web_sys::window() else {
        return changes;
    };
    let notify = {
        let changes = changes.clone();
        Closure::<dyn Fn()>::new(move || changes.write(|()| ())).into_js_value()
    };
    let notify: &js_sys::Function = notify.unchecked_ref();
    if let (Some(root), Ok(observer)) = (
        window.document().and_then(|document| document.document_element()),
        MutationObserver::new(notify),
    ) {
        let options = MutationObserverInit::new();
        options.set_attributes(true);
        let names = js_sys::Array::of4(
            &"data-theme".into(),
            &"data-palette".into(),
            &"class".into(),
            &"style".into(),
        );
        options.set_attribute_filter(&names);
        let _ = observer.observe_with_options(&root, &options);
    }
    for query in ["(prefers-color-scheme: light)", "(prefers-contrast: more)"] {
        if let Ok(Some(query)) = window.match_media(query) {
            let _ = query.add_event_listener_with_callback("change", notify);
        }
    }
    changes
}
