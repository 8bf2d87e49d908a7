//! The whole list once more, against the echo server on real sockets.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::case::Case;
use crate::client_frame::close;
use crate::client_socket::{Answer, connect, converse, echoed, start_echo};
use crate::reading::{Heard, Said, random_pieces};
use crate::serve::Limits;
use crate::{section_1_to_4, section_5, section_6, section_7, section_9_and_10};

/// Up to here a case is also sent byte by byte.
const BYTEWISE_TO: usize = 300;

#[test]
fn sections_1_to_4_through_sockets() {
    let cases = [
        section_1_to_4::framing(),
        section_1_to_4::pings(),
        section_1_to_4::reserved_bits(),
        section_1_to_4::opcodes(),
    ];
    check_all(cases.concat());
}

#[test]
fn section_5_through_sockets() {
    check_all(section_5::fragmentation());
}

#[test]
fn section_6_through_sockets() {
    check_all(section_6::utf8_in_fragments());
    check_all(section_6::utf8_sequences());
}

#[test]
fn section_7_through_sockets() {
    check_all(section_7::closing());
    check_all(section_7::close_codes());
}

#[test]
fn sections_9_and_10_through_sockets() {
    check_all(
        section_9_and_10::large_messages(64)
            .into_iter()
            .map(|case| case.at_most(1 << 18))
            .collect(),
    );
    check_all(section_9_and_10::many_messages(50));
    check_all(vec![
        section_9_and_10::endless(),
        section_9_and_10::auto_fragmented(),
    ]);
}

#[test]
fn the_largest_message_of_the_list_in_its_full_size() {
    check_all(vec![section_9_and_10::largest()]);
}

fn check_all(cases: Vec<Case>) {
    let mut servers: HashMap<usize, SocketAddr> = HashMap::new();
    for case in cases {
        let limits = Limits {
            message_bytes: case.most,
            ..Limits::default()
        };
        let server = *servers.entry(case.most).or_insert_with(|| start_echo(limits));
        check(server, &case);
    }
}

/// A client whose case does not end the connection ends it itself, so that everything is answered by then.
fn check(server: SocketAddr, case: &Case) {
    let name = format!("{}: {}", case.number, case.claim);
    let mut bytes = case.bytes.clone();
    let mut expected = echoed(&Heard {
        said: case.said.clone(),
        violation: None,
    });
    if let Some(fails) = case.violation {
        expected.push(Answer::Close(Some(fails.code)));
    } else if !matches!(case.said.last(), Some(Said::Close(..))) {
        bytes.extend(close(1000, "").bytes());
        expected.push(Answer::Close(Some(1000)));
    }
    let whole = converse(connect(server, None).0, [&bytes[..]]);
    assert_eq!(whole, expected, "{name}");

    let mut dice = fastrand::Rng::with_seed(bytes.len() as u64);
    let pieces = random_pieces(&bytes, &mut dice);
    assert_eq!(
        converse(connect(server, None).0, pieces),
        expected,
        "{name}: in pieces"
    );

    if bytes.len() <= BYTEWISE_TO {
        let pieces = bytes.chunks(1);
        assert_eq!(
            converse(connect(server, None).0, pieces),
            expected,
            "{name}: byte by byte"
        );
    }
}
