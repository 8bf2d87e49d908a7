//! What the load publishes: a JSON text of a fixed size whose sequence number and due time stand at fixed places, so that
//! checking a delivery costs a few nanoseconds and no parser.
//!
//! `{"n":"0000000000000017","t":"0000000001230000","p":[…]}`: `n` counts the messages of a topic, `t` is when it was due in
//! nanoseconds since the load began. Behind them stand orders of a made-up market, so that compressing it saves about what
//! it saves on real messages.

use std::fmt::Write;

const NUMBER_AT: usize = BEGIN.len();
const DUE_AT: usize = NUMBER_AT + DIGITS + BETWEEN.len();
const DIGITS: usize = 16;

const BEGIN: &str = r#"{"n":""#;
const BETWEEN: &str = r#"","t":""#;
const BEHIND: &str = r#"","p":["#;
const END: &str = "]}";

/// The smallest payload that there is: the two numbers, and an empty text behind them.
pub(super) const LEAST: usize = DUE_AT + DIGITS + BEHIND.len() + r#""""#.len() + END.len();

/// What a payload says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// Which message of its topic, from 0.
    pub(super) number: u64,
    /// When it was due, in nanoseconds since the load began.
    pub(super) due: u64,
}

/// A payload to be stamped and published again and again.
pub(super) struct Template(Vec<u8>);

impl Template {
    /// A payload of this size, which is at least [`LEAST`].
    pub(super) fn new(size: usize) -> Self {
        let mut text = format!("{BEGIN}{0:016}{BETWEEN}{0:016}{BEHIND}", 0);
        let mut dice = fastrand::Rng::with_seed(7);
        loop {
            let side = if dice.bool() { "buy" } else { "sell" };
            let (id, price, amount) = (dice.u32(..), dice.u32(640_000..650_000), dice.u32(1..50_000));
            let begun = text.len();
            let _ = write!(
                text,
                r#"{{"id":"{id:08x}","side":"{side}","price":"{}.{}","size":"{}.{:04}"}},"#,
                price / 10,
                price % 10,
                amount / 10_000,
                amount % 10_000
            );
            if text.len() + 2 + END.len() > size {
                text.truncate(begun);
                break;
            }
        }
        text.push('"');
        while text.len() + 1 + END.len() < size {
            text.push(char::from(b'a' + dice.u8(..16)));
        }
        text.push('"');
        text.push_str(END);
        Template(text.into_bytes())
    }

    /// The payload with its numbers.
    pub(super) fn stamped(&mut self, stamp: Stamp) -> &[u8] {
        write_digits(&mut self.0[NUMBER_AT..NUMBER_AT + DIGITS], stamp.number);
        write_digits(&mut self.0[DUE_AT..DUE_AT + DIGITS], stamp.due);
        &self.0
    }
}

/// What a payload says of itself, if it is one of ours.
#[inline]
pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
    let head: &[u8; DUE_AT + DIGITS] = payload.first_chunk()?;
    if !head.starts_with(BEGIN.as_bytes()) {
        return None;
    }
    Some(Stamp {
        number: read_digits(head[NUMBER_AT..].first_chunk()?)?,
        due: read_digits(head[DUE_AT..].first_chunk()?)?,
    })
}

/// The payload of this size that a text ends with, up to `tail` bytes before the end.
#[inline]
pub(super) fn at_end(text: &[u8], size: usize, tail: usize) -> Option<Stamp> {
    let start = text.len().checked_sub(size + tail)?;
    read(&text[start..])
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn read_digits(digits: &[u8; DIGITS]) -> Option<u64> {
    let (high, low) = digits.split_at(8);
    Some(eight(high.first_chunk()?)? * 100_000_000 + eight(low.first_chunk()?)?)
}

/// Eight digits at once: neighbours are joined to pairs, pairs to fours, fours to eight, each by one multiplication.
#[inline]
fn eight(digits: &[u8; 8]) -> Option<u64> {
    let all = u64::from_le_bytes(*digits);
    if all & 0xf0f0_f0f0_f0f0_f0f0 != 0x3030_3030_3030_3030 {
        return None;
    }
    let pairs = (all & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul((10 << 8) + 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul((100 << 16) + 1) >> 16;
    Some((fours & 0x0000_ffff_0000_ffff).wrapping_mul((10_000 << 32) + 1) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_its_size_and_is_json() {
        for size in [LEAST, LEAST + 1, 128, 256, 2_048, 65_536] {
            let mut template = Template::new(size);
            let text = template.stamped(Stamp { number: 3, due: 4 });
            assert_eq!(text.len(), size);
            serde_json::from_slice::<serde_json::Value>(text).unwrap();
        }
    }

    #[test]
    fn what_is_stamped_is_read() {
        let mut template = Template::new(128);
        for number in [0, 1, 9, 10, 12_345_678, 87_654_321_012_345, 9_999_999_999_999_999] {
            let stamp = Stamp {
                number,
                due: 9_999_999_999_999_999 - number,
            };
            let text = [b"around it ".as_slice(), template.stamped(stamp), b"]}"].concat();
            assert_eq!(at_end(&text, 128, 2), Some(stamp));
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        assert_eq!(read(b""), None);
        assert_eq!(read(br#"{"n":"0000000000000017""#), None);
        assert_eq!(read(&[b'x'; 128]), None);
        let mut bytes = Template::new(128).0;
        bytes[NUMBER_AT] = b'-';
        assert_eq!(read(&bytes), None);
        assert_eq!(at_end(b"short", 128, 1), None);
    }
}
