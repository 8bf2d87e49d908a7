//! Which stretch of time a line chart shows: zoom, pan, following the present, holding still.

use crate::canvas::viewport::Window;

/// The shortest and the longest stretch, in milliseconds.
const SPANS: std::ops::RangeInclusive<f64> = 5_000.0..=31.0 * 86_400_000.0;
/// The stretch to begin with: five minutes.
const START_SPAN: f64 = 300_000.0;
/// The share of the view that is free right of the present.
const MARGIN: f64 = 0.02;
/// When less than this share of the view is loaded to the left of it, it is time to ask for more.
const REFILL: f64 = 0.25;

/// See the file's head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeView {
    /// Width of the plot, CSS pixels; at least 1.
    width: f64,
    /// Milliseconds from edge to edge, within `SPANS`.
    span: f64,
    /// The moment at the right edge.
    right: f64,
    /// The first moment with data.
    first: Option<f64>,
    /// The present, or the last moment with data if that is later.
    now: f64,
    /// Whether the present stays in view as it moves on.
    following: bool,
}

impl Default for TimeView {
    fn default() -> Self {
        Self {
            width: 1.0,
            span: START_SPAN,
            right: 0.0,
            first: None,
            now: 0.0,
            following: true,
        }
    }
}

impl TimeView {
    /// Takes the width of the plot; the right edge stays.
    pub fn resize(&mut self, width: f64) {
        self.width = width.max(1.0);
    }

    /// Takes what has data, and the present.
    pub fn set_extent(&mut self, extent: Option<(i64, i64)>, now: i64) {
        self.first = extent.map(|(first, _)| first as f64);
        self.now = extent.map_or(now, |(_, last)| last.max(now)) as f64;
        self.settle();
    }

    /// Shows a stretch of so many milliseconds.
    pub fn set_span(&mut self, millis: f64) {
        let factor = self.span / millis;
        self.zoom(factor, self.width);
    }

    /// Stays where it is, whatever comes.
    pub fn hold(&mut self) {
        self.following = false;
    }

    /// Whether the present is followed.
    pub fn is_following(&self) -> bool {
        self.following
    }

    /// Milliseconds from edge to edge.
    pub fn span(&self) -> f64 {
        self.span
    }

    /// The moments at both edges.
    pub fn visible(&self) -> (i64, i64) {
        ((self.right - self.span).floor() as i64, self.right.ceil() as i64)
    }

    /// Where a moment stands.
    pub fn x(&self, t: i64) -> f64 {
        self.width - (self.right - t as f64) / self.span * self.width
    }

    /// The moment under `x`.
    pub fn moment(&self, x: f64) -> i64 {
        (self.right - (self.width - x) / self.width * self.span) as i64
    }

    /// Whether the view comes near the end of what is loaded.
    pub fn nears_oldest(&self) -> bool {
        self.first
            .is_some_and(|first| self.right - self.span * (1.0 + REFILL) < first)
    }

    fn edge(&self) -> f64 {
        self.now + self.span * MARGIN
    }

    /// Keeps the window where there is something to see.
    fn settle(&mut self) {
        if self.following {
            self.right = self.edge();
            return;
        }
        let least = self.first.unwrap_or(self.now) + self.span * 0.1;
        self.right = self.right.clamp(least.min(self.edge()), self.edge());
    }
}

impl Window for TimeView {
    fn width(&self) -> f64 {
        self.width
    }

    fn pan(&mut self, pixels: f64) {
        if !pixels.is_finite() {
            return;
        }
        self.right -= pixels / self.width * self.span;
        // A pixel or so from the present is the present.
        self.following = self.right >= self.edge() - self.span / self.width;
        self.settle();
    }

    fn zoom(&mut self, factor: f64, x: f64) {
        if !factor.is_finite() || factor <= 0.0 {
            return;
        }
        let anchor = self.right - (self.width - x) / self.width * self.span;
        self.span = (self.span / factor).clamp(*SPANS.start(), *SPANS.end());
        if !self.following {
            self.right = anchor + (self.width - x) / self.width * self.span;
        }
        self.settle();
    }

    fn show_now(&mut self) {
        self.following = true;
        self.settle();
    }

    fn show_oldest(&mut self) {
        if let Some(first) = self.first {
            self.right = first + self.span;
            self.following = self.right >= self.edge();
            self.settle();
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view() -> TimeView {
        let mut view = TimeView::default();
        view.resize(800.0);
        view.set_extent(Some((0, 3_600_000)), 3_600_000);
        view
    }

    #[test]
    fn the_present_is_followed_until_someone_looks_back_and_after_to_now() {
        let mut view = view();
        view.set_extent(Some((0, 3_600_000)), 3_700_000);
        assert!(
            view.x(3_700_000) < 800.0 && view.x(3_700_000) > 770.0,
            "silence is seen as it grows"
        );
        view.pan(200.0);
        let before = view.x(3_500_000);
        view.set_extent(Some((0, 3_800_000)), 3_800_000);
        assert!(!view.is_following());
        assert!((view.x(3_500_000) - before).abs() < 1e-6);
        view.show_now();
        assert!(view.is_following() && view.x(3_800_000) < 800.0);
    }

    #[test]
    fn a_pause_holds_the_view_and_panning_to_the_end_follows_again() {
        let mut view = view();
        view.hold();
        let before = view.visible();
        view.set_extent(Some((0, 3_700_000)), 3_700_000);
        assert_eq!(view.visible(), before);
        view.pan(-10_000.0);
        assert!(view.is_following());
    }

    #[test]
    fn a_stretch_can_be_chosen_and_has_bounds() {
        let mut view = view();
        view.set_span(60_000.0);
        assert!((view.span() - 60_000.0).abs() < 1e-6);
        view.zoom(1e9, 400.0);
        assert!((view.span() - 5_000.0).abs() < 1e-6);
        view.set_span(3_600_000.0);
        assert!(view.nears_oldest());
    }

    proptest! {
        #[test]
        fn zooming_keeps_what_is_under_the_pointer(x in 0.0..800.0f64, factor in 0.5..2.0f64) {
            let mut view = view();
            view.pan(2_000.0);
            let before = view.moment(x);
            view.zoom(factor, x);
            // Unless the window had to be kept where there is something to see.
            if view.visible().1 < 3_590_000 && view.visible().0 > 100_000 {
                prop_assert!((view.moment(x) - before).abs() <= 2);
            }
        }

        #[test]
        fn hands_never_leave_the_data(steps in proptest::collection::vec((-900.0..900.0f64, 0.3..3.0f64), 1..30)) {
            let mut view = view();
            for (pixels, factor) in steps {
                view.pan(pixels);
                view.zoom(factor, 300.0);
                let (from, to) = view.visible();
                prop_assert!(to >= 0 && from <= 3_600_000, "{from}..{to}");
            }
        }
    }
}
