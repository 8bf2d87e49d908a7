//! Three minutes of a trader on one coin: places, changes and cancels orders, is filled by the market's own trades, and
//! ends without orders and without a position.

use std::collections::HashSet;

use fastrand::Rng;

use crate::exchange::account::events::{Event, Fill, OrderState};
use crate::exchange::market::{BLOCK_MS, CoinId, Draw, Kind, Market, Px, Side, Trade, mix, roll};

/// Coins that a trader works on at a time.
pub(crate) const SLOTS: usize = 3;
/// Blocks of an episode: three minutes.
pub(crate) const EPISODE_BLOCKS: i64 = 180_000 / BLOCK_MS;
/// From so long before the end nothing new is begun.
const CLOSING: i64 = 30_000 / BLOCK_MS;
/// The coins are this far apart in their episodes.
const STAGGER: i64 = EPISODE_BLOCKS / SLOTS as i64;
/// Most orders that rest at a time on one coin.
const MOST_RESTING: usize = 3;

/// Who trades on an account.
#[derive(Debug)]
pub(crate) struct Trader {
    key: u64,
    coins: Vec<CoinId>,
}

/// What happened in an episode, in order.
#[derive(Debug)]
pub(crate) struct Episode {
    events: Vec<Event>,
}

impl Trader {
    /// The trader of a key. Works on three of the four busiest perps.
    pub(crate) fn new(market: &Market, key: u64) -> Self {
        let perps = market.universe.iter().filter(|(_, coin)| coin.kind == Kind::Perp);
        let mut coins: Vec<CoinId> = perps.take(SLOTS + 1).map(|(id, _)| id).collect();
        if coins.len() > SLOTS {
            coins.remove((key % (SLOTS as u64 + 1)) as usize);
        }
        Self { key, coins }
    }

    /// Coins that are traded.
    pub(crate) fn slots(&self) -> usize {
        self.coins.len()
    }

    /// What the account is worth at each full hour, in millionths of a dollar.
    pub(crate) fn base(&self) -> i128 {
        i128::from(25_000 + self.key % 75_000) * 1_000_000 + i128::from(self.key % 999_983)
    }

    /// An episode on the coin of a slot.
    pub(crate) fn episode(&self, market: &Market, slot: usize, number: i64) -> Episode {
        let coin = self.coins[slot];
        let first = number * EPISODE_BLOCKS + STAGGER * slot as i64;
        let trades = market.trades(coin, first, first + EPISODE_BLOCKS - 1);
        let key = mix(self.key, slot as u64);
        let mut desk = Desk {
            market,
            coin,
            key,
            slot: slot as u64,
            rng: Rng::with_seed(roll(mix(key, market.coin(coin).key), Draw::Order, number)),
            block: first,
            orders_of_block: 0,
            position: 0,
            cost: 0,
            resting: Vec::new(),
            taken: HashSet::new(),
            events: Vec::new(),
        };
        desk.work(first, &trades);
        Episode { events: desk.events }
    }
}

impl Episode {
    /// The number of the episode that a block lies in.
    pub(crate) fn number(slot: usize, block: i64) -> i64 {
        (block - STAGGER * slot as i64).div_euclid(EPISODE_BLOCKS)
    }

    /// What happened in the blocks `from..=to`.
    pub(crate) fn between(&self, from: i64, to: i64) -> &[Event] {
        let first = self.events.partition_point(|event| event.block() < from);
        let end = self.events.partition_point(|event| event.block() <= to);
        &self.events[first..end.max(first)]
    }
}

/// A trader at work.
struct Desk<'a> {
    market: &'a Market,
    coin: CoinId,
    key: u64,
    slot: u64,
    rng: Rng,
    block: i64,
    orders_of_block: u64,
    /// In lots.
    position: i64,
    /// What was paid for it: price times lots, of its sign.
    cost: i128,
    resting: Vec<OrderState>,
    /// Trades that filled an order: none fills two.
    taken: HashSet<u64>,
    events: Vec<Event>,
}

impl Desk<'_> {
    fn work(&mut self, first: i64, trades: &[Trade]) {
        let closing = first + EPISODE_BLOCKS - CLOSING;
        let mut next = first + self.rng.i64(2..16);
        let mut rest = trades;
        for block in first..closing {
            (self.block, self.orders_of_block) = (block, 0);
            let here = rest.partition_point(|trade| Market::block_at(trade.time) <= block);
            let (now, later) = rest.split_at(here);
            rest = later;
            self.match_resting(now);
            if block >= next && self.act(now) {
                next = block + self.rng.i64(8..28);
            }
        }
        (self.block, self.orders_of_block) = (closing, 0);
        for order in std::mem::take(&mut self.resting) {
            self.end(order, "canceled");
        }
        self.close(first + EPISODE_BLOCKS, rest);
    }

    /// Whoever hits the price of a resting order fills it.
    fn match_resting(&mut self, trades: &[Trade]) {
        for trade in trades {
            let hit = |order: &OrderState| match order.side {
                Side::Buy => trade.side == Side::Sell && trade.px <= order.limit,
                Side::Sell => trade.side == Side::Buy && trade.px >= order.limit,
            };
            let Some(place) = self.resting.iter().position(hit) else {
                continue;
            };
            let mut order = self.resting.remove(place);
            let lots = order.lots.min(trade.lots);
            order.lots -= lots;
            self.fill(&order, trade, lots, false);
            if order.lots > 0 {
                self.tell(&order, "open");
                self.resting.insert(place, order);
            } else {
                self.end(order, "filled");
            }
        }
    }

    /// Does something, if there is something to do.
    fn act(&mut self, trades: &[Trade]) -> bool {
        let dice = self.rng.u8(..100);
        let is_full = self.resting.len() >= MOST_RESTING;
        if !self.resting.is_empty() && (dice < 16 || is_full) {
            let order = self.resting.remove(self.rng.usize(..self.resting.len()));
            self.end(order, "canceled");
        } else if !self.resting.is_empty() && dice < 34 {
            // A change is a cancelled order and a new one.
            let old = self.resting.remove(self.rng.usize(..self.resting.len()));
            let (side, lots) = (old.side, old.lots);
            self.end(old, "canceled");
            self.rest(side, lots);
        } else if dice < 39 {
            let side = self.side();
            let order = self.order(side, 1, "Alo");
            self.end(
                order,
                if dice < 37 {
                    "minTradeNtlRejected"
                } else {
                    "badAloPxRejected"
                },
            );
        } else if dice < 78 {
            let side = self.side();
            let lots = self.lots();
            self.rest(side, lots);
        } else {
            let side = self.side();
            return self.take(side, trades);
        }
        true
    }

    /// An order that waits near the touch.
    fn rest(&mut self, side: Side, lots: i64) {
        let mut order = self.order(side, lots, "Alo");
        let grid = self.market.coin(self.coin).grid;
        let touch = self.market.touch(self.coin, self.block);
        let steps = self.rng.i64(0..4);
        order.limit = match side {
            Side::Buy => grid.down(touch.bid, steps),
            Side::Sell => grid.up(touch.ask, steps),
        };
        self.tell(&order, "open");
        self.resting.push(order);
    }

    /// An order that takes what is traded in this block; false if nothing is.
    fn take(&mut self, side: Side, trades: &[Trade]) -> bool {
        let there: Vec<&Trade> = trades
            .iter()
            .filter(|trade| trade.side == side && !self.taken.contains(&trade.tid))
            .collect();
        let there_lots: i64 = there.iter().map(|trade| trade.lots).sum();
        if there_lots == 0 {
            return false;
        }
        let lots = self.lots().min(there_lots);
        let trades: Vec<Trade> = there.into_iter().copied().collect();
        self.sweep(side, lots, &trades, false);
        true
    }

    /// Fills an order of so many lots with these trades, the last of which fills all that is left.
    fn sweep(&mut self, side: Side, lots: i64, trades: &[Trade], reduce_only: bool) {
        let mut order = self.order(side, lots, "Ioc");
        order.reduce_only = reduce_only;
        if let Some(px) = trades
            .iter()
            .map(|trade| trade.px)
            .reduce(|worst, px| match side {
                Side::Buy => worst.max(px),
                Side::Sell => worst.min(px),
            })
        {
            order.limit = px;
        }
        self.tell(&order, "open");
        for (place, trade) in trades.iter().enumerate() {
            let lots = if place + 1 == trades.len() {
                order.lots
            } else {
                order.lots.min(trade.lots)
            };
            if lots > 0 {
                order.lots -= lots;
                self.fill(&order, trade, lots, true);
            }
        }
        self.end(order, "filled");
    }

    /// Gives the position back to the market before the episode ends.
    fn close(&mut self, end: i64, trades: &[Trade]) {
        if self.position == 0 {
            return;
        }
        let side = if self.position > 0 { Side::Sell } else { Side::Buy };
        let mut there: Vec<Trade> = trades
            .iter()
            .filter(|trade| trade.side == side && Market::block_at(trade.time) < end)
            .copied()
            .collect();
        if there.is_empty() {
            // Nobody trades that way: the venue's own closing fill, at the touch.
            let block = end - 1;
            let touch = self.market.touch(self.coin, block);
            there.push(Trade {
                time: self.market.block_time(block),
                px: if side == Side::Sell { touch.bid } else { touch.ask },
                lots: self.position.abs(),
                side,
                tid: mix(self.key, block as u64) >> 14,
                hash: None,
                buyer: 0,
                seller: 0,
            });
        }
        let mut blocks = there.chunk_by(|one, other| one.time == other.time).peekable();
        while let Some(trades) = blocks.next() {
            let left = self.position.abs();
            if left == 0 {
                return;
            }
            (self.block, self.orders_of_block) = (Market::block_at(trades[0].time), 0);
            let there: i64 = trades.iter().map(|trade| trade.lots).sum();
            let lots = if blocks.peek().is_none() {
                left
            } else {
                left.min(there)
            };
            self.sweep(side, lots, trades, true);
        }
    }

    /// A new order, at the mid price until somebody says otherwise.
    fn order(&mut self, side: Side, lots: i64, tif: &'static str) -> OrderState {
        let time = self.market.block_time(self.block);
        let place = self.slot * 32 + self.orders_of_block.min(31);
        self.orders_of_block += 1;
        let oid = self.block as u64 * 100_000 + self.key % 1_000 * 100 + place;
        OrderState {
            block: self.block,
            time,
            coin: self.coin,
            side,
            limit: self.market.touch(self.coin, self.block).mid(),
            lots,
            ordered: lots,
            oid,
            placed: time,
            tif,
            reduce_only: false,
            cloid: oid.is_multiple_of(3).then(|| mix(self.key, oid)),
            status: "open",
        }
    }

    fn end(&mut self, order: OrderState, status: &'static str) {
        self.tell(&order, status);
    }

    fn tell(&mut self, order: &OrderState, status: &'static str) {
        self.events.push(Event::Order(OrderState {
            block: self.block,
            time: self.market.block_time(self.block),
            status,
            ..order.clone()
        }));
    }

    fn fill(&mut self, order: &OrderState, trade: &Trade, lots: i64, crossed: bool) {
        self.taken.insert(trade.tid);
        let start = self.position;
        let delta = if order.side == Side::Buy { lots } else { -lots };
        let closed = self.book(delta, trade.px);
        let dollars = i128::from(trade.px.0) * i128::from(lots) / self.lot_scale();
        // Takers pay, and whoever provides is paid a little.
        let fee = if crossed {
            dollars * 45 / 100_000
        } else {
            -dollars * 3 / 100_000
        };
        let dir = match (start.signum(), (start + delta).signum()) {
            (0, 1) => "Open Long",
            (0, -1) => "Open Short",
            (1, -1) => "Long > Short",
            (-1, 1) => "Short > Long",
            (1, _) if delta > 0 => "Open Long",
            (1, _) => "Close Long",
            (_, _) if delta < 0 => "Open Short",
            (_, _) => "Close Short",
        };
        self.events.push(Event::Fill(Fill {
            block: self.block,
            time: self.market.block_time(self.block),
            coin: self.coin,
            side: order.side,
            px: trade.px,
            lots,
            start,
            dir,
            closed: closed / self.lot_scale(),
            fee,
            oid: order.oid,
            crossed,
            tid: trade.tid,
            cloid: order.cloid,
            hash: trade.hash,
        }));
    }

    /// Adds to the position; what was won by it, as price times lots.
    fn book(&mut self, delta: i64, px: Px) -> i128 {
        book(&mut self.position, &mut self.cost, delta, px)
    }

    /// What price times lots is divided by to give millionths of a dollar.
    fn lot_scale(&self) -> i128 {
        lot_scale(self.market, self.coin)
    }

    /// A usual size, in lots.
    fn lots(&mut self) -> i64 {
        let usual = self.market.coin(self.coin).mean_lots;
        ((usual * (0.3 + 1.4 * self.rng.f64())) as i64).max(2)
    }

    /// Mostly the side that brings the position back.
    fn side(&mut self) -> Side {
        let back = self.rng.u8(..100) < 65;
        match self.position.signum() {
            0 if self.rng.bool() => Side::Buy,
            0 => Side::Sell,
            1 if back => Side::Sell,
            1 => Side::Buy,
            _ if back => Side::Buy,
            _ => Side::Sell,
        }
    }
}

/// Adds `delta` lots at `px` to a position with its cost; what was won by what it closed, as price times lots.
pub(crate) fn book(position: &mut i64, cost: &mut i128, delta: i64, px: Px) -> i128 {
    let px = i128::from(px.0);
    if position.signum() * delta.signum() >= 0 {
        *position += delta;
        *cost += px * i128::from(delta);
        return 0;
    }
    let closing = delta.abs().min(position.abs());
    let part = *cost * i128::from(closing) / i128::from(position.abs());
    let won = px * i128::from(closing * position.signum()) - part;
    let opening = delta + closing * position.signum();
    *cost -= part;
    *position -= closing * position.signum();
    if opening != 0 {
        (*position, *cost) = (opening, px * i128::from(opening));
    }
    won
}

/// What price times lots is divided by to give millionths of a dollar.
pub(crate) fn lot_scale(market: &Market, coin: CoinId) -> i128 {
    1_000 * 10_i128.pow(market.coin(coin).sz_decimals)
}
