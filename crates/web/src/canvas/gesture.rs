//! What pointers mean on a chart: one drags, two pinch, on an axis they stretch. Knows no event objects.

/// Where on the chart something began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Over the bars.
    Plot,
    /// On the price axis.
    PriceAxis,
    /// On the time axis.
    TimeAxis,
}

/// What the chart should do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gesture {
    /// Move by CSS pixels; positive to the right.
    Pan {
        /// Pixels.
        pixels: f64,
    },
    /// Enlarge the time axis by `factor` about `x`.
    Zoom {
        /// Above 1 enlarges.
        factor: f64,
        /// CSS pixels from the left.
        x: f64,
    },
    /// Stretch the price range by `factor`; above 1 shows more.
    Stretch {
        /// Above 1 shows more.
        factor: f64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Pointer {
    id: i32,
    zone: Zone,
    x: f64,
    y: f64,
}

/// The pointers that are down: at most two count.
#[derive(Debug, Default)]
pub struct Gestures {
    pointers: Vec<Pointer>,
}

impl Gestures {
    /// A pointer went down.
    pub fn press(&mut self, id: i32, zone: Zone, x: f64, y: f64) {
        self.release(id);
        if self.pointers.len() < 2 {
            self.pointers.push(Pointer { id, zone, x, y });
        }
    }

    /// A pointer moved; `None` when it is not down or nothing follows from it.
    pub fn shift(&mut self, id: i32, x: f64, y: f64) -> Option<Gesture> {
        let at = self.pointers.iter().position(|pointer| pointer.id == id)?;
        let before = self.pointers[at];
        self.pointers[at] = Pointer { x, y, ..before };
        if let [first, second] = self.pointers[..] {
            let other = if at == 0 { second } else { first };
            let (apart_before, apart) = ((before.x - other.x).abs(), (x - other.x).abs());
            // Fingers above each other say nothing about time, and would divide by next to nothing.
            if apart_before < 16.0 || apart < 16.0 {
                return None;
            }
            return Some(Gesture::Zoom {
                factor: apart / apart_before,
                x: (x + other.x) / 2.0,
            });
        }
        match before.zone {
            Zone::Plot => Some(Gesture::Pan { pixels: x - before.x }),
            Zone::PriceAxis => Some(Gesture::Stretch {
                factor: ((y - before.y) / 150.0).exp(),
            }),
            Zone::TimeAxis => Some(Gesture::Zoom {
                factor: ((x - before.x) / 150.0).exp(),
                x: f64::INFINITY,
            }),
        }
    }

    /// A pointer was lifted or cancelled.
    pub fn release(&mut self, id: i32) {
        self.pointers.retain(|pointer| pointer.id != id);
    }

    /// Whether any pointer is down.
    pub fn is_active(&self) -> bool {
        !self.pointers.is_empty()
    }
}

/// The zoom of a wheel turn, the same for mice that count lines and touch pads that count pixels.
pub fn wheel_factor(delta: f64, mode: u32) -> f64 {
    let pixels = match mode {
        1 => delta * 33.0,
        2 => delta * 400.0,
        _ => delta,
    };
    (-pixels.clamp(-240.0, 240.0) * 0.0016).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pointer_pans_two_pinch_and_back() {
        let mut gestures = Gestures::default();
        assert_eq!(gestures.shift(1, 5.0, 5.0), None);
        gestures.press(1, Zone::Plot, 100.0, 50.0);
        assert_eq!(
            gestures.shift(1, 110.0, 90.0),
            Some(Gesture::Pan { pixels: 10.0 })
        );
        gestures.press(2, Zone::Plot, 210.0, 50.0);
        assert_eq!(
            gestures.shift(2, 310.0, 50.0),
            Some(Gesture::Zoom {
                factor: 2.0,
                x: 210.0
            })
        );
        gestures.press(3, Zone::Plot, 0.0, 0.0);
        assert_eq!(gestures.shift(3, 9.0, 9.0), None, "a third finger does not count");
        gestures.release(2);
        assert_eq!(
            gestures.shift(1, 100.0, 90.0),
            Some(Gesture::Pan { pixels: -10.0 })
        );
        gestures.release(1);
        assert!(!gestures.is_active());
    }

    #[test]
    fn fingers_above_each_other_do_not_zoom() {
        let mut gestures = Gestures::default();
        gestures.press(1, Zone::Plot, 100.0, 50.0);
        gestures.press(2, Zone::Plot, 101.0, 250.0);
        assert_eq!(gestures.shift(2, 100.0, 260.0), None);
    }

    #[test]
    fn axes_stretch() {
        let mut gestures = Gestures::default();
        gestures.press(1, Zone::PriceAxis, 790.0, 50.0);
        let Some(Gesture::Stretch { factor }) = gestures.shift(1, 790.0, 80.0) else {
            panic!("no stretch")
        };
        assert!(factor > 1.0, "dragging down shows more");
    }

    #[test]
    fn wheels_zoom_alike_and_within_bounds() {
        assert!(wheel_factor(-100.0, 0) > 1.0 && wheel_factor(100.0, 0) < 1.0);
        assert!((wheel_factor(100.0, 0) * wheel_factor(-100.0, 0) - 1.0).abs() < 1e-12);
        assert_eq!(wheel_factor(1e9, 0), wheel_factor(10.0, 2));
    }
}
