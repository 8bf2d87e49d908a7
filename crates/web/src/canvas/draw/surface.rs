//! A canvas whose backing store has exactly one pixel per pixel of the screen, at every zoom and on every display.

use wasm_bindgen::prelude::*;
use web_sys::{
    CanvasRenderingContext2d, Element, HtmlCanvasElement, ResizeObserver, ResizeObserverBoxOptions,
    ResizeObserverEntry, ResizeObserverOptions, ResizeObserverSize,
};

/// Size of an element: CSS pixels, and device pixels of its backing store.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Size {
    /// CSS pixels.
    pub width: f64,
    /// CSS pixels.
    pub height: f64,
    /// Device pixels per CSS pixel.
    pub ratio: f64,
    /// The browser's own count of device pixels, where it gives one: `width * ratio` rounds wrong at odd zooms.
    pub device: Option<(u32, u32)>,
}

impl Size {
    /// Width and height of the backing store.
    pub fn pixels(&self) -> (u32, u32) {
        let computed = (
            (self.width * self.ratio).round(),
            (self.height * self.ratio).round(),
        );
        match self.device {
            // The count is only trusted as a correction of the rounding: it may be of another ratio than the current.
            Some((w, h))
                if (f64::from(w) - computed.0).abs() <= 1.0 && (f64::from(h) - computed.1).abs() <= 1.0 =>
            {
                (w, h)
            }
            _ => (computed.0 as u32, computed.1 as u32),
        }
    }
}

/// A canvas and its context.
pub struct Surface {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
}

impl Surface {
    /// The surface of a canvas element; `None` if the browser gives no 2d context.
    pub fn new(canvas: HtmlCanvasElement) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        Some(Self { canvas, context })
    }

    /// Gives the backing store its size. It is cleared by that, so the caller draws at once.
    pub fn resize(&self, size: &Size) {
        let (width, height) = size.pixels();
        if (self.canvas.width(), self.canvas.height()) != (width, height) {
            self.canvas.set_width(width);
            self.canvas.set_height(height);
        }
    }

    /// Empties it.
    pub fn clear(&self) {
        self.context
            .clear_rect(0.0, 0.0, self.canvas.width().into(), self.canvas.height().into());
    }

    /// What to paint with.
    pub fn context(&self) -> &CanvasRenderingContext2d {
        &self.context
    }

    /// The element.
    pub fn canvas(&self) -> &HtmlCanvasElement {
        &self.canvas
    }
}

/// Device pixels per CSS pixel now.
pub fn device_ratio() -> f64 {
    web_sys::window()
        .map_or(1.0, |window| window.device_pixel_ratio())
        .max(0.1)
}

/// Reports the size of `element` now and after each change, between layout and paint, until it is dropped.
pub struct SizeWatch {
    observer: ResizeObserver,
    _callback: Closure<dyn FnMut(js_sys::Array)>,
}

impl SizeWatch {
    /// Watches `element`; `None` if the browser has no ResizeObserver.
    pub fn new(element: &Element, mut report: impl FnMut(Size) + 'static) -> Option<Self> {
        let callback = Closure::new(move |entries: js_sys::Array| {
            let Ok(entry) = entries
                .get(entries.length().wrapping_sub(1))
                .dyn_into::<ResizeObserverEntry>()
            else {
                return;
            };
            let rect = entry.content_rect();
            report(Size {
                width: rect.width(),
                height: rect.height(),
                ratio: device_ratio(),
                device: device_pixels(&entry),
            });
        });
        let observer = ResizeObserver::new(callback.as_ref().unchecked_ref()).ok()?;
        // Observing device pixels also reports a change of the ratio alone. Safari knows no such box and throws.
        let options = ResizeObserverOptions::new();
        options.set_box(ResizeObserverBoxOptions::DevicePixelContentBox);
        if try_observe(&observer, element, &options).is_err() {
            observer.observe(element);
        }
        Some(Self {
            observer,
            _callback: callback,
        })
    }
}

impl Drop for SizeWatch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// `observe` with its exception, which web-sys does not expect.
fn try_observe(
    observer: &ResizeObserver,
    element: &Element,
    options: &ResizeObserverOptions,
) -> Result<(), JsValue> {
    let observe: js_sys::Function = js_sys::Reflect::get(observer, &"observe".into())?.dyn_into()?;
    observe.call2(observer, element, options).map(|_| ())
}

fn device_pixels(entry: &ResizeObserverEntry) -> Option<(u32, u32)> {
    let sizes = js_sys::Reflect::get(entry, &"devicePixelContentBoxSize".into()).ok()?;
    let size: ResizeObserverSize = sizes.dyn_into::<js_sys::Array>().ok()?.get(0).dyn_into().ok()?;
    Some((size.inline_size() as u32, size.block_size() as u32))
}
