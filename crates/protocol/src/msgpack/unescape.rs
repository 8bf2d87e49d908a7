//! What the escapes in a JSON string stand for.

/// The text that is meant by the inside of a JSON string. Halves of surrogate pairs, which JSON can name and no text can
/// hold, become U+FFFD. None if it is no inside of a string.
pub(super) fn unescape(inside: &str) -> Option<String> {
    let mut plain = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(place) = rest.find('\\') {
        plain.push_str(&rest[..place]);
        let (&kind, _) = rest.as_bytes().get(place + 1..)?.split_first()?;
        let mut taken = place + 2;
        plain.push(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = code_unit(rest, taken)?;
                taken += 4;
                let second = || {
                    rest[taken..]
                        .starts_with("\\u")
                        .then(|| code_unit(rest, taken + 2))?
                };
                match first {
                    0xd800..=0xdbff => match second() {
                        Some(second @ 0xdc00..=0xdfff) => {
                            taken += 6;
                            let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                            char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER)
                        }
                        _ => char::REPLACEMENT_CHARACTER,
                    },
                    _ => char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return None,
        });
        rest = &rest[taken..];
    }
    plain.push_str(rest);
    Some(plain)
}

/// The four hexadecimal digits at a place.
fn code_unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    let all_are = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all_are.then(|| u32::from_str_radix(digits, 16).ok())?
}
