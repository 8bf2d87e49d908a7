//! What waits becomes what is sent.

use nexus_protocol::{ChannelName, Params, Timestamp, Topic};
use proptest::prelude::*;

use super::*;
use crate::content::{Content, Keyed, Part, Parts};
use crate::encoded::{TopicHead, frame_text};

fn head() -> Arc<TopicHead> {
    let topic = Topic::parse(&ChannelName::parse("prices").unwrap(), Params::default());
    Arc::new(TopicHead::of(&topic.unwrap().topic))
}

fn parts(offset: u64, keep: usize, of: &[(u64, &str)]) -> Arc<Publication> {
    let frame = Frame {
        open: "[".into(),
        close: "]".into(),
        keep,
    };
    let parts = of.iter().map(|(key, text)| Part {
        key: PartKey::Number(*key),
        text: (*text).into(),
        is_final: false,
    });
    let content = Content::Parts(Parts {
        frame: Arc::new(frame),
        parts: parts.collect(),
    });
    Arc::new(Publication::new(
        &head(),
        Offset(offset),
        Timestamp::EXAMPLE,
        content,
    ))
}

fn whole(offset: u64, text: &str) -> Arc<Publication> {
    let content = Content::Whole(text.into());
    Arc::new(Publication::new(
        &head(),
        Offset(offset),
        Timestamp::EXAMPLE,
        content,
    ))
}

/// What is sent: offset, payload, and how many it stands for.
fn sent(pending: Pending) -> Vec<(u64, String, u64)> {
    let pushes = pending.into_pushes().into_iter();
    pushes
        .map(|it| {
            let text = frame_text(&it.frame);
            let told = format!(r#""offset":{},"conflated":{},"#, it.offset, it.conflated);
            assert_eq!(text.contains(&told), it.conflated > 0, "{text}");
            (it.offset.0, it.payload().to_owned(), it.conflated)
        })
        .collect()
}

fn merged(publications: &[Arc<Publication>]) -> Vec<(u64, String, u64)> {
    let mut pending = Pending::default();
    for publication in publications {
        pending.push(publication).unwrap();
    }
    assert_eq!(pending.count(), publications.len() as u64);
    sent(pending)
}

#[test]
fn what_stands_for_itself_alone_is_shared() {
    for one in [parts(7, 9, &[(1, "a")]), whole(7, "1"), keyed(7, "a", None)] {
        let mut pending = Pending::default();
        pending.push(&one).unwrap();
        let pushes = pending.into_pushes();
        assert!(matches!(&pushes[..], [only] if Arc::ptr_eq(only, &one)));
    }
}

#[test]
fn whole_ones_are_replaced_and_parts_are_merged_by_key() {
    assert_eq!(
        merged(&[whole(1, "1"), whole(2, "2"), whole(3, "3")]),
        [(3, "3".to_owned(), 2)]
    );
    assert_eq!(
        merged(&[
            parts(1, 9, &[(1, "a1"), (2, "b1")]),
            parts(2, 9, &[(3, "c2")]),
            parts(3, 9, &[(1, "a3")]),
        ]),
        [(3, "[a3,b1,c2]".to_owned(), 2)]
    );
}

#[test]
fn many_waiting_publications_take_no_more_than_their_keys() {
    let mut pending = Pending::default();
    for offset in 1..=10_000 {
        pending.push(&parts(offset, 9, &[(offset % 5, "text")])).unwrap();
    }
    assert!(pending.bytes() < 20_000, "{}", pending.bytes());
    assert_eq!((pending.count(), pending.replaced()), (10_000, 9_999));
    assert_eq!(
        sent(pending),
        [(10_000, "[text,text,text,text,text]".to_owned(), 9_999)]
    );
}

fn keyed(offset: u64, key: &str, stands: Option<&str>) -> Arc<Publication> {
    let content = Content::Keyed(Keyed {
        key: key.into(),
        text: offset.to_string().into(),
        stands: stands.map(Into::into),
        is_final: false,
    });
    Arc::new(Publication::new(
        &head(),
        Offset(offset),
        Timestamp::EXAMPLE,
        content,
    ))
}

#[test]
fn the_newest_of_each_key_waits_and_goes_out_as_it_is() {
    let mut pending = Pending::default();
    for offset in 1..=1_000 {
        pending
            .push(&keyed(offset, &(offset % 3).to_string(), None))
            .unwrap();
    }
    assert!(pending.bytes() < 2_000, "{}", pending.bytes());
    assert_eq!((pending.count(), pending.offset()), (1_000, Offset(1_000)));
    assert_eq!(pending.replaced(), 997);
    let taken = pending.take();
    assert!(pending.is_empty() && pending.bytes() == 0);
    let offsets: Vec<_> = sent(taken)
        .into_iter()
        .map(|(offset, _, n)| (offset, n))
        .collect();
    assert_eq!(offsets, [(998, 997), (999, 0), (1_000, 0)]);
}

#[test]
fn chunks_of_one_stream_do_not_replace_each_other() {
    let mut pending = Pending::default();
    pending.push(&keyed(1, "a", Some("1"))).unwrap();
    pending.push(&keyed(2, "b", Some("1"))).unwrap();
    assert_eq!(pending.push(&keyed(3, "a", Some("13"))), Err(SnapshotIsBetter));
}

#[test]
fn more_keys_than_a_snapshot_has_are_an_answer_of_their_own() {
    let mut pending = Pending::default();
    let refused = (1..=1000).find(|offset| pending.push(&parts(*offset, 3, &[(*offset, "x")])).is_err());
    assert_eq!(refused, Some(UNMERGED as u64 + 1));
}

fn by_field(path: &str) -> Pending {
    Pending::by(Some(&FieldPath::parse(path).unwrap()))
}

/// The offsets that are sent of these payloads, kept by a field, and how many each stands for.
fn kept(path: &str, payloads: &[&str]) -> Vec<(u64, u64)> {
    let mut pending = by_field(path);
    for (place, payload) in payloads.iter().enumerate() {
        pending.push(&whole(place as u64 + 1, payload)).unwrap();
    }
    let pushes = sent(pending).into_iter();
    pushes.map(|(offset, _, conflated)| (offset, conflated)).collect()
}

#[test]
fn the_newest_of_each_value_of_a_field_is_sent() {
    let long = format!(r#"{{"k":"{}"}}"#, "x".repeat(300));
    for (path, payloads, expected) in [
        (
            "k",
            &[r#"{"k":"a"}"#, r#"{"k":"b"}"#, r#"{"k":"a"}"#][..],
            &[(2, 1), (3, 0)][..],
        ),
        (
            "k.n",
            &[r#"{"k":{"n":1}}"#, r#"{"k":{"n":2}}"#, r#"{"k":{"n":1.0}}"#],
            &[(2, 1), (3, 0)],
        ),
        // Text is no number.
        (
            "k",
            &[r#"{"k":1}"#, r#"{"k":"1"}"#, r#"{"k":true}"#],
            &[(1, 0), (2, 0), (3, 0)],
        ),
        // What has no such field is of one key, whatever it is.
        ("k", &["1", "{}", r#"{"k":null}"#, r#"[{"k":1}]"#, "{"], &[(5, 4)]),
        // What cannot be compared replaces nothing.
        ("k", &[r#"{"k":[1]}"#, r#"{"k":[1]}"#], &[(1, 0), (2, 0)]),
        ("k", &[r#"{"k":{"n":1}}"#, r#"{"k":{"n":1}}"#], &[(1, 0), (2, 0)]),
        ("k", &[&long, &long], &[(1, 0), (2, 0)]),
        ("k", &[r#"{"k":1,"k":2}"#, r#"{"k":1,"k":2}"#], &[(1, 0), (2, 0)]),
        ("a.b", &[r#"{"a":{"b":1}}"#, r#"{"a.b":1}"#], &[(2, 1)]),
    ] {
        assert_eq!(kept(path, payloads), expected, "{path} {payloads:?}");
    }
}

#[test]
fn a_field_of_the_subscription_goes_before_the_keys_of_the_topic() {
    let report = |offset, key: &str, site: u64, stands| {
        let content = Content::Keyed(Keyed {
            key: key.into(),
            text: format!(r#"{{"site":{site}}}"#).into(),
            stands,
            is_final: false,
        });
        Arc::new(Publication::new(
            &head(),
            Offset(offset),
            Timestamp::EXAMPLE,
            content,
        ))
    };
    let mut pending = by_field("site");
    pending.push(&report(1, "a", 7, None)).unwrap();
    pending.push(&report(2, "b", 7, None)).unwrap();
    let offsets: Vec<_> = sent(pending.take())
        .into_iter()
        .map(|(offset, ..)| offset)
        .collect();
    assert_eq!(offsets, [2]);
    // What adds up is not replaced.
    pending.push(&report(3, "a", 7, Some("x".into()))).unwrap();
    pending.push(&report(4, "a", 7, Some("x".into()))).unwrap();
    assert_eq!(sent(pending).len(), 2, "and the field is still the key");
}

#[test]
fn what_waits_by_key_is_bounded_in_bytes_and_one_that_is_larger_may_wait() {
    let large = |offset: u64, len: usize| {
        whole(
            offset,
            &format!(r#"{{"n":{offset},"pad":"{}"}}"#, "x".repeat(len)),
        )
    };
    let mut pending = by_field("n");
    pending.push(&large(1, 2 * MOST_BYTES)).unwrap();
    assert_eq!(pending.push(&large(2, 1)), Err(SnapshotIsBetter));
    let mut pending = by_field("n");
    let refused = (1..=100).find(|offset| pending.push(&large(*offset, 100_000)).is_err());
    assert_eq!(refused, Some(11));
}

#[test]
fn more_values_than_may_wait_are_said_and_stay_whole() {
    let mut pending = by_field("n");
    let most = MOST_KEYS as u64;
    for offset in 1..=most {
        pending
            .push(&whole(offset, &format!(r#"{{"n":{offset}}}"#)))
            .unwrap();
    }
    assert_eq!(
        pending.push(&whole(most + 1, r#"{"n":0}"#)),
        Err(SnapshotIsBetter)
    );
    assert_eq!(pending.into_pushes().len(), MOST_KEYS + 1);
}

proptest! {
    #[test]
    fn what_is_sent_and_what_it_stands_for_is_all_that_waited(
        values in proptest::collection::vec(0u8..6, 1..60),
        by_own in any::<bool>(),
        cuts in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let mut pending = if by_own { Pending::default() } else { by_field("k") };
        let mut reached = 0;
        let mut newest = HashMap::new();
        for (place, value) in values.iter().enumerate() {
            let offset = place as u64 + 1;
            // The last value stands for what has no key.
            let publication = match value {
                _ if by_own => keyed(offset, &value.to_string(), None),
                5 => whole(offset, "null"),
                value => whole(offset, &format!(r#"{{"k":{value}}}"#)),
            };
            pending.push(&publication).unwrap();
            newest.insert(*value, offset);
            prop_assert_eq!(pending.offset(), Offset(offset));
            if cuts[place] || place + 1 == values.len() {
                let (count, replaced) = (pending.count(), pending.replaced());
                let pushes = pending.take().into_pushes();
                prop_assert_eq!(count, replaced + pushes.len() as u64);
                let offsets: Vec<u64> = pushes.iter().map(|it| it.offset.0).collect();
                for push in pushes {
                    // Each says exactly what lies between the push before and itself.
                    prop_assert_eq!(reached + push.conflated + 1, push.offset.0);
                    reached = push.offset.0;
                }
                let mut expected: Vec<u64> = newest.drain().map(|(_, offset)| offset).collect();
                expected.sort_unstable();
                prop_assert_eq!(offsets, expected);
                prop_assert_eq!(pending.bytes(), 0);
            }
        }
    }
}
