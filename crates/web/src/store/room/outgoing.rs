//! What one says in a room until it comes back from the server: in order, bounded, and never said twice.

use std::rc::Rc;

use nexus_protocol::Offset;

use crate::state::feed::Moment;
use crate::state::rooms::Said;

/// The most messages that wait to be sent; more are refused by the field.
pub(super) const MOST: usize = 20;

/// A message of one's own that the server may not have yet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outgoing {
    /// Its name, and what makes a repeat of it no second message.
    pub(crate) key: Rc<str>,
    /// What it says.
    pub(crate) text: Rc<str>,
    /// When it was written.
    pub(crate) at: Moment,
    /// How it is.
    pub(crate) delivery: Delivery,
}

/// How a message of one's own is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// On its way.
    Sending,
    /// The server has it; it comes back in a moment.
    Stored(Offset),
    /// It was not taken, and why.
    Failed(Rc<str>),
}

/// The messages that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Rc<Outgoing>>,
}

impl Queue {
    /// Those that wait, oldest first.
    pub(super) fn waiting(&self) -> &[Rc<Outgoing>] {
        &self.waiting
    }

    /// One more; gives nothing if too many wait already.
    pub(super) fn write(&mut self, key: &str, text: &str, at: Moment) -> Option<Rc<Outgoing>> {
        if self.waiting.len() >= MOST {
            return None;
        }
        let outgoing = Rc::new(Outgoing {
            key: key.into(),
            text: text.into(),
            at,
            delivery: Delivery::Sending,
        });
        self.waiting.push(outgoing.clone());
        Some(outgoing)
    }

    /// One that failed is on its way again; gives it.
    pub(super) fn retry(&mut self, key: &str) -> Option<Rc<Outgoing>> {
        let place = self.place(key)?;
        if !matches!(self.waiting[place].delivery, Delivery::Failed(_)) {
            return None;
        }
        self.deliver(place, Delivery::Sending);
        self.waiting.get(place).cloned()
    }

    /// One waits no longer.
    pub(super) fn discard(&mut self, key: &str) {
        self.waiting.retain(|one| *one.key != *key);
    }

    /// What became of one; `has` tells whether a message has come back already.
    pub(super) fn published(
        &mut self,
        key: &str,
        result: Result<Option<Offset>, String>,
        has: impl Fn(Offset) -> bool,
    ) {
        // It is gone if it came back before its answer.
        let Some(place) = self.place(key) else {
            return;
        };
        match result {
            Ok(Some(offset)) if !has(offset) => self.deliver(place, Delivery::Stored(offset)),
            Ok(_) => drop(self.waiting.remove(place)),
            Err(why) => self.deliver(place, Delivery::Failed(why.into())),
        }
    }

    /// A message of one's own came back: whichever of those that wait it is. One without an answer is known by its
    /// words, unless what comes back may be older than it.
    pub(super) fn arrived(&mut self, offset: Offset, said: &Said, is_news: bool) {
        let stored = |one: &Rc<Outgoing>| one.delivery == Delivery::Stored(offset);
        let same = |one: &Rc<Outgoing>| {
            one.delivery == Delivery::Sending && matches!(said, Said::Text(text) if *text == one.text)
        };
        let by_words = || self.waiting.iter().position(same).filter(|_| is_news);
        if let Some(place) = self.waiting.iter().position(stored).or_else(by_words) {
            self.waiting.remove(place);
        }
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.waiting.iter().position(|one| *one.key == *key)
    }

    fn deliver(&mut self, place: usize, delivery: Delivery) {
        if let Some(one) = self.waiting.get_mut(place) {
            *one = Rc::new(Outgoing {
                delivery,
                ..Outgoing::clone(one)
            });
        }
    }
}
