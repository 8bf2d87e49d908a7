//! WebSocket frames at their cheapest: whole ones are cut out of what was read, and none is copied unless it was cut in
//! two by the end of the buffer.

/// A frame of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Whether it is a whole message by itself.
    pub(super) is_whole: bool,
    /// Whether its payload is compressed.
    pub(super) is_deflated: bool,
    pub(super) payload: &'a [u8],
}

/// What a frame is to the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Text or bytes, or more of them.
    Data,
    /// A ping, to be answered.
    Ping,
    /// The end.
    Close,
    /// Nothing that matters.
    Other,
}

/// What a client says in binary frames.
pub(super) const BINARY: u8 = 2;
/// What a client says in text frames.
pub(super) const TEXT: u8 = 1;
/// What a client ends with.
pub(super) const CLOSE: u8 = 8;
/// The answer to a ping.
pub(super) const PONG: u8 = 10;

/// Hands each whole frame to `take`; gives how many bytes they were.
///
/// # Errors
/// If it is nothing that a server may send: a mask, or bits that nobody agreed on; or what `take` does not like.
#[inline]
pub(super) fn cut<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(Frame<'a>) -> Result<(), &'static str>,
) -> Result<usize, &'static str> {
    let mut at = 0;
    while let Some((header, length)) = header(&bytes[at..])? {
        let start = at + header;
        let Some(payload) = start.checked_add(length).and_then(|end| bytes.get(start..end)) else {
            break;
        };
        let first = bytes[at];
        at = start + length;
        take(Frame {
            kind: match first & 0x0f {
                0..=2 => Kind::Data,
                8 => Kind::Close,
                9 => Kind::Ping,
                _ => Kind::Other,
            },
            is_whole: first & 0x80 != 0 && first & 0x0f != 0,
            is_deflated: first & 0x40 != 0,
            payload,
        })?;
    }
    Ok(at)
}

/// The lengths of header and payload of the frame that the bytes begin with, if the header is whole.
#[inline]
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, &'static str> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & 0x80 != 0 || first & 0x30 != 0 {
        return Err("the server sent what is no WebSocket frame of a server");
    }
    Ok(match second & 0x7f {
        126 => rest
            .first_chunk::<2>()
            .map(|bytes| (4, usize::from(u16::from_be_bytes(*bytes)))),
        127 => rest.first_chunk::<8>().map(|bytes| {
            (
                10,
                usize::try_from(u64::from_be_bytes(*bytes)).unwrap_or(usize::MAX),
            )
        }),
        small => Some((2, usize::from(small))),
    })
}

/// The code of a close frame.
pub(super) fn close_code(payload: &[u8]) -> u16 {
    payload
        .first_chunk::<2>()
        .map_or(1005, |code| u16::from_be_bytes(*code))
}

/// A frame of a client with a mask of zeros, which is a mask.
pub(super) fn masked(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    header_of(0x80 | opcode, 0x80, payload.len(), out);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// A frame as a server sends it.
pub(super) fn unmasked(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    header_of(first, 0, payload.len(), out);
    out.extend_from_slice(payload);
}

fn header_of(first: u8, mask: u8, length: usize, out: &mut Vec<u8>) {
    out.push(first);
    match length {
        small @ 0..=125 => out.push(mask | small as u8),
        medium @ 126..=0xffff => {
            out.push(mask | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        large => {
            out.push(mask | 127);
            out.extend_from_slice(&(large as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_are_cut_wherever_the_bytes_end() {
        let texts: [&[u8]; 4] = [b"", b"hello", &[b'x'; 300], &[b'y'; 70_000]];
        let mut stream = Vec::new();
        for text in texts {
            unmasked(0x81, text, &mut stream);
        }
        for end in (0..400)
            .chain((400..stream.len()).step_by(97))
            .chain([stream.len()])
        {
            let mut seen = Vec::new();
            let used = cut(&stream[..end], |frame| {
                seen.push(frame);
                Ok(())
            });
            assert!(used.unwrap() <= end);
            let whole = texts.iter().take(seen.len()).map(|text| Frame {
                kind: Kind::Data,
                is_whole: true,
                is_deflated: false,
                payload: text,
            });
            assert_eq!(seen, whole.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_frame_says_what_it_is() {
        let kinds = [
            (0x01, Kind::Data, false, false),
            (0x80, Kind::Data, false, false),
            (0x82, Kind::Data, true, false),
            (0xc1, Kind::Data, true, true),
            (0x88, Kind::Close, true, false),
            (0x89, Kind::Ping, true, false),
            (0x8a, Kind::Other, true, false),
        ];
        for (first, kind, is_whole, is_deflated) in kinds {
            let used = cut(&[first, 0], |frame| {
                assert_eq!(
                    (frame.kind, frame.is_whole, frame.is_deflated),
                    (kind, is_whole, is_deflated)
                );
                Ok(())
            });
            assert_eq!(used, Ok(2));
        }
        assert_eq!(close_code(&[0x0f, 0xa8]), 4008);
        assert_eq!(close_code(&[]), 1005);
    }

    #[test]
    fn what_a_server_may_not_send_is_an_error() {
        let mut mask = Vec::new();
        masked(TEXT, b"x", &mut mask);
        assert!(cut(&mask, |_| Ok(())).is_err());
        assert!(cut(&[0xa1, 0x01, b'x'], |_| Ok(())).is_err());
        let endless = [0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'x'];
        assert_eq!(cut(&endless, |_| Ok(())), Ok(0));
    }
}
