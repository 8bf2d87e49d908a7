//! The working part of a line chart: it watches the readings, its size, the theme, the hands and the clock, and draws.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use gloo_timers::callback::{Interval, Timeout};
use web_sys::Element;
use yew::Callback;

use super::candle_control::{Control, listen};
use super::line_words::LineLabels;
use crate::browser;
use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::draw::line as painter;
use crate::canvas::draw::stack::{Dirty, Stack, Waker, Work};
use crate::canvas::draw::surface::SizeWatch;
use crate::canvas::draw::text;
use crate::canvas::draw::theme::on_theme_change;
use crate::canvas::layout::{Stage, TIME_AXIS};
use crate::canvas::line::LineFrame;
use crate::canvas::live::Watch;
use crate::canvas::readings::ReadingsHandle;
use crate::canvas::time_view::TimeView;
use crate::canvas::viewport::{OlderTrigger, Window};
use crate::format;

/// How long a text alternative may lag behind the picture.
const WORDS_EVERY_MS: u32 = 3_000;
/// The present moves on without data too.
const TICK_MS: u32 = 1_000;

/// What the component shows about the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineView {
    /// The present is in sight and followed.
    pub(super) following: bool,
    /// There is no point of this metric.
    pub(super) empty: bool,
}

/// Whom to tell.
pub(super) struct LineReports {
    /// The view changed in a way that the component shows.
    pub(super) on_view: Callback<LineView>,
    /// Reports before a time are wanted.
    pub(super) on_older: Callback<i64>,
}

/// See the file's head. Dropping it ends listening, watching and drawing.
pub(super) struct LineStage {
    core: Rc<RefCell<Core>>,
    waker: Waker,
    _listeners: Vec<EventListener>,
    _size: Option<SizeWatch>,
    _watches: [Watch; 2],
    _tick: Interval,
}

struct Core {
    stack: Stack,
    readings: ReadingsHandle,
    labels: Rc<LineLabels>,
    reports: LineReports,
    control: Control<TimeView>,
    shown: Option<LineView>,
    frame: Option<LineFrame>,
    /// CSS pixels; grows with its labels at once and shrinks only when much too wide, so that it does not twitch.
    value_axis: f64,
    older: OlderTrigger,
    legend: String,
    worded: Option<u64>,
    words: Option<Timeout>,
}

impl LineStage {
    /// A stage on `host`, which has the markup of `LineChart`; `None` without canvas support.
    pub(super) fn new(
        host: Element,
        readings: ReadingsHandle,
        labels: Rc<LineLabels>,
        reports: LineReports,
    ) -> Option<Self> {
        let stack = Stack::new(host.clone())?;
        let dirty = Rc::new(Dirty::default());
        let core = Rc::new(RefCell::new(Core {
            stack,
            readings: readings.clone(),
            labels,
            reports,
            control: Control::default(),
            shown: None,
            frame: None,
            value_axis: 52.0,
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
        let wake = || {
            let waker = waker.clone();
            move || waker.wake_base()
        };
        let watches = [
            readings.subscribe(wake()),
            on_theme_change({
                let waker = waker.clone();
                move || waker.wake_theme()
            }),
        ];
        let size = SizeWatch::new(&host, {
            let core = Rc::downgrade(&core);
            move |size| {
                dirty.size.set(Some(size));
                draw(&core, &dirty);
            }
        });
        let listeners = {
            let canvas = core.borrow().stack.base().canvas().clone();
            listen(&core, |core| &mut core.control, &canvas, &host, &waker)
        };
        let tick = Interval::new(TICK_MS, wake());
        waker.wake_base();
        Some(Self {
            core,
            waker,
            _listeners: listeners,
            _size: size,
            _watches: watches,
            _tick: tick,
        })
    }

    /// Takes another metric, or other names for it.
    pub(super) fn set_labels(&self, labels: Rc<LineLabels>) {
        let mut core = self.core.borrow_mut();
        if core.labels != labels {
            core.labels = labels;
            core.worded = None;
            core.shown = None;
            drop(core);
            self.waker.wake_base();
        }
    }

    /// Shows a stretch of so many milliseconds.
    pub(super) fn set_span(&self, millis: f64) {
        self.core.borrow_mut().control.view.set_span(millis);
        self.waker.wake_base();
    }

    /// Holds the view still, or follows the present.
    pub(super) fn hold(&self, is_held: bool) {
        let mut core = self.core.borrow_mut();
        match is_held {
            true => core.control.view.hold(),
            false => core.control.view.show_now(),
        }
        drop(core);
        self.waker.wake_base();
    }

    /// Reads the colours again: the host's state changed, and with it what its tokens mean.
    pub(super) fn read_theme(&self) {
        self.waker.wake_theme();
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
    let view = LineView {
        following: core.control.view.is_following(),
        empty: core
            .readings
            .read(|readings| readings.last(&core.labels.metric).is_none()),
    };
    let changed = (core.shown != Some(view)).then_some(view);
    core.shown = Some(view);
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
            let decimals = self.labels.decimals.max(laid_out.ticks.decimals);
            let wanted = painter::value_axis_width(&brush, laid_out, decimals).ceil();
            if wanted > self.value_axis || wanted < self.value_axis - 16.0 {
                self.value_axis = wanted;
                frame = self.lay_out();
            }
        }
        self.stack.base().clear();
        if let Some(frame) = &frame {
            painter::paint(&self.stack.base_brush(), frame, self.labels.decimals);
        }
        self.frame = frame;
    }

    fn lay_out(&mut self) -> Option<LineFrame> {
        let size = self.stack.size();
        let stage = Stage {
            width: size.width,
            height: size.height,
            ratio: size.ratio,
            price_axis: self.value_axis,
            stretch: self.control.stretch(),
            tick_size: 0.0,
        };
        let panes = (size.width - self.value_axis, size.height - TIME_AXIS);
        self.control.panes = Some(panes);
        let now = i64::try_from(browser::now()).unwrap_or(i64::MAX) - self.labels.ahead;
        let view = &mut self.control.view;
        view.resize(panes.0);
        self.readings.read(|readings| {
            view.set_extent(readings.extent(), now);
            LineFrame::new(readings, &self.labels.metric, view, &stage, text::zone_shift)
        })
    }

    fn paint_overlay(&mut self) {
        let brush = self.stack.overlay_brush();
        let Some(frame) = &self.frame else {
            return self.show_legend(String::new());
        };
        let view = &self.control.view;
        let pointer = self.control.pointer.filter(|(x, _)| *x < view.width());
        let Some((x, _)) = pointer else {
            let legend = self.labels.legend(frame.last.as_ref());
            return self.show_legend(legend);
        };
        let moment = view.moment(x);
        let point = frame.nearest(moment);
        let at = point.map_or(x, |point| view.x(point.t)) * brush.ratio;
        let time = point.map_or(moment, |point| point.t);
        let label = format::time_with_millis(u64::try_from(time).unwrap_or_default());
        painter::crosshair(&brush, frame, at, point.as_ref(), &label, self.labels.decimals);
        let legend = self.labels.legend(point.as_ref());
        self.show_legend(legend);
    }

    fn show_legend(&mut self, legend: String) {
        if legend != self.legend {
            if let Ok(Some(element)) = self.stack.host().query_selector(".chart-legend") {
                element.set_text_content(Some(&legend));
            }
            self.legend = legend;
        }
    }

    /// Writes the text alternative at once the first time, and then at most every few seconds.
    fn plan_words(&mut self, shared: &Rc<RefCell<Core>>) {
        if self.worded.is_none() {
            self.write_words();
        } else if self.worded != Some(self.readings.version()) && self.words.is_none() {
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
        self.worded = Some(self.readings.version());
        let (summary, rows) = self
            .readings
            .read(|readings| (self.labels.summary(readings), self.labels.rows(readings)));
        let _ = self.stack.base().canvas().set_attribute("aria-label", &summary);
        if let Ok(Some(body)) = self.stack.host().query_selector(".chart-table > tbody") {
            body.set_inner_html(&rows);
        }
    }

    fn poll_older(&mut self) -> Option<i64> {
        let (first, wants) = self.readings.read(|readings| {
            let first = readings.extent().map(|(first, _)| first);
            (first, readings.wants_older())
        });
        let is_near = self.frame.is_some() && self.control.view.nears_oldest();
        self.older.poll(first, wants && is_near)
    }
}
