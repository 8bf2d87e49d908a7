//! A measured value that moves as real ones do: drawn to a target, swaying slowly, a little noisy, within its bounds.

use std::f64::consts::TAU;

use fastrand::Rng;

/// One metric of a device.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) name: &'static str,
    value: f64,
    /// Where it is drawn to; what a person may set.
    pub(super) target: f64,
    /// How much of the way to the target is made in a second.
    pull: f64,
    /// How far it sways around the target, and in how many seconds once to and fro.
    sway: (f64, f64),
    noise: f64,
    bounds: (f64, f64),
    age: f64,
}

impl Signal {
    /// A signal that rests at `target` and sways by `sway`.
    pub(super) fn new(name: &'static str, target: f64, sway: f64, bounds: (f64, f64), rng: &mut Rng) -> Self {
        let period = 60.0 + rng.f64() * 240.0;
        Signal {
            name,
            value: target + (rng.f64() - 0.5) * sway,
            target,
            pull: 0.12,
            sway: (sway, period),
            noise: sway / 30.0,
            bounds,
            age: rng.f64() * period,
        }
    }

    /// Lets so many seconds pass.
    pub(super) fn pass(&mut self, seconds: f64, rng: &mut Rng) {
        self.age += seconds;
        let (sway, period) = self.sway;
        let drawn_to = self.target + sway * (TAU * self.age / period).sin();
        let way = 1.0 - (-self.pull * seconds).exp();
        self.value += (drawn_to - self.value) * way + (rng.f64() - 0.5) * 2.0 * self.noise;
        self.value = self.value.clamp(self.bounds.0, self.bounds.1);
    }

    /// What a sensor shows: two digits behind the point.
    pub(super) fn reading(&self) -> f64 {
        (self.value * 100.0).round() / 100.0
    }

    /// Whether it can be set to this.
    pub(super) fn can_reach(&self, target: f64) -> bool {
        (self.bounds.0..=self.bounds.1).contains(&target)
    }

    /// After a calibration, less noise.
    pub(super) fn steady(&mut self) {
        self.noise /= 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_smoothly_to_its_target_and_stays_within_bounds() {
        let mut rng = Rng::with_seed(7);
        let mut signal = Signal::new("temperature", 20.0, 1.0, (0.0, 30.0), &mut rng);
        signal.target = 29.9;
        let mut before = signal.reading();
        for _ in 0..600 {
            signal.pass(1.0, &mut rng);
            let now = signal.reading();
            assert!((now - before).abs() < 2.0, "{before} to {now} in a second");
            assert!((0.0..=30.0).contains(&now));
            before = now;
        }
        assert!(before > 28.0, "{before}");
        assert!(signal.can_reach(30.0) && !signal.can_reach(30.1));
    }
}
