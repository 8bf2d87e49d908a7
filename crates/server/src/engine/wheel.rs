//! When each connection is to be looked at by itself: a wheel with a slot for each millisecond of one turn, and what lies
//! behind its turn by the turn. Setting and ringing cost the same however many connections there are.
//!
//! Times are only ever noted, never taken back: whoever is rung too early, or twice, looks and goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How many slots there are, each a millisecond; a power of two.
const SLOTS: u64 = 4096;

/// When each connection is to be looked at.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    began: Instant,
    /// Up to which millisecond all were rung.
    turned: u64,
    /// What is due within this turn.
    slots: Vec<Vec<T>>,
    /// A bit for each slot that is not empty.
    taken: [u64; (SLOTS / 64) as usize],
    /// What is due in later turns.
    later: BTreeMap<u64, Vec<(u64, T)>>,
}

impl<T> Wheel<T> {
    /// An empty wheel.
    pub(super) fn new(now: Instant) -> Self {
        Wheel {
            began: now,
            turned: 0,
            slots: std::iter::repeat_with(Vec::new).take(SLOTS as usize).collect(),
            taken: [0; (SLOTS / 64) as usize],
            later: BTreeMap::new(),
        }
    }

    /// Notes that something is to be rung at a time, or a little later.
    pub(super) fn set(&mut self, at: Instant, what: T) {
        let micros = at.saturating_duration_since(self.began).as_micros();
        let tick = u64::try_from(micros.div_ceil(1_000)).unwrap_or(u64::MAX);
        let tick = tick.clamp(self.turned + 1, u64::MAX - SLOTS);
        if tick / SLOTS == self.turned / SLOTS {
            self.put(tick, what);
        } else {
            self.later.entry(tick / SLOTS).or_default().push((tick, what));
        }
    }

    /// Rings all that is due.
    pub(super) fn ring(&mut self, now: Instant, mut due: impl FnMut(T)) {
        let passed = now.saturating_duration_since(self.began).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        while self.turned < passed {
            let end = (self.turned / SLOTS + 1) * SLOTS - 1;
            if self.turned < end {
                self.sweep(passed.min(end), &mut due);
            }
            if self.turned == end && end < passed {
                self.turn(passed, &mut due);
            }
        }
    }

    /// When to ring again; none if there is nothing to ring.
    pub(super) fn next(&self) -> Option<Instant> {
        let from = self.turned % SLOTS + 1;
        let in_turn = self
            .first_taken(from)
            .map(|slot| self.turned - self.turned % SLOTS + slot);
        let tick = in_turn.or_else(|| {
            let (_, waiting) = self.later.first_key_value()?;
            waiting.iter().map(|(tick, _)| *tick).min()
        });
        Some(self.began + Duration::from_millis(tick?))
    }

    fn put(&mut self, tick: u64, what: T) {
        let slot = tick % SLOTS;
        self.slots[slot as usize].push(what);
        self.taken[(slot / 64) as usize] |= 1 << (slot % 64);
    }

    /// Rings what is due up to a tick of this turn.
    fn sweep(&mut self, until: u64, due: &mut impl FnMut(T)) {
        let last = until % SLOTS;
        let mut from = self.turned % SLOTS + 1;
        while let Some(slot) = self.first_taken(from).filter(|slot| *slot <= last) {
            self.taken[(slot / 64) as usize] &= !(1 << (slot % 64));
            // An idle wheel holds no memory.
            std::mem::take(&mut self.slots[slot as usize])
                .into_iter()
                .for_each(&mut *due);
            from = slot + 1;
        }
        self.turned = until;
    }

    /// Begins the next turn in which something is due, or the one that a time lies in.
    fn turn(&mut self, passed: u64, due: &mut impl FnMut(T)) {
        let next = self.later.first_key_value().map_or(u64::MAX, |(turn, _)| *turn);
        let turn = next.min(passed / SLOTS).max(self.turned / SLOTS + 1);
        self.turned = turn * SLOTS;
        for (tick, what) in self.later.remove(&turn).unwrap_or_default() {
            if tick <= self.turned {
                due(what);
            } else {
                self.put(tick, what);
            }
        }
    }

    /// The first slot that is not empty, from one on.
    fn first_taken(&self, from: u64) -> Option<u64> {
        let mut slot = from;
        while slot < SLOTS {
            let word = self.taken[(slot / 64) as usize] >> (slot % 64);
            if word != 0 {
                return Some(slot + u64::from(word.trailing_zeros()));
            }
            slot += 64 - slot % 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_rung_once_not_early_and_hardly_late() {
        let began = Instant::now();
        let at = |micros: u64| began + Duration::from_micros(micros);
        proptest!(|(times in prop::collection::vec((0u64..40_000_000, 0u64..20_000_000), 1..50), late in 0u64..3_000)| {
            let mut wheel = Wheel::new(began);
            let mut rung = vec![None; times.len()];
            let mut unset: Vec<usize> = (0..times.len()).collect();
            let mut now = 0;
            loop {
                // Each is set at its own moment, which may lie between two ringings.
                unset.retain(|number| {
                    let (when, ahead) = times[*number];
                    if when <= now {
                        wheel.set(at(when.max(now) + ahead), *number);
                    }
                    when > now
                });
                let next_set = unset.iter().map(|number| times[*number].0).min();
                let next_ring = wheel.next().map(|next| next.saturating_duration_since(began).as_micros() as u64 + late);
                let Some(next) = next_set.into_iter().chain(next_ring).min() else {
                    break;
                };
                now = next.max(now);
                wheel.ring(at(now), |number| {
                    assert!(rung[number].replace(now).is_none());
                });
            }
            for ((when, ahead), rung) in times.iter().zip(rung) {
                let rung = rung.unwrap();
                prop_assert!(rung >= when + ahead && rung <= when + ahead + late + 5_000, "{when} {ahead} {rung}");
            }
        });
    }

    #[test]
    fn a_long_sleep_rings_all_that_was_missed() {
        let began = Instant::now();
        let mut wheel = Wheel::new(began);
        for seconds in [0, 1, 5, 30, 61, 100_000_000] {
            wheel.set(began + Duration::from_secs(seconds), seconds);
        }
        let mut rung = Vec::new();
        wheel.ring(began + Duration::from_secs(60), |seconds| rung.push(seconds));
        rung.sort_unstable();
        assert_eq!(rung, [0, 1, 5, 30]);
        let next = wheel.next().unwrap();
        assert!(next >= began + Duration::from_secs(61) && next <= began + Duration::from_secs(62));
    }

    #[test]
    fn an_empty_wheel_wakes_nobody() {
        let wheel: Wheel<()> = Wheel::new(Instant::now());
        assert_eq!(wheel.next(), None);
    }
}
