//! Which messages are on their way: published, and not yet received by everyone who shall get them.
//!
//! A load that publishes as fast as it goes needs a bound, and one that is fair to servers of all kinds: it counts what
//! subscribers have received and nothing that a server says. So none can look fast by promising, none is given more than it
//! delivers, and none has to keep more than the window. All servers get the same window, and it is wide enough for each
//! to join hundreds of messages in one write if it can.

use std::ops::Range;

/// Messages on their way.
pub(super) struct Flight {
    topics: u64,
    /// Up to here everyone has everything, over all topics.
    received: u64,
    published: u64,
    /// Who shall still get each message on its way; that of message `k` stands at `k & mask`.
    waiting: Vec<u32>,
    mask: u64,
    /// Who listens, by topic.
    listeners: Vec<u32>,
}

impl Flight {
    /// Nothing is on its way; `published` is the next message.
    pub(super) fn new(window: u64, published: u64, listeners: Vec<u32>) -> Self {
        let slots = window.next_power_of_two();
        Flight {
            topics: listeners.len() as u64,
            received: published,
            published,
            waiting: vec![0; slots as usize],
            mask: slots - 1,
            listeners,
        }
    }

    /// How many more messages may be published.
    pub(super) fn room(&self, window: u64) -> u64 {
        window.saturating_sub(self.published - self.received)
    }

    /// The next message was published.
    pub(super) fn published(&mut self) {
        let listeners = self.listeners[(self.published % self.topics) as usize];
        self.waiting[(self.published & self.mask) as usize] = listeners;
        self.published += 1;
        self.advance();
    }

    /// A listener of a topic has received what stands between these numbers, or it will never come.
    #[inline]
    pub(super) fn received(&mut self, topic: usize, numbers: Range<u64>) {
        let first = numbers.start * self.topics + topic as u64;
        let mut at = first;
        for _ in numbers {
            if at >= self.received && at < self.published {
                let waiting = &mut self.waiting[(at & self.mask) as usize];
                *waiting = waiting.saturating_sub(1);
            }
            at += self.topics;
        }
        if first <= self.received {
            self.advance();
        }
    }

    /// A listener of a topic has gone, whose next message would have been the one of this number.
    pub(super) fn gone(&mut self, topic: usize, next: u64) {
        self.listeners[topic] = self.listeners[topic].saturating_sub(1);
        let sent = (self.published + self.topics - 1 - topic as u64) / self.topics;
        self.received(topic, next..sent.max(next));
    }

    fn advance(&mut self) {
        while self.received < self.published && self.waiting[(self.received & self.mask) as usize] == 0 {
            self.received += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(flight: &mut Flight, times: u64) {
        for _ in 0..times {
            flight.published();
        }
    }

    #[test]
    fn the_slowest_listener_sets_the_pace() {
        let mut flight = Flight::new(4, 10, vec![2]);
        publish(&mut flight, 4);
        assert_eq!(flight.room(4), 0);
        flight.received(0, 10..14);
        assert_eq!(flight.room(4), 0);
        flight.received(0, 10..12);
        assert_eq!(flight.room(4), 2);
        publish(&mut flight, 2);
        flight.received(0, 12..14);
        assert_eq!(flight.room(4), 2);
    }

    #[test]
    fn a_listener_that_has_gone_holds_up_nobody() {
        let mut flight = Flight::new(4, 0, vec![2]);
        publish(&mut flight, 4);
        flight.received(0, 0..4);
        flight.received(0, 0..1);
        assert_eq!(flight.room(4), 1);
        flight.gone(0, 1);
        assert_eq!(flight.room(4), 4);
        publish(&mut flight, 4);
        flight.received(0, 4..8);
        assert_eq!(flight.room(4), 4);
    }

    #[test]
    fn topics_go_round_and_those_that_nobody_listens_to_do_not_count() {
        let mut flight = Flight::new(8, 0, vec![1, 0, 1]);
        publish(&mut flight, 6);
        assert_eq!(flight.room(8), 2);
        flight.received(0, 0..1);
        assert_eq!(flight.room(8), 4);
        flight.received(2, 0..1);
        assert_eq!(flight.room(8), 5);
        flight.received(2, 1..2);
        flight.received(0, 1..2);
        assert_eq!(flight.room(8), 8);
    }
}
