//! Which rows of a long list can be seen.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver};
use yew::{NodeRef, hook, use_effect_with, use_state_eq};

/// The part of a list that can be seen, in rows, with some to spare on both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ScrollWindow {
    /// The first row.
    pub(crate) first: usize,
    /// How many.
    pub(crate) count: usize,
}

/// Rows to spare, so that a quick scroll shows no holes.
const SPARE: usize = 6;

impl ScrollWindow {
    /// The rows at a scroll position.
    pub(crate) fn at(scrolled: f64, height: f64, row: f64) -> Self {
        let row = row.max(1.0);
        let first = (scrolled.max(0.0) / row) as usize;
        let seen = (height.max(0.0) / row).ceil() as usize + 1;
        // Whole steps, so that scrolling by a pixel renders nothing.
        let first = (first / SPARE * SPARE).saturating_sub(SPARE);
        ScrollWindow {
            first,
            count: seen + 3 * SPARE,
        }
    }
}

/// Watches the scroll position and the height of `scroller`.
#[hook]
pub(crate) fn use_scroll_window(scroller: &NodeRef, row: f64) -> ScrollWindow {
    let window = use_state_eq(|| ScrollWindow::at(0.0, 800.0, row));
    use_effect_with(scroller.clone(), {
        let setter = window.setter();
        move |scroller| {
            let watching = scroller.cast::<Element>().map(|element| {
                watch(&element, move |element| {
                    setter.set(ScrollWindow::at(
                        f64::from(element.scroll_top()),
                        f64::from(element.client_height()),
                        row,
                    ));
                })
            });
            move || drop(watching)
        }
    });
    *window
}

/// What is unhooked together.
struct Watching {
    _scroll: EventListener,
    observer: Option<ResizeObserver>,
    _resized: Closure<dyn FnMut()>,
}

fn watch(element: &Element, seen: impl Fn(&Element) + Clone + 'static) -> Watching {
    let on_scroll = {
        let (element, seen) = (element.clone(), seen.clone());
        move || seen(&element)
    };
    let on_resize = on_scroll.clone();
    let resized = Closure::<dyn FnMut()>::new(on_resize);
    let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok();
    if let Some(observer) = &observer {
        observer.observe(element);
    }
    let scroll = EventListener::new(element, "scroll", move |_| on_scroll());
    Watching {
        _scroll: scroll,
        observer,
        _resized: resized,
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_covers_what_is_seen_and_a_little_more() {
        for scrolled in (0..20_000).step_by(7) {
            let window = ScrollWindow::at(f64::from(scrolled), 600.0, 44.0);
            let (top, bottom) = (f64::from(scrolled) / 44.0, (f64::from(scrolled) + 600.0) / 44.0);
            assert!(window.first as f64 <= top, "{scrolled}: {window:?}");
            assert!(
                (window.first + window.count) as f64 >= bottom,
                "{scrolled}: {window:?}"
            );
            assert!(window.count < 50);
        }
    }

    #[test]
    fn a_small_scroll_changes_nothing() {
        assert_eq!(
            ScrollWindow::at(1_000.0, 600.0, 44.0),
            ScrollWindow::at(1_010.0, 600.0, 44.0)
        );
    }
}
