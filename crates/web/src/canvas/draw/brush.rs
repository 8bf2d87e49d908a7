//! A context, a theme and a pixel ratio: the few strokes that all charts share. Crossing into the browser costs more
//! than the arithmetic, so a colour is set once per batch.

use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d;

use crate::canvas::draw::theme::Theme;
use crate::canvas::layout::Rect;

/// Size of labels, CSS pixels.
const FONT: f64 = 11.0;

/// See the file's head.
pub struct Brush<'a> {
    /// What is painted on.
    pub context: &'a CanvasRenderingContext2d,
    /// Colours.
    pub theme: &'a Theme,
    /// Device pixels per CSS pixel.
    pub ratio: f64,
}

impl Brush<'_> {
    /// Sets the label font, middle aligned in height.
    pub fn prepare_text(&self) {
        self.context
            .set_font(&format!("{}px {}", FONT * self.ratio, self.theme.font));
        self.context.set_text_baseline("middle");
    }

    /// `css` pixels as device pixels, whole.
    pub fn px(&self, css: f64) -> f64 {
        (css * self.ratio).round()
    }

    /// Thickness of a hairline.
    pub fn hair(&self) -> f64 {
        self.ratio.floor().max(1.0)
    }

    /// Fills rectangles `(x, y, width, height)` with one colour.
    pub fn rects(&self, color: &str, rects: impl IntoIterator<Item = (f64, f64, f64, f64)>) {
        self.context.set_fill_style_str(color);
        for (x, y, w, h) in rects {
            self.context.fill_rect(x, y, w, h);
        }
    }

    /// Dashed or dotted hairlines whose left or upper edge runs from `(x0, y0)` to `(x1, y1)`, sharp.
    pub fn dashes(&self, color: &str, dash: f64, lines: impl IntoIterator<Item = (f64, f64, f64, f64)>) {
        let context = self.context;
        let pattern = js_sys::Array::of2(&JsValue::from(self.px(dash)), &JsValue::from(self.px(dash)));
        let _ = context.set_line_dash(&pattern);
        context.set_stroke_style_str(color);
        context.set_line_width(self.hair());
        context.begin_path();
        // A stroke lies on both sides of its path: half its thickness in from the edge it is as sharp as a rectangle.
        let half = self.hair() / 2.0;
        for (x0, y0, x1, y1) in lines {
            context.move_to(x0.round() + half, y0.round() + half);
            context.line_to(x1.round() + half, y1.round() + half);
        }
        context.stroke();
        let _ = context.set_line_dash(&js_sys::Array::new());
    }

    /// Text with its middle (or left edge, by `align`) at `(x, y)`.
    pub fn text(&self, color: &str, align: &str, text: &str, x: f64, y: f64) {
        self.context.set_fill_style_str(color);
        self.context.set_text_align(align);
        // Half a device pixel down: figures have no descenders, so their optical middle is above the box's.
        let _ = self
            .context
            .fill_text(text, x.round(), y.round() + (self.ratio * 0.5).round());
    }

    /// Width of a label in device pixels.
    pub fn text_width(&self, text: &str) -> f64 {
        self.context
            .measure_text(text)
            .map_or(0.0, |metrics| metrics.width())
    }

    /// A filled label on the price axis at `y`, kept inside the axis.
    pub fn axis_label(&self, axis: &Rect, y: f64, ground: &str, color: &str, text: &str) {
        let height = self.px(19.0);
        let top = (y - height / 2.0)
            .round()
            .clamp(axis.y, (axis.bottom() - height).max(axis.y));
        self.context.set_fill_style_str(ground);
        self.rounded(axis.x, top, axis.w - self.px(3.0), height, self.px(2.0));
        self.text(color, "left", text, axis.x + self.px(8.0), top + height / 2.0);
    }

    /// A filled label on the time axis at `x`, kept inside it.
    pub fn time_label(&self, axis: &Rect, x: f64, text: &str) {
        let width = self.text_width(text) + self.px(16.0);
        let left = (x - width / 2.0)
            .round()
            .clamp(axis.x, (axis.right() - width).max(axis.x));
        self.context.set_fill_style_str(&self.theme.label);
        self.rounded(left, axis.y + self.px(2.0), width, self.px(19.0), self.px(2.0));
        self.text(
            &self.theme.label_text,
            "center",
            text,
            left + width / 2.0,
            axis.y + self.px(11.5),
        );
    }

    /// Diagonal strokes across vertical bands of `rect`: something is missing here.
    pub fn hatch(&self, rect: &Rect, bands: &[(f64, f64)]) {
        if bands.is_empty() {
            return;
        }
        let context = self.context;
        let pitch = self.px(7.0);
        context.save();
        context.begin_path();
        for (left, right) in bands {
            context.rect(*left, rect.y, right - left, rect.h);
        }
        context.clip();
        context.set_stroke_style_str(&self.theme.hatch);
        context.set_line_width(self.hair());
        context.begin_path();
        for (left, right) in bands {
            // Strokes start on a grid of the whole plot, so that neighbouring bands look like one fabric.
            let mut x = ((left - rect.h) / pitch).floor() * pitch;
            while x < *right {
                context.move_to(x, rect.bottom());
                context.line_to(x + rect.h, rect.y);
                x += pitch;
            }
        }
        context.stroke();
        context.restore();
    }

    fn rounded(&self, x: f64, y: f64, w: f64, h: f64, radius: f64) {
        let context = self.context;
        context.begin_path();
        if context.round_rect_with_f64(x, y, w, h, radius).is_err() {
            context.rect(x, y, w, h);
        }
        context.fill();
    }
}
