//! Times and positions as one writes them on a command line.

use std::time::SystemTime;

use nexus_protocol::{Epoch, Offset, Position, Timestamp};

/// Reads a time, or how long ago it was.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let then = SystemTime::now()
            .checked_sub(ago)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        return Ok(Timestamp::from(then));
    }
    humantime::parse_rfc3339_weak(text)
        .map(Timestamp::from)
        .map_err(|_| "a time is written like 2026-11-03T01:53:54Z, or how long ago like 5m".to_owned())
}

/// Reads a position, `epoch:offset`.
pub(crate) fn parse_position(text: &str) -> Result<Position, String> {
    let (epoch, offset) = text.split_once(':').ok_or("a position is written epoch:offset")?;
    Ok(Position {
        epoch: Epoch::parse(epoch).map_err(|error| error.to_string())?,
        offset: Offset(offset.parse().map_err(|_| "the offset is a whole number")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_times_are_read() {
        let position = parse_position("k3v9q2ax:1041").unwrap();
        assert_eq!((position.epoch.as_str(), position.offset.0), ("k3v9q2ax", 1041));
        for wrong in ["1041", "k3v9q2ax:", ":7", "a:-1", "a:1:2"] {
            assert!(parse_position(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            parse_time("2026-11-03T01:53:54Z").unwrap().to_string(),
            "2026-11-03T01:53:54.000Z"
        );
        let ago = Timestamp::from(SystemTime::now()).since(parse_time("5m").unwrap());
        assert!((300..310).contains(&ago.as_secs()));
        assert!(parse_time("yesterday").is_err());
    }
}
