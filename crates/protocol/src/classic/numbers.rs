//! Market numbers without quotes: texts that are decimals become JSON numbers with the same digits.

use crate::Decimal;

/// Fields whose text stays text, whatever it looks like.
const NAMES: [&str; 10] = [
    "symbol",
    "interval",
    "side",
    "status",
    "change",
    "direction",
    "fee_token",
    "token",
    "client_id",
    "address",
];

/// Rewrites a payload of a market or account channel. The input is JSON; what is not comes back as it was.
pub(super) fn without_quotes(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut rest = json;
    // The name of the field that the value at hand belongs to; of a list, the list's.
    let mut field = "";
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        let Some(length) = string_length(quoted) else {
            break;
        };
        let (string, behind) = quoted.split_at(length);
        let text = &string[1..string.len() - 1];
        let is_name = behind.trim_start().starts_with(':');
        written.push_str(before);
        if is_name {
            field = text;
        }
        if !is_name && !NAMES.contains(&field) && Decimal::parse(text).is_ok() {
            written.push_str(text);
        } else {
            written.push_str(string);
        }
        rest = behind;
    }
    written.push_str(rest);
    written
}

/// How long the string is that a text begins with, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn decimals_lose_their_quotes_and_names_keep_theirs() {
        for (before, after) in [
            (
                r#"{"BTC":{"price":"106296.0","change24h":"-1.27","timestamp":1}}"#,
                r#"{"BTC":{"price":106296.0,"change24h":-1.27,"timestamp":1}}"#,
            ),
            (
                r#"{"symbol":"1","bids":[["106295.0","0.971"],["1e-7","2"]],"asks":[]}"#,
                r#"{"symbol":"1","bids":[[106295.0,0.971],[1e-7,2]],"asks":[]}"#,
            ),
            (
                r#"{"12":{"price":"0.00000000000000000001"}}"#,
                r#"{"12":{"price":0.00000000000000000001}}"#,
            ),
            (
                r#"{"orders":[{"client_id":"7","price":"2080.0"}]}"#,
                r#"{"orders":[{"client_id":"7","price":2080.0}]}"#,
            ),
            (
                r#"{"a":"\"1\"","b":"1.","c":".5","d":"01","e":""}"#,
                r#"{"a":"\"1\"","b":"1.","c":".5","d":"01","e":""}"#,
            ),
            (r#"{"a" : "1" , "b":"x"}"#, r#"{"a" : 1 , "b":"x"}"#),
        ] {
            assert_eq!(without_quotes(before), after);
        }
    }

    proptest! {
        #[test]
        fn the_result_is_json_of_the_same_shape(keys in proptest::collection::vec(".{0,6}", 0..5), texts in proptest::collection::vec("[-0-9.e\"\\\\a-z]{0,8}", 5)) {
            let object: serde_json::Map<String, Value> = keys.iter().zip(&texts)
                .map(|(key, text)| (key.clone(), Value::from(text.as_str())))
                .collect();
            let before = serde_json::to_string(&object).unwrap();
            let after: serde_json::Map<String, Value> = serde_json::from_str(&without_quotes(&before)).unwrap();
            prop_assert_eq!(after.keys().collect::<Vec<_>>(), object.keys().collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_survived(text in ".{0,64}") {
            let _ = without_quotes(&text);
        }
    }
}
