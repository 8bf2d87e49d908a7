//! The examples of the format's specification, what is refused, and what holds for any text and any bytes.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

const WIDE: Bounds = Bounds {
    bytes: usize::MAX,
    depth: usize::MAX,
};

/// Bytes as `81 a1 61`.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[track_caller]
fn both_ways(json: &str, msgpack: &[u8]) {
    assert_eq!(pack(json).unwrap(), msgpack, "{json}");
    assert_eq!(unpack(msgpack, WIDE).unwrap(), json);
}

#[test]
fn each_format_of_the_specification_both_ways() {
    for (json, msgpack) in [
        ("null", "c0"),
        ("false", "c2"),
        ("true", "c3"),
        ("0", "00"),
        ("127", "7f"),
        ("128", "cc 80"),
        ("255", "cc ff"),
        ("256", "cd 0100"),
        ("65535", "cd ffff"),
        ("65536", "ce 00010000"),
        ("4294967295", "ce ffffffff"),
        ("4294967296", "cf 0000000100000000"),
        ("18446744073709551615", "cf ffffffffffffffff"),
        ("-1", "ff"),
        ("-32", "e0"),
        ("-33", "d0 df"),
        ("-128", "d0 80"),
        ("-129", "d1 ff7f"),
        ("-32768", "d1 8000"),
        ("-32769", "d2 ffff7fff"),
        ("-2147483648", "d2 80000000"),
        ("-2147483649", "d3 ffffffff7fffffff"),
        ("-9223372036854775808", "d3 8000000000000000"),
        ("1.5", "cb 3ff8000000000000"),
        ("-0.0", "cb 8000000000000000"),
        ("0.1", "cb 3fb999999999999a"),
        ("\"\"", "a0"),
        ("\"hé\"", "a3 68c3a9"),
        (r#""\"\\\n\u0001""#, "a4 225c0a01"),
        ("[]", "90"),
        ("{}", "80"),
        (
            r#"{"compact":true,"schema":0}"#,
            "82 a7 636f6d70616374 c3 a6 736368656d61 00",
        ),
        (r#"[{"a":[[]]},2]"#, "92 81 a1 61 91 90 02"),
        (r#"{"$bytes":""}"#, "c4 00"),
        (r#"{"$bytes":"AP8="}"#, "c4 02 00ff"),
        (
            r#"{"a":{"$bytes":"aGk="},"b":[{"$bytes":"aGk="}]}"#,
            "82 a1 61 c4 02 6869 a1 62 91 c4 02 6869",
        ),
    ] {
        both_ways(json, &hex(msgpack));
    }
}

#[test]
fn lengths_on_both_sides_of_each_border() {
    for (length, text, bin) in [
        (31, "bf", "c4 1f"),
        (32, "d9 20", "c4 20"),
        (255, "d9 ff", "c4 ff"),
        (256, "da 0100", "c5 0100"),
        (65_535, "da ffff", "c5 ffff"),
        (65_536, "db 00010000", "c6 00010000"),
    ] {
        let plain = "x".repeat(length);
        both_ways(
            &format!("\"{plain}\""),
            &[hex(text), plain.clone().into()].concat(),
        );
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &plain);
        both_ways(
            &format!(r#"{{"$bytes":"{base64}"}}"#),
            &[hex(bin), plain.into()].concat(),
        );
    }
    for (length, array, map) in [
        (15, "9f", "8f"),
        (16, "dc 0010", "de 0010"),
        (65_535, "dc ffff", "de ffff"),
        (65_536, "dd 00010000", "df 00010000"),
    ] {
        let values = vec!["7"; length].join(",");
        both_ways(&format!("[{values}]"), &[hex(array), vec![7; length]].concat());
        // A long list in a long list, both of which get their headers at the end.
        let outer = [format!("[{values}]"), values].join(",");
        let packed = pack(&format!("[{outer}]")).unwrap();
        assert_eq!(unpack(&packed, WIDE).unwrap(), format!("[{outer}]"));
        let members = vec![r#""k":7"#; length].join(",");
        both_ways(
            &format!("{{{members}}}"),
            &[hex(map), hex("a1 6b 07").repeat(length)].concat(),
        );
    }
}

#[test]
fn what_json_can_say_in_many_ways_is_one_thing() {
    for (json, msgpack) in [
        (" [ 1 ,\t{ \"a\" :\r\n2 } ] ", "92 01 81 a1 61 02"),
        (
            r#""\u0041\/\b\f\r\t\ud83d\ude00""#,
            "aa 41 2f 08 0c 0d 09 f09f9880",
        ),
        // Halves of a pair, which no text can hold.
        (
            r#""\ud83d \ude00 \ud83dx\ud83d\u0041""#,
            "b0 efbfbd 20 efbfbd 20 efbfbd 78 efbfbd 41",
        ),
        ("1e2", "cb 4059000000000000"),
        ("1E+2", "cb 4059000000000000"),
        ("100.0", "cb 4059000000000000"),
        ("-0", "cb 8000000000000000"),
        ("0.1000000000000000055511151231257827", "cb 3fb999999999999a"),
        ("1e-400", "cb 0000000000000000"),
        // Digits that no number here could keep.
        (
            "18446744073709551616",
            "b4 3138343436373434303733373039353531363136",
        ),
        (
            "-9223372036854775809",
            "b4 2d39323233333732303336383534373735383039",
        ),
        ("1e400", "a5 3165343030"),
        // Not the form of bytes: no base64 as one writes it, another member, no text, a number.
        (r#"{"$bytes":"aGk"}"#, "81 a6 246279746573 a3 61476b"),
        (r#"{"$bytes":"aGl="}"#, "81 a6 246279746573 a4 61476c3d"),
        (r#"{"$bytes":"a-_="}"#, "81 a6 246279746573 a4 612d5f3d"),
        (r#"{"$bytes":7}"#, "81 a6 246279746573 07"),
        (r#"{"$bytes":["aGk="]}"#, "81 a6 246279746573 91 a4 61476b3d"),
        (
            r#"{"$bytes":"aGk=","a":1}"#,
            "82 a6 246279746573 a4 61476b3d a1 61 01",
        ),
        (r#"{"Bytes":"aGk="}"#, "81 a5 4279746573 a4 61476b3d"),
        (
            r#"{"$bytes":18446744073709551616}"#,
            "81 a6 246279746573 b4 3138343436373434303733373039353531363136",
        ),
        // The form of bytes, however its name and its text are spelled.
        (
            r#"[99999999999999999999,{ "\u0024bytes" : "\u0061Gk=" }]"#,
            "92 b4 3939393939393939393939393939393939393939 c4 02 6869",
        ),
    ] {
        assert_eq!(pack(json).unwrap(), hex(msgpack), "{json}");
    }
}

#[test]
fn what_msgpack_can_say_in_many_ways_is_one_thing() {
    for (msgpack, json) in [
        ("cc 00", "0"),
        ("cf 0000000000000001", "1"),
        ("d3 ffffffffffffffff", "-1"),
        ("d0 7f", "127"),
        ("ca 3dcccccd", "0.1"),
        ("ca 7f7fffff", "3.4028235e+38"),
        ("cb 4059000000000000", "100.0"),
        ("d9 01 61", "\"a\""),
        ("db 00000001 61", "\"a\""),
        ("dd 00000001 c0", "[null]"),
        ("df 00000001 d9 01 61 c0", r#"{"a":null}"#),
        ("c6 00000001 00", r#"{"$bytes":"AA=="}"#),
    ] {
        assert_eq!(unpack(&hex(msgpack), WIDE).unwrap(), json, "{msgpack}");
    }
}

#[test]
fn what_is_no_json_is_not_packed() {
    let mut wrong = Vec::new();
    for (text, at) in [
        ("", 0),
        (" ", 1),
        ("nul", 0),
        ("truE", 0),
        ("1 2", 2),
        ("01", 1),
        ("-", 1),
        ("-a", 1),
        ("-é", 1),
        ("1.", 2),
        ("1.e1", 2),
        ("1e", 2),
        ("1e+", 3),
        ("+1", 0),
        (".5", 0),
        ("[1", 2),
        ("[1,]", 3),
        ("[1}", 2),
        ("[,1]", 1),
        ("{\"a\"}", 4),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{1:1}", 1),
        ("\"a", 2),
        ("\"a\u{1}\"", 2),
        ("\"\\x\"", 1),
        ("\"\\é\"", 1),
        ("\"\\u12\"", 1),
        ("\"\\u12é4\"", 1),
        ("\"\\", 2),
        ("]", 0),
    ] {
        let got = pack(text);
        if got != Err(NotJson { at }) {
            wrong.push((text, at, got));
        }
    }
    assert_eq!(wrong, []);
}

#[test]
fn what_has_no_json_form_is_refused() {
    use NotMsgpack::*;
    for (msgpack, error) in [
        ("", Truncated),
        ("c1", Unused),
        ("00 00", Trailing),
        ("80 c0", Trailing),
        // Too few bytes, at each kind of header and in each kind of value.
        ("cc", Truncated),
        ("cd 00", Truncated),
        ("ce 000000", Truncated),
        ("cf 00000000000000", Truncated),
        ("d3 00", Truncated),
        ("ca 000000", Truncated),
        ("cb 00000000000000", Truncated),
        ("a2 61", Truncated),
        ("d9", Truncated),
        ("da 00", Truncated),
        ("db 000000", Truncated),
        ("c4 01", Truncated),
        ("c5 00", Truncated),
        ("c6 0000", Truncated),
        ("dc 00", Truncated),
        ("dd 000000", Truncated),
        ("92 01", Truncated),
        ("81 a1 61", Truncated),
        // Promises of billions.
        ("db ffffffff 61", Truncated),
        ("c6 ffffffff 61", Truncated),
        ("dd ffffffff c0", Truncated),
        ("df ffffffff a1 61 c0", Truncated),
        ("91 91 dd 40000000 c0", Truncated),
        // Ext types: fixext 1 to 16, ext 8 to 32, a timestamp.
        ("d4 01 00", Ext),
        ("d5 01 0000", Ext),
        ("d6 ff 00000000", Ext),
        ("d7 01 0000000000000000", Ext),
        ("d8 01", Ext),
        ("c7 00 01", Ext),
        ("c8 0000 01", Ext),
        ("c9 00000000 01", Ext),
        ("91 d6 ff 00000000", Ext),
        // Keys.
        ("81 01 02", Key),
        ("81 c0 02", Key),
        ("81 c4 01 61 02", Key),
        ("81 90 02", Key),
        ("81 80 02", Key),
        ("82 a1 61 01 ca 00000000 01", Key),
        // Texts and numbers.
        ("a1 ff", NotUtf8),
        ("a2 c328", NotUtf8),
        ("a3 eda080", NotUtf8),
        ("81 a1 ff 00", NotUtf8),
        ("ca 7fc00000", NotFinite),
        ("ca ff800000", NotFinite),
        ("cb 7ff8000000000000", NotFinite),
        ("cb 7ff0000000000000", NotFinite),
    ] {
        assert_eq!(unpack(&hex(msgpack), WIDE), Err(error), "{msgpack}");
    }
}

#[test]
fn depth_and_size_end_where_they_are_told_to() {
    let nested = |levels: usize| [vec![0x91; levels - 1], vec![0x90]].concat();
    let bounds = Bounds {
        bytes: 256,
        depth: 16,
    };
    assert_eq!(
        unpack(&nested(16), bounds).unwrap(),
        "[".repeat(16) + &"]".repeat(16)
    );
    assert_eq!(unpack(&nested(17), bounds), Err(NotMsgpack::TooDeep));
    // Each kind of value that can reach the bound, on both sides of it.
    let with = |marker: &[u8], byte: u8, length: u8| [marker, &[length], &vec![byte; length.into()]].concat();
    for (fits, does_not) in [
        (with(&[0xd9], b'x', 254), with(&[0xd9], b'x', 255)),
        (with(&[0xd9], 1, 42), with(&[0xd9], 1, 43)),
        (with(&[0xc4], 0, 180), with(&[0xc4], 0, 181)),
        (with(&[0xdc, 0], 0xc2, 42), with(&[0xdc, 0], 0xc2, 43)),
        (with(&[0xdc, 0], 0x90, 85), with(&[0xdc, 0], 0x90, 86)),
    ] {
        assert!(unpack(&fits, bounds).unwrap().len() <= 256);
        assert_eq!(unpack(&does_not, bounds), Err(NotMsgpack::TooBig));
    }
    // Whatever the depth, nothing overflows.
    let levels = 1_000_000;
    let deep = "[".repeat(levels) + &"]".repeat(levels);
    assert_eq!(pack(&deep).unwrap(), nested(levels));
    assert_eq!(unpack(&nested(levels), WIDE).unwrap(), deep);
}

#[test]
fn a_request_is_read_or_refused_as_one_in_json() {
    let text = r#"{"type":"publish","id":"m1","payload":{"channel":"room:a","data":{"$bytes":"AP8="}}}"#;
    let packed = pack(text).unwrap();
    assert_eq!(
        decode_request(&packed, 1024).unwrap(),
        crate::decode_request(text, 1024).unwrap()
    );
    let (id, request) = decode_request(&packed, 1024).unwrap();
    assert_eq!(encode_request(&id.unwrap(), &request), packed);
    // The bound is the text's, too.
    assert!(decode_request(&packed, text.len()).is_ok());
    for (bytes, most, says) in [
        (
            packed.clone(),
            text.len() - 1,
            "at most 83 bytes, here and as JSON",
        ),
        (packed.clone(), 10, "at most 10 bytes"),
        (vec![0xc0], 64, "a message is a JSON object"),
        (hex("81 a4 74797065 d6 ff 00000000"), 64, "ext types"),
        ([vec![0x91; 128], vec![0x90]].concat(), 1024, "too deep"),
        (hex("dd ffffffff c0"), 1024, "ends within a value"),
    ] {
        let rejected = decode_request(&bytes, most).unwrap_err();
        assert_eq!(rejected.refusal.code, ErrorCode::InvalidMessage);
        assert!(
            rejected.refusal.message.contains(says),
            "{}",
            rejected.refusal.message
        );
    }
}

/// Any value, bytes in their JSON form included.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-70_000_i64..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<f32>().prop_map(|number| Value::from(f64::from(number))),
        any::<String>().prop_map(Value::from),
        "[-0-9a-zA-Z+/=]{0,12}".prop_map(Value::from),
        "[a-zA-Z0-9+/]{0,8}={0,2}".prop_map(|text| json!({"$bytes": text})),
    ];
    leaf.prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::btree_map("[$a-z]{0,6}|.{0,4}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Bytes that begin like MessagePack more often than any bytes do.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        (0xc0_u8..=0xdf, any::<u32>()).prop_map(|(marker, n)| [&[marker], &n.to_be_bytes()[..]].concat()),
        (0xc0_u8..=0xdf, 0_u16..6).prop_map(|(marker, n)| [&[marker], &n.to_be_bytes()[..]].concat()),
        (0x80_u8..=0x9f).prop_map(|marker| vec![marker]),
        Just(hex("a1 61")),
        value().prop_map(|value| pack(&value.to_string()).unwrap()),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// Texts that look like JSON.
fn text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        r#"[]\[{},:"\\ ]"#,
        r#""[a-z\\u0-9]{0,6}""#,
        r"-?[0-9]{0,3}(\.[0-9]{0,2})?([eE][-+]?[0-9]{0,2})?",
        r"true|false|null|\\ud8[0-9a-f]{2}|\\u[0-9a-fA-F]{4}",
        ".{0,3}",
        value().prop_map(|value| value.to_string()),
    ];
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

/// The same with another name for what would become bytes.
fn without_bytes(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(without_bytes).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key.replace("$bytes", "bytes"), without_bytes(value)))
            .collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_was(value in value()) {
        // As texts, because serde_json may read the last bit of a float wrongly.
        let text = value.to_string();
        prop_assert_eq!(unpack(&pack(&text).unwrap(), WIDE).unwrap(), text);
    }

    #[test]
    fn others_write_the_same_bytes_and_read_the_same_value(value in value()) {
        let value = json!([without_bytes(value)]);
        let ours = pack(&value.to_string()).unwrap();
        prop_assert_eq!(&rmp_serde::to_vec(&value).unwrap(), &ours);
        let theirs: Value = rmp_serde::from_slice(&ours).unwrap();
        prop_assert_eq!(theirs, value);
    }

    #[test]
    fn any_bytes_are_survived_within_bounds(bytes in bytes(), most in 0_usize..300, depth in 0_usize..6) {
        let bounds = Bounds { bytes: most, depth };
        if let Ok(text) = unpack(&bytes, bounds) {
            prop_assert!(text.len() <= most);
            serde_json::from_str::<&RawValue>(&text).unwrap();
        }
        if let Ok(text) = unpack(&bytes, WIDE) {
            prop_assert!(text.len() <= 6 * bytes.len() + 16, "{}", text);
            // What was read once is written and read as the same from then on.
            let packed = pack(&text).unwrap();
            prop_assert_eq!(unpack(&packed, WIDE).unwrap(), text);
        }
        let _ = decode_request(&bytes, most);
    }

    #[test]
    fn a_text_is_packed_if_and_only_if_it_is_json(text in text()) {
        let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
        let packed = pack(&text);
        prop_assert_eq!(packed.is_ok(), is_json, "{}", text);
        if let Ok(packed) = packed {
            prop_assert!(packed.len() <= 3 * text.len());
            unpack(&packed, WIDE).unwrap();
        }
    }
}
