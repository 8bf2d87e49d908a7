//! `permessage-deflate` ([RFC 7692](https://www.rfc-editor.org/rfc/rfc7692)): what is agreed on in the handshake, and the
//! payloads of compressed messages.
//!
//! No message refers to the one before it, in neither direction. So a payload that was compressed once is right for every
//! client, a connection holds no state, and what would not become smaller may go out as it is. All of it is pure: no
//! socket, no clock, and nothing that a client sends makes it take more memory than it was told.

mod compress;
mod header;
mod inflate;
mod negotiate;

pub use compress::Deflate;
pub use inflate::{Inflate, InflateError};
pub use negotiate::{Accepted, is_known_to_fail, negotiate};

/// How this server compresses. One for the whole server, so that a publication is compressed once for all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Compression {
    /// From 1, the fastest, to 9, the smallest.
    pub level: u8,
    /// How far back it looks for repeats, as a power of two: 9 to 15. What it costs is memory of each thread, not of
    /// connections.
    pub window_bits: u8,
    /// Payloads below this many bytes are not compressed.
    pub threshold: usize,
}

impl Compression {
    /// What holds when nobody says anything; `docs/OPERATING.md` has the figures behind it.
    pub const DEFAULT: Compression = Compression {
        level: 2,
        window_bits: 15,
        threshold: 512,
    };
}

/// What ends a payload that was flushed, and is left out on the wire (RFC 7692, 7.2.1): an empty stored block, without its
/// first three bits.
const FLUSHED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
