//! What waits becomes what is sent.

use nexus_protocol::{ChannelName, Params, Timestamp, Topic};

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
