//! The world of these tests: a directory, brokers that open it, and copies of it as a crash would leave it.

use std::path::Path;
use std::sync::Arc;

use nexus_protocol::{ChannelName, Epoch, Offset, Params, Position, Timestamp, Topic};
use nexus_server::broker::{Begin, Broker, BrokerLimits, Embedded, Joined, PageOf, StoreError};
use nexus_server::content::{Content, Draft, Keyed};
use nexus_server::hub::Hub;
use nexus_server::namespaces::Namespaces;

pub(crate) fn topic(channel: &str) -> Topic {
    let name = ChannelName::parse(channel).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

pub(crate) fn open(path: &Path) -> Broker {
    open_with(path, BrokerLimits::default(), Namespaces::default()).unwrap()
}

pub(crate) fn open_with(
    path: &Path,
    limits: BrokerLimits,
    namespaces: Namespaces,
) -> Result<Broker, StoreError> {
    let embedded = Embedded::open(Hub::default(), limits, Arc::new(namespaces), None, path)?;
    Ok(Broker::Embedded(embedded))
}

/// What a crash would leave now.
pub(crate) fn crashed(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_all(path, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Publishes, and waits until it is on the disk.
pub(crate) async fn publish(broker: &Broker, channel: &str, content: Content) -> Position {
    let draft = Draft::from(content);
    let topic = topic(channel);
    let stored = broker.publish_stored(&topic, draft, Timestamp::EXAMPLE);
    stored.await.unwrap()
}

pub(crate) fn number(number: u64) -> Content {
    Content::Whole(number.to_string().into())
}

pub(crate) fn keyed(key: &str, text: &str) -> Content {
    Content::Keyed(Keyed {
        key: key.into(),
        text: text.into(),
        stands: None,
        is_final: false,
    })
}

pub(crate) async fn join(broker: &Broker, channel: &str, begin: Begin) -> Joined {
    broker.join(&topic(channel), begin).await.unwrap()
}

pub(crate) async fn recovered(broker: &Broker, channel: &str, epoch: &Epoch, offset: u64) -> bool {
    let position = Position {
        epoch: epoch.clone(),
        offset: Offset(offset),
    };
    let joined = join(broker, channel, Begin::Recover(position)).await;
    joined.recovered.unwrap()
}

/// Offsets and payloads of the history.
pub(crate) async fn history(broker: &Broker, channel: &str) -> Vec<(u64, String)> {
    let of = PageOf {
        after: Offset::ZERO,
        until: None,
        before: None,
        limit: 10_000,
        reverse: false,
    };
    let page = broker.page(&topic(channel), of).await;
    let publications = page.map(|page| page.publications).unwrap_or_default();
    publications
        .iter()
        .map(|publication| (publication.offset.0, publication.payload().to_owned()))
        .collect()
}

/// The history that `number` makes.
pub(crate) fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, String)> {
    range.map(|number| (number, number.to_string())).collect()
}
