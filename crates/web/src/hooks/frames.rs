//! One animation frame for everything that is dirty, so that however much data came, Yew renders once, and thirty times a
//! second at most: nobody reads figures faster, and the frames between belong to charts and scrolling.
//!
//! Browsers call no animation frame while the tab is hidden: then nothing is drawn, and once it shows, the newest is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_render::{AnimationFrame, request_animation_frame};

/// The least time between two renderings, in milliseconds: every other frame of a screen with 60 Hz.
const PACE: f64 = 30.0;

thread_local! {
    static DRAWN_AT: Cell<f64> = const { Cell::new(f64::NEG_INFINITY) };
    static PENDING: RefCell<Vec<Rc<Task>>> = const { RefCell::new(Vec::new()) };
    static FRAME: RefCell<Option<AnimationFrame>> = const { RefCell::new(None) };
}

/// Something that is done at most once a frame, and no more when this is dropped.
pub(super) struct Waker {
    task: Rc<Task>,
}

struct Task {
    is_pending: Cell<bool>,
    is_dropped: Cell<bool>,
    run: Box<dyn Fn()>,
}

impl Waker {
    /// Does `run` in the frame after a wake.
    pub(super) fn new(run: impl Fn() + 'static) -> Self {
        let task = Task {
            is_pending: Cell::new(false),
            is_dropped: Cell::new(false),
            run: Box::new(run),
        };
        Waker { task: Rc::new(task) }
    }

    /// Asks for the next frame, once.
    pub(super) fn wake(&self) {
        if self.task.is_pending.replace(true) {
            return;
        }
        PENDING.with_borrow_mut(|pending| pending.push(self.task.clone()));
        ask_for_frame();
    }
}

/// Whether something waits to be drawn.
#[cfg(all(test, target_arch = "wasm32"))]
pub(crate) fn is_pending() -> bool {
    PENDING.with_borrow(|pending| !pending.is_empty())
}

fn ask_for_frame() {
    FRAME.with_borrow_mut(|frame| {
        if frame.is_none() {
            *frame = Some(request_animation_frame(draw));
        }
    });
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.task.is_dropped.set(true);
    }
}

fn draw(now: f64) {
    // The frame is over before its tasks run, so that what they wake comes in the next one.
    FRAME.with_borrow_mut(Option::take);
    if now - DRAWN_AT.get() < PACE {
        return ask_for_frame();
    }
    DRAWN_AT.set(now);
    for task in PENDING.take() {
        task.is_pending.set(false);
        if !task.is_dropped.get() {
            (task.run)();
        }
    }
}
