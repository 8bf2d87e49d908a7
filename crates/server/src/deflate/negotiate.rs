//! What client and server agree on in the handshake ([RFC 7692, 5 and 7.1](https://www.rfc-editor.org/rfc/rfc7692#section-7.1)).

use crate::deflate::Compression;
use crate::deflate::header::{Offer, Offers};

const NAME: &str = "permessage-deflate";
/// Either side starts anew with each message. Of clients this is asked even if they did not offer it, which a server may.
const ANEW: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// That messages may be compressed.
///
/// Encoder and decoder need not know more: the server's own window is never larger than the client wants it, and what the
/// client sends is read with the largest there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// What the answer says in `Sec-WebSocket-Extensions`.
    pub answer: String,
}

/// Takes the first offer that can be taken, out of the lines of `Sec-WebSocket-Extensions` in their order; none if there is
/// no such offer.
pub fn negotiate<'a>(lines: impl Iterator<Item = &'a str>, ours: Compression) -> Option<Accepted> {
    lines
        .flat_map(Offers::of)
        .find_map(|offer| accept(&offer, ours.window_bits))
}

/// Whether a client offers what it cannot do: Safari 15.0 to 15.3 fail at compressed messages.
pub fn is_known_to_fail(user_agent: &str) -> bool {
    let Some((_, behind)) = user_agent.split_once(" Version/15.") else {
        return false;
    };
    let Some((minor, behind)) = behind.split_once(' ') else {
        return false;
    };
    // `15.3.1` is one of them too.
    let minor = minor.split('.').next().unwrap_or_default();
    matches!(minor, "0" | "1" | "2" | "3") && behind.contains("Safari/")
}

fn accept(offer: &Offer<'_>, window_bits: u8) -> Option<Accepted> {
    if offer.name != NAME {
        return None;
    }
    let mut answer = ANEW.to_owned();
    for (nth, parameter) in offer.parameters.iter().enumerate() {
        let is_repeated = offer.parameters[..nth]
            .iter()
            .any(|before| before.name == parameter.name);
        if is_repeated {
            return None;
        }
        match (parameter.name, parameter.value.as_deref()) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            // It says that we may choose the client's window. We have no wish.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) => {
                window(bits)?;
            }
            ("server_max_window_bits", Some(bits)) => {
                if window(bits)? < window_bits {
                    return None;
                }
                answer += &format!("; server_max_window_bits={window_bits}");
            }
            // Something unknown, a value where none belongs, or none where one does.
            _ => return None,
        }
    }
    Some(Accepted { answer })
}

/// The size of a window as it is written: 8 to 15, in decimal, without leading zeros.
fn window(bits: &str) -> Option<u8> {
    (8..=15).find(|size: &u8| size.to_string() == bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_15: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
    const WITH_10: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10";

    fn check(window_bits: u8, cases: &[(&str, Option<&str>)]) {
        let ours = Compression {
            window_bits,
            ..Compression::DEFAULT
        };
        for (lines, expected) in cases {
            let accepted = negotiate(lines.lines(), ours);
            let answer = accepted.as_ref().map(|accepted| accepted.answer.as_str());
            assert_eq!(answer, *expected, "{lines}");
        }
    }

    #[test]
    fn offers_are_answered_as_the_standard_says() {
        check(
            15,
            &[
                // Nothing, and others.
                ("", None),
                ("x-webkit-deflate-frame", None),
                ("x-webkit-deflate-frame; no_context_takeover", None),
                ("bbf-usp-protocol; eid=\"doc-2\"", None),
                ("deflate-stream, mux; max-channels=4", None),
                ("permessage-deflate2", None),
                // Plain, and with each parameter.
                ("permessage-deflate", Some(ANEW)),
                ("permessage-deflate; client_no_context_takeover", Some(ANEW)),
                ("permessage-deflate; server_no_context_takeover", Some(ANEW)),
                ("permessage-deflate; client_max_window_bits", Some(ANEW)),
                ("permessage-deflate; client_max_window_bits=8", Some(ANEW)),
                ("permessage-deflate; client_max_window_bits=15", Some(ANEW)),
                ("permessage-deflate; server_max_window_bits=15", Some(WITH_15)),
                ("permessage-deflate; server_max_window_bits=\"15\"", Some(WITH_15)),
                // All, in any order, with and without blanks.
                (
                    "permessage-deflate;client_max_window_bits;server_max_window_bits=15;server_no_context_takeover;client_no_context_takeover",
                    Some(WITH_15),
                ),
                (
                    " permessage-deflate ;\tserver_max_window_bits = 15 ; client_max_window_bits=\"9\" ",
                    Some(WITH_15),
                ),
                // Smaller than our window, and what nobody's zlib can do.
                ("permessage-deflate; server_max_window_bits=14", None),
                ("permessage-deflate; server_max_window_bits=9", None),
                ("permessage-deflate; server_max_window_bits=8", None),
                // Values that are none.
                ("permessage-deflate; server_max_window_bits", None),
                ("permessage-deflate; server_max_window_bits=7", None),
                ("permessage-deflate; server_max_window_bits=16", None),
                ("permessage-deflate; server_max_window_bits=015", None),
                ("permessage-deflate; server_max_window_bits=+15", None),
                ("permessage-deflate; server_max_window_bits=0x0f", None),
                ("permessage-deflate; server_max_window_bits=\"\"", None),
                ("permessage-deflate; client_max_window_bits=16", None),
                ("permessage-deflate; client_max_window_bits=08", None),
                ("permessage-deflate; server_no_context_takeover=1", None),
                ("permessage-deflate; client_no_context_takeover=\"\"", None),
                // Unknown, or twice.
                ("permessage-deflate; level=9", None),
                ("permessage-deflate; Server_No_Context_Takeover", None),
                (
                    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                    None,
                ),
                (
                    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
                    None,
                ),
                (
                    "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
                    None,
                ),
                // Malformed.
                ("permessage-deflate; ; client_max_window_bits", None),
                ("permessage-deflate; server_max_window_bits=\"15", None),
                ("permessage-deflate client_max_window_bits", None),
            ],
        );
    }

    #[test]
    fn the_first_offer_that_can_be_taken_is() {
        check(
            15,
            &[
                // The examples of the standard, 7.1.3 and 5.1.
                (
                    "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
                    Some(ANEW),
                ),
                (
                    "permessage-deflate; server_max_window_bits=10, permessage-deflate",
                    Some(ANEW),
                ),
                (
                    "permessage-foo; use_y, permessage-foo, permessage-deflate",
                    Some(ANEW),
                ),
                // What browsers and libraries send.
                ("permessage-deflate; client_max_window_bits", Some(ANEW)),
                ("permessage-deflate, x-webkit-deflate-frame", Some(ANEW)),
                ("x-webkit-deflate-frame, permessage-deflate", Some(ANEW)),
                (
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                    Some(ANEW),
                ),
                // Over several lines.
                ("permessage-foo\npermessage-deflate", Some(ANEW)),
                (
                    "permessage-deflate; server_max_window_bits=8\n\npermessage-deflate; server_max_window_bits=15, permessage-deflate",
                    Some(WITH_15),
                ),
                // A fault ends its own line only, and a comma in quotes parts nothing.
                ("permessage-foo; =\npermessage-deflate", Some(ANEW)),
                (
                    "permessage-foo; x=\"a, permessage-deflate; server_max_window_bits=15\"",
                    None,
                ),
                (
                    "permessage-foo; x=\"a, b\", permessage-deflate; server_max_window_bits=15",
                    Some(WITH_15),
                ),
            ],
        );
    }

    #[test]
    fn a_smaller_window_of_ours_is_said_where_it_was_asked_for() {
        check(
            10,
            &[
                ("permessage-deflate", Some(ANEW)),
                ("permessage-deflate; client_max_window_bits=9", Some(ANEW)),
                ("permessage-deflate; server_max_window_bits=15", Some(WITH_10)),
                ("permessage-deflate; server_max_window_bits=10", Some(WITH_10)),
                ("permessage-deflate; server_max_window_bits=9", None),
                ("permessage-deflate; server_max_window_bits=8", None),
            ],
        );
    }

    #[test]
    fn only_the_safaris_that_fail_are_known_to() {
        const BEFORE: &str =
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (behind, expected) in [
            ("Version/15.0 Safari/605.1.15", true),
            ("Version/15.3 Safari/605.1.15", true),
            ("Version/15.3.1 Mobile/15E148 Safari/604.1", true),
            ("Version/15.4 Safari/605.1.15", false),
            ("Version/15.30 Safari/605.1.15", false),
            ("Version/15 Safari/605.1.15", false),
            ("Version/14.1 Safari/605.1.15", false),
            ("Version/17.0 Safari/605.1.15", false),
            ("Version/15.1 Other/1", false),
            ("Version/15.1", false),
            ("Chrome/156.0.0.0 Safari/537.36", false),
        ] {
            assert_eq!(
                is_known_to_fail(&format!("{BEFORE} {behind}")),
                expected,
                "{behind}"
            );
        }
        assert!(!is_known_to_fail(""));
    }
}
