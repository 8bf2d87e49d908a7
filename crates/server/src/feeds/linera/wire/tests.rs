//! What the node says is read as it was meant, in the shapes of all versions.

use nexus_protocol::ChainUpdate;
use serde_json::{Value, json};

use super::answers::{Unusable, read_block, read_blocks, read_chains, read_tip};
use super::{Inbound, complete, is_chain_id, read, subscribe};

const AA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const A1: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

fn next(reason: Value) -> String {
    let payload = json!({"data": {"notifications": {"chain_id": AA, "reason": reason}}});
    json!({"type": "next", "id": "1", "payload": payload}).to_string()
}

/// The update as it goes out; none if the frame is no notification.
fn update(reason: Value) -> Option<Value> {
    match read(&next(reason)) {
        Inbound::Next(id, notice) => {
            assert_eq!((id.as_str(), notice.chain_id.as_str()), ("1", AA));
            Some(serde_json::to_value::<ChainUpdate>(notice.update).unwrap())
        }
        Inbound::Garbled(Some(_)) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn notifications_of_both_versions_become_updates() {
    let stream = "System:45504f434853";
    for (reason, expected) in [
        (
            json!({"NewBlock": {"height": 42, "hash": A1, "event_streams": [stream]}}),
            json!({"kind": "new_block", "height": "42", "hash": A1, "event_streams": [stream]}),
        ),
        (
            json!({"NewBlock": {"height": u64::MAX, "hash": A1}}),
            json!({"kind": "new_block", "height": "18446744073709551615", "hash": A1}),
        ),
        (
            json!({"NewEvents": {"height": 42, "hash": A1, "event_streams": [stream]}}),
            json!({"kind": "new_events", "height": "42", "hash": A1, "event_streams": [stream]}),
        ),
        (
            json!({"NewEvents": {"height": 42, "block_hash": A1, "event_streams": [stream]}}),
            json!({"kind": "new_events", "height": "42", "hash": A1, "event_streams": [stream]}),
        ),
        (
            json!({"BlockExecuted": {"height": 41, "hash": A1}}),
            json!({"kind": "block_executed", "height": "41", "hash": A1}),
        ),
        (
            json!({"NewIncomingBundle": {"origin": A1, "height": 7}}),
            json!({"kind": "new_incoming_bundle", "origin": A1, "height": "7"}),
        ),
        (
            json!({"NewRound": {"height": 43, "round": "Fast"}}),
            json!({"kind": "new_round", "height": "43", "round": "fast"}),
        ),
        (
            json!({"NewRound": {"height": 43, "round": {"MultiLeader": 1}}}),
            json!({"kind": "new_round", "height": "43", "round": "multi_leader 1"}),
        ),
        (
            json!({"NewRound": {"height": 43, "round": {"SingleLeader": 0}}}),
            json!({"kind": "new_round", "height": "43", "round": "single_leader 0"}),
        ),
        (
            json!({"SomethingNew": {"height": 44, "extra": [1, 2]}}),
            json!({"kind": "other", "name": "SomethingNew", "body": {"height": 44, "extra": [1, 2]}}),
        ),
        (
            json!("Quiet"),
            json!({"kind": "other", "name": "Quiet", "body": null}),
        ),
    ] {
        assert_eq!(update(reason.clone()), Some(expected), "{reason}");
    }
}

#[test]
fn what_is_no_notification_is_garbled() {
    for reason in [
        json!({"NewBlock": {"height": -1, "hash": A1}}),
        json!({"NewBlock": {"height": "42", "hash": A1}}),
        json!({"NewBlock": {"height": 42, "hash": "0xa1"}}),
        json!({"NewBlock": null}),
        json!({"NewRound": {"height": 1, "round": 7}}),
        json!({}),
        json!(7),
        json!({"Huge": "x".repeat(20_000)}),
    ] {
        assert_eq!(update(reason.clone()), None, "{reason}");
    }
}

#[test]
fn messages_are_told_apart() {
    let cases = [
        (r#"{"type":"connection_ack"}"#, "Ack"),
        (r#"{"type":"connection_ack","payload":{"x":1}}"#, "Ack"),
        (r#"{"type":"ping"}"#, "Ping"),
        (r#"{"type":"pong","payload":null}"#, "Pong"),
        (r#"{"type":"complete","id":"1"}"#, r#"Complete("1")"#),
        (r#"{"id":"1","type":"complete"}"#, r#"Complete("1")"#),
        (
            r#"{"type":"next","id":"1","payload":{"data":null,"errors":[{"message":"wallet error:\n chain not found","locations":[]}]}}"#,
            r#"Refused("1", "wallet error: chain not found")"#,
        ),
        (
            r#"{"type":"error","id":"1","payload":[{"message":"no"}]}"#,
            r#"Refused("1", "no")"#,
        ),
        (
            r#"{"type":"error","id":"1","payload":"odd"}"#,
            r#"Refused("1", "no reason")"#,
        ),
        (
            r#"{"type":"next","id":"1","payload":{"data":null}}"#,
            r#"Garbled(Some("1"))"#,
        ),
        (r#"{"type":"next","id":"1"}"#, r#"Garbled(Some("1"))"#),
        (r#"{"type":"next","payload":{}}"#, "Garbled(None)"),
        (r#"{"type":"complete","id":7}"#, "Garbled(None)"),
        (r#"{"type":"next","id":"1","payl"#, "Garbled(None)"),
        ("", "Garbled(None)"),
        ("[]", "Garbled(None)"),
        (r#"{"type":"ka"}"#, "Unknown"),
    ];
    for (text, expected) in cases {
        assert_eq!(format!("{:?}", read(text)), expected, "{text}");
    }
}

#[test]
fn what_is_sent_is_what_the_node_takes() {
    let chain = nexus_protocol::ChainId::parse(AA).unwrap();
    let sent: Value = serde_json::from_str(&subscribe("7", &chain)).unwrap();
    assert_eq!(sent["id"], "7");
    assert_eq!(sent["payload"]["variables"], json!({ "chainId": AA }));
    assert_eq!(complete("7"), r#"{"id":"7","type":"complete"}"#);
    assert!(is_chain_id(AA));
    for text in [
        "",
        "aa",
        &AA.to_uppercase(),
        &format!("0x{AA}"),
        &AA.replace('a', "g"),
    ] {
        assert!(!is_chain_id(text), "{text}");
    }
}

#[test]
fn answers_are_read_and_errors_named() {
    let chains = json!({"data": {"chains": {"list": [AA, "odd"], "default": AA}}});
    assert_eq!(read_chains(&chains.to_string()).unwrap().list, [AA]);
    let tip = |hash: Value, next: u64| {
        read_tip(
            &json!({"data": {"chain": {"chainId": AA, "tipState": {"blockHash": hash, "nextBlockHeight": next}}}})
                .to_string(),
        )
    };
    assert_eq!(tip(json!(A1), 43).unwrap().next_block_height, 43);
    assert_eq!(tip(Value::Null, 0).unwrap().block_hash, None);
    assert_eq!(tip(json!("zz"), 43), Err(Unusable::Unreadable));
    assert_eq!(tip(json!(A1), 0), Err(Unusable::Unreadable));
    let block = json!({"status": "confirmed", "hash": A1, "block": {"header": {
        "chainId": AA, "epoch": "0", "height": 42, "timestamp": 1_791_480_444_123_456_u64, "previousBlockHash": null,
    }}});
    let one = read_block(&json!({"data": {"block": block}}).to_string())
        .unwrap()
        .unwrap();
    assert_eq!(
        (one.height, one.timestamp_us, one.previous),
        (42, Some(1_791_480_444_123_456), None)
    );
    assert_eq!(read_block(r#"{"data":{"block":null}}"#), Ok(None));
    assert_eq!(
        read_blocks(&json!({"data": {"blocks": [block]}}).to_string())
            .unwrap()
            .len(),
        1
    );
    let refused = r#"{"data":null,"errors":[{"message":"Unknown field \"nope\" on type \"QueryRoot\"."}]}"#;
    assert_eq!(
        read_blocks(refused),
        Err(Unusable::Refused(
            "Unknown field \"nope\" on type \"QueryRoot\".".to_owned()
        ))
    );
    for text in [
        "",
        "{}",
        "[]",
        "<html>",
        r#"{"data":null}"#,
        r#"{"data":{"block":7}}"#,
    ] {
        assert_eq!(read_block(text), Err(Unusable::Unreadable), "{text}");
    }
}
