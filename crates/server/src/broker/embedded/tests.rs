//! The embedded broker: orders, bounds, what is forgotten, and what is told of sources.

use std::time::Duration;

use nexus_protocol::{ChannelName, Condition, FeedState, Filters, Params};

use super::*;
use crate::content::Content;
use crate::outbox::{Outbox, Policy, Work};

fn topic(name: &str) -> Topic {
    Topic::parse(&ChannelName::parse(name).unwrap(), Params::default())
        .unwrap()
        .topic
}

fn broker(limits: BrokerLimits) -> (Hub, Embedded) {
    let hub = Hub::default();
    (hub.clone(), Embedded::new(hub, limits))
}

fn publish(broker: &Embedded, name: &str) -> Result<Position, BrokerError> {
    broker
        .publish(
            &topic(name),
            Content::Whole("1".into()).into(),
            Timestamp::EXAMPLE,
            Wanted::Announced,
        )
        .map(|(position, _)| position)
}

#[test]
fn each_topic_has_its_own_order() {
    let (_, broker) = broker(BrokerLimits::default());
    let first = publish(&broker, "room:a").unwrap();
    let second = publish(&broker, "room:a").unwrap();
    let other = publish(&broker, "room:b").unwrap();
    assert_eq!(
        (first.offset, second.offset, other.offset),
        (Offset(1), Offset(2), Offset(1))
    );
    assert_eq!(first.epoch, second.epoch);
    assert_ne!(first.epoch, other.epoch);
}

#[test]
fn rooms_without_end_leave_a_place_for_everything_else() {
    let (_, broker) = broker(BrokerLimits {
        topics: 8,
        ..BrokerLimits::default()
    });
    let rooms = (0..20).filter(|number| publish(&broker, &format!("room:{number}")).is_ok());
    assert_eq!(rooms.count(), 6);
    for channel in ["telemetry", "commands", "tasks", "ai", "events", "system"] {
        publish(&broker, channel).unwrap();
    }
}

#[test]
fn the_number_of_topics_is_bounded_and_unused_ones_make_room() {
    let (hub, broker) = broker(BrokerLimits {
        topics: 2,
        forget_after: Duration::ZERO,
        ..BrokerLimits::default()
    });
    publish(&broker, "room:a").unwrap();
    publish(&broker, "room:b").unwrap();
    assert_eq!(publish(&broker, "room:c"), Err(BrokerError::TooManyTopics));
    assert!(
        broker.page(&topic("room:c"), whole(), None).is_none(),
        "looking makes nothing"
    );
    let outbox = Arc::new(Outbox::new(1000));
    let lane = outbox.open(&topic("room:a"), Policy::Every);
    let seat = hub.take_seat(&topic("room:a"), &outbox, lane);
    let before = publish(&broker, "room:a").unwrap();
    broker.sweep();
    assert_eq!(broker.topics(), 1, "a topic that someone listens to stays");
    assert_eq!(publish(&broker, "room:a").unwrap().epoch, before.epoch);
    publish(&broker, "room:c").unwrap();
    drop(seat);
    broker.sweep();
    assert_eq!(broker.topics(), 0);
    assert_ne!(
        publish(&broker, "room:a").unwrap().epoch,
        before.epoch,
        "it begins anew"
    );
}

#[test]
fn a_status_is_told_when_it_changed_and_a_gap_is_not_kept() {
    let (hub, broker) = broker(BrokerLimits::default());
    let outbox = Arc::new(Outbox::new(10_000));
    let lane = outbox.open(&topic("room:a"), Policy::Every);
    let _seat = hub.take_seat(&topic("room:a"), &outbox, lane);
    let joined = broker.join(&topic("room:a"), Begin::Fresh).unwrap();
    outbox.start(lane, joined.position, None, None);
    let status = |state| ChannelStatus::new(state, Timestamp::EXAMPLE);
    for state in [
        FeedState::Live,
        FeedState::Live,
        FeedState::Gap,
        FeedState::Gap,
        FeedState::Stale,
    ] {
        broker.set_status(&topic("room:a"), status(state));
    }
    let mut told = Vec::new();
    while let Some(Work::Status(_, status)) = outbox.next(tokio::time::Instant::now()) {
        told.push(status.state);
    }
    assert_eq!(
        told,
        [FeedState::Live, FeedState::Gap, FeedState::Gap, FeedState::Stale]
    );
    let later = broker.join(&topic("room:a"), Begin::Fresh).unwrap();
    assert_eq!(later.status.as_deref(), Some(&status(FeedState::Stale)));
}

fn whole() -> PageOf {
    PageOf {
        after: Offset::ZERO,
        until: None,
        before: None,
        limit: 10,
        reverse: false,
    }
}

#[test]
fn pages_have_each_publication_once_though_all_are_of_one_time() {
    let (_, broker) = broker(BrokerLimits::default());
    for number in 0..60 {
        let content = Content::Whole(format!(r#"{{"even":{}}}"#, number % 2 == 0).into());
        let at = Timestamp::EXAMPLE;
        broker
            .publish(&topic("events"), content.into(), at, Wanted::Announced)
            .unwrap();
    }
    let even = Filters([("even".to_owned(), Condition::Equals(true.into()))].into());
    let even = Predicate::compile(&even).unwrap();
    for (filter, step) in [(None, 1), (even.as_ref(), 2)] {
        for (after, until) in [(0, None), (0, Some(61)), (10, Some(31)), (59, None), (7, Some(7))] {
            let all = (after + 1..until.unwrap_or(61)).filter(|offset| step == 1 || offset % 2 == 1);
            let all: Vec<u64> = all.collect();
            for limit in [1, 2, 5, 7, 59, 60, 61] {
                let mut of = PageOf {
                    after: Offset(after),
                    until: until.map(Offset),
                    limit,
                    ..whole()
                };
                assert_eq!(walk(&broker, of, filter), all, "{of:?}");
                of.reverse = true;
                let back: Vec<u64> = all.iter().rev().copied().collect();
                assert_eq!(walk(&broker, of, filter), back, "{of:?}");
            }
        }
    }
}

/// The offsets of page after page, each bounded by the last publication of the one before.
fn walk(broker: &Embedded, mut of: PageOf, filter: Option<&Predicate>) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let page = broker.page(&topic("events"), of, filter).unwrap();
        seen.extend(page.publications.iter().map(|publication| publication.offset.0));
        match page.publications.last() {
            Some(last) if page.more && of.reverse => of.until = Some(last.offset),
            Some(last) if page.more => of.after = last.offset,
            _ => return seen,
        }
        assert!(seen.len() <= 60, "the pages do not end");
    }
}

#[tokio::test]
async fn with_a_failed_disk_live_data_goes_out_and_nobody_is_promised_more() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::default();
    let limits = BrokerLimits::default();
    let broker = Embedded::open(hub.clone(), limits, Arc::default(), None, dir.path()).unwrap();
    let room = topic("room:a");
    let draft = || Draft::from(Content::Whole("1".into()));
    let (position, written) = broker
        .publish(&room, draft(), Timestamp::EXAMPLE, Wanted::Stored)
        .unwrap();
    written.unwrap().await.unwrap();
    broker.shared.store.as_ref().unwrap().fail();
    let refused = broker.publish(&room, draft(), Timestamp::EXAMPLE, Wanted::Stored);
    assert_eq!(refused.unwrap_err(), BrokerError::StoreFailed);
    let (announced, written) = broker
        .publish(&room, draft(), Timestamp::EXAMPLE, Wanted::Announced)
        .unwrap();
    assert_eq!(announced.offset, Offset(2), "what was refused has no offset");
    assert!(written.unwrap().await.is_err(), "it is not written");
    let report = broker.store_report().unwrap();
    assert_eq!((report.works, report.refused), (false, 1));
    broker.close();
    drop(broker);
    let broker = Embedded::open(hub, limits, Arc::default(), None, dir.path()).unwrap();
    assert!(broker.goes_on_from(&room, &position));
    assert!(
        !broker.goes_on_from(&room, &announced),
        "it was never on the disk, and that is said"
    );
}

#[test]
fn all_histories_together_have_a_bound_and_the_unused_ones_give_way() {
    let (_, broker) = broker(BrokerLimits {
        total_bytes: 100_000,
        ..BrokerLimits::default()
    });
    let history = |name: &str| {
        broker
            .page(&topic(name), whole(), None)
            .unwrap()
            .publications
            .len()
    };
    let text: Arc<str> = format!("\"{}\"", "x".repeat(1_000)).into();
    let say = |name: &str| {
        let draft = Content::Whole(Arc::clone(&text)).into();
        broker
            .publish(&topic(name), draft, Timestamp::EXAMPLE, Wanted::Announced)
            .unwrap()
    };
    for name in ["room:a", "room:b", "room:c"] {
        for _ in 0..25 {
            say(name);
        }
    }
    assert!(broker.held() < 100_000);
    for _ in 0..15 {
        say("room:c");
    }
    assert!(broker.held() <= 100_000, "{}", broker.held());
    assert_eq!(history("room:a"), 1, "the newest stays");
    assert_eq!(history("room:c"), 10.max(history("room:c")));
}
