//! Two canvases above each other: the base with the data, and an overlay for what follows the pointer, so that moving
//! the pointer never repaints the data. And what says which of them is out of date.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::Element;

use crate::canvas::draw::brush::Brush;
use crate::canvas::draw::frame_loop::FrameLoop;
use crate::canvas::draw::surface::{Size, Surface, device_ratio};
use crate::canvas::draw::theme::Theme;

/// What has to be painted again. Cells, so that a data push may set one while a frame is being drawn.
#[derive(Default)]
pub struct Dirty {
    /// Data, view or size changed.
    pub base: Cell<bool>,
    /// The pointer moved.
    pub overlay: Cell<bool>,
    /// Colours changed.
    pub theme: Cell<bool>,
    /// The element has a new size.
    pub size: Cell<Option<Size>>,
}

/// Marks something dirty and asks for a frame.
#[derive(Clone)]
pub struct Waker {
    /// What is dirty.
    pub dirty: Rc<Dirty>,
    /// Who draws.
    pub frames: Rc<FrameLoop>,
}

impl Waker {
    /// The data or the view changed.
    pub fn wake_base(&self) {
        self.dirty.base.set(true);
        self.frames.request();
    }

    /// Only the pointer moved.
    pub fn wake_overlay(&self) {
        self.dirty.overlay.set(true);
        self.frames.request();
    }

    /// The theme changed.
    pub fn wake_theme(&self) {
        self.dirty.theme.set(true);
        self.frames.request();
    }
}

/// See the file's head.
pub struct Stack {
    host: Element,
    base: Surface,
    overlay: Surface,
    size: Size,
    theme: Theme,
}

/// What a frame has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Nothing changed, or nothing is visible.
    Nothing,
    /// Only the overlay.
    Overlay,
    /// Everything.
    All,
}

impl Stack {
    /// The stack of `host`, which holds `.chart-base` and `.chart-overlay`; `None` without canvas support.
    pub fn new(host: Element) -> Option<Self> {
        let surface = |class: &str| Surface::new(host.query_selector(class).ok()??.dyn_into().ok()?);
        let (base, overlay) = (surface(".chart-base")?, surface(".chart-overlay")?);
        let theme = Theme::read(&host);
        Some(Self {
            host,
            base,
            overlay,
            size: Size::default(),
            theme,
        })
    }

    /// Takes what changed since the last frame and makes both canvases ready for it.
    pub fn prepare(&mut self, dirty: &Dirty) -> Work {
        let mut all = dirty.base.take();
        let overlay = dirty.overlay.take();
        if let Some(size) = dirty.size.take() {
            all |= self.size != size;
            self.size = size;
        }
        if self.size.ratio != device_ratio() {
            self.size.ratio = device_ratio();
            all = true;
        }
        if dirty.theme.take() {
            let theme = Theme::read(&self.host);
            all |= theme != self.theme;
            self.theme = theme;
        }
        if self.size.width < 1.0 || self.size.height < 1.0 {
            // Hidden: what was to be painted is painted when it shows again, because then its size changes.
            return Work::Nothing;
        }
        if all {
            self.base.resize(&self.size);
            self.overlay.resize(&self.size);
            return Work::All;
        }
        if overlay { Work::Overlay } else { Work::Nothing }
    }

    /// Size in CSS pixels and the pixel ratio.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The element around both canvases.
    pub fn host(&self) -> &Element {
        &self.host
    }

    /// The lower canvas.
    pub fn base(&self) -> &Surface {
        &self.base
    }

    /// A brush on the base.
    pub fn base_brush(&self) -> Brush<'_> {
        Brush {
            context: self.base.context(),
            theme: &self.theme,
            ratio: self.size.ratio,
        }
    }

    /// A brush on the emptied overlay.
    pub fn overlay_brush(&self) -> Brush<'_> {
        self.overlay.clear();
        Brush {
            context: self.overlay.context(),
            theme: &self.theme,
            ratio: self.size.ratio,
        }
    }
}
