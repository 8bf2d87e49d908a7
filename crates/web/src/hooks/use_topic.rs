//! Following a topic while a component is mounted.

use nexus_protocol::Topic;
use yew::{hook, use_effect_with};

use super::{use_link, use_live, use_store};
use crate::state::feed::Freshness;

/// Follows a topic from mounting to unmounting; another topic takes the place of the one before.
#[hook]
pub(crate) fn use_topic(topic: Option<Topic>) {
    let store = use_store();
    use_effect_with((store, topic), |(store, topic)| {
        let want = topic.as_ref().map(|topic| store.want(topic));
        move || drop(want)
    });
}

/// How fresh a topic is, renewed when it changes.
#[hook]
pub(crate) fn use_freshness(topic: Option<&Topic>) -> Freshness {
    let store = use_store();
    let link = use_link();
    use_live(store.feeds());
    topic.map_or(Freshness::Loading, |topic| {
        store.feeds().read(|feeds| feeds.freshness(topic, link.is_up()))
    })
}
