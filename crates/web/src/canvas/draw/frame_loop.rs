//! One animation frame at a time: asking a hundred times before the next frame draws once, and not asking costs
//! nothing. A hidden tab gets no frames from the browser, so it draws nothing and catches up when it shows.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use wasm_bindgen::prelude::*;

/// Calls a function at most once per animation frame. Dropping it cancels what is pending.
pub struct FrameLoop {
    pending: Cell<Option<i32>>,
    /// Made once; a closure per frame would be garbage per frame.
    callback: Closure<dyn FnMut(f64)>,
}

impl FrameLoop {
    /// A loop that calls `draw` with the frame's time (milliseconds since the page's start).
    pub fn new(mut draw: impl FnMut(f64) + 'static) -> Rc<Self> {
        Rc::new_cyclic(|this: &Weak<Self>| {
            let this = this.clone();
            let callback = Closure::new(move |time: f64| {
                if let Some(this) = this.upgrade() {
                    this.pending.set(None);
                    draw(time);
                }
            });
            Self {
                pending: Cell::new(None),
                callback,
            }
        })
    }

    /// Asks for a frame, unless one is pending.
    pub fn request(&self) {
        if self.pending.get().is_some() {
            return;
        }
        let Some(window) = web_sys::window() else { return };
        self.pending.set(
            window
                .request_animation_frame(self.callback.as_ref().unchecked_ref())
                .ok(),
        );
    }
}

impl Drop for FrameLoop {
    fn drop(&mut self) {
        if let (Some(id), Some(window)) = (self.pending.take(), web_sys::window()) {
            let _ = window.cancel_animation_frame(id);
        }
    }
}
