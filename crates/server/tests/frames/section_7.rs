//! 7 closing.

use crate::case::{Case, check_all};
use crate::client_frame::{CLOSE, CONTINUATION, PING, TEXT, close, frame, part};
use crate::reading::Said;

const HELLO: &str = "Hello World!";

/// 7.1, 7.3 and 7.5.
pub(crate) fn closing() -> Vec<Case> {
    let bye = || [Said::Close(Some(1000), String::new())];
    let large = "BAsd7&jh23".repeat(26_214);
    let longest = "*".repeat(123);
    let not_a_text = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    vec![
        Case::new("7.1.1", "a message, then the close")
            .sends(&[frame(TEXT, HELLO), close(1000, "")])
            .text(HELLO)
            .hears(bye()),
        Case::new("7.1.2", "of two closes the second is not heard")
            .sends(&[close(1000, ""), frame(CLOSE, "")])
            .hears(bye()),
        Case::new("7.1.3", "a ping behind the close is not heard")
            .sends(&[close(1000, ""), frame(PING, "")])
            .hears(bye()),
        Case::new("7.1.4", "a text behind the close is not heard")
            .sends(&[close(1000, ""), frame(TEXT, HELLO)])
            .hears(bye()),
        Case::new("7.1.5", "a close between two fragments")
            .sends(&[
                part(TEXT, "fragment1"),
                close(1000, ""),
                frame(CONTINUATION, "fragment2"),
            ])
            .hears(bye()),
        Case::new(
            "7.1.6",
            "a large message, another, the close, and a ping that is not heard",
        )
        .sends(&[
            frame(TEXT, &large),
            frame(TEXT, HELLO),
            close(1000, ""),
            frame(PING, ""),
        ])
        .at_most(1 << 20)
        .text(large)
        .text(HELLO)
        .hears(bye()),
        Case::new("7.3.1", "a close without a code")
            .sends(&[frame(CLOSE, "")])
            .hears([Said::Close(None, String::new())]),
        Case::new("7.3.2", "half a code")
            .sends(&[frame(CLOSE, "a")])
            .fails(1002),
        Case::new("7.3.3", "a close with a code")
            .sends(&[close(1000, "")])
            .hears(bye()),
        Case::new("7.3.4", "a close with code and reason")
            .sends(&[close(1000, HELLO)])
            .hears([Said::Close(Some(1000), HELLO.to_owned())]),
        Case::new("7.3.5", "a close with the longest reason")
            .sends(&[close(1000, &longest)])
            .hears([Said::Close(Some(1000), longest)]),
        Case::new("7.3.6", "a reason that is too long")
            .sends_bytes(&close(1000, "*".repeat(124)).bytes()[..2])
            .fails(1002)
            .sends_bytes(&close(1000, "*".repeat(124)).bytes()[2..]),
        Case::new("7.5.1", "a reason that is no text")
            .sends(&[close(1000, not_a_text)])
            .fails(1007),
    ]
}

/// 7.7 codes that may be sent, 7.9 codes that may not, and 7.13, of which the list says nothing.
pub(crate) fn close_codes() -> Vec<Case> {
    let right = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    let wrong = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    let mut cases = Vec::new();
    for (at, code) in right.into_iter().enumerate() {
        let case = Case::new(format!("7.7.{}", at + 1), format!("close code {code}"));
        cases.push(
            case.sends(&[close(code, "")])
                .hears([Said::Close(Some(code), String::new())]),
        );
    }
    for (at, code) in wrong.into_iter().enumerate() {
        let case = Case::new(format!("7.9.{}", at + 1), format!("close code {code}"));
        cases.push(case.sends(&[close(code, "")]).fails(1002));
    }
    for (at, code) in [5000, 65535].into_iter().enumerate() {
        let case = Case::new(format!("7.13.{}", at + 1), format!("close code {code}"));
        cases.push(case.sends(&[close(code, "")]).fails(1002));
    }
    cases
}

#[test]
fn section_7_closing() {
    check_all(closing(), 13);
}

#[test]
fn section_7_close_codes() {
    check_all(close_codes(), 24);
}
