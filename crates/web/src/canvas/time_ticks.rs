//! Marks of a time axis in the reader's zone: full hours, midnights, firsts of the month, whichever have room.
//!
//! The zone is a function from UTC milliseconds to the shift in milliseconds at that moment, so that a change of the
//! clocks inside the visible range puts each mark where the reader's clock says.

use crate::canvas::calendar::{self, DAY, Date};

/// One mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeTick {
    /// The moment, Unix milliseconds UTC.
    pub t: i64,
    /// What begins there, and so what its label says.
    pub kind: TickKind,
}

/// What begins at a mark; later ones matter more and keep their place when it gets tight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TickKind {
    /// A second within a minute: `14:05:30`.
    Second,
    /// A round time of the day: `14:05`.
    Time,
    /// A day: `21 Nov`.
    Day,
    /// A month: `Nov`.
    Month,
    /// A year: `2026`.
    Year,
}

/// Distances between marks, finest first.
#[derive(Debug, Clone, Copy)]
enum Pace {
    Millis(i64),
    Days(i64),
    Months(i64),
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const PACES: [Pace; 26] = [
    Pace::Millis(SECOND),
    Pace::Millis(5 * SECOND),
    Pace::Millis(15 * SECOND),
    Pace::Millis(30 * SECOND),
    Pace::Millis(MINUTE),
    Pace::Millis(2 * MINUTE),
    Pace::Millis(5 * MINUTE),
    Pace::Millis(10 * MINUTE),
    Pace::Millis(15 * MINUTE),
    Pace::Millis(30 * MINUTE),
    Pace::Millis(HOUR),
    Pace::Millis(2 * HOUR),
    Pace::Millis(3 * HOUR),
    Pace::Millis(6 * HOUR),
    Pace::Millis(12 * HOUR),
    Pace::Days(1),
    Pace::Days(2),
    Pace::Days(4),
    Pace::Days(8),
    Pace::Days(16),
    Pace::Months(1),
    Pace::Months(2),
    Pace::Months(3),
    Pace::Months(6),
    Pace::Months(12),
    Pace::Months(60),
];

/// Marks within `from..=to` that are `spacing` milliseconds or more apart, rising.
pub fn time_ticks(from: i64, to: i64, spacing: i64, zone: impl Fn(i64) -> i64) -> Vec<TimeTick> {
    let spacing = spacing.max(SECOND);
    if from >= to || (to - from) / spacing > 1_000 {
        return Vec::new();
    }
    let pace = PACES
        .into_iter()
        .find(|pace| length(*pace) >= spacing)
        .unwrap_or(Pace::Months(120));
    // A day of slack on both sides: the zone's shift is not known before the moment is.
    let (first, last) = (from - 2 * DAY, to + 2 * DAY);
    let mut ticks: Vec<TimeTick> = Vec::new();
    for local in local_marks(first, last, pace) {
        let guess = local - zone(local);
        let t = local - zone(guess);
        let tick = TimeTick { t, kind: kind(local) };
        if t < from || t > to || ticks.last().is_some_and(|last| t <= last.t) {
            continue;
        }
        // Days of a month are counted from its first, so its last mark may crowd the next month's.
        match ticks.last() {
            Some(last) if (t - last.t) * 4 < spacing * 3 => {
                if tick.kind > last.kind {
                    ticks.pop();
                    ticks.push(tick);
                }
            }
            _ => ticks.push(tick),
        }
    }
    ticks
}

fn length(pace: Pace) -> i64 {
    match pace {
        Pace::Millis(millis) => millis,
        Pace::Days(days) => days * DAY,
        Pace::Months(months) => months * 30 * DAY,
    }
}

/// Local times at the pace, rising, from the one before `first`.
fn local_marks(first: i64, last: i64, pace: Pace) -> Box<dyn Iterator<Item = i64>> {
    match pace {
        Pace::Millis(millis) => {
            Box::new((first.div_euclid(millis)..=last.div_euclid(millis)).map(move |n| n * millis))
        }
        Pace::Days(days) => Box::new(
            (first.div_euclid(DAY)..=last.div_euclid(DAY))
                .map(|day| day * DAY)
                .filter(move |local| (calendar::date(*local).day - 1) % days == 0),
        ),
        Pace::Months(months) => Box::new(
            (calendar::month_index(first)..=calendar::month_index(last))
                .filter(move |index| index % months == 0)
                .map(calendar::month_start),
        ),
    }
}

fn kind(local: i64) -> TickKind {
    match calendar::date(local) {
        _ if local.rem_euclid(MINUTE) != 0 => TickKind::Second,
        _ if local.rem_euclid(DAY) != 0 => TickKind::Time,
        Date { month: 1, day: 1, .. } => TickKind::Year,
        Date { day: 1, .. } => TickKind::Month,
        Date { .. } => TickKind::Day,
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_795_262_400_000; // 2026-11-21 12:00 UTC

    fn utc(_: i64) -> i64 {
        0
    }

    /// Berlin around the change of 2026-10-25 01:00 UTC.
    fn berlin(t: i64) -> i64 {
        if t < 1_792_890_000_000 { 2 * HOUR } else { HOUR }
    }

    #[test]
    fn an_afternoon_shows_round_times() {
        let ticks = time_ticks(NOON, NOON + 3 * HOUR, 25 * MINUTE, utc);
        let minutes: Vec<_> = ticks.iter().map(|tick| (tick.t - NOON) / MINUTE).collect();
        assert_eq!(minutes, [0, 30, 60, 90, 120, 150, 180]);
        assert!(ticks.iter().all(|tick| tick.kind == TickKind::Time));
    }

    #[test]
    fn midnight_of_the_reader_is_a_day() {
        let zone = |_| 5 * HOUR + 30 * MINUTE;
        let ticks = time_ticks(NOON, NOON + DAY, 2 * HOUR, zone);
        let days: Vec<_> = ticks.iter().filter(|tick| tick.kind == TickKind::Day).collect();
        assert_eq!(days.len(), 1);
        assert_eq!((days[0].t + zone(0)).rem_euclid(DAY), 0);
    }

    #[test]
    fn months_and_years_are_named() {
        let ticks = time_ticks(NOON - 200 * DAY, NOON + 200 * DAY, 28 * DAY, utc);
        assert_eq!(ticks.iter().filter(|tick| tick.kind == TickKind::Year).count(), 1);
        assert_eq!(
            ticks.iter().filter(|tick| tick.kind == TickKind::Month).count(),
            12
        );
    }

    #[test]
    fn six_hour_marks_stand_on_the_readers_clock_through_the_change() {
        let change = 1_792_890_000_000;
        let ticks = time_ticks(change - DAY, change + DAY, 6 * HOUR, berlin);
        for tick in &ticks {
            assert_eq!((tick.t + berlin(tick.t)).rem_euclid(6 * HOUR), 0, "{tick:?}");
        }
        assert!(ticks.len() >= 7, "{ticks:?}");
    }

    proptest! {
        #[test]
        fn marks_rise_stay_inside_and_keep_their_distance(from in 0i64..2_000_000_000_000, pixels in 100i64..2_000,
            per_pixel in 20i64..2_000_000_000)
        {
            let to = from + pixels * per_pixel;
            let spacing = 80 * per_pixel;
            let ticks = time_ticks(from, to, spacing, utc);
            prop_assert!(ticks.iter().all(|tick| (from..=to).contains(&tick.t)));
            for pair in ticks.windows(2) {
                prop_assert!((pair[1].t - pair[0].t) * 4 >= spacing * 3 - 4 * 3 * DAY * i64::from(spacing > 20 * DAY));
            }
        }
    }
}
