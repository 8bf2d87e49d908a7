//! Everything that people do.

use crate::world::*;

impl World {
    /// What people do: open and close views, look away, sign out, click without patience.
    pub(super) fn person(&mut self) {
        if !self.faults {
            return;
        }
        let pause = self.rng.u64(500..10_000);
        self.after(pause, Act::Person);
        if self.now < self.asleep_until {
            return;
        }
        let number = self.rng.usize(..self.topics);
        match self.rng.u32(..16) {
            0 => self.unsubscribe(number),
            1..=3 => self.subscribe(number),
            4 => {
                self.unsubscribe(number);
                self.subscribe(number);
            }
            5 => {
                self.hidden = true;
                self.wish(Wish::Hidden);
                let back = self.rng.u64(500..40_000);
                self.after(back, Act::Shows);
            }
            6 => {
                self.wish(Wish::Offline);
                let back = self.rng.u64(500..20_000);
                self.after(back, Act::ComesOnline);
            }
            7 => {
                for _ in 0..20 {
                    self.wish(Wish::ReconnectNow);
                }
            }
            12 | 13 => self.join(number),
            14 => self.leave(number),
            15 => {
                self.leave(number);
                self.join(number);
            }
            8 => self.wish(Wish::SignOut),
            9 => {
                let good = self.rng.u32(..4) != 0;
                self.give_token(good);
            }
            _ => {
                let id = AskId(self.next_ask);
                self.next_ask += 1;
                let within = Duration::from_secs(self.rng.u64(1..20));
                let ask = Ask::History(History {
                    limit: None,
                    ..History::newest(topic(number), 1)
                });
                self.asks.insert(id, self.now + within);
                self.wish(Wish::Ask { id, ask, within });
            }
        }
    }
}
