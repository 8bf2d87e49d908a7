//! What a publication and its delivery ask of the core: messages, the topic's seats, the filter, the position.
//! `cargo bench -p nexus-server --bench core`.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use nexus_protocol::{
    Ack, ChannelName, Epoch, Filters, MessageId, Offset, Params, Position, Reply, Timestamp, Topic,
    decode_request, encode_reply,
};
use nexus_server::content::Content;
use nexus_server::encoded::{Publication, TopicHead};
use nexus_server::filters::{Fields, Predicate};
use nexus_server::hub::Hub;
use nexus_server::outbox::{Outbox, Policy};

const TOPICS: usize = 10_000;
const PAYLOAD: &str = r#"{"device_id":"device-001","kind":"temperature","value":21.5,"at":{"site":"north","rack":7},"ok":true}"#;

fn topic(number: usize) -> Topic {
    let channel = ChannelName::parse(&format!("room:number-{number}")).unwrap();
    Topic::parse(&channel, Params::default()).unwrap().topic
}

fn topics(criterion: &mut Criterion) {
    let hub = Hub::default();
    let outbox = Arc::new(Outbox::new(1 << 20));
    let topics: Vec<_> = (0..TOPICS).map(topic).collect();
    let seats: Vec<_> = topics
        .iter()
        .map(|topic| hub.take_seat(topic, &outbox, outbox.open(topic, Policy::Every)))
        .collect();
    let nobody = topic(TOPICS);
    criterion.bench_function("topic lookup among 10,000", |bencher| {
        let mut each = topics.iter().cycle();
        bencher.iter(|| hub.has_audience(black_box(each.next().unwrap())));
    });
    criterion.bench_function("topic lookup, nobody listens", |bencher| {
        bencher.iter(|| hub.has_audience(black_box(&nobody)));
    });
    criterion.bench_function("topic parsed", |bencher| {
        let channel = ChannelName::parse("room:number-77").unwrap();
        bencher.iter(|| Topic::parse(black_box(&channel), Params::default()));
    });
    drop(seats);
}

fn filters(criterion: &mut Criterion) {
    let compile = |text: &str| {
        let filters: Filters = serde_json::from_str(text).unwrap();
        Predicate::compile(&filters).unwrap().unwrap()
    };
    criterion.bench_function("fields read", |bencher| {
        bencher.iter(|| Fields::read(black_box(PAYLOAD)));
    });
    let fields = Fields::read(PAYLOAD);
    for (name, text, expected) in [
        ("filter on one field", r#"{"device_id":"device-001"}"#, true),
        (
            "filter that does not pass",
            r#"{"device_id":"device-002"}"#,
            false,
        ),
        (
            "filter on a path and a list",
            r#"{"at.rack":7,"kind":["humidity","temperature"]}"#,
            true,
        ),
    ] {
        let predicate = compile(text);
        assert_eq!(predicate.passes(&fields), expected, "{name}");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| predicate.passes(black_box(&fields)))
        });
    }
}

/// What one publication asks of the messages: its request, its frame and its answer.
fn messages(criterion: &mut Criterion) {
    let request =
        format!(r#"{{"type":"publish","id":"m1","payload":{{"channel":"room:a","data":{PAYLOAD}}}}}"#);
    criterion.bench_function("publish read", |bencher| {
        bencher.iter(|| decode_request(black_box(&request), 65_536));
    });
    let head = Arc::new(TopicHead::of(&topic(0)));
    criterion.bench_function("publication made", |bencher| {
        bencher.iter(|| {
            let content = Content::Whole(black_box(PAYLOAD).into());
            Publication::new(&head, Offset(8), Timestamp::EXAMPLE, content)
        });
    });
    let id = MessageId::parse("m1").unwrap();
    let ack = Reply::Ack(Ack {
        position: Some(Position {
            epoch: Epoch::parse("k3v9q2ax").unwrap(),
            offset: Offset(8),
        }),
        command_id: None,
    });
    criterion.bench_function("ack written", |bencher| {
        bencher.iter(|| encode_reply(Some(black_box(&id)), &ack, Timestamp::EXAMPLE));
    });
}

fn positions(criterion: &mut Criterion) {
    let epoch = Epoch::parse("e").unwrap();
    let position = Position {
        epoch,
        offset: Offset(7),
    };
    criterion.bench_function("Position::admit", |bencher| {
        bencher.iter(|| black_box(&position).admit(black_box(Offset(8))));
    });
}

criterion_group!(benches, topics, filters, messages, positions);
criterion_main!(benches);
