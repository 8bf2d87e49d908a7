//! Spans of time in words: how old something is, how long until something.

const SECOND: f64 = 1_000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// How old something is: tenths below ten seconds, so that one sees it live.
pub(crate) fn age(millis: f64) -> String {
    let millis = millis.max(0.0);
    if millis < 10.0 * SECOND {
        format!("{:.1} s", (millis / 100.0).floor() / 10.0)
    } else {
        span(millis)
    }
}

/// How long until something, never zero before it is there.
pub(crate) fn countdown(millis: f64) -> String {
    span((millis / SECOND).ceil().max(0.0) * SECOND)
}

/// A span in its largest unit, rounded down.
pub(crate) fn span(millis: f64) -> String {
    let (unit, name) = match millis {
        millis if millis < MINUTE => (SECOND, "s"),
        millis if millis < HOUR => (MINUTE, "min"),
        millis if millis < DAY => (HOUR, "h"),
        _ => (DAY, "d"),
    };
    // Adding zero takes the sign off a negative zero.
    format!("{:.0} {name}", (millis.max(0.0) / unit).floor() + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        for (millis, told) in [
            (0.0, "0 s"),
            (14_900.0, "14 s"),
            (59_999.0, "59 s"),
            (60_000.0, "1 min"),
            (3_599_999.0, "59 min"),
            (7_200_000.0, "2 h"),
            (200_000_000.0, "2 d"),
            (-5.0, "0 s"),
        ] {
            assert_eq!(span(millis), told, "{millis}");
        }
    }

    #[test]
    fn a_young_age_shows_tenths() {
        for (millis, told) in [
            (0.0, "0.0 s"),
            (249.0, "0.2 s"),
            (9_999.0, "9.9 s"),
            (10_000.0, "10 s"),
        ] {
            assert_eq!(age(millis), told, "{millis}");
        }
        assert_eq!(
            age(-50.0),
            "0.0 s",
            "a clock that is ahead makes nothing younger than new"
        );
    }

    #[test]
    fn a_countdown_ends_at_zero_and_not_before() {
        for (millis, told) in [
            (4_000.0, "4 s"),
            (3_001.0, "4 s"),
            (1.0, "1 s"),
            (0.0, "0 s"),
            (-1.0, "0 s"),
        ] {
            assert_eq!(countdown(millis), told, "{millis}");
        }
    }
}
