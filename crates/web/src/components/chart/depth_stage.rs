//! The working part of a depth chart: zoom, hover, drawing, and the words for it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, PointerEvent, WheelEvent};
use yew::{AttrValue, Callback};

use crate::canvas::book_curve::{BookCurve, BookCurveHandle, Side};
use crate::canvas::depth::{DepthFrame, DepthHover, clamp_zoom};
use crate::canvas::draw::depth as painter;
use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::draw::stack::{Dirty, Stack, Waker, Work};
use crate::canvas::draw::surface::SizeWatch;
use crate::canvas::draw::text;
use crate::canvas::draw::theme::on_theme_change;
use crate::canvas::gesture::wheel_factor;
use crate::canvas::layout::Rect;
use crate::canvas::live::Watch;

/// How long the text alternative may lag behind the picture.
const WORDS_EVERY_MS: u32 = 3_000;

/// Names and decimals of what is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DepthLabels {
    /// Unit of sizes.
    pub(super) symbol: AttrValue,
    /// Unit of prices.
    pub(super) quote: AttrValue,
    /// Decimals of a price.
    pub(super) price_decimals: u8,
}

/// See the file's head. Dropping it ends listening, watching and drawing.
pub(super) struct DepthStage {
    _core: Rc<RefCell<Core>>,
    waker: Waker,
    _listeners: Vec<EventListener>,
    _size: Option<SizeWatch>,
    _watches: [Watch; 2],
}

struct Core {
    stack: Stack,
    book: BookCurveHandle,
    labels: Rc<DepthLabels>,
    on_empty: Callback<bool>,
    empty: bool,
    zoom: f64,
    pointer: Option<(f64, f64)>,
    frame: Option<DepthFrame>,
    plot: Rect,
    worded: Option<u64>,
    words: Option<Timeout>,
}

impl DepthStage {
    /// A stage on `host`, which has the markup of `DepthChart`; `None` without canvas support.
    pub(super) fn new(
        host: Element,
        book: BookCurveHandle,
        labels: Rc<DepthLabels>,
        on_empty: Callback<bool>,
    ) -> Option<Self> {
        let stack = Stack::new(host.clone())?;
        let dirty = Rc::new(Dirty::default());
        let core = Rc::new(RefCell::new(Core {
            stack,
            book: book.clone(),
            labels,
            on_empty,
            empty: true,
            zoom: 1.0,
            pointer: None,
            frame: None,
            plot: Rect::default(),
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
            book.subscribe({
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
            move |size| {
                dirty.size.set(Some(size));
                draw(&core, &dirty);
            }
        });
        let listeners = listen(&core, &waker);
        waker.wake_base();
        Some(Self {
            _core: core,
            waker,
            _listeners: listeners,
            _size: size,
            _watches: watches,
        })
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
    let empty = core.book.read(|book| book.mid().is_none());
    let changed = core.empty != empty;
    core.empty = empty;
    let on_empty = core.on_empty.clone();
    drop(core);
    if changed {
        on_empty.emit(empty);
    }
}

impl Core {
    fn paint_base(&mut self) {
        let size = self.stack.size();
        self.plot = Rect {
            x: 0.0,
            y: 0.0,
            w: (size.width * size.ratio).round(),
            h: ((size.height - painter::AXIS) * size.ratio).round(),
        };
        self.frame = self
            .book
            .read(|book| DepthFrame::new(book, self.plot.w, self.plot.h, self.zoom));
        self.stack.base().clear();
        if let Some(frame) = &self.frame {
            painter::paint(
                &self.stack.base_brush(),
                frame,
                &self.plot,
                self.labels.price_decimals,
            );
        }
    }

    fn paint_overlay(&mut self) {
        let brush = self.stack.overlay_brush();
        let hover = self.frame.as_ref().zip(self.pointer).and_then(|(frame, (x, _))| {
            let hover = self.book.read(|book| frame.hover(book, x * brush.ratio))?;
            painter::hover(&brush, frame, &self.plot, &hover);
            Some(hover)
        });
        self.show_tip(hover.as_ref());
    }

    fn show_tip(&self, hover: Option<&DepthHover>) {
        let tip = self.stack.host().query_selector(".chart-tip").ok().flatten();
        let Some(tip) = tip.and_then(|tip| tip.dyn_into::<HtmlElement>().ok()) else {
            return;
        };
        let (Some(hover), Some((x, y))) = (hover, self.pointer) else {
            tip.set_hidden(true);
            return;
        };
        let DepthLabels {
            symbol,
            quote,
            price_decimals,
        } = &*self.labels;
        // Names come from the exchange: they are text, and only numbers are written as markup.
        tip.set_inner_html(&format!(
            "<dl><dt>Price</dt><dd>{}</dd><dt>From mid</dt><dd class=\"{}\">{}</dd><dt>Size</dt><dd>{} <span></span></dd>\
             <dt>Value</dt><dd>{} <span></span></dd></dl>",
            text::number(hover.price, *price_decimals),
            if hover.side == Side::Bid { "up" } else { "down" },
            text::percent(hover.distance),
            text::compact(hover.point.total),
            text::compact(hover.point.value),
        ));
        if let Ok(units) = tip.query_selector_all("span") {
            for (index, unit) in [symbol, quote].into_iter().enumerate() {
                if let Some(node) = units.item(index as u32) {
                    node.set_text_content(Some(unit));
                }
            }
        }
        tip.set_hidden(false);
        let (width, height) = (f64::from(tip.offset_width()), f64::from(tip.offset_height()));
        let size = self.stack.size();
        // Beside the pointer, on the side that has room, inside the chart.
        let left = if x + 14.0 + width > size.width {
            x - 14.0 - width
        } else {
            x + 14.0
        };
        let top = (y - height / 2.0).clamp(4.0, (size.height - height - 4.0).max(4.0));
        let place = format!("translate({}px, {}px)", left.max(4.0).round(), top.round());
        let _ = tip.style().set_property("transform", &place);
    }

    fn plan_words(&mut self, shared: &Rc<RefCell<Core>>) {
        if self.worded.is_none() {
            self.write_words();
        } else if self.worded != Some(self.book.version()) && self.words.is_none() {
            let core = Rc::downgrade(shared);
            self.words = Some(Timeout::new(WORDS_EVERY_MS, move || {
                if let Some(core) = core.upgrade() {
                    let mut core = core.borrow_mut();
                    if let Some(timer) = core.words.take() {
                        timer.forget();
                    }
                    core.write_words();
                }
            }));
        }
    }

    fn write_words(&mut self) {
        self.worded = Some(self.book.version());
        let words = self.book.read(|book| summary(book, &self.labels));
        let _ = self.stack.base().canvas().set_attribute("aria-label", &words);
    }
}

fn summary(book: &BookCurve, labels: &DepthLabels) -> String {
    let (Some(bid), Some(ask), Some(mid)) = (book.bids().last(), book.asks().last(), book.mid()) else {
        return format!("{} market depth: no complete book yet", labels.symbol);
    };
    let price = |value| text::number(value, labels.price_decimals);
    format!(
        "{} market depth around {}: buyers want {} down to {}, sellers offer {} up to {}",
        labels.symbol,
        price(mid),
        text::compact(bid.total),
        price(bid.price),
        text::compact(ask.total),
        price(ask.price),
    )
}

fn listen(core: &Rc<RefCell<Core>>, waker: &Waker) -> Vec<EventListener> {
    let canvas = core.borrow().stack.base().canvas().clone();
    let point = |name: &'static str, inside: bool| {
        let (core, waker) = (core.clone(), waker.clone());
        EventListener::new(&canvas, name, move |event| {
            if let Some(event) = event.dyn_ref::<PointerEvent>() {
                let place = (f64::from(event.offset_x()), f64::from(event.offset_y()));
                core.borrow_mut().pointer = inside.then_some(place);
                waker.wake_overlay();
            }
        })
    };
    let active = EventListenerOptions::enable_prevent_default();
    let wheel = {
        let (core, waker) = (core.clone(), waker.clone());
        EventListener::new_with_options(&canvas, "wheel", active, move |event| {
            if let Some(event) = event.dyn_ref::<WheelEvent>() {
                event.prevent_default();
                let mut core = core.borrow_mut();
                core.zoom = clamp_zoom(core.zoom / wheel_factor(event.delta_y(), event.delta_mode()));
                waker.wake_base();
            }
        })
    };
    vec![
        point("pointermove", true),
        point("pointerdown", true),
        point("pointerleave", false),
        wheel,
    ]
}
