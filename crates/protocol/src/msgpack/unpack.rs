//! MessagePack to JSON text, in one pass over the bytes. What comes here may come from anybody: headers are believed only
//! as far as there are bytes, and the text, at most 6 bytes for each of the message, ends at its bound.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::msgpack::BYTES_KEY;

/// How much one message may become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The most bytes of the JSON text.
    pub bytes: usize,
    /// The most levels of maps and arrays.
    pub depth: usize,
}

/// Why bytes are no MessagePack, or none that JSON has a word for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMsgpack {
    /// A value, or what a header promised, is not there.
    #[error("it ends within a value")]
    Truncated,
    /// There is more behind the value.
    #[error("there is more behind the first value")]
    Trailing,
    /// The byte 0xc1, which stands for nothing.
    #[error("the byte c1 stands for nothing")]
    Unused,
    /// An ext type, such as a timestamp.
    #[error("ext types are not used here; write times as texts or numbers")]
    Ext,
    /// A key of a map is something else than a str.
    #[error("keys of maps must be str")]
    Key,
    /// A str that is no text.
    #[error("a str must be UTF-8; bytes are bin")]
    NotUtf8,
    /// A float that is infinite, or no number.
    #[error("NaN and infinities are no numbers")]
    NotFinite,
    /// It is nested deeper than agreed on.
    #[error("it is nested too deep")]
    TooDeep,
    /// It would be a longer text than agreed on.
    #[error("it is too long")]
    TooBig,
}

/// Writes MessagePack as a JSON text.
///
/// ```
/// use nexus_protocol::msgpack::{Bounds, NotMsgpack, unpack};
///
/// let bounds = Bounds { bytes: 1024, depth: 16 };
/// assert_eq!(unpack(&[0x92, 1, 0xc4, 2, b'h', b'i'], bounds)?, r#"[1,{"$bytes":"aGk="}]"#);
/// assert_eq!(unpack(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1], bounds), Err(NotMsgpack::Truncated));
/// # Ok::<(), NotMsgpack>(())
/// ```
///
/// # Errors
/// If the bytes are not one value, or it has no JSON form, or is beyond the bounds.
pub fn unpack(bytes: &[u8], bounds: Bounds) -> Result<String, NotMsgpack> {
    let unpacker = Unpacker {
        rest: bytes,
        bounds,
        out: Vec::with_capacity(bounds.bytes.min(bytes.len() + bytes.len() / 2)),
        open: Vec::new(),
    };
    unpacker.run()
}

struct Unpacker<'a> {
    rest: &'a [u8],
    bounds: Bounds,
    out: Vec<u8>,
    open: Vec<List>,
}

/// A map or an array that is not at its end.
struct List {
    /// How many values or members are to come, as its header says.
    left: u32,
    is_map: bool,
}

impl<'a> Unpacker<'a> {
    fn run(mut self) -> Result<String, NotMsgpack> {
        loop {
            self.value()?;
            if !self.follow()? {
                break;
            }
        }
        if !self.rest.is_empty() {
            return Err(NotMsgpack::Trailing);
        }
        // All that was written is ASCII, or a text that was checked.
        String::from_utf8(self.out).map_err(|_| NotMsgpack::NotUtf8)
    }

    fn value(&mut self) -> Result<(), NotMsgpack> {
        match self.byte()? {
            small @ 0x00..=0x7f => self.json(&small),
            map @ 0x80..=0x8f => self.open(u32::from(map & 0x0f), true),
            array @ 0x90..=0x9f => self.open(u32::from(array & 0x0f), false),
            text @ 0xa0..=0xbf => self.text(usize::from(text & 0x1f)),
            0xc0 => self.raw(b"null"),
            0xc1 => Err(NotMsgpack::Unused),
            0xc2 => self.raw(b"false"),
            0xc3 => self.raw(b"true"),
            0xc4 => self.length8().and_then(|length| self.bin(length)),
            0xc5 => self.length16().and_then(|length| self.bin(length)),
            0xc6 => self.length32().and_then(|length| self.bin(length)),
            0xc7..=0xc9 | 0xd4..=0xd8 => Err(NotMsgpack::Ext),
            0xca => self.float32(),
            0xcb => self.float64(),
            0xcc => self.fixed().map(u8::from_be_bytes).and_then(|n| self.json(&n)),
            0xcd => self.fixed().map(u16::from_be_bytes).and_then(|n| self.json(&n)),
            0xce => self.fixed().map(u32::from_be_bytes).and_then(|n| self.json(&n)),
            0xcf => self.fixed().map(u64::from_be_bytes).and_then(|n| self.json(&n)),
            0xd0 => self.fixed().map(i8::from_be_bytes).and_then(|n| self.json(&n)),
            0xd1 => self.fixed().map(i16::from_be_bytes).and_then(|n| self.json(&n)),
            0xd2 => self.fixed().map(i32::from_be_bytes).and_then(|n| self.json(&n)),
            0xd3 => self.fixed().map(i64::from_be_bytes).and_then(|n| self.json(&n)),
            0xd9 => self.length8().and_then(|length| self.text(length)),
            0xda => self.length16().and_then(|length| self.text(length)),
            0xdb => self.length32().and_then(|length| self.text(length)),
            0xdc => self
                .fixed()
                .and_then(|n| self.open(u16::from_be_bytes(n).into(), false)),
            0xdd => self.fixed().and_then(|n| self.open(u32::from_be_bytes(n), false)),
            0xde => self
                .fixed()
                .and_then(|n| self.open(u16::from_be_bytes(n).into(), true)),
            0xdf => self.fixed().and_then(|n| self.open(u32::from_be_bytes(n), true)),
            small @ 0xe0..=0xff => self.json(&(small as i8)),
        }
    }

    /// Behind a value or a header: closes what ends here, and writes what stands before the next value. Whether there is
    /// one.
    fn follow(&mut self) -> Result<bool, NotMsgpack> {
        while let Some(list) = self.open.last_mut() {
            let is_map = list.is_map;
            if list.left == 0 {
                self.open.pop();
                self.raw(if is_map { b"}" } else { b"]" })?;
                continue;
            }
            list.left -= 1;
            // A value never ends like this, not even a text: it ends with its quote.
            if !matches!(self.out.last(), Some(b'{' | b'[')) {
                self.raw(b",")?;
            }
            if is_map {
                self.key()?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn open(&mut self, left: u32, is_map: bool) -> Result<(), NotMsgpack> {
        // Each value has a byte at least, and each member two.
        let least = u64::from(left) * if is_map { 2 } else { 1 };
        if least > self.rest.len() as u64 {
            return Err(NotMsgpack::Truncated);
        }
        if self.open.len() == self.bounds.depth {
            return Err(NotMsgpack::TooDeep);
        }
        self.open.push(List { left, is_map });
        self.raw(if is_map { b"{" } else { b"[" })
    }

    fn key(&mut self) -> Result<(), NotMsgpack> {
        let length = match self.byte()? {
            text @ 0xa0..=0xbf => usize::from(text & 0x1f),
            0xd9 => self.length8()?,
            0xda => self.length16()?,
            0xdb => self.length32()?,
            _ => return Err(NotMsgpack::Key),
        };
        self.text(length)?;
        self.raw(b":")
    }

    fn text(&mut self, length: usize) -> Result<(), NotMsgpack> {
        let bytes = self.take(length)?;
        self.room(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| NotMsgpack::NotUtf8)?;
        self.json(&text)
    }

    fn bin(&mut self, length: usize) -> Result<(), NotMsgpack> {
        let bytes = self.take(length)?;
        self.room(length)?;
        let base64 = STANDARD.encode(bytes);
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, r#"{{"{BYTES_KEY}":"{base64}"}}"#);
        self.room(0)
    }

    fn float32(&mut self) -> Result<(), NotMsgpack> {
        let number = f32::from_be_bytes(self.fixed()?);
        match number.is_finite() {
            true => self.json(&number),
            false => Err(NotMsgpack::NotFinite),
        }
    }

    fn float64(&mut self) -> Result<(), NotMsgpack> {
        let number = f64::from_be_bytes(self.fixed()?);
        match number.is_finite() {
            true => self.json(&number),
            false => Err(NotMsgpack::NotFinite),
        }
    }

    /// Writes a text or a number.
    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), NotMsgpack> {
        // Neither these types nor a Vec can refuse.
        let _ = serde_json::to_writer(&mut self.out, value);
        self.room(0)
    }

    fn raw(&mut self, text: &[u8]) -> Result<(), NotMsgpack> {
        self.out.extend_from_slice(text);
        self.room(0)
    }

    /// Whether so many bytes more are within the bound.
    fn room(&self, more: usize) -> Result<(), NotMsgpack> {
        match self.out.len().saturating_add(more) > self.bounds.bytes {
            true => Err(NotMsgpack::TooBig),
            false => Ok(()),
        }
    }

    fn length8(&mut self) -> Result<usize, NotMsgpack> {
        self.byte().map(usize::from)
    }

    fn length16(&mut self) -> Result<usize, NotMsgpack> {
        Ok(u16::from_be_bytes(self.fixed()?).into())
    }

    fn length32(&mut self) -> Result<usize, NotMsgpack> {
        // On the smallest machines a length that does not fit is longer than what is there.
        Ok(usize::try_from(u32::from_be_bytes(self.fixed()?)).unwrap_or(usize::MAX))
    }

    fn byte(&mut self) -> Result<u8, NotMsgpack> {
        self.fixed().map(|[byte]| byte)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], NotMsgpack> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(NotMsgpack::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], NotMsgpack> {
        let (first, rest) = self.rest.split_at_checked(length).ok_or(NotMsgpack::Truncated)?;
        self.rest = rest;
        Ok(first)
    }
}
