//! Moments on the reader's clock. Times are Unix milliseconds.

use std::cell::Cell;

use js_sys::{Array, Date, Intl::DateTimeFormat, Object, Reflect};
use wasm_bindgen::JsValue;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The zone's offset is asked again for each such span, since it changes with summer time on the half hour at most.
const OFFSET_SPAN: i64 = 30 * MINUTE;

thread_local! {
    /// For which span the offset was asked last, and the offset in minutes.
    static OFFSET: Cell<(i64, i64)> = const { Cell::new((i64::MIN, 0)) };
    static FULL: DateTimeFormat = full_format();
    static DAY_NAME: DateTimeFormat =
        formatted_as(&[("weekday", "long".into()), ("month", "long".into()), ("day", "numeric".into())]);
}

/// The time of day: `14:03:21`.
pub(crate) fn time_of_day(millis: u64) -> String {
    clock_face(local(millis), false)
}

/// The time of day with milliseconds: `14:03:21.518`.
pub(crate) fn time_with_millis(millis: u64) -> String {
    clock_face(local(millis), true)
}

/// Date, time with milliseconds and zone, as the reader's locale writes them.
pub(crate) fn date_and_time(millis: u64) -> String {
    FULL.with(|format| {
        let text = format.format().call1(format, &(millis as f64).into());
        text.ok().and_then(|text| text.as_string()).unwrap_or_default()
    })
}

/// The time of day to the minute: `14:03`.
pub(crate) fn hours_and_minutes(millis: u64) -> String {
    let mut text = time_of_day(millis);
    text.truncate(5);
    text
}

/// The number of the reader's day that a moment lies in.
pub(crate) fn day_number(millis: u64) -> i64 {
    local(millis).div_euclid(DAY)
}

/// The day, as the reader's locale writes it: `Saturday, 21 November`.
pub(crate) fn day_name(millis: u64) -> String {
    DAY_NAME.with(|format| {
        let text = format.format().call1(format, &(millis as f64).into());
        text.ok().and_then(|text| text.as_string()).unwrap_or_default()
    })
}

/// The reader's zone at a moment: `UTC+2`.
pub(crate) fn zone(millis: u64) -> String {
    zone_name(offset_minutes(i64::try_from(millis).unwrap_or_default()))
}

/// A moment shifted by the zone's offset, so that arithmetic gives the local clock.
fn local(millis: u64) -> i64 {
    let millis = i64::try_from(millis).unwrap_or_default();
    millis + offset_minutes(millis) * MINUTE
}

fn offset_minutes(millis: i64) -> i64 {
    let span = millis.div_euclid(OFFSET_SPAN);
    let (asked, minutes) = OFFSET.get();
    if asked == span {
        return minutes;
    }
    let date = Date::new(&JsValue::from_f64(millis as f64));
    // JavaScript counts minutes west of Greenwich.
    let minutes = -date.get_timezone_offset() as i64;
    OFFSET.set((span, minutes));
    minutes
}

fn clock_face(local: i64, with_millis: bool) -> String {
    let of_day = local.rem_euclid(DAY);
    let (hours, minutes) = (of_day / (60 * MINUTE), of_day / MINUTE % 60);
    let (seconds, millis) = (of_day / 1_000 % 60, of_day % 1_000);
    if with_millis {
        format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

fn zone_name(minutes: i64) -> String {
    let sign = if minutes < 0 { '\u{2212}' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

fn full_format() -> DateTimeFormat {
    formatted_as(&[
        ("year", "numeric".into()),
        ("month", "short".into()),
        ("day", "numeric".into()),
        ("hour", "2-digit".into()),
        ("minute", "2-digit".into()),
        ("second", "2-digit".into()),
        ("fractionalSecondDigits", 3.into()),
        ("hourCycle", "h23".into()),
        ("timeZoneName", "short".into()),
    ])
}

fn formatted_as(fields: &[(&str, JsValue)]) -> DateTimeFormat {
    let options = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh object cannot fail.
        let _ = Reflect::set(&options, &JsValue::from(*name), value);
    }
    DateTimeFormat::new(&Array::new(), &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_face_has_two_digits_each() {
        for (local, face, exact) in [
            (0, "00:00:00", "00:00:00.000"),
            (50_601_518, "14:03:21", "14:03:21.518"),
            (DAY - 1, "23:59:59", "23:59:59.999"),
            (-1, "23:59:59", "23:59:59.999"),
        ] {
            assert_eq!(clock_face(local, false), face);
            assert_eq!(clock_face(local, true), exact);
        }
    }

    #[test]
    fn a_zone_is_named_by_its_distance_from_utc() {
        for (minutes, name) in [
            (0, "UTC"),
            (120, "UTC+2"),
            (-300, "UTC\u{2212}5"),
            (345, "UTC+5:45"),
        ] {
            assert_eq!(zone_name(minutes), name);
        }
    }
}
