//! The page that charts are mounted on, and how they are fed, operated and looked at.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use nexus_web::canvas::book_curve::{BookCurve, BookCurveHandle};
use nexus_web::canvas::series::{Bar, Series, SeriesHandle, Step};
use nexus_web::components::chart::{CandleChart, CandleChartProps, ChartStatus};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CanvasRenderingContext2d, Element, HtmlCanvasElement, HtmlElement, KeyboardEvent, KeyboardEventInit,
    PointerEvent, PointerEventInit,
};
use yew::prelude::*;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const STYLES: [&str; 4] = [
    include_str!("../../styles/tokens.css"),
    include_str!("../../styles/base.css"),
    include_str!("../../styles/controls.css"),
    include_str!("../../styles/chart.css"),
];

pub(crate) struct Page {
    pub(crate) window: web_sys::Window,
    pub(crate) root: Element,
    pub(crate) styles: Element,
}

pub(crate) struct Mounted {
    pub(crate) host: HtmlElement,
    pub(crate) series: Option<SeriesHandle>,
    pub(crate) unmount: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Page {
    pub(crate) fn open() -> Self {
        let window = web_sys::window().unwrap();
        let document = window.document().unwrap();
        let styles = document.create_element("style").unwrap();
        styles.set_text_content(Some(&STYLES.concat()));
        document.head().unwrap().append_child(&styles).unwrap();
        Self {
            window,
            root: document.document_element().unwrap(),
            styles,
        }
    }

    pub(crate) async fn candles(&self, series: SeriesHandle) -> Mounted {
        let mut mounted = self
            .mount::<CandleChart>(candle_props(series.clone(), ChartStatus::Ready))
            .await;
        mounted.series = Some(series);
        mounted
    }

    pub(crate) async fn mount<C>(&self, props: C::Properties) -> Mounted
    where
        C: BaseComponent,
    {
        let document = self.window.document().unwrap();
        let host: HtmlElement = document.create_element("div").unwrap().unchecked_into();
        // Away from the corner, where the browser's own pointer rests and would join in.
        host.style()
            .set_css_text("position:absolute;top:40px;left:40px;width:600px;height:320px");
        document.body().unwrap().append_child(&host).unwrap();
        let handle = yew::Renderer::<C>::with_root_and_props(host.clone().into(), props).render();
        yew::scheduler::flush().await;
        frames(3).await;
        Mounted {
            host,
            series: None,
            unmount: RefCell::new(Some(Box::new(move || handle.destroy()))),
        }
    }

    /// A token as its red, green and blue.
    pub(crate) fn token(&self, name: &str) -> [u8; 3] {
        let document = self.window.document().unwrap();
        let probe: HtmlElement = document.create_element("i").unwrap().unchecked_into();
        probe
            .style()
            .set_property("color", &format!("var({name})"))
            .unwrap();
        document.body().unwrap().append_child(&probe).unwrap();
        let style = self.window.get_computed_style(&probe).unwrap().unwrap();
        let colour = style.get_property_value("color").unwrap();
        probe.remove();
        let digits = colour.trim_start_matches("rgb(").trim_end_matches(')');
        let parts: Vec<u8> = digits.split(", ").map(|part| part.parse().unwrap()).collect();
        parts.try_into().unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.styles.remove();
        for attribute in ["data-theme", "data-palette"] {
            let _ = self.root.remove_attribute(attribute);
        }
    }
}

impl Mounted {
    pub(crate) fn find(&self, selector: &str) -> Option<Element> {
        self.host.query_selector(selector).unwrap()
    }

    pub(crate) fn chart(&self) -> Element {
        self.find(".chart").unwrap()
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        self.find(selector)
            .and_then(|element| element.text_content())
            .unwrap_or_default()
    }

    pub(crate) fn canvas(&self, selector: &str) -> HtmlCanvasElement {
        self.find(selector).unwrap().unchecked_into()
    }

    /// The bytes of a canvas from a device x, all of it or as much as `width` and `height` say.
    pub(crate) fn pixels(&self, selector: &str, x: f64, width: Option<f64>, height: Option<f64>) -> Vec<u8> {
        let canvas = self.canvas(selector);
        let context: CanvasRenderingContext2d = canvas.get_context("2d").unwrap().unwrap().unchecked_into();
        let width = width.unwrap_or_else(|| canvas.width().into());
        let height = height.unwrap_or_else(|| canvas.height().into());
        context.get_image_data(x, 0.0, width, height).unwrap().data().0
    }

    /// All opaque colours on a canvas.
    pub(crate) fn colours(&self, selector: &str) -> Vec<[u8; 3]> {
        distinct(&self.pixels(selector, 0.0, None, None))
    }

    /// All opaque colours of the upper half of a canvas: the price pane, without volume and time axis.
    pub(crate) fn colours_above(&self, selector: &str) -> Vec<[u8; 3]> {
        let half = f64::from(self.canvas(selector).height()) / 2.0;
        distinct(&self.pixels(selector, 0.0, None, Some(half.floor())))
    }

    /// All opaque colours of the pixel column at a CSS x.
    pub(crate) fn column(&self, selector: &str, x: f64) -> Vec<[u8; 3]> {
        let ratio = web_sys::window().unwrap().device_pixel_ratio();
        distinct(&self.pixels(selector, (x * ratio).floor(), Some(1.0), None))
    }

    pub(crate) fn is_painted(&self, selector: &str) -> bool {
        self.pixels(selector, 0.0, None, None)
            .iter()
            .any(|byte| *byte != 0)
    }

    /// The picture of the data.
    pub(crate) fn snapshot(&self) -> String {
        self.canvas(".chart-base").to_data_url().unwrap()
    }

    /// CSS width of the price axis: the hairline before it is the only column that is painted from top to bottom.
    pub(crate) fn axis_width(&self) -> f64 {
        let canvas = self.canvas(".chart-base");
        let (width, height) = (canvas.width() as usize, canvas.height() as usize);
        let pixels = self.pixels(".chart-base", 0.0, None, None);
        let full = |x: &usize| (0..height).all(|y| pixels[(y * width + x) * 4 + 3] == 255);
        let line = (0..width).rev().find(full).unwrap();
        (width - line) as f64 / web_sys::window().unwrap().device_pixel_ratio()
    }

    pub(crate) fn pointer(&self, kind: &str, x: f64, y: f64) {
        self.point("mouse", kind, x, y);
    }

    pub(crate) fn point(&self, device: &str, kind: &str, x: f64, y: f64) {
        let canvas = self.canvas(".chart-base");
        let rect = canvas.get_bounding_client_rect();
        let options = PointerEventInit::new();
        options.set_client_x((rect.left() + x) as i32);
        options.set_client_y((rect.top() + y) as i32);
        options.set_pointer_id(1);
        options.set_pointer_type(device);
        options.set_bubbles(true);
        let event = PointerEvent::new_with_event_init_dict(kind, &options).unwrap();
        canvas.dispatch_event(&event).unwrap();
    }

    /// Presses a key on the chart; whether the chart took it.
    pub(crate) fn key(&self, key: &str) -> bool {
        let options = KeyboardEventInit::new();
        options.set_key(key);
        options.set_bubbles(true);
        options.set_cancelable(true);
        let event = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &options).unwrap();
        !self.chart().dispatch_event(&event).unwrap()
    }

    pub(crate) async fn unmount(&self) {
        let unmount = self.unmount.borrow_mut().take();
        if let Some(unmount) = unmount {
            unmount();
            yew::scheduler::flush().await;
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(unmount) = self.unmount.borrow_mut().take() {
            unmount();
        }
        self.host.remove();
    }
}

/// Another `devicePixelRatio` while it lives, as when a window is dragged to another screen.
pub(crate) struct OtherRatio {
    pub(crate) own: JsValue,
}

impl OtherRatio {
    pub(crate) fn set(ratio: f64) -> Self {
        let window: &js_sys::Object = &web_sys::window().unwrap().unchecked_into();
        let name = JsValue::from_str("devicePixelRatio");
        let own = js_sys::Object::get_own_property_descriptor(window, &name);
        let descriptor = js_sys::Object::new();
        js_sys::Reflect::set(&descriptor, &"value".into(), &ratio.into()).unwrap();
        js_sys::Reflect::set(&descriptor, &"configurable".into(), &true.into()).unwrap();
        js_sys::Object::define_property(window, &name, &descriptor);
        Self { own }
    }
}

impl Drop for OtherRatio {
    fn drop(&mut self) {
        let window: &js_sys::Object = &web_sys::window().unwrap().unchecked_into();
        js_sys::Object::define_property(window, &"devicePixelRatio".into(), self.own.unchecked_ref());
    }
}

/// Counts the calls of a method while it lives.
pub(crate) struct Calls {
    pub(crate) object: JsValue,
    pub(crate) method: &'static str,
    pub(crate) original: JsValue,
    pub(crate) count: Rc<Cell<u32>>,
    pub(crate) _note: Closure<dyn Fn()>,
}

impl Calls {
    pub(crate) fn of(object: &JsValue, method: &'static str) -> Self {
        let original = js_sys::Reflect::get(object, &method.into()).unwrap();
        let count = Rc::new(Cell::new(0));
        let note = {
            let count = count.clone();
            Closure::<dyn Fn()>::new(move || count.set(count.get() + 1))
        };
        let wrap = js_sys::Function::new_with_args(
            "original, note",
            "return function (...args) { note(); return original.apply(this, args); }",
        );
        let wrapped = wrap.call2(&JsValue::UNDEFINED, &original, note.as_ref()).unwrap();
        js_sys::Reflect::set(object, &method.into(), &wrapped).unwrap();
        Self {
            object: object.clone(),
            method,
            original,
            count,
            _note: note,
        }
    }

    /// Clearing is the first thing a drawing does.
    pub(crate) fn drawings(canvas: &HtmlCanvasElement) -> Self {
        Self::of(&canvas.get_context("2d").unwrap().unwrap(), "clearRect")
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.get()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        js_sys::Reflect::set(&self.object, &self.method.into(), &self.original).unwrap();
    }
}

pub(crate) fn distinct(pixels: &[u8]) -> Vec<[u8; 3]> {
    let opaque = pixels.chunks_exact(4).filter(|pixel| pixel[3] == 255);
    let mut colours: Vec<[u8; 3]> = opaque.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    colours.sort_unstable();
    colours.dedup();
    colours
}

/// Lets the browser draw `count` frames.
pub(crate) async fn frames(count: u32) {
    for _ in 0..count {
        let promise = js_sys::Promise::new(&mut |resolve, _| {
            web_sys::window()
                .unwrap()
                .request_animation_frame(&resolve)
                .unwrap();
        });
        JsFuture::from(promise).await.unwrap();
    }
    yew::scheduler::flush().await;
}

pub(crate) fn candle_props(series: SeriesHandle, status: ChartStatus) -> CandleChartProps {
    CandleChartProps {
        series,
        symbol: "BTC".into(),
        interval: "1m".into(),
        price_decimals: 1,
        status,
        on_older: Callback::noop(),
    }
}

pub(crate) fn series(minutes: impl IntoIterator<Item = i64>) -> SeriesHandle {
    let mut series = Series::new(Step::Millis(MINUTE));
    series.merge(minutes.into_iter().map(bar));
    SeriesHandle::new(series)
}

/// A wave, so that rising and falling bars are always both in view.
pub(crate) fn bar(minute: i64) -> Bar {
    let price = |minute: f64| 67_000.0 + (minute * 0.4).sin() * 120.0;
    let (open, close) = (price(minute as f64), price(minute as f64 + 1.0));
    let (low, high) = (open.min(close) - 20.0, open.max(close) + 20.0);
    Bar {
        t: minute * MINUTE,
        open,
        high,
        low,
        close,
        volume: 5.0 + (minute % 5) as f64,
    }
}

pub(crate) fn book() -> BookCurveHandle {
    let mut book = BookCurve::default();
    book.set(
        [(99.0, 1.0), (98.0, 2.0), (97.0, 3.0)],
        [(101.0, 1.0), (102.0, 2.0), (103.0, 2.0)],
    );
    BookCurveHandle::new(book)
}
