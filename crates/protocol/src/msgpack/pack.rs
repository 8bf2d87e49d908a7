//! JSON text to MessagePack, in one pass over the text. Every JSON text can be packed, however deep; what is none is an
//! error. The result has at most 9 bytes for each 4 of the text, and what is kept meanwhile is 8 bytes a level and a long list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::msgpack::BYTES_KEY;
use crate::msgpack::unescape::unescape;

/// Places in the result are kept in 32 bits.
const MOST_BYTES: usize = 1 << 30;

const FIX_MAP: u8 = 0x80;
const FIX_ARRAY: u8 = 0x90;
const FIX_STR: u8 = 0xa0;

/// The text is no JSON, or has over a gibibyte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no JSON at byte {at}")]
pub struct NotJson {
    /// Where it stops to be JSON.
    pub at: usize,
}

/// Writes a JSON text as MessagePack.
///
/// ```
/// use nexus_protocol::msgpack::pack;
///
/// assert_eq!(pack(r#"{"a":[1,null]}"#)?, [0x81, 0xa1, b'a', 0x92, 1, 0xc0]);
/// assert_eq!(pack(r#"{"$bytes":"aGk="}"#)?, [0xc4, 2, b'h', b'i']);
/// # Ok::<(), nexus_protocol::msgpack::NotJson>(())
/// ```
///
/// # Errors
/// If the text is not one JSON value.
pub fn pack(json: &str) -> Result<Vec<u8>, NotJson> {
    if json.len() > MOST_BYTES {
        return Err(NotJson { at: MOST_BYTES });
    }
    let packer = Packer {
        text: json,
        at: 0,
        out: Vec::with_capacity(json.len()),
        open: Vec::new(),
        long: Vec::new(),
        digits_at: None,
    };
    packer.run()
}

struct Packer<'a> {
    text: &'a str,
    at: usize,
    /// The result, but for the headers of what is in `long`: each has one byte here until the end.
    out: Vec<u8>,
    open: Vec<List>,
    /// Lists and maps that are too long for a header of one byte.
    long: Vec<List>,
    /// Where the last number stands that is written as a str: it stands for no bytes, whatever it looks like.
    digits_at: Option<usize>,
}

/// A map or an array.
#[derive(Clone, Copy)]
struct List {
    /// Where its header stands.
    header: u32,
    /// How many values or members it has so far.
    count: u32,
}

impl<'a> Packer<'a> {
    fn run(mut self) -> Result<Vec<u8>, NotJson> {
        loop {
            match self.next()? {
                b'{' => {
                    self.open(FIX_MAP);
                    if !self.is_next(b'}') {
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                    self.close();
                }
                b'[' => {
                    self.open(FIX_ARRAY);
                    if !self.is_next(b']') {
                        continue;
                    }
                    self.at += 1;
                    self.close();
                }
                b'"' => self.string()?,
                b'n' => self.word("ull", 0xc0)?,
                b'f' => self.word("alse", 0xc2)?,
                b't' => self.word("rue", 0xc3)?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return Err(self.wrong()),
            }
            if !self.follow()? {
                return Ok(self.finish());
            }
        }
    }

    /// Behind a value: closes what ends here. Whether another value follows.
    fn follow(&mut self) -> Result<bool, NotJson> {
        while let Some(list) = self.open.last_mut() {
            list.count += 1;
            let is_map = self.out[list.header as usize] == FIX_MAP;
            match (self.next()?, is_map) {
                (b',', false) => return Ok(true),
                (b',', true) => {
                    self.key()?;
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => self.close(),
                _ => return Err(self.wrong()),
            }
        }
        self.skip_space();
        if self.at < self.text.len() {
            self.at += 1;
            return Err(self.wrong());
        }
        Ok(false)
    }

    fn open(&mut self, marker: u8) {
        let header = self.out.len() as u32;
        self.open.push(List { header, count: 0 });
        self.out.push(marker);
    }

    fn close(&mut self) {
        let Some(list) = self.open.pop() else {
            return;
        };
        let header = list.header as usize;
        if self.out[header] == FIX_MAP
            && list.count == 1
            && self.digits_at.is_none_or(|at| at < header)
            && let Some(bytes) = bytes_of(&self.out[header + 1..])
        {
            self.out.truncate(header);
            self.bin(&bytes);
            return;
        }
        match list.count {
            short @ 0..=15 => self.out[header] |= short as u8,
            16.. => self.long.push(list),
        }
    }

    /// Puts the long headers in.
    fn finish(mut self) -> Vec<u8> {
        if self.long.is_empty() {
            return self.out;
        }
        self.long.sort_unstable_by_key(|list| list.header);
        let mut whole = Vec::with_capacity(self.out.len() + 4 * self.long.len());
        let mut copied = 0;
        for List { header, count } in self.long {
            let header = header as usize;
            whole.extend_from_slice(&self.out[copied..header]);
            let is_map = self.out[header] == FIX_MAP;
            match u16::try_from(count) {
                Ok(count) => {
                    whole.push(if is_map { 0xde } else { 0xdc });
                    whole.extend_from_slice(&count.to_be_bytes());
                }
                Err(_) => {
                    whole.push(if is_map { 0xdf } else { 0xdd });
                    whole.extend_from_slice(&count.to_be_bytes());
                }
            }
            copied = header + 1;
        }
        whole.extend_from_slice(&self.out[copied..]);
        whole
    }

    /// A member's name and the colon behind it.
    fn key(&mut self) -> Result<(), NotJson> {
        if self.next()? != b'"' {
            return Err(self.wrong());
        }
        self.string()?;
        match self.next()? {
            b':' => Ok(()),
            _ => Err(self.wrong()),
        }
    }

    /// A string whose first quote was taken.
    fn string(&mut self) -> Result<(), NotJson> {
        let text = self.text;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    self.byte()?;
                }
                0x00..=0x1f => return Err(self.wrong()),
                _ => {}
            }
        }
        let inside = &text[start..self.at - 1];
        if has_escapes {
            let plain = unescape(inside).ok_or(NotJson { at: start })?;
            self.text(&plain);
        } else {
            self.text(inside);
        }
        Ok(())
    }

    /// A number whose first character was taken.
    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at - 1;
        let bytes = self.text.as_bytes();
        if bytes[start] == b'-' {
            self.at += 1;
        }
        match bytes.get(self.at - 1) {
            Some(b'0') => {}
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(self.wrong()),
        }
        let mut is_whole = true;
        if bytes.get(self.at) == Some(&b'.') {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            is_whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = &self.text[start..self.at];
        if is_whole && digits != "-0" {
            if let Ok(number) = digits.parse() {
                self.unsigned(number);
            } else if let Ok(number) = digits.parse() {
                self.negative(number);
            } else {
                self.digits_at = Some(self.out.len());
                self.text(digits);
            }
            return Ok(());
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.out.push(0xcb);
                self.out.extend_from_slice(&number.to_be_bytes());
            }
            _ => {
                self.digits_at = Some(self.out.len());
                self.text(digits);
            }
        }
        Ok(())
    }

    fn unsigned(&mut self, number: u64) {
        match number {
            0..=0x7f => self.out.push(number as u8),
            0x80..=0xff => self.out.extend_from_slice(&[0xcc, number as u8]),
            0x100..=0xffff => self.with(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.with(0xce, &(number as u32).to_be_bytes()),
            0x1_0000_0000.. => self.with(0xcf, &number.to_be_bytes()),
        }
    }

    fn negative(&mut self, number: i64) {
        match number {
            -0x20.. => self.out.push(number as u8),
            -0x80..-0x20 => self.out.extend_from_slice(&[0xd0, number as u8]),
            -0x8000..-0x80 => self.with(0xd1, &(number as i16).to_be_bytes()),
            -0x8000_0000..-0x8000 => self.with(0xd2, &(number as i32).to_be_bytes()),
            ..-0x8000_0000 => self.with(0xd3, &number.to_be_bytes()),
        }
    }

    fn text(&mut self, text: &str) {
        match text.len() {
            short @ 0..=31 => self.out.push(FIX_STR | short as u8),
            length @ 32..=0xff => self.with(0xd9, &[length as u8]),
            length @ 0x100..=0xffff => self.with(0xda, &(length as u16).to_be_bytes()),
            length @ 0x1_0000.. => self.with(0xdb, &(length as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bin(&mut self, bytes: &[u8]) {
        match bytes.len() {
            length @ 0..=0xff => self.with(0xc4, &[length as u8]),
            length @ 0x100..=0xffff => self.with(0xc5, &(length as u16).to_be_bytes()),
            length @ 0x1_0000.. => self.with(0xc6, &(length as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(bytes);
    }

    fn with(&mut self, marker: u8, rest: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(rest);
    }

    /// The rest of a word whose first letter was taken.
    fn word(&mut self, rest: &str, marker: u8) -> Result<(), NotJson> {
        let left = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !left.starts_with(rest.as_bytes()) {
            return Err(self.wrong());
        }
        self.at += rest.len();
        self.out.push(marker);
        Ok(())
    }

    /// One digit at least.
    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.byte()?.is_ascii_digit() {
            return Err(self.wrong());
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while let Some(b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// Whether this is what comes next behind any space.
    fn is_next(&mut self, expected: u8) -> bool {
        self.skip_space();
        self.text.as_bytes().get(self.at) == Some(&expected)
    }

    /// Takes the next byte behind any space.
    fn next(&mut self) -> Result<u8, NotJson> {
        self.skip_space();
        self.byte()
    }

    fn byte(&mut self) -> Result<u8, NotJson> {
        let byte = self.text.as_bytes().get(self.at);
        self.at += 1;
        byte.copied().ok_or_else(|| self.wrong())
    }

    /// What was taken last is wrong.
    fn wrong(&self) -> NotJson {
        NotJson {
            at: self.at.saturating_sub(1),
        }
    }
}

/// The bytes that a map's only member stands for, as it was written: a name and a value.
fn bytes_of(member: &[u8]) -> Option<Vec<u8>> {
    let (&marker, rest) = member.split_first()?;
    let value = rest
        .strip_prefix(BYTES_KEY.as_bytes())
        .filter(|_| marker == FIX_STR | BYTES_KEY.len() as u8)?;
    // The value ends where the map ends, so that its length need not be read.
    let base64 = match value.first()? {
        0xa0..=0xbf => &value[1..],
        0xd9 => &value[2..],
        0xda => &value[3..],
        0xdb => &value[5..],
        _ => return None,
    };
    STANDARD.decode(base64).ok()
}
