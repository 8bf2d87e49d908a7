//! The working part of a candle chart: it watches the series, its size, the theme and the hands, and draws.
//!
//! A push of data sets a flag; a frame lays out and paints what the flags say. Callbacks into Yew run after the frame,
//! when nothing is borrowed, and only when something a component shows has changed.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use web_sys::Element;
use yew::Callback;

use super::candle_control::{Control, listen};
use super::candle_words::{Labels, with_time};
use crate::canvas::columns::CandleShape;
use crate::canvas::draw::candles;
use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::draw::stack::{Dirty, Stack, Waker, Work};
use crate::canvas::draw::surface::SizeWatch;
use crate::canvas::draw::text;
use crate::canvas::draw::theme::on_theme_change;
use crate::canvas::layout::{CandleFrame, Stage, TIME_AXIS};
use crate::canvas::live::Watch;
use crate::canvas::series::{Bar, SeriesHandle};
use crate::canvas::viewport::{OlderTrigger, Window};

/// How long a text alternative may lag behind the picture: reading it is slower than that anyway.
const WORDS_EVERY_MS: u32 = 3_000;

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
    control: Control,
    shown: View,
    frame: Option<CandleFrame>,
    /// CSS pixels; grows with its labels at once and shrinks only when much too wide, so that it does not twitch.
    price_axis: f64,
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
            control: Control::default(),
            shown: View::default(),
            frame: None,
            price_axis: 56.0,
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
        let listeners = {
            let canvas = core.borrow().stack.base().canvas().clone();
            listen(&core, |core| &mut core.control, &canvas, &host, &waker)
        };
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
        self.core.borrow_mut().control.view.show_now();
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
        following: core.control.view.is_following(),
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
            stretch: self.control.stretch(),
            tick_size: 10f64.powi(-i32::from(self.labels.price_decimals)),
        };
        let panes = (size.width - self.price_axis, size.height - TIME_AXIS);
        self.control.panes = Some(panes);
        let view = &mut self.control.view;
        view.resize(panes.0);
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
            .control
            .pointer
            .filter(|(x, _)| *x < self.control.view.width())
            .and_then(|(x, y)| {
                let slot = self.control.view.snap(x)?;
                let group = slot.div_euclid(frame.shape.merged) * frame.shape.merged;
                let middle = (self.control.view.x(group) + self.control.view.x(group + frame.shape.merged))
                    / 2.0
                    * brush.ratio;
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
        let near = self.frame.is_some() && self.control.view.nears_oldest();
        self.older.poll(first, wants && near)
    }
}
