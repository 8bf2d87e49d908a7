//! Which slots a chart shows: zoom, pan, following the newest, and when to ask for older bars.
//!
//! The window is kept as the slot at the right edge and the pixels per slot. Slots are absolute, so neither an appended
//! nor an older bar moves what the reader looks at; only following does.

/// Pixels per slot: no wider, no narrower.
const SPACING: std::ops::RangeInclusive<f64> = 0.25..=60.0;
/// Pixels per slot to begin with.
const START_SPACING: f64 = 8.0;
/// Free room right of the newest bar while following, in pixels; a quarter of the view where that is less.
const MARGIN: f64 = 24.0;
/// When fewer loaded slots than this share of the view remain to the left, it is time to ask for more.
const REFILL: f64 = 0.5;

/// What hands can do to a window on time, whether it counts slots or milliseconds.
pub trait Window {
    /// Width of the plot, CSS pixels.
    fn width(&self) -> f64;
    /// Moves the data by `pixels`: positive shows what is older.
    fn pan(&mut self, pixels: f64);
    /// Zooms by `factor` (above 1 enlarges); what is under `x` stays there. While the newest is followed, the right edge
    /// stays instead, so that zooming never loses it.
    fn zoom(&mut self, factor: f64, x: f64);
    /// Shows the newest and follows it.
    fn show_now(&mut self);
    /// Shows the oldest that is loaded.
    fn show_oldest(&mut self);
}

/// See the file's head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Width of the plot, CSS pixels; at least 1.
    width: f64,
    /// Pixels per slot, within `SPACING`.
    spacing: f64,
    /// Slot coordinate at the right edge; slot `n` covers `n..n + 1`.
    right: f64,
    /// First and last slot with data.
    extent: Option<(i64, i64)>,
    /// Whether the newest bar stays in view as it moves on.
    following: bool,
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            width: 1.0,
            spacing: START_SPACING,
            right: 0.0,
            extent: None,
            following: true,
        }
    }
}

impl Viewport {
    /// Takes the width of the plot; the right edge stays.
    pub fn resize(&mut self, width: f64) {
        self.width = width.max(1.0);
        self.settle();
    }

    /// Takes the slots that have data now.
    pub fn set_extent(&mut self, extent: Option<(i64, i64)>) {
        self.extent = extent;
        self.settle();
    }

    /// Whether the newest bar is followed.
    pub fn is_following(&self) -> bool {
        self.following
    }

    /// Pixels per slot.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// First and last slot of which anything shows.
    pub fn visible(&self) -> (i64, i64) {
        let left = self.right - self.width / self.spacing;
        (left.floor() as i64, (self.right.ceil() as i64) - 1)
    }

    /// Where a slot begins.
    pub fn x(&self, slot: i64) -> f64 {
        self.width - (self.right - slot as f64) * self.spacing
    }

    /// Where the middle of a slot stands.
    pub fn center(&self, slot: i64) -> f64 {
        self.x(slot) + self.spacing / 2.0
    }

    /// The slot under `x`.
    pub fn slot(&self, x: f64) -> i64 {
        self.coordinate(x).floor() as i64
    }

    /// The slot with data that is nearest to `x`: where the crosshair snaps.
    pub fn snap(&self, x: f64) -> Option<i64> {
        let (first, last) = self.extent?;
        Some(self.slot(x).clamp(first, last))
    }

    /// Whether the view comes near the end of what is loaded.
    pub fn nears_oldest(&self) -> bool {
        let Some((first, _)) = self.extent else {
            return false;
        };
        let slots = self.width / self.spacing;
        self.right - slots < first as f64 + slots * REFILL
    }

    fn coordinate(&self, x: f64) -> f64 {
        self.right - (self.width - x) / self.spacing
    }

    /// Whether the reader has come to the newest bar, give or take half a bar.
    fn reaches_newest(&self) -> bool {
        self.right >= self.newest_edge() - 0.5
    }

    /// The right edge at which the newest bar has its margin.
    fn newest_edge(&self) -> f64 {
        let margin = MARGIN.min(self.width / 4.0) / self.spacing;
        self.extent.map_or(0.0, |(_, last)| last as f64 + 1.0 + margin)
    }

    /// Keeps the window where there is something to see: never more than the margin past the newest bar, always at
    /// least a few bars of the oldest in view.
    fn settle(&mut self) {
        let Some((first, _)) = self.extent else { return };
        if self.following {
            self.right = self.newest_edge();
            return;
        }
        let least = first as f64 + (self.width / self.spacing * 0.25).min(8.0);
        self.right = self
            .right
            .clamp(least.min(self.newest_edge()), self.newest_edge());
    }
}

impl Window for Viewport {
    fn width(&self) -> f64 {
        self.width
    }

    fn pan(&mut self, pixels: f64) {
        if !pixels.is_finite() || self.extent.is_none() {
            return;
        }
        self.right -= pixels / self.spacing;
        self.following = self.reaches_newest();
        self.settle();
    }

    fn zoom(&mut self, factor: f64, x: f64) {
        if !factor.is_finite() || factor <= 0.0 || self.extent.is_none() {
            return;
        }
        let anchor = self.coordinate(x);
        self.spacing = (self.spacing * factor).clamp(*SPACING.start(), *SPACING.end());
        if !self.following {
            self.right = anchor + (self.width - x) / self.spacing;
            self.following = self.reaches_newest();
        }
        self.settle();
    }

    fn show_now(&mut self) {
        self.following = true;
        self.settle();
    }

    fn show_oldest(&mut self) {
        let Some((first, _)) = self.extent else { return };
        self.right = first as f64 + self.width / self.spacing;
        self.following = self.right >= self.newest_edge();
        self.settle();
    }
}

/// Asks for older bars once per need: not again while an answer is awaited, but again when the reader went away and came
/// back, in case the answer was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OlderTrigger {
    /// The first bar's time at the last question, while the need lasts.
    asked_before: Option<i64>,
}

impl OlderTrigger {
    /// The time before which bars are wanted, if now is the moment to ask. `first` is the oldest bar held; `wanted`
    /// says whether the view comes near it and the store could take more.
    pub fn poll(&mut self, first: Option<i64>, wanted: bool) -> Option<i64> {
        let need = first.filter(|_| wanted);
        let asked = std::mem::replace(&mut self.asked_before, need);
        need.filter(|_| asked != need)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(first: i64, last: i64) -> Viewport {
        let mut view = Viewport::default();
        view.resize(800.0);
        view.set_extent(Some((first, last)));
        view
    }

    #[test]
    fn opens_at_the_newest_bar_with_a_margin() {
        let view = view(0, 999);
        assert!(view.is_following());
        assert!((view.x(1_000) - (800.0 - MARGIN)).abs() < 1e-9);
    }

    #[test]
    fn follows_new_bars_until_panned_away_and_after_to_now() {
        let mut view = view(0, 999);
        view.set_extent(Some((0, 1_000)));
        assert!((view.x(1_001) - (800.0 - MARGIN)).abs() < 1e-9);
        view.pan(200.0);
        assert!(!view.is_following());
        let before = view.x(900);
        view.set_extent(Some((0, 1_020)));
        assert_eq!(view.x(900), before);
        view.show_now();
        assert!(view.is_following() && (view.x(1_021) - (800.0 - MARGIN)).abs() < 1e-9);
    }

    #[test]
    fn panning_back_to_the_end_follows_again() {
        let mut view = view(0, 999);
        view.pan(300.0);
        view.pan(-500.0);
        assert!(view.is_following());
    }

    #[test]
    fn zooming_out_until_the_newest_bar_shows_follows_it() {
        let mut view = view(0, 999);
        view.pan(400.0);
        view.zoom(0.9, 100.0);
        assert!(!view.is_following());
        view.zoom(0.3, 100.0);
        assert!(view.is_following());
    }

    #[test]
    fn older_bars_do_not_move_the_view() {
        let mut view = view(500, 999);
        view.pan(2_000.0);
        let before = view.x(600);
        view.set_extent(Some((0, 999)));
        assert_eq!(view.x(600), before);
    }

    #[test]
    fn home_shows_the_oldest_and_end_the_newest() {
        let mut view = view(0, 999);
        view.show_oldest();
        assert!((view.x(0)).abs() < 1e-9 && !view.is_following());
        view.show_now();
        assert!(view.is_following());
    }

    #[test]
    fn a_short_series_is_never_pushed_out_of_sight() {
        let mut view = view(0, 5);
        for pixels in [10_000.0, -10_000.0, 1e12, f64::NAN] {
            view.pan(pixels);
            let (first, last) = view.visible();
            assert!(first <= 5 && last >= 0, "{view:?}");
        }
    }

    #[test]
    fn asks_for_older_bars_once_per_need() {
        let mut trigger = OlderTrigger::default();
        for (first, wanted, expected) in [
            (None, true, None),
            (Some(100), false, None),
            (Some(100), true, Some(100)),
            (Some(100), true, None),
            (Some(50), true, Some(50)),
            (Some(50), true, None),
            (Some(50), false, None),
            (Some(50), true, Some(50)),
            (None, true, None),
            (Some(50), true, Some(50)),
        ] {
            assert_eq!(trigger.poll(first, wanted), expected, "{first:?} {wanted}");
        }
    }

    #[test]
    fn nears_oldest_only_when_scrolled_there() {
        let mut view = view(0, 999);
        assert!(!view.nears_oldest());
        view.show_oldest();
        assert!(view.nears_oldest());
    }

    proptest! {
        #[test]
        fn zoom_keeps_what_is_under_the_pointer(pan in 900.0..4_000.0f64, factor in 0.5..2.0f64, x in 100.0..700.0f64) {
            let mut view = view(0, 9_999);
            view.pan(pan);
            let before = view.coordinate(x);
            view.zoom(factor, x);
            prop_assert!((view.coordinate(x) - before).abs() < 1e-6 || view.right == view.newest_edge());
        }

        #[test]
        fn whatever_the_user_does_something_is_in_view(acts in prop::collection::vec(
            (0u8..5, -2_000.0..2_000.0f64), 0..40), width in 1.0..3_000.0f64, bars in 0i64..3_000)
        {
            let mut view = view(10, 10 + bars);
            view.resize(width);
            for (act, amount) in acts {
                match act {
                    0 => view.pan(amount),
                    1 => view.zoom(1.001f64.powf(amount), amount.abs()),
                    2 => view.show_now(),
                    3 => view.show_oldest(),
                    _ => view.resize(amount.abs()),
                }
                let (first, last) = view.visible();
                prop_assert!(first <= 10 + bars && last >= 10, "{:?} shows {first}..={last}", view);
                prop_assert!(SPACING.contains(&view.spacing()));
            }
        }

        #[test]
        fn slot_and_x_agree(pan in 0.0..5_000.0f64, x in 0.0..800.0f64) {
            let mut view = view(0, 9_999);
            view.pan(pan);
            let slot = view.slot(x);
            prop_assert!(view.x(slot) <= x + 1e-6 && x < view.x(slot + 1) + 1e-6);
        }
    }
}
