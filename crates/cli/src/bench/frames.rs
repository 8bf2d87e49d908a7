//! WebSocket frames at their cheapest: whole ones are cut out of what was read, and none is copied unless it was cut in
//! two by the end of the buffer.

/// What a frame is to the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame<'a> {
    /// A text.
    Text(&'a [u8]),
    /// A ping, to be answered.
    Ping(&'a [u8]),
    /// The end, with its code.
    Close(u16),
    /// Nothing that matters.
    Other,
}

/// Hands each whole frame to `take`; gives how many bytes they were.
///
/// # Errors
/// If it is nothing that a server may send: a mask, or a frame in pieces.
pub(super) fn cut<'a>(bytes: &'a [u8], mut take: impl FnMut(Frame<'a>)) -> Result<usize, &'static str> {
    let mut at = 0;
    while let Some((header, length)) = header(&bytes[at..])? {
        let end = at + header + length;
        let Some(payload) = bytes.get(at + header..end) else {
            break;
        };
        take(match bytes[at] & 0x0f {
            1 => Frame::Text(payload),
            8 => Frame::Close(match payload {
                [high, low, ..] => u16::from_be_bytes([*high, *low]),
                _ => 1005,
            }),
            9 => Frame::Ping(payload),
            _ => Frame::Other,
        });
        at = end;
    }
    Ok(at)
}

/// The lengths of header and payload of the frame that the bytes begin with, if the header is whole.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, &'static str> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & 0x80 != 0 || first & 0x80 == 0 || first & 0x70 != 0 {
        return Err("the server sent a frame that this load cannot read");
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

/// A frame of a client with a mask of zeros, which is a mask.
pub(super) fn masked(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        small @ 0..=125 => out.push(0x80 | small as u8),
        medium @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        large => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(large as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// The whole number behind a name, among the first bytes of a JSON text: `"offset":17`.
pub(super) fn number(text: &[u8], name: &str, within: usize) -> Option<u64> {
    let start = text.get(..within.min(text.len()))?;
    let at = memchr::memmem::find(start, name.as_bytes())? + name.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let mut value: Option<u64> = None;
    for digit in digits {
        value = Some(value.unwrap_or(0).wrapping_mul(10) + u64::from(digit - b'0'));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        masked(opcode, payload, &mut frame);
        let header = frame.len() - payload.len() - 4;
        frame.drain(header..header + 4);
        frame[1] &= 0x7f;
        frame
    }

    #[test]
    fn whole_frames_are_cut_wherever_the_bytes_end() {
        let texts: [&[u8]; 4] = [b"", b"hello", &[b'x'; 300], &[b'y'; 70_000]];
        let stream: Vec<u8> = texts.iter().flat_map(|text| unmasked(1, text)).collect();
        for end in (0..stream.len()).step_by(97).chain([stream.len()]) {
            let mut seen = Vec::new();
            let used = cut(&stream[..end], |frame| seen.push(frame)).unwrap();
            assert!(used <= end);
            let whole: Vec<Frame<'_>> = texts
                .iter()
                .take(seen.len())
                .map(|text| Frame::Text(text))
                .collect();
            assert_eq!(seen, whole);
        }
    }

    #[test]
    fn numbers_are_found_in_json() {
        assert_eq!(
            number(br#"{"type":"message","offset":1041,"x":1}"#, "\"offset\":", 100),
            Some(1041)
        );
        assert_eq!(number(br#"{"type":"pong"}"#, "\"offset\":", 100), None);
        assert_eq!(number(br#"{"offset":"a"}"#, "\"offset\":", 100), None);
    }

    #[test]
    fn what_a_server_may_not_send_is_an_error() {
        let mut mask = Vec::new();
        masked(1, b"x", &mut mask);
        assert!(cut(&mask, |_| ()).is_err());
        assert!(cut(&[0x01, 0x01, b'x'], |_| ()).is_err());
    }
}
