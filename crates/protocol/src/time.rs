//! A moment on the wire: Unix milliseconds inside, RFC 3339 text in UTC with milliseconds outside.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment, in milliseconds since 1970-01-01 UTC. Written as `2026-11-03T01:53:54.518Z` ([RFC 3339]).
///
/// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last moment that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999);

    /// The moment that examples show.
    #[doc(hidden)]
    pub const EXAMPLE: Timestamp = Timestamp(1_793_670_834_518);

    /// From milliseconds since 1970; later than [`Timestamp::MAX`] becomes it.
    pub fn from_millis(millis: u64) -> Self {
        Timestamp(millis.min(Self::MAX.0))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Written::of(*self).as_str())
    }
}

/// A moment as it is written. Written by hand, because two stand in whatever a publication costs: a formatter is ten times
/// as slow.
pub(crate) struct Written([u8; 24]);

impl Written {
    pub(crate) fn of(time: Timestamp) -> Self {
        const DAY: u64 = 86_400_000;
        let (days, millis) = (time.0 / DAY, time.0 % DAY);
        // Years begin in March here, so that the day that comes and goes is the last: the algorithm `civil_from_days` of
        // https://howardhinnant.github.io/date_algorithms.html
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);

        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, mut number: u64| {
            for place in (at..at + digits).rev() {
                text[place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year);
        put(5, 2, month);
        put(8, 2, day);
        put(11, 2, millis / 3_600_000);
        put(14, 2, millis / 60_000 % 60);
        put(17, 2, millis / 1_000 % 60);
        put(20, 3, millis % 1_000);
        Written(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Written::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time like 2026-11-03T01:53:54.518Z (RFC 3339, UTC)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                humantime::parse_rfc3339(text)
                    .map(Timestamp::from)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_milliseconds_are_inverse() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_793_670_834_518, "2026-11-03T01:53:54.518Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(
                serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).unwrap(),
                time
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "\"\"",
            "\"yesterday\"",
            "17",
            "\"2026-13-01T00:00:00Z\"",
            "\"2026-11-03\"",
            "null",
        ] {
            assert!(serde_json::from_str::<Timestamp>(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_moment_is_written_as_the_library_writes_it(millis in 0..=Timestamp::MAX.0) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            let expected = humantime::format_rfc3339_millis(time).to_string();
            proptest::prop_assert_eq!(Timestamp::from_millis(millis).to_string(), expected);
        }
    }

    #[test]
    fn days_that_come_and_go_are_written() {
        for day in [
            "1972-02-29",
            "2000-02-29",
            "2100-02-28",
            "2100-03-01",
            "2026-12-31",
        ] {
            let text = format!("{day}T23:59:59.999Z");
            let time: Timestamp = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn beyond_the_last_year_is_the_last_moment() {
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
