//! Tasks, streams and events in the store.

use std::time::Duration;

use nexus_client::Ask;
use nexus_protocol::{AiUpdate, History, Payload, Publication, Reply, TaskUpdate, Topic};

use super::events::EventFeed;
use super::streams::Streams;
use super::tasks::TaskBoard;
use super::{News, Store};
use crate::canvas::live::Live;

/// Events that are asked for when they are followed.
const EVENTS: u32 = 200;
/// How long they may take.
const WITHIN: Duration = Duration::from_secs(30);

/// What is kept of what goes on.
#[derive(Default)]
pub(super) struct Activity {
    tasks: Live<TaskBoard>,
    streams: Live<Streams>,
    events: Live<EventFeed>,
}

impl Store {
    /// The tasks.
    pub(crate) fn tasks(&self) -> &Live<TaskBoard> {
        &self.shared.activity.tasks
    }

    /// The texts that are being written. Written when there is another one; each is a live value of its own.
    pub(crate) fn streams(&self) -> &Live<Streams> {
        &self.shared.activity.streams
    }

    /// What happened.
    pub(crate) fn events(&self) -> &Live<EventFeed> {
        &self.shared.activity.events
    }

    pub(super) fn handle_activity(&self, publication: &Publication) {
        let Payload::Json(payload) = &publication.payload else {
            return;
        };
        let (at, snapshot) = (publication.timestamp.as_millis(), publication.snapshot);
        match publication.topic {
            Topic::Tasks => {
                if let Ok(update) = payload.read::<TaskUpdate>() {
                    self.tasks().write(|board| board.take(&update, at, snapshot));
                }
            }
            Topic::Ai => {
                if let Ok(update) = payload.read::<AiUpdate>() {
                    self.take_chunk(&update, at);
                }
            }
            Topic::Events => {
                let from = publication.from.clone();
                self.events()
                    .write(|feed| feed.take(payload, at, Some(publication.offset), from));
            }
            _ => {}
        }
    }

    /// Events are followed: those of before, and those that may have been missed, are asked for.
    pub(super) fn handle_events_followed(&self) {
        let store = self.weak();
        let ask = Ask::History(History::newest(Topic::Events, EVENTS));
        self.ask(ask, WITHIN, move |news| {
            let (Some(store), News::Answer(Ok(Reply::History(page)))) = (store.upgrade(), news) else {
                return;
            };
            store.events().write(|feed| {
                for item in page.items.iter().rev() {
                    feed.take(
                        &item.payload,
                        item.timestamp.as_millis(),
                        item.offset,
                        item.from.clone(),
                    );
                }
            });
        });
    }

    /// A chunk wakes who shows its stream; who lists the streams is woken only by another stream.
    fn take_chunk(&self, update: &AiUpdate, at: u64) {
        let known = self.streams().read(|streams| streams.of(&update.stream_id));
        match known {
            Some(stream) => stream.write(|stream| stream.take(update, at)),
            None => self.streams().write(|streams| streams.begin(update, at)),
        }
    }
}
