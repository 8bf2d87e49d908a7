//! Whether and how messages are compressed, out of the settings.

use std::ops::RangeInclusive;

use crate::config::{ConfigError, Settings};
use crate::deflate::Compression;

/// What there is in deflate; a window of 8 bits is in the standard, and in no zlib.
const LEVELS: RangeInclusive<u8> = 1..=9;
const WINDOWS: RangeInclusive<u8> = 9..=15;

/// All four are read even where nothing is to be compressed, so that a wrong one is found before it counts.
pub(super) fn from_settings(settings: &mut Settings) -> Result<Option<Compression>, ConfigError> {
    let is_on = settings.switch("compression")?;
    let compression = Compression {
        level: within(settings, "compression_level", &LEVELS)?,
        window_bits: within(settings, "compression_window_bits", &WINDOWS)?,
        threshold: settings.number("compression_from_bytes", 0)?,
    };
    Ok(is_on.then_some(compression))
}

fn within(
    settings: &mut Settings,
    name: &'static str,
    range: &RangeInclusive<u8>,
) -> Result<u8, ConfigError> {
    let (least, most) = (range.start(), range.end());
    let expected = format!("a whole number from {least} to {most}");
    let number = settings.parse(name, &expected)?;
    match range.contains(&number) {
        true => Ok(number),
        false => Err(settings.wrong(name, format!("must be {expected}, and is `{number}`"))),
    }
}
