//! A clean end keeps the order, a crash begins a new one that goes on from it, and what is broken is not believed.

use std::time::Duration;

use nexus_protocol::{Offset, Timestamp, UserId};
use nexus_server::broker::{Begin, BrokerError, BrokerLimits, StoreError};
use nexus_server::content::Draft;
use nexus_server::history::Keep;
use nexus_server::namespaces::Namespaces;

use crate::world::{crashed, history, join, number, numbers, open, open_with, publish, recovered, topic};

#[tokio::test]
async fn a_clean_end_keeps_epochs_offsets_times_and_publishers() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    for at in 1..=5 {
        publish(&broker, "room:a", number(at)).await;
    }
    let draft = Draft {
        content: number(6),
        from: Some(UserId::parse("anna").unwrap()),
    };
    let last = broker
        .publish_stored(&topic("room:a"), draft, Timestamp::EXAMPLE)
        .await
        .unwrap();
    publish(&broker, "events", number(1)).await;
    broker.close().await;
    let room = topic("room:a");
    let late = broker.publish_stored(&room, number(7).into(), Timestamp::EXAMPLE);
    assert_eq!(
        late.await,
        Err(BrokerError::StoreBusy),
        "nothing is taken behind the end"
    );
    drop(broker);

    let broker = open(dir.path());
    assert_eq!(history(&broker, "room:a").await, numbers(1..=6));
    assert_eq!(history(&broker, "events").await, numbers(1..=1));
    let joined = join(&broker, "room:a", Begin::Recover(last.clone())).await;
    assert_eq!((&joined.position, joined.recovered), (&last, Some(true)));
    let piece = broker.after(&topic("room:a"), Offset(5), 1).await;
    let newest = &piece.publications[0];
    assert_eq!(newest.time, Timestamp::EXAMPLE);
    assert_eq!(newest.from.as_ref().map(UserId::as_str), Some("anna"));
    assert_eq!(publish(&broker, "room:a", number(7)).await.offset, Offset(7));
}

#[tokio::test]
async fn a_crash_begins_a_new_order_that_goes_on_from_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    let mut position = publish(&broker, "room:a", number(1)).await;
    for at in 2..=5 {
        position = publish(&broker, "room:a", number(at)).await;
    }
    let crash = crashed(dir.path());

    let broker = open(crash.path());
    assert_eq!(history(&broker, "room:a").await, numbers(1..=5));
    let epoch = join(&broker, "room:a", Begin::Live).await.position.epoch;
    assert_ne!(epoch, position.epoch);
    for (offset, expected) in [(0, true), (5, true), (6, false)] {
        assert_eq!(
            recovered(&broker, "room:a", &position.epoch, offset).await,
            expected,
            "{offset}"
        );
    }
    assert_eq!(publish(&broker, "room:a", number(6)).await.offset, Offset(6));
    assert!(
        !recovered(&broker, "room:a", &position.epoch, 6).await,
        "the sixth of the old order is another"
    );
    let crash = crashed(crash.path());
    let broker = open(crash.path());
    for (epoch, offset, expected) in [
        (&position.epoch, 5, true),
        (&position.epoch, 6, false),
        (&epoch, 6, true),
        (&epoch, 7, false),
    ] {
        assert_eq!(
            recovered(&broker, "room:a", epoch, offset).await,
            expected,
            "{offset}"
        );
    }
}

#[tokio::test]
async fn orders_that_ended_long_ago_are_forgotten() {
    let mut dir = tempfile::tempdir().unwrap();
    let mut epochs = Vec::new();
    for at in 1..=19 {
        let broker = open(dir.path());
        epochs.push(publish(&broker, "events", number(at)).await.epoch);
        dir = crashed(dir.path());
    }
    let broker = open(dir.path());
    let mut known = Vec::new();
    for epoch in &epochs {
        known.push(recovered(&broker, "events", epoch, 1).await);
    }
    assert_eq!(known.iter().filter(|known| **known).count(), 16);
    assert!(known.ends_with(&[true; 16]));
}

#[tokio::test]
async fn what_the_history_lets_go_of_is_gone_from_the_disk_and_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let limits = BrokerLimits {
        history: Keep {
            publications: 10,
            bytes: 1 << 20,
        },
        ..BrokerLimits::default()
    };
    let few = |path: &std::path::Path| open_with(path, limits, Namespaces::default()).unwrap();
    let broker = few(dir.path());
    let mut position = publish(&broker, "events", number(1)).await;
    for at in 2..=100 {
        position = publish(&broker, "events", number(at)).await;
    }
    let crash = crashed(dir.path());
    let roomy = open(crash.path());
    assert_eq!(history(&roomy, "events").await, numbers(91..=100));
    assert_eq!(roomy.store().unwrap().lost, 0);
    broker.forget(&topic("events")).await;
    broker.close().await;
    drop(broker);
    let broker = few(dir.path());
    assert_eq!(history(&broker, "events").await, []);
    assert_eq!(broker.store().unwrap().lost, 0);
    assert!(recovered(&broker, "events", &position.epoch, 100).await);
    assert!(!recovered(&broker, "events", &position.epoch, 99).await);
    assert_eq!(publish(&broker, "events", number(101)).await.offset, Offset(101));
}

#[tokio::test]
async fn what_is_older_than_its_namespace_keeps_is_not_served_and_the_order_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let namespaces = || Namespaces::parse(&["news age=1h durable".to_owned()]).unwrap();
    let aged = |path: &std::path::Path| open_with(path, BrokerLimits::default(), namespaces()).unwrap();
    let broker = aged(dir.path());
    let now = Timestamp::from(std::time::SystemTime::now());
    let long_ago = Timestamp::from_millis(now.as_millis() - 7_200_000);
    let news = topic("news:a");
    broker
        .publish_stored(&news, number(1).into(), long_ago)
        .await
        .unwrap();
    let position = broker.publish_stored(&news, number(2).into(), now).await.unwrap();
    assert_eq!(history(&broker, "news:a").await, numbers(1..=2).split_off(1));
    assert!(!recovered(&broker, "news:a", &position.epoch, 0).await);
    assert!(recovered(&broker, "news:a", &position.epoch, 1).await);
    let crash = crashed(dir.path());
    broker.close().await;
    drop(broker);
    for path in [dir.path(), crash.path()] {
        let broker = aged(path);
        assert_eq!(history(&broker, "news:a").await, numbers(1..=2).split_off(1));
        assert_eq!(broker.store().unwrap().lost, 0);
    }
}

#[tokio::test]
async fn a_topic_without_anything_left_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let limits = BrokerLimits {
        forget_after: Duration::ZERO,
        ..BrokerLimits::default()
    };
    let broker = open_with(dir.path(), limits, Namespaces::default()).unwrap();
    publish(&broker, "events", number(1)).await;
    broker.sweep();
    assert_eq!(broker.topics(), 1, "what is to survive is not swept");
    broker.forget(&topic("events")).await;
    broker.sweep();
    assert_eq!(broker.topics(), 0);
    broker.close().await;
    drop(broker);
    assert_eq!(open(dir.path()).topics(), 0);
}

#[tokio::test]
async fn a_store_in_use_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let _broker = open(dir.path());
    let error = open_with(dir.path(), BrokerLimits::default(), Namespaces::default()).unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    assert!(error.to_string().contains("another server"), "{error}");
}

#[tokio::test]
async fn files_that_are_cut_or_flipped_never_make_wrong_data_or_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path());
    for at in 1..=50 {
        publish(&broker, "events", number(at)).await;
    }
    drop(broker);
    let seed = fastrand::u64(..);
    let mut dice = fastrand::Rng::with_seed(seed);
    for round in 0..40 {
        let copy = crashed(dir.path());
        let files = with_records(copy.path());
        let path = &files[dice.usize(..files.len())];
        let mut bytes = std::fs::read(path).unwrap();
        // The journal is given room beforehand; what was written is at its beginning.
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        if used == 0 {
            continue;
        }
        let place = dice.usize(..used);
        let is_cut = dice.bool();
        if is_cut {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << dice.u8(..8);
        }
        std::fs::write(path, bytes).unwrap();
        let said = format!("seed {seed}, round {round}, {path:?}, byte {place}, cut {is_cut}");
        let Ok(broker) = open_with(copy.path(), BrokerLimits::default(), Namespaces::default()) else {
            // It stops the start, and the operator puts back a copy.
            continue;
        };
        let history = history(&broker, "events").await;
        assert_eq!(history, numbers(1..=history.len() as u64), "{said}");
        let next = publish(&broker, "events", number(history.len() as u64 + 1)).await;
        assert_eq!(next.offset.0, history.len() as u64 + 1, "{said}");
    }
}

/// The files that records stand in. The engine's own lists of its tables are not ours to judge: it believes a length that
/// stands there, and a flipped bit in one can make it ask for more memory than there is.
fn with_records(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = files(path);
    found.retain(|path| {
        let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
        is_journal || path.components().any(|part| part.as_os_str() == "tables")
    });
    assert!(!found.is_empty(), "the engine names its files otherwise");
    found
}

fn files(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
