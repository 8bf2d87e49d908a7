//! The simulated accounts: whatever address is asked for, somebody trades there.
//!
//! Like the market, an account is a function of (seed, address, time): any moment can be asked for in any order and
//! always answers the same. So a test can ask after any fault which orders and fills there truly were. A trader works on
//! three coins in episodes of three minutes, flat before and after each; every fill is part of a trade of the market, at
//! its price and with its number (the trade's own list of users does not name him). At each full hour what was won is
//! moved elsewhere, so that an hour is all that an account's value needs to know. Nothing is computed for addresses that
//! nobody asks for.

mod address;
mod episode;
mod events;
mod standing;
pub(crate) mod topic;
pub(crate) mod wire;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::address::Address;
pub(crate) use self::events::{Event, Fill, OrderState};
pub(crate) use self::standing::Standing;

use self::episode::{EPISODE_BLOCKS, Episode, SLOTS, Trader};
use crate::exchange::market::{BLOCK_MS, Market};

/// Accounts that are remembered. More than anybody may subscribe to; HTTP may ask for others.
const MOST_ACCOUNTS: usize = 64;
/// Episodes of an account that are remembered: a little more than the hour that its value needs.
const MOST_EPISODES: usize = 3 * 24;
/// How far back an account's past reaches.
const PAST_BLOCKS: i64 = 6 * 3_600_000 / BLOCK_MS;
/// Blocks of an hour.
const HOUR_BLOCKS: i64 = 3_600_000 / BLOCK_MS;

/// All accounts that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// Protects the accounts, the one asked for last at the end.
    known: Mutex<VecDeque<Arc<Account>>>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) address: Address,
    trader: Trader,
    /// Protects what can be computed again.
    episodes: Mutex<Episodes>,
}

#[derive(Debug, Default)]
struct Episodes {
    by_place: HashMap<(usize, i64), Arc<Episode>>,
    order: VecDeque<(usize, i64)>,
}

impl Accounts {
    /// The account of an address.
    pub(crate) fn of(&self, market: &Market, address: &Address) -> Arc<Account> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|account| account.address == *address);
        let account = match place.and_then(|place| known.remove(place)) {
            Some(account) => account,
            None => Arc::new(Account {
                address: address.clone(),
                trader: Trader::new(market, address.key()),
                episodes: Mutex::default(),
            }),
        };
        if known.len() == MOST_ACCOUNTS {
            known.pop_front();
        }
        known.push_back(account.clone());
        account
    }
}

impl Account {
    /// What happened in the blocks `from..=to`, in order. Reaches back some hours only.
    pub(crate) fn events(&self, market: &Market, from: i64, to: i64) -> Vec<Event> {
        let from = from.max(to - PAST_BLOCKS);
        let mut events = Vec::new();
        for slot in 0..self.trader.slots() {
            let (first, last) = (Episode::number(slot, from), Episode::number(slot, to));
            for number in first..=last {
                let episode = self.episode(market, slot, number);
                events.extend_from_slice(episode.between(from, to));
            }
        }
        // Stable: what one coin's episode says of a block stays in order.
        events.sort_by_key(Event::block);
        events
    }

    /// The latest changes of orders up to and with `block`, at most `count`, oldest first.
    pub(crate) fn latest_orders(&self, market: &Market, block: i64, count: usize) -> Vec<OrderState> {
        self.latest(market, block, count, Event::order)
    }

    /// The latest fills up to and with `block`, at most `count`, oldest first.
    pub(crate) fn latest_fills(&self, market: &Market, block: i64, count: usize) -> Vec<Fill> {
        self.latest(market, block, count, Event::fill)
    }

    /// How everything stands after `block`.
    pub(crate) fn standing(&self, market: &Market, block: i64) -> Standing {
        let hour = block.div_euclid(HOUR_BLOCKS) * HOUR_BLOCKS;
        // An episode that began before the hour may still have orders and a position.
        let events = self.events(market, hour - EPISODE_BLOCKS, block);
        Standing::new(self.trader.base(), hour, events)
    }

    fn latest<T>(
        &self,
        market: &Market,
        block: i64,
        count: usize,
        pick: impl Fn(&Event) -> Option<T>,
    ) -> Vec<T> {
        let mut latest: VecDeque<T> = VecDeque::new();
        let mut to = block;
        while latest.len() < count && to > block - PAST_BLOCKS {
            let from = to - EPISODE_BLOCKS + 1;
            for event in self.events(market, from, to).iter().rev() {
                if latest.len() < count
                    && let Some(picked) = pick(event)
                {
                    latest.push_front(picked);
                }
            }
            to = from - 1;
        }
        latest.into()
    }

    fn episode(&self, market: &Market, slot: usize, number: i64) -> Arc<Episode> {
        let place = (slot, number);
        let known = |episodes: &Mutex<Episodes>| {
            let episodes = episodes.lock().unwrap_or_else(PoisonError::into_inner);
            episodes.by_place.get(&place).cloned()
        };
        if let Some(episode) = known(&self.episodes) {
            return episode;
        }
        let episode = Arc::new(self.trader.episode(market, slot, number));
        let mut episodes = self.episodes.lock().unwrap_or_else(PoisonError::into_inner);
        if episodes.by_place.insert(place, episode.clone()).is_none() {
            episodes.order.push_back(place);
        }
        if episodes.order.len() > MOST_EPISODES
            && let Some(oldest) = episodes.order.pop_front()
        {
            episodes.by_place.remove(&oldest);
        }
        episode
    }
}

const _: () = assert!(SLOTS * 24 <= MOST_EPISODES);
