//! Whatever a client offers, it can take the answer. The rules by which answers are judged here are those that Chromium and
//! npm `ws` judge them by; they are written without the server's own parser.

use nexus_server::deflate::{Compression, negotiate};
use proptest::collection::vec;
use proptest::prelude::*;

/// One offer as a client means it.
#[derive(Clone, Debug, Default)]
struct Offer {
    parameters: Vec<(String, Option<String>)>,
}

proptest! {
    #[test]
    fn whatever_is_offered_the_client_can_take_the_answer(
        offers in vec(vec(parameter(), 0..4), 1..4),
        blank in prop_oneof![Just(""), Just(" "), Just("\t")],
        quotes in any::<bool>(),
        lines in any::<bool>(),
        window_bits in 9_u8..=15,
    ) {
        let offers: Vec<Offer> = offers.into_iter().map(|parameters| Offer { parameters }).collect();
        let written: Vec<String> = offers.iter().map(|offer| written(offer, blank, quotes)).collect();
        let ours = Compression { window_bits, ..Compression::DEFAULT };
        let accepted = match lines {
            true => negotiate(written.iter().map(String::as_str), ours),
            false => negotiate(std::iter::once(written.join(",").as_str()), ours),
        };
        let expected = offers.iter().find(|offer| can_be_taken(offer, window_bits));
        prop_assert_eq!(accepted.is_some(), expected.is_some(), "{:?}", written);
        if let (Some(accepted), Some(offer)) = (accepted, expected) {
            judge(&accepted.answer, offer);
        }
    }

    #[test]
    fn nothing_that_is_no_offer_is_taken_for_one(line in "\\PC{0,80}", noise in vec(any::<char>(), 0..40)) {
        let noise: String = noise.into_iter().collect();
        for line in [&line, &noise] {
            if let Some(accepted) = negotiate(std::iter::once(line.as_str()), Compression::DEFAULT) {
                prop_assert!(line.contains("permessage-deflate"));
                prop_assert!(accepted.answer.starts_with("permessage-deflate"));
            }
        }
    }
}

/// Parameters that there are and some that there are not, with values that are right and some that are not.
fn parameter() -> impl Strategy<Value = (String, Option<String>)> {
    let name = prop_oneof![
        3 => Just("server_max_window_bits"),
        3 => Just("client_max_window_bits"),
        3 => Just("server_no_context_takeover"),
        3 => Just("client_no_context_takeover"),
        1 => Just("mux"),
    ];
    let value = prop_oneof![
        4 => Just(None),
        4 => (8_u8..=15).prop_map(|bits| Some(bits.to_string())),
        1 => prop_oneof![Just("7"), Just("16"), Just("09"), Just("x"), Just("1e1")].prop_map(|value| Some(value.to_owned())),
    ];
    (name, value).prop_map(|(name, value)| (name.to_owned(), value))
}

fn written(offer: &Offer, blank: &str, quotes: bool) -> String {
    let mut text = "permessage-deflate".to_owned();
    for (name, value) in &offer.parameters {
        text += &format!("{blank};{blank}{name}");
        if let Some(value) = value {
            let quote = if quotes { "\"" } else { "" };
            text += &format!("{blank}={blank}{quote}{value}{quote}");
        }
    }
    text
}

/// Whether a server with this window may take it, by the words of the standard.
fn can_be_taken(offer: &Offer, window_bits: u8) -> bool {
    let value = |name: &str| {
        let mut all = offer.parameters.iter().filter(|(found, _)| found == name);
        (all.next().map(|(_, value)| value.clone()), all.next().is_some())
    };
    let is_flag = |name| matches!(value(name), (None | Some(None), false));
    let bits = |text: &str| {
        text.parse::<u8>()
            .ok()
            .filter(|bits| bits.to_string() == text && (8..=15).contains(bits))
    };
    let client = match value("client_max_window_bits") {
        (None | Some(None), false) => true,
        (Some(Some(text)), false) => bits(&text).is_some(),
        (_, true) => false,
    };
    let server = match value("server_max_window_bits") {
        (None, false) => true,
        (Some(Some(text)), false) => bits(&text).is_some_and(|bits| bits >= window_bits),
        (Some(None), false) | (_, true) => false,
    };
    let unknown = offer.parameters.iter().any(|(name, _)| name == "mux");
    !unknown
        && client
        && server
        && is_flag("server_no_context_takeover")
        && is_flag("client_no_context_takeover")
}

/// Judges an answer as clients do.
#[track_caller]
fn judge(answer: &str, offer: &Offer) {
    let mut items = answer.split("; ");
    assert_eq!(items.next(), Some("permessage-deflate"), "{answer}");
    let mut names = Vec::new();
    for item in items {
        let (name, value) = item
            .split_once('=')
            .map_or((item, None), |(name, value)| (name, Some(value)));
        assert!(!names.contains(&name), "{name} twice: {answer}");
        names.push(name);
        let offered = offer.parameters.iter().find(|(offered, _)| offered == name);
        match name {
            "server_no_context_takeover" | "client_no_context_takeover" => {
                assert_eq!(value, None, "{answer}")
            }
            "server_max_window_bits" => {
                let bits: u8 = value.expect("it has a value").parse().expect("which is a number");
                let asked = offered.and_then(|(_, value)| value.as_deref());
                let asked: u8 = asked.expect("it was asked for").parse().expect("with a number");
                assert!((9..=asked).contains(&bits), "{answer}");
            }
            _ => panic!("{name} is none of the answers that we give: {answer}"),
        }
    }
    // Without these two, messages would refer to those before them.
    assert!(names.contains(&"server_no_context_takeover"), "{answer}");
    assert!(names.contains(&"client_no_context_takeover"), "{answer}");
    let demands_window = offer
        .parameters
        .iter()
        .any(|(name, _)| name == "server_max_window_bits");
    assert_eq!(
        names.contains(&"server_max_window_bits"),
        demands_window,
        "{answer}"
    );
}
