//! The working part of a candle chart: it owns the view, listens to pointers and keys, watches the series and draws.
//!
//! A push of data sets a flag; a frame lays out and paints what the flags say. Callbacks into Yew run after the frame,
//! when nothing is borrowed, and only when something a component shows has changed.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, MouseEvent, PointerEvent, WheelEvent};
use yew::Callback;

use super::candle_words::{Labels, with_time};
use crate::canvas::columns::CandleShape;
use crate::canvas::draw::candles;
use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::draw::stack::{Dirty, Stack, Waker, Work};
use crate::canvas::draw::surface::SizeWatch;
use crate::canvas::draw::text;
use crate::canvas::draw::theme::on_theme_change;
use crate::canvas::gesture::{Gesture, Gestures, Zone, wheel_factor};
use crate::canvas::layout::{CandleFrame, Stage, TIME_AXIS};
use crate::canvas::live::Watch;
use crate::canvas::series::{Bar, SeriesHandle};
use crate::canvas::viewport::{OlderTrigger, Viewport};

/// How long a text alternative may lag behind the picture: reading it is slower than that anyway.
const WORDS_EVERY_MS: u32 = 3_000;
/// A touch that moved less than this many pixels was a tap.
const TAP: f64 = 6.0;

/// What the component shows about the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// The newest bar is in sight and followed.
    pub(super) following: bool,
    /// There is no bar.
    pub(super) empty: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            following: true,
            empty: true,
        }
    }
}

/// Whom to tell.
pub(super) struct Reports {
    /// The view changed in a way that the component shows.
    pub(super) on_view: Callback<View>,
    /// Bars before a time are wanted.
    pub(super) on_older: Callback<i64>,
}

/// See the file's head. Dropping it ends listening, watching and drawing.
pub(super) struct CandleStage {
    core: Rc<RefCell<Core>>,
    waker: Waker,
    _listeners: Vec<EventListener>,
    _size: Option<SizeWatch>,
    _watches: [Watch; 2],
}

struct Core {
    stack: Stack,
    series: SeriesHandle,
    labels: Rc<Labels>,
    reports: Reports,
    view: Viewport,
    shown: View,
    frame: Option<CandleFrame>,
    /// CSS pixels; grows with its labels at once and shrinks only when much too wide, so that it does not twitch.
    price_axis: f64,
    stretch: f64,
    gestures: Gestures,
    /// Where a press began, to tell a tap from a drag.
    pressed: Option<(f64, f64)>,
    pointer: Option<(f64, f64)>,
    older: OlderTrigger,
    legend: String,
    worded: Option<u64>,
    words: Option<Timeout>,
}

impl CandleStage {
    /// A stage on `host`, which has the markup of `CandleChart`; `None` without canvas support.
    pub(super) fn new(
        host: Element,
        series: SeriesHandle,
        labels: Rc<Labels>,
        reports: Reports,
    ) -> Option<Self> {
        let stack = Stack::new(host.clone())?;
        let dirty = Rc::new(Dirty::default());
        let core = Rc::new(RefCell::new(Core {
            stack,
            series: series.clone(),
            labels,
            reports,
            view: Viewport::default(),
            shown: View::default(),
            frame: None,
            price_axis: 56.0,
            stretch: 1.0,
            gestures: Gestures::default(),
            pressed: None,
            pointer: None,
            older: OlderTrigger::default(),
            legend: String::new(),
            worded: None,
            words: None,
        }));
        let frames = {
            let (core, dirty) = (Rc::downgrade(&core), dirty.clone());
            FrameLoop::new(move |_| draw(&core, &dirty))
        };
        let waker = Waker {
            dirty: dirty.clone(),
            frames,
        };
        let watches = [
            series.subscribe({
                let waker = waker.clone();
                move || waker.wake_base()
            }),
            on_theme_change({
                let waker = waker.clone();
                move || waker.wake_theme()
            }),
        ];
        let size = SizeWatch::new(&host, {
            let core = Rc::downgrade(&core);
            // Resizing empties a canvas, so it is painted before the browser shows it, not a frame later.
            move |size| {
                dirty.size.set(Some(size));
                draw(&core, &dirty);
            }
        });
        let listeners = listen(&core, &waker);
        waker.wake_base();
        Some(Self {
            core,
            waker,
            _listeners: listeners,
            _size: size,
            _watches: watches,
        })
    }

    /// Takes new names and decimals.
    pub(super) fn set_labels(&self, labels: Rc<Labels>) {
        let mut core = self.core.borrow_mut();
        if core.labels != labels {
            core.labels = labels;
            core.worded = None;
            drop(core);
            self.waker.wake_base();
        }
    }

    /// Takes a new receiver of requests for older bars.
    pub(super) fn set_on_older(&self, on_older: Callback<i64>) {
        self.core.borrow_mut().reports.on_older = on_older;
        self.waker.wake_base();
    }

    /// Reads the colours again: the host's state changed, and with it what its tokens mean.
    pub(super) fn read_theme(&self) {
        self.waker.wake_theme();
    }

    /// Shows the newest bar and follows it.
    pub(super) fn show_now(&self) {
        self.core.borrow_mut().view.show_now();
        self.waker.wake_base();
    }
}

fn draw(core: &Weak<RefCell<Core>>, dirty: &Dirty) {
    let Some(shared) = core.upgrade() else { return };
    let Ok(mut core) = shared.try_borrow_mut() else {
        return;
    };
    match core.stack.prepare(dirty) {
        Work::Nothing => return,
        Work::Overlay => core.paint_overlay(),
        Work::All => {
            core.paint_base();
            core.paint_overlay();
        }
    }
    core.plan_words(&shared);
    let older = core.poll_older();
    let view = View {
        following: core.view.is_following(),
        empty: core.series.read(|series| series.bars().is_empty()),
    };
    let changed = (core.shown != view).then_some(view);
    core.shown = view;
    let (on_view, on_older) = (core.reports.on_view.clone(), core.reports.on_older.clone());
    drop(core);
    if let Some(view) = changed {
        on_view.emit(view);
    }
    if let Some(before) = older {
        on_older.emit(before);
    }
}

impl Core {
    fn paint_base(&mut self) {
        let mut frame = self.lay_out();
        if let Some(laid_out) = &frame {
            let brush = self.stack.base_brush();
            let wanted = candles::price_axis_width(&brush, laid_out, self.labels.price_decimals).ceil();
            if wanted > self.price_axis || wanted < self.price_axis - 16.0 {
                self.price_axis = wanted;
                frame = self.lay_out();
            }
        }
        self.stack.base().clear();
        if let Some(frame) = &frame {
            candles::paint(&self.stack.base_brush(), frame, self.labels.price_decimals);
        }
        self.frame = frame;
    }

    fn lay_out(&mut self) -> Option<CandleFrame> {
        let size = self.stack.size();
        let stage = Stage {
            width: size.width,
            height: size.height,
            ratio: size.ratio,
            price_axis: self.price_axis,
            stretch: self.stretch,
            tick_size: 10f64.powi(-i32::from(self.labels.price_decimals)),
        };
        let view = &mut self.view;
        view.resize(size.width - self.price_axis);
        self.series.read(|series| {
            view.set_extent(series.extent());
            CandleFrame::new(series, view, &stage, text::zone_shift)
        })
    }

    fn paint_overlay(&mut self) {
        let brush = self.stack.overlay_brush();
        let Some(frame) = &self.frame else {
            self.show_legend(String::new());
            return;
        };
        let hovered = self
            .pointer
            .filter(|(x, _)| *x < self.view.width())
            .and_then(|(x, y)| {
                let slot = self.view.snap(x)?;
                let group = slot.div_euclid(frame.shape.merged) * frame.shape.merged;
                let middle =
                    (self.view.x(group) + self.view.x(group + frame.shape.merged)) / 2.0 * brush.ratio;
                Some((group, middle, y))
            });
        let bar: Option<Bar> = match hovered {
            None => frame.last,
            Some((group, middle, y)) => {
                let CandleShape { body, wick, .. } = frame.shape;
                let x = CandleShape::left(middle, body) + (body - wick) / 2.0;
                let moment = self
                    .series
                    .read(|series| text::moment(series.slot_start(group), with_time(series.step())));
                candles::crosshair(
                    &brush,
                    frame,
                    x,
                    Some(y * brush.ratio),
                    &moment,
                    self.labels.price_decimals,
                );
                frame
                    .columns
                    .iter()
                    .find(|column| (column.x - middle).abs() < 0.5)
                    .map(|column| column.bar)
            }
        };
        let legend = self.labels.legend(bar.as_ref());
        self.show_legend(legend);
    }

    fn show_legend(&mut self, legend: String) {
        if legend != self.legend {
            if let Ok(Some(element)) = self.stack.host().query_selector(".chart-legend") {
                element.set_inner_html(&legend);
            }
            self.legend = legend;
        }
    }

    /// Writes the text alternative at once the first time, and then at most every few seconds.
    fn plan_words(&mut self, shared: &Rc<RefCell<Core>>) {
        if self.worded.is_none() {
            self.write_words();
        } else if self.worded != Some(self.series.version()) && self.words.is_none() {
            let core = Rc::downgrade(shared);
            self.words = Some(Timeout::new(WORDS_EVERY_MS, move || {
                if let Some(core) = core.upgrade() {
                    let mut core = core.borrow_mut();
                    // Forgotten, not dropped: a timer must not cancel itself while it runs.
                    if let Some(timer) = core.words.take() {
                        timer.forget();
                    }
                    core.write_words();
                }
            }));
        }
    }

    fn write_words(&mut self) {
        self.worded = Some(self.series.version());
        let (summary, rows) = self
            .series
            .read(|series| (self.labels.summary(series), self.labels.rows(series)));
        let _ = self.stack.base().canvas().set_attribute("aria-label", &summary);
        if let Ok(Some(body)) = self.stack.host().query_selector(".chart-table > tbody") {
            body.set_inner_html(&rows);
        }
    }

    fn poll_older(&mut self) -> Option<i64> {
        let (first, wants) = self
            .series
            .read(|series| (series.bars().front().map(|bar| bar.t), series.wants_older()));
        if first.is_none() {
            self.older.reset();
        }
        let near = self.frame.is_some() && self.view.nears_oldest();
        self.older.poll(first, wants && near)
    }

    fn zone(&self, x: f64, y: f64) -> Zone {
        match self.stack.size() {
            size if self.frame.is_some() && x >= size.width - self.price_axis => Zone::PriceAxis,
            size if self.frame.is_some() && y >= size.height - TIME_AXIS => Zone::TimeAxis,
            _ => Zone::Plot,
        }
    }

    fn apply(&mut self, gesture: Gesture) {
        match gesture {
            Gesture::Pan { pixels } => self.view.pan(pixels),
            Gesture::Zoom { factor, x } => self.view.zoom(factor, x.min(self.view.width())),
            Gesture::Stretch { factor } => self.stretch = (self.stretch * factor).clamp(0.1, 20.0),
        }
    }

    fn press(&mut self, event: &PointerEvent) {
        let (x, y) = place(event);
        self.gestures.press(event.pointer_id(), self.zone(x, y), x, y);
        self.pressed = Some((x, y));
        let _ = self.stack.base().canvas().set_pointer_capture(event.pointer_id());
        let _ = self.stack.host().set_attribute("data-dragging", "true");
    }

    /// Whether the data has to be painted again.
    fn shift(&mut self, event: &PointerEvent) -> bool {
        let (x, y) = place(event);
        let touch = event.pointer_type() == "touch";
        self.pointer = (!touch || self.pointer.is_some() && !self.gestures.is_active()).then_some((x, y));
        match self.gestures.shift(event.pointer_id(), x, y) {
            Some(gesture) => {
                self.apply(gesture);
                true
            }
            None => {
                let hover = match self.zone(x, y) {
                    Zone::Plot => "plot",
                    Zone::PriceAxis => "price-axis",
                    Zone::TimeAxis => "time-axis",
                };
                let _ = self.stack.host().set_attribute("data-hover", hover);
                false
            }
        }
    }

    fn release(&mut self, event: &PointerEvent) {
        self.gestures.release(event.pointer_id());
        let (x, y) = place(event);
        let tapped = self
            .pressed
            .take()
            .is_some_and(|(x0, y0)| (x - x0).abs() < TAP && (y - y0).abs() < TAP);
        if event.pointer_type() == "touch" {
            self.pointer = (tapped && event.type_() == "pointerup").then_some((x, y));
        }
        if !self.gestures.is_active() {
            let _ = self.stack.host().remove_attribute("data-dragging");
        }
    }

    fn wheel(&mut self, event: &WheelEvent) {
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let factor = wheel_factor(event.delta_y(), event.delta_mode());
        let gesture = if event.delta_x().abs() > event.delta_y().abs() {
            Gesture::Pan {
                pixels: -event.delta_x(),
            }
        } else if self.zone(x, y) == Zone::PriceAxis {
            Gesture::Stretch { factor: 1.0 / factor }
        } else {
            Gesture::Zoom { factor, x }
        };
        self.apply(gesture);
    }

    /// Whether the key meant something here.
    fn key(&mut self, event: &KeyboardEvent) -> bool {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return false;
        }
        let stride = if event.shift_key() {
            self.view.width() * 0.9
        } else {
            (self.view.width() * 0.1).max(24.0)
        };
        let middle = self.view.width() / 2.0;
        match event.key().as_str() {
            "ArrowLeft" => self.view.pan(stride),
            "ArrowRight" => self.view.pan(-stride),
            "+" | "=" => self.view.zoom(1.25, middle),
            "-" | "_" => self.view.zoom(0.8, middle),
            "Home" => self.view.show_oldest(),
            "End" => self.view.show_now(),
            "Escape" if self.pointer.is_some() => self.pointer = None,
            _ => return false,
        }
        true
    }
}

fn listen(core: &Rc<RefCell<Core>>, waker: &Waker) -> Vec<EventListener> {
    let (canvas, host) = {
        let core = core.borrow();
        (core.stack.base().canvas().clone(), core.stack.host().clone())
    };
    let active = EventListenerOptions::enable_prevent_default();
    let on_canvas = |name: &'static str, act: fn(&mut Core, &PointerEvent) -> Wake| {
        let (core, waker) = (core.clone(), waker.clone());
        EventListener::new(&canvas, name, move |event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                let wake = act(&mut core.borrow_mut(), event);
                wake.pass_on(&waker);
            }
        })
    };
    vec![
        on_canvas("pointerdown", |core, event| {
            core.press(event);
            Wake::Overlay
        }),
        on_canvas("pointermove", |core, event| {
            if core.shift(event) {
                Wake::Base
            } else {
                Wake::Overlay
            }
        }),
        on_canvas("pointerup", |core, event| {
            core.release(event);
            Wake::Overlay
        }),
        on_canvas("pointercancel", |core, event| {
            core.release(event);
            Wake::Overlay
        }),
        on_canvas("pointerleave", |core, event| {
            if event.pointer_type() != "touch" {
                core.pointer = None;
            }
            Wake::Overlay
        }),
        EventListener::new(&canvas, "dblclick", {
            let (core, waker) = (core.clone(), waker.clone());
            move |event| {
                let mut core = core.borrow_mut();
                if let Some(event) = event.dyn_ref::<MouseEvent>()
                    && core.zone(f64::from(event.offset_x()), f64::from(event.offset_y())) == Zone::PriceAxis
                {
                    core.stretch = 1.0;
                    Wake::Base.pass_on(&waker);
                }
            }
        }),
        EventListener::new_with_options(&canvas, "wheel", active, {
            let (core, waker) = (core.clone(), waker.clone());
            move |event| {
                if let Some(event) = event.dyn_ref::<WheelEvent>() {
                    event.prevent_default();
                    core.borrow_mut().wheel(event);
                    Wake::Base.pass_on(&waker);
                }
            }
        }),
        EventListener::new_with_options(&host, "keydown", active, {
            let (core, waker, host) = (core.clone(), waker.clone(), host.clone());
            move |event| {
                // Keys of the button inside are its own.
                let own = event.target().is_some_and(|target| target == *host.as_ref());
                if let (true, Some(event)) = (own, event.dyn_ref::<KeyboardEvent>())
                    && core.borrow_mut().key(event)
                {
                    event.prevent_default();
                    event.stop_propagation();
                    Wake::Base.pass_on(&waker);
                }
            }
        }),
    ]
}

enum Wake {
    Base,
    Overlay,
}

impl Wake {
    fn pass_on(self, waker: &Waker) {
        match self {
            Self::Base => waker.wake_base(),
            Self::Overlay => waker.wake_overlay(),
        }
    }
}

fn place(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}
