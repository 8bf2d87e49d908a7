//! What hands do to a chart of time: pointers, wheel and keys become a view, a stretch and a crosshair. Nothing here
//! draws, and what it needs of the layout is where the axes begin.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlCanvasElement, KeyboardEvent, MouseEvent, PointerEvent, WheelEvent};

use crate::canvas::draw::stack::Waker;
use crate::canvas::gesture::{Gesture, Gestures, Zone, wheel_factor};
use crate::canvas::viewport::{Viewport, Window};

/// A touch that moved less than this many pixels was a tap.
const TAP: f64 = 6.0;

/// See the file's head.
#[derive(Default)]
pub(super) struct Control<V = Viewport> {
    /// What is shown.
    pub(super) view: V,
    /// Where the crosshair is, CSS pixels.
    pub(super) pointer: Option<(f64, f64)>,
    /// Right edge and lower edge of the panes, CSS pixels; none before the first drawing.
    pub(super) panes: Option<(f64, f64)>,
    /// Octaves by which the price range is stretched against the automatic one; 0 is automatic.
    octaves: f64,
    gestures: Gestures,
    /// Where a press began, to tell a tap from a drag.
    pressed: Option<(f64, f64)>,
}

/// What has to be drawn again.
pub(super) enum Outcome {
    /// Nothing: the input was not for the chart.
    Ignored,
    /// The crosshair.
    Pointed,
    /// Everything.
    Moved,
}

impl<V: Window> Control<V> {
    /// Factor on the automatic price range.
    pub(super) fn stretch(&self) -> f64 {
        self.octaves.exp2()
    }

    fn press(&mut self, event: &PointerEvent) -> Outcome {
        let (x, y) = place(event);
        self.gestures.press(event.pointer_id(), self.zone(x, y), x, y);
        self.pressed = Some((x, y));
        Outcome::Pointed
    }

    fn shift(&mut self, event: &PointerEvent) -> Outcome {
        let (x, y) = place(event);
        // A finger that drags hides what it points at, so a touch crosshair stands only after a tap.
        let touch = event.pointer_type() == "touch";
        self.pointer = (!touch).then_some((x, y));
        match self.gestures.shift(event.pointer_id(), x, y) {
            Some(gesture) => self.apply(gesture),
            None => Outcome::Pointed,
        }
    }

    fn release(&mut self, event: &PointerEvent) -> Outcome {
        self.gestures.release(event.pointer_id());
        let (x, y) = place(event);
        let tapped = self
            .pressed
            .take()
            .is_some_and(|(x0, y0)| (x - x0).abs() < TAP && (y - y0).abs() < TAP);
        if event.pointer_type() == "touch" {
            self.pointer = (tapped && event.type_() == "pointerup").then_some((x, y));
        }
        Outcome::Pointed
    }

    fn leave(&mut self, event: &PointerEvent) -> Outcome {
        if event.pointer_type() != "touch" {
            self.pointer = None;
        }
        Outcome::Pointed
    }

    fn double_click(&mut self, event: &MouseEvent) -> Outcome {
        if self.zone(f64::from(event.offset_x()), f64::from(event.offset_y())) != Zone::PriceAxis {
            return Outcome::Ignored;
        }
        self.octaves = 0.0;
        Outcome::Moved
    }

    fn wheel(&mut self, event: &WheelEvent) -> Outcome {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let factor = wheel_factor(event.delta_y(), event.delta_mode());
        if event.delta_x().abs() > event.delta_y().abs() {
            self.apply(Gesture::Pan {
                pixels: -event.delta_x(),
            })
        } else if self.zone(x, y) == Zone::PriceAxis {
            self.apply(Gesture::Stretch { factor: 1.0 / factor })
        } else {
            self.apply(Gesture::Zoom { factor, x })
        }
    }

    fn key(&mut self, event: &KeyboardEvent) -> Outcome {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return Outcome::Ignored;
        }
        let width = self.view.width();
        let stride = if event.shift_key() {
            width * 0.9
        } else {
            (width * 0.1).max(24.0)
        };
        match event.key().as_str() {
            "ArrowLeft" => self.view.pan(stride),
            "ArrowRight" => self.view.pan(-stride),
            "+" | "=" => self.view.zoom(1.25, width / 2.0),
            "-" | "_" => self.view.zoom(0.8, width / 2.0),
            "Home" => self.view.show_oldest(),
            "End" => self.view.show_now(),
            "Escape" if self.pointer.is_some() => self.pointer = None,
            _ => return Outcome::Ignored,
        }
        Outcome::Moved
    }

    fn apply(&mut self, gesture: Gesture) -> Outcome {
        match gesture {
            Gesture::Pan { pixels } => self.view.pan(pixels),
            Gesture::Zoom { factor, x } => self.view.zoom(factor, x.min(self.view.width())),
            Gesture::Stretch { factor } => self.octaves = (self.octaves + factor.log2()).clamp(-3.0, 4.0),
        }
        Outcome::Moved
    }

    fn zone(&self, x: f64, y: f64) -> Zone {
        match self.panes {
            Some((right, _)) if x >= right => Zone::PriceAxis,
            Some((_, bottom)) if y >= bottom => Zone::TimeAxis,
            _ => Zone::Plot,
        }
    }

    /// Tells the stylesheet what a press would do here, for the cursor.
    fn mark(&self, host: &Element) {
        let (hover, dragging) = match self.pointer.map(|(x, y)| self.zone(x, y)) {
            Some(Zone::PriceAxis) => ("price-axis", self.gestures.is_active()),
            Some(Zone::TimeAxis) => ("time-axis", self.gestures.is_active()),
            Some(Zone::Plot) | None => ("plot", self.gestures.is_active()),
        };
        let _ = host.set_attribute("data-hover", hover);
        let _ = host.set_attribute("data-dragging", if dragging { "true" } else { "false" });
    }
}

/// Listens on the chart until the listeners are dropped. `control` finds the control in what it is a part of.
pub(super) fn listen<T: 'static, V: Window + 'static>(
    owner: &Rc<RefCell<T>>,
    control: fn(&mut T) -> &mut Control<V>,
    canvas: &HtmlCanvasElement,
    host: &Element,
    waker: &Waker,
) -> Vec<EventListener> {
    let bridge = Bridge {
        owner: owner.clone(),
        control,
        host: host.clone(),
        waker: waker.clone(),
    };
    let mut listeners: Vec<EventListener> = [
        (
            "pointerdown",
            Control::press as fn(&mut Control<V>, &PointerEvent) -> Outcome,
        ),
        ("pointermove", Control::shift),
        ("pointerup", Control::release),
        ("pointercancel", Control::release),
        ("pointerleave", Control::leave),
    ]
    .into_iter()
    .map(|(name, act)| {
        let (bridge, canvas) = (bridge.clone(), canvas.clone());
        EventListener::new(&canvas.clone(), name, move |event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                if name == "pointerdown" {
                    // A drag goes on outside the chart. A pointer that is already gone cannot be captured.
                    let _ = canvas.set_pointer_capture(event.pointer_id());
                }
                bridge.pass(event, |control| act(control, event));
            }
        })
    })
    .collect();
    let active = EventListenerOptions::enable_prevent_default();
    listeners.push(EventListener::new(canvas, "dblclick", {
        let bridge = bridge.clone();
        move |event| {
            if let Some(click) = event.dyn_ref::<MouseEvent>() {
                bridge.pass(event, |control| control.double_click(click));
            }
        }
    }));
    listeners.push(EventListener::new_with_options(canvas, "wheel", active, {
        let bridge = bridge.clone();
        move |event| {
            if let Some(wheel) = event.dyn_ref::<WheelEvent>() {
                event.prevent_default();
                bridge.pass(event, |control| control.wheel(wheel));
            }
        }
    }));
    listeners.push(EventListener::new_with_options(
        host,
        "keydown",
        active,
        move |event| {
            // Keys of the button inside are its own.
            let own = event
                .target()
                .is_some_and(|target| target == *bridge.host.as_ref());
            if let (true, Some(key)) = (own, event.dyn_ref::<KeyboardEvent>()) {
                bridge.pass(event, |control| control.key(key));
            }
        },
    ));
    listeners
}

/// From an event to the control, and from what came of it to the next frame.
struct Bridge<T, V> {
    owner: Rc<RefCell<T>>,
    control: fn(&mut T) -> &mut Control<V>,
    host: Element,
    waker: Waker,
}

impl<T, V> Clone for Bridge<T, V> {
    fn clone(&self) -> Self {
        Self {
            owner: self.owner.clone(),
            control: self.control,
            host: self.host.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl<T, V: Window> Bridge<T, V> {
    fn pass(&self, event: &Event, act: impl FnOnce(&mut Control<V>) -> Outcome) {
        let mut owner = self.owner.borrow_mut();
        let control = (self.control)(&mut owner);
        let outcome = act(control);
        match outcome {
            Outcome::Ignored => return,
            Outcome::Pointed => {
                control.mark(&self.host);
                self.waker.wake_overlay();
            }
            Outcome::Moved => self.waker.wake_base(),
        }
        // What the chart took is not for the page too: no scrolling, no shortcut.
        if event.type_() == "keydown" {
            event.prevent_default();
            event.stop_propagation();
        }
    }
}

fn place(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}
