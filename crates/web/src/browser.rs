//! The few things of the browser that more than one file needs. Everything may be missing (private mode, a sandboxed
//! frame), and then the page goes on without it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement, Storage, Window};

use crate::state::feed::Moment;

/// Where something is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// In this browser, until it is removed.
    Device,
    /// In this tab, until it is closed.
    Tab,
}

/// The window, which a page always has.
pub(crate) fn window() -> Option<Window> {
    web_sys::window()
}

/// The document.
pub(crate) fn document() -> Option<Document> {
    window()?.document()
}

/// Unix milliseconds.
pub(crate) fn now() -> Moment {
    js_sys::Date::now() as Moment
}

/// Whether the page can be seen.
pub(crate) fn is_shown() -> bool {
    document().is_none_or(|document| !document.hidden())
}

/// Reads what was kept under a name; what cannot be read is as good as absent.
pub(crate) fn read<T: DeserializeOwned>(keep: Keep, name: &str) -> Option<T> {
    let text = storage(keep)?.get_item(name).ok()??;
    serde_json::from_str(&text).ok()
}

/// Keeps a value under a name. A full or forbidden storage loses the choice at the next visit, and nothing else.
pub(crate) fn write<T: Serialize>(keep: Keep, name: &str, value: &T) {
    if let (Some(storage), Ok(text)) = (storage(keep), serde_json::to_string(value)) {
        let _ = storage.set_item(name, &text);
    }
}

/// Keeps nothing under a name any longer.
pub(crate) fn remove(keep: Keep, name: &str) {
    if let Some(storage) = storage(keep) {
        let _ = storage.remove_item(name);
    }
}

/// Sets `data-NAME` of the page's root, which the stylesheet reads.
pub(crate) fn set_root_data(name: &str, value: &str) {
    if let Some(root) = document().and_then(|document| document.document_element()) {
        let _ = root.set_attribute(&format!("data-{name}"), value);
    }
}

/// Sets the tab's title, if it is another.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = document().filter(|document| document.title() != title) {
        document.set_title(title);
    }
}

/// Moves the focus.
pub(crate) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Whether a media query holds.
pub(crate) fn matches_media(query: &str) -> bool {
    let list = window().and_then(|window| window.match_media(query).ok().flatten());
    list.is_some_and(|list| list.matches())
}

/// A name that nobody else has, of 24 hexadecimal digits.
pub(crate) fn unique_name() -> String {
    let random = || (js_sys::Math::random() * 2_f64.powi(48)) as u64;
    format!("{:012x}{:012x}", random(), random())
}

/// Puts a text on the clipboard. Without a clipboard (a page that is not secure) nothing happens; says whether it was
/// tried.
pub(crate) fn copy(text: &str) -> bool {
    let Some(window) = window().filter(|window| window.is_secure_context()) else {
        return false;
    };
    // What becomes of it is the browser's to tell: it asks the person where it has to.
    let _ = window.navigator().clipboard().write_text(text);
    true
}

/// Clicks the first element that matches a selector.
pub(crate) fn click(selector: &str) {
    if let Some(element) = find(selector).and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        element.click();
    }
}

/// Scrolls a list of equally high rows just so far that a row can be seen.
pub(crate) fn scroll_to_row(list: &Element, place: usize, row: f64) {
    let top = place as f64 * row;
    let (scrolled, height) = (f64::from(list.scroll_top()), f64::from(list.client_height()));
    if top < scrolled {
        list.set_scroll_top(top as i32);
    } else if top + row > scrolled + height {
        list.set_scroll_top((top + row - height).ceil() as i32);
    }
}

/// The first element that matches a selector.
pub(crate) fn find(selector: &str) -> Option<Element> {
    document()?.query_selector(selector).ok().flatten()
}

/// A length of the stylesheet in pixels, such as `--row-watch`.
pub(crate) fn css_length(name: &str) -> Option<f64> {
    let root = document()?.document_element()?;
    let style = window()?.get_computed_style(&root).ok()??;
    let text = style.get_property_value(name).ok()?;
    let text = text.trim();
    if let Some(rem) = text.strip_suffix("rem") {
        let font = style.get_property_value("font-size").ok()?;
        return Some(rem.parse::<f64>().ok()? * font.trim_end_matches("px").parse::<f64>().ok()?);
    }
    text.trim_end_matches("px").parse().ok()
}

fn storage(keep: Keep) -> Option<Storage> {
    let window = window()?;
    match keep {
        Keep::Device => window.local_storage().ok()?,
        Keep::Tab => window.session_storage().ok()?,
    }
}
