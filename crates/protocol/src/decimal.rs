//! A decimal number as its writer wrote it. It never passes through a binary float.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest decimal that is accepted, in bytes. The longest seen from an exchange has 21.
const MAX_BYTES: usize = 64;

/// A decimal: the exact text of its source, for example `106296.0` or `-0.0000015186`.
///
/// Equality is equality of the text; to compare values or to draw, use [`Decimal::to_f64`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal(Box<str>);

/// Why a text is no decimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-12.5e-3`.
    #[error("not a decimal number")]
    Malformed,
    /// Longer than 64 bytes.
    #[error("a decimal of more than {MAX_BYTES} bytes")]
    TooLong,
}

impl Decimal {
    /// Takes a text of the form that JSON allows for numbers.
    ///
    /// # Errors
    /// If it is no such text, or longer than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.len() > MAX_BYTES {
            return Err(DecimalError::TooLong);
        }
        if !is_json_number(text.as_bytes()) {
            return Err(DecimalError::Malformed);
        }
        Ok(Decimal(text.into()))
    }

    /// The exact text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest float: for drawing and sorting only.
    pub fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// Compares by value as far as a float can tell; equal floats are ordered by their text.
    pub fn by_value(&self, other: &Decimal) -> Ordering {
        self.to_f64()
            .total_cmp(&other.to_f64())
            .then_with(|| self.0.cmp(&other.0))
    }

    /// How many digits stand behind the point.
    pub fn decimals(&self) -> usize {
        self.0
            .split_once('.')
            .map_or(0, |(_, tail)| tail.bytes().take_while(u8::is_ascii_digit).count())
    }
}

/// The grammar of a number in [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259#section-6), with leading zeros
/// allowed, since an exchange's text is passed on as it is.
fn is_json_number(text: &[u8]) -> bool {
    let digits = |from: &[u8]| from.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent
            .strip_prefix(b"+")
            .or(exponent.strip_prefix(b"-"))
            .unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal as a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                Decimal::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_s_digits_stay_as_they_are() {
        for text in [
            "106296.0",
            "2000",
            "0.00001495",
            "-0.0000015186",
            "3316947851.6990442276",
            "184467440737095.53125",
            "3495670.8399999999",
            "1e-7",
            "1.5E+10",
            "0",
        ] {
            assert_eq!(Decimal::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "1e", "1e+", "NaN", "inf", "1,0", " 1", "1 ", "0x10", "--1", "+1",
            "01", "-00.5",
        ] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::Malformed), "{text}");
        }
        assert_eq!(Decimal::parse(&"1".repeat(65)), Err(DecimalError::TooLong));
    }

    #[test]
    fn decimals_counts_what_is_behind_the_point() {
        for (text, count) in [("1", 0), ("1.0", 1), ("0.00001495", 8), ("1.5e3", 1)] {
            assert_eq!(Decimal::parse(text).unwrap().decimals(), count, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_decimal_is_also_a_float(text in "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,20})?(e-?[0-9]{1,2})?") {
            assert!(!Decimal::parse(&text).unwrap().to_f64().is_nan());
        }
    }
}
