//! What is written arrives whole and in order however little a socket takes at once, and the ends that there are.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;

/// A socket that takes a few bytes at a time, and now and then nothing.
struct Narrow {
    taken: Vec<u8>,
    /// How much it takes in each call; nothing more when the list is at its end.
    takes: Vec<usize>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.takes.pop() {
            None | Some(0) => Err(io::ErrorKind::WouldBlock.into()),
            Some(most) => {
                let taken = most.min(bytes.len());
                self.taken.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(slices.len() <= FRAMES_AT_ONCE);
        let joined: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.write(&joined)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frames(lengths: &[usize]) -> Vec<Bytes> {
    let text = |(number, length): (usize, &usize)| {
        frames::text(&char::from(b'a' + (number % 26) as u8).to_string().repeat(*length))
    };
    lengths.iter().enumerate().map(text).collect()
}

#[test]
fn whatever_a_socket_takes_at_once_all_of_it_arrives_in_order() {
    proptest!(|(
        lengths in prop::collection::vec(0usize..300, 0..150),
        takes in prop::collection::vec(0usize..400, 0..300),
        at_once in prop::collection::vec(any::<bool>(), 150),
    )| {
        let frames = frames(&lengths);
        let all: Vec<u8> = frames.iter().flat_map(|frame| frame.to_vec()).collect();
        let mut out = Out::default();
        let mut socket = Narrow { taken: Vec::new(), takes };
        for (frame, at_once) in frames.into_iter().zip(at_once) {
            if at_once {
                let nothing_waits = out.write_now(&mut socket, &frame);
                prop_assert_eq!(nothing_waits, out.is_empty());
            } else {
                out.push(frame);
                out.write_to(&mut socket).unwrap();
            }
            prop_assert_eq!(out.bytes == 0, out.is_empty());
        }
        socket.takes = vec![usize::MAX; 10];
        prop_assert!(out.write_to(&mut socket).unwrap());
        prop_assert_eq!(socket.taken, all);
        prop_assert!(out.is_empty() && out.bytes == 0 && out.rest.capacity() == 0);
    });
}

#[test]
fn a_write_that_ends_at_any_byte_goes_on_at_the_next() {
    let frames = frames(&[0, 1, 125, 126]);
    let all: Vec<u8> = frames.iter().flat_map(|frame| frame.to_vec()).collect();
    for first in 1..all.len() {
        let mut out = Out::default();
        frames.iter().for_each(|frame| out.push(frame.clone()));
        let mut socket = Narrow {
            taken: Vec::new(),
            takes: vec![usize::MAX, usize::MAX, usize::MAX, usize::MAX, 0, first],
        };
        assert!(!out.write_to(&mut socket).unwrap(), "{first}");
        assert_eq!((socket.taken.len(), out.bytes), (first, all.len() - first));
        assert!(out.write_to(&mut socket).unwrap());
        assert_eq!(socket.taken, all, "{first}");
    }
}

#[test]
fn a_cut_ends_the_frame_that_was_begun_and_nothing_else() {
    let [begun, unsent] = &frames(&[100, 50])[..] else {
        panic!("two frames");
    };
    for sent in [0, 1, 50, begun.len(), begun.len() + 1] {
        let mut out = Out::default();
        out.push(begun.clone());
        out.push(unsent.clone());
        let mut socket = Narrow {
            taken: Vec::new(),
            takes: if sent == 0 { vec![] } else { vec![0, sent] },
        };
        assert!(!out.write_to(&mut socket).unwrap());
        out.keep_what_was_begun();
        out.push(frames::close(CloseCode::Slow, "slow"));
        socket.takes = vec![usize::MAX; 4];
        assert!(out.write_to(&mut socket).unwrap());
        let begun_bytes = match sent {
            0 => 0,
            sent if sent > begun.len() => begun.len() + unsent.len(),
            _ => begun.len(),
        };
        let close = frames::close(CloseCode::Slow, "slow");
        assert_eq!(socket.taken.len(), begun_bytes + close.len(), "{sent}");
        assert!(socket.taken.ends_with(&close));
    }
}

fn pair() -> (mio::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (mio::net::TcpStream::from_std(ours), theirs)
}

fn wire(stream: mio::net::TcpStream) -> Wire {
    Wire::new(stream, &[], Decoder::new(1000, false))
}

#[test]
fn who_leaves_says_so_waits_for_the_other_and_not_for_ever() {
    let (ours, mut theirs) = pair();
    let now = Instant::now();
    let mut leaving = Leaving::close(wire(ours), CloseCode::GoingAway, "bye", now);
    let mut scratch = vec![0; 100];
    assert!(!leaving.attend(&mut scratch, now), "the other is still there");
    assert_eq!(leaving.until(), now + LINGER);
    let mut said = Vec::new();
    theirs.read_to_end(&mut said).unwrap();
    assert_eq!(said, frames::close(CloseCode::GoingAway, "bye"));
    assert!(leaving.attend(&mut scratch, now + LINGER), "not for ever");
}

#[test]
fn who_never_reads_is_not_waited_for_longer_than_the_deadline() {
    let (ours, _theirs) = pair();
    let now = Instant::now();
    let mut wire = wire(ours);
    // More than any kernel keeps.
    wire.push(frames::text(&"x".repeat(64 << 20)));
    wire.flush(|| now);
    assert!(wire.waiting() > 0 && wire.blocked_since() == Some(now));
    let mut leaving = Leaving::close(wire, CloseCode::Slow, "slow", now);
    assert!(!leaving.attend(&mut [0; 100], now));
    assert!(leaving.attend(&mut [0; 100], now + CLOSE_DEADLINE));
}

#[test]
fn a_link_that_breaks_is_an_end() {
    let (ours, theirs) = pair();
    let mut wire = wire(ours);
    assert_eq!(wire.read(&mut [0; 10]), Came::Nothing);
    drop(theirs);
    wire.is_readable = true;
    assert_eq!(wire.read(&mut [0; 10]), Came::End);
    wire.push(frames::ping());
    // The first write may still be taken; the answer to it is that nobody is there.
    for _ in 0..10_000 {
        wire.flush(Instant::now);
        wire.push(frames::ping());
    }
    assert_eq!(wire.read(&mut [0; 10]), Came::End);
    wire.flush(Instant::now);
    assert_eq!(wire.waiting(), 0, "nothing is kept for nobody");
}
