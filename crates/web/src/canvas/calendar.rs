//! Civil dates from milliseconds and back (proleptic Gregorian), without a time zone database: the zone is a shift that
//! the caller asks the browser for.

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;

/// A date of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Astronomical year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// The date of a moment.
pub fn date(millis: i64) -> Date {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years that begin in March keep leap days last.
    let days = millis.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    Date {
        year: era * 400 + year_of_era + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
    }
}

/// Midnight at which a date begins. A day past the month's end runs on into the next month.
pub fn midnight(date: Date) -> i64 {
    let year = date.year - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if date.month > 2 {
        date.month - 3
    } else {
        date.month + 9
    };
    let day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) * DAY
}

/// Months since January of year 0.
pub fn month_index(millis: i64) -> i64 {
    let date = date(millis);
    date.year * 12 + date.month - 1
}

/// Midnight at which the month of an index begins.
pub fn month_start(index: i64) -> i64 {
    midnight(Date {
        year: index.div_euclid(12),
        month: index.rem_euclid(12) + 1,
        day: 1,
    })
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_dates() {
        for (millis, year, month, day) in [
            (0, 1970, 1, 1),
            (-1, 1969, 12, 31),
            (951_782_400_000, 2000, 2, 29),
            (1_795_219_200_000, 2026, 11, 21),
            (4_107_542_400_000, 2100, 3, 1),
        ] {
            assert_eq!(date(millis), Date { year, month, day }, "{millis}");
        }
    }

    proptest! {
        #[test]
        fn date_and_midnight_are_inverse(days in -800_000i64..800_000, within in 0..DAY) {
            let millis = days * DAY + within;
            prop_assert_eq!(midnight(date(millis)), days * DAY);
        }

        #[test]
        fn a_moment_lies_in_its_month(millis in -9_000_000_000_000i64..9_000_000_000_000) {
            let index = month_index(millis);
            prop_assert!(month_start(index) <= millis && millis < month_start(index + 1));
        }
    }
}
