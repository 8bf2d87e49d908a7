//! One minute of one coin: its bar, and the trades and quotes that make exactly this bar.
//!
//! The bar is drawn first and cheaply, so that years of candles cost little; the trades are drawn only when somebody
//! looks, and are built to open, peak, dip, close and add up as the bar says. Time moves in blocks: the trades of a block
//! share its time and print at the touch of its quote.

use crate::exchange::market::bar::Bar;
use crate::exchange::market::coin::Coin;
use crate::exchange::market::decimal::Px;
use crate::exchange::market::dice::{Draw, bell, mix, roll, stream, unit};
use crate::exchange::market::prints;
use crate::exchange::market::trade::{Side, Touch, Trade};

/// Length of a block, ms.
pub const BLOCK_MS: i64 = 250;
/// Blocks of a minute.
pub(crate) const BLOCKS: i64 = 60_000 / BLOCK_MS;
/// Most trades of a minute; a trade's id has room for so many.
const MOST_TRADES: f64 = 3_000.0;

/// What the path says about a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sketch {
    /// Minutes since 1970.
    pub(crate) minute: i64,
    /// Mid price at its start and its end.
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Standard deviation of the log return of a minute like this.
    pub(crate) sigma: f64,
    /// How busy it is; 1 is usual.
    pub(crate) busy: f64,
}

/// The bar of a minute; `None` if nobody trades.
pub(crate) fn bar(coin: &Coin, sketch: &Sketch) -> Option<Bar> {
    let mut rng = stream(coin.key, Draw::Bar, sketch.minute);
    let n = count(coin.rate * sketch.busy, &mut rng);
    if n == 0 {
        return None;
    }
    let noise = 0.25 * sketch.sigma;
    let grid = coin.grid;
    let open = grid.snap(sketch.from * (1.0 + noise * bell(rng.u64(..))));
    let close = if n == 1 {
        open
    } else {
        grid.snap(sketch.to * (1.0 + noise * bell(rng.u64(..))))
    };
    let (mut high, mut low) = (open.max(close), open.min(close));
    let reach = |bits: u64| 0.7 * sketch.sigma * bell(bits).abs();
    if n >= 3 {
        let (above, below) = (reach(rng.u64(..)), reach(rng.u64(..)));
        // Three trades have room for one excursion only.
        if n > 3 || above >= below {
            high = grid.snap(high.to_f64() * (1.0 + above));
        }
        if n > 3 || above < below {
            low = grid.snap(low.to_f64() * (1.0 - below));
        }
    }
    let lots = f64::from(n) * coin.mean_lots * (0.5 * bell(rng.u64(..)) - 0.12).exp();
    let lots = (lots.round() as i64).max(i64::from(n));
    Some(Bar {
        t: sketch.minute * 60_000,
        open,
        high,
        low,
        close,
        lots,
        n,
    })
}

/// A number of events where `mean` are usual.
fn count(mean: f64, rng: &mut fastrand::Rng) -> u32 {
    if mean > 30.0 {
        return (mean + mean.sqrt() * bell(rng.u64(..)))
            .round()
            .clamp(1.0, MOST_TRADES) as u32;
    }
    let limit = (-mean).exp();
    let mut product = rng.f64();
    let mut n = 0;
    while product > limit {
        product *= rng.f64();
        n += 1;
    }
    n
}

/// A minute in detail.
#[derive(Debug)]
pub(crate) struct Minute {
    sketch: Sketch,
    /// All trades, oldest first.
    pub(crate) trades: Vec<Trade>,
    /// Quotes of the blocks that trade, by rising block of the minute.
    quotes: Vec<(i64, Touch)>,
}

impl Minute {
    /// Draws the trades and quotes that make `bar`.
    pub(crate) fn new(coin: &Coin, number: u32, chain_key: u64, sketch: Sketch, bar: Option<Bar>) -> Self {
        let Some(bar) = bar else {
            return Self {
                sketch,
                trades: Vec::new(),
                quotes: Vec::new(),
            };
        };
        let mut rng = stream(coin.key, Draw::Trades, sketch.minute);
        let blocks = prints::blocks(bar.n as usize, &mut rng);
        let prices = prints::prices(coin, &bar, &sketch, blocks.len(), &mut rng);
        let counts = prints::counts(bar.n as usize, blocks.len(), &mut rng);
        let sizes = prints::sizes(&bar, &mut rng);

        let mut minute = Self {
            sketch,
            trades: Vec::with_capacity(sizes.len()),
            quotes: Vec::with_capacity(blocks.len()),
        };
        let mut sizes = sizes.into_iter();
        for (i, (&block, &px)) in blocks.iter().zip(&prices).enumerate() {
            let before = if i == 0 { bar.open } else { prices[i - 1] };
            let lean = 0.5 + 0.35 * f64::from(px.cmp(&before) as i8);
            let side = if rng.f64() < lean { Side::Buy } else { Side::Sell };
            let touch = touch(coin, px, side, &mut rng);
            minute.quotes.push((block, touch));

            let number_of_block = sketch.minute * BLOCKS + block;
            let time = block_time(chain_key, number_of_block);
            let inside = |px: Px| px >= bar.low && px <= bar.high;
            // The minute closes on the price of its last block, so that block prints at one side only.
            let may_turn = i + 1 < blocks.len() && inside(touch.bid) && inside(touch.ask);
            let mut taker = rng.u64(..);
            let mut taker_side = side;
            for (k, lots) in sizes.by_ref().take(counts[i]).enumerate() {
                if k > 0 && rng.u8(..) < 90 {
                    taker = rng.u64(..);
                    if may_turn && rng.bool() {
                        taker_side = if taker_side == Side::Buy {
                            Side::Sell
                        } else {
                            Side::Buy
                        };
                    }
                }
                let maker = rng.u64(..);
                let (px, buyer, seller) = match taker_side {
                    Side::Buy => (touch.ask, taker, maker),
                    Side::Sell => (touch.bid, maker, taker),
                };
                minute.trades.push(Trade {
                    time,
                    px,
                    lots,
                    side: taker_side,
                    tid: tid(number, sketch.minute, minute.trades.len() as u64),
                    hash: (!taker.is_multiple_of(16)).then(|| mix(taker, number_of_block as u64)),
                    buyer,
                    seller,
                });
            }
        }
        minute
    }

    /// Best bid and ask in a block (counted since 1970) of this minute.
    pub(crate) fn touch(&self, coin: &Coin, block: i64) -> Touch {
        let of_minute = block - self.sketch.minute * BLOCKS;
        let after = self.quotes.partition_point(|(at, _)| *at <= of_minute);
        let before = after.checked_sub(1).map(|i| self.quotes[i]);
        if let Some((at, touch)) = before
            && at == of_minute
        {
            return touch;
        }
        // Between two quotes the mid drifts from one to the other, with a little life of its own.
        let (from, left) = before.map_or((-1, self.sketch.from), |(at, touch)| (at, touch.mid().to_f64()));
        let (to, right) = self
            .quotes
            .get(after)
            .map_or((BLOCKS, self.sketch.to), |(at, touch)| {
                (*at, touch.mid().to_f64())
            });
        let share = (of_minute - from) as f64 / (to - from) as f64;
        // The life of its own changes every two seconds, vanishes at both quotes, and is as wide as a walk between them.
        let wide = 0.7 * self.sketch.sigma * ((to - from) as f64 / BLOCKS as f64).sqrt();
        let life = wide * bell(roll(coin.key, Draw::Quote, block.div_euclid(8)));
        let mid = left + (right - left) * share + left * life * (4.0 * share * (1.0 - share));
        let ticks = spread(coin, roll(coin.key, Draw::Quote, -1 - block.div_euclid(12)));
        let half = coin.grid.tick(coin.grid.snap(mid).0) as f64 / 2e9 * ticks as f64;
        quote(coin, coin.grid.snap(mid - half), ticks)
    }
}

/// Time of a block (counted since 1970), Unix ms; the same for every coin.
pub(crate) fn block_time(chain_key: u64, block: i64) -> i64 {
    block * BLOCK_MS + (roll(chain_key, Draw::Block, block) % 200) as i64
}

/// The quote of a block whose first trade printed at `px`.
fn touch(coin: &Coin, px: Px, side: Side, rng: &mut fastrand::Rng) -> Touch {
    let ticks = spread(coin, rng.u64(..));
    match side {
        Side::Sell => quote(coin, px, ticks),
        Side::Buy => {
            let bid = coin.grid.down(px, ticks);
            if bid < px {
                Touch { bid, ask: px }
            } else {
                quote(coin, px, ticks)
            }
        }
    }
}

fn quote(coin: &Coin, bid: Px, ticks: i64) -> Touch {
    Touch {
        bid,
        ask: coin.grid.up(bid, ticks),
    }
}

/// A spread in ticks: the usual one, at times wider.
fn spread(coin: &Coin, bits: u64) -> i64 {
    let wide = unit(bits).powi(6) * coin.spread * 2.0;
    ((coin.spread * (0.6 + 0.6 * unit(mix(bits, 1))) + wide) as i64).max(1)
}

/// An id that looks random and is unique: minute, place in it and coin, scrambled one to one within 50 bits.
fn tid(coin: u32, minute: i64, place: u64) -> u64 {
    const MASK: u64 = (1 << 50) - 1;
    // 26 bits of minutes last until 2097, 12 of places, 12 of coins.
    let mut id = ((minute as u64 & 0x03FF_FFFF) << 24) | ((place & 0xFFF) << 12) | u64::from(coin & 0xFFF);
    for _ in 0..2 {
        id = id.wrapping_mul(0x2545_F491_4F6C_DD1D) & MASK;
        id ^= id >> 23;
    }
    id
}
