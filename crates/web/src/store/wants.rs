//! Which topics components want, counted, and the way by which wishes reach the driver.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use nexus_client::Wish;
use nexus_protocol::{Subscribe, Topic};
use yew::Callback;

/// What components want. Clones are the same.
#[derive(Clone)]
pub(crate) struct Wants {
    shared: Rc<Shared>,
}

struct Shared {
    /// How many components want each topic; one with a count is subscribed.
    counts: RefCell<HashMap<Topic, usize>>,
    outlet: Callback<Wish>,
}

/// A topic is followed as long as this lives.
#[must_use = "dropping a want ends it"]
pub(crate) struct Want {
    leave: Option<Box<dyn FnOnce()>>,
}

impl Wants {
    /// Wishes go to `outlet`: the driver, or a test.
    pub(crate) fn new(outlet: Callback<Wish>) -> Self {
        Wants {
            shared: Rc::new(Shared {
                counts: RefCell::default(),
                outlet,
            }),
        }
    }

    /// Hands a wish to the driver.
    pub(crate) fn wish(&self, wish: Wish) {
        self.shared.outlet.emit(wish);
    }

    /// Whether nobody wants the topic yet.
    pub(crate) fn is_first(&self, topic: &Topic) -> bool {
        !self.shared.counts.borrow().contains_key(topic)
    }

    /// Every topic that is wanted.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.shared.counts.borrow().keys().cloned().collect()
    }

    /// Whether some wanted topic is such.
    pub(crate) fn any(&self, is_such: impl Fn(&Topic) -> bool) -> bool {
        self.shared.counts.borrow().keys().any(is_such)
    }

    /// Wants a topic; `forget` is called when the last want of it is dropped.
    pub(crate) fn want(&self, topic: &Topic, forget: impl FnOnce(&Topic) + 'static) -> Want {
        let first = {
            let mut counts = self.shared.counts.borrow_mut();
            let count = counts.entry(topic.clone()).or_default();
            *count += 1;
            *count == 1
        };
        if first {
            self.wish(Wish::Subscribe(Subscribe::to(topic.clone())));
        }
        let (wants, topic) = (self.clone(), topic.clone());
        let leave = move || {
            if wants.release(&topic) {
                wants.wish(Wish::Unsubscribe(topic.clone()));
                forget(&topic);
            }
        };
        Want {
            leave: Some(Box::new(leave)),
        }
    }

    /// Gives one want of a topic back; says whether it was the last.
    fn release(&self, topic: &Topic) -> bool {
        let mut counts = self.shared.counts.borrow_mut();
        let Some(count) = counts.get_mut(topic) else {
            return false;
        };
        *count -= 1;
        let last = *count == 0;
        if last {
            counts.remove(topic);
        }
        last
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::Symbol;

    use super::*;

    #[test]
    fn a_topic_is_subscribed_from_its_first_want_to_its_last() {
        let wishes = Rc::new(RefCell::new(Vec::new()));
        let wants = Wants::new({
            let wishes = wishes.clone();
            Callback::from(move |wish| wishes.borrow_mut().push(wish))
        });
        let topic = Topic::Trades(Symbol::parse("BTC").unwrap());
        let forgotten = Rc::new(RefCell::new(0));
        let forget = || {
            let forgotten = forgotten.clone();
            move |_: &Topic| *forgotten.borrow_mut() += 1
        };
        let (first, second) = (wants.want(&topic, forget()), wants.want(&topic, forget()));
        assert_eq!(*wishes.borrow(), [Wish::Subscribe(Subscribe::to(topic.clone()))]);
        drop(first);
        assert!(!wants.is_first(&topic));
        assert_eq!(wishes.borrow().len(), 1);
        drop(second);
        assert!(wants.is_first(&topic));
        assert_eq!(wishes.borrow().last(), Some(&Wish::Unsubscribe(topic)));
        assert_eq!(*forgotten.borrow(), 1);
    }
}
