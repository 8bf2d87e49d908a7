//! The pieces of a minute's trades: when they happen, at which prices, in which bursts, how big. Together they make the
//! minute's bar exactly.

use crate::exchange::market::bar::Bar;
use crate::exchange::market::coin::Coin;
use crate::exchange::market::decimal::Px;
use crate::exchange::market::dice::bell;
use crate::exchange::market::minute::{BLOCKS, Sketch};

/// The blocks of a minute that trade: distinct, rising, enough of them for open, high, low and close.
pub(crate) fn blocks(n: usize, rng: &mut fastrand::Rng) -> Vec<i64> {
    let wanted = n.min(4);
    let mut taken = [false; BLOCKS as usize];
    let mut distinct = 0;
    let picks = wanted.max(n * 6 / 10);
    for _ in 0..picks {
        let at = rng.usize(..taken.len());
        distinct += usize::from(!taken[at]);
        taken[at] = true;
    }
    for taken in &mut taken {
        if distinct >= wanted {
            break;
        }
        distinct += usize::from(!*taken);
        *taken = true;
    }
    (0..BLOCKS).filter(|at| taken[*at as usize]).collect()
}

/// One price per block: from open to close, touching high and low, never outside.
pub(crate) fn prices(
    coin: &Coin,
    bar: &Bar,
    sketch: &Sketch,
    len: usize,
    rng: &mut fastrand::Rng,
) -> Vec<Px> {
    if len == 1 {
        return vec![bar.open];
    }
    let steps = (len - 1) as f64;
    let (open, close) = (bar.open.to_f64(), bar.close.to_f64());
    let step_sigma = open * sketch.sigma / steps.sqrt();
    let mut walk = Vec::with_capacity(len);
    let mut at = 0.0;
    for _ in 0..len {
        walk.push(at);
        at += step_sigma * bell(rng.u64(..));
    }
    let end = walk[len - 1];
    let mut prices: Vec<Px> = (0..len)
        .map(|i| {
            let share = i as f64 / steps;
            let px = coin
                .grid
                .snap(open + (close - open) * share + walk[i] - end * share);
            px.clamp(bar.low, bar.high)
        })
        .collect();
    prices[0] = bar.open;
    prices[len - 1] = bar.close;

    let inner = 1..len - 1;
    let mut peak = None;
    if bar.high > bar.open.max(bar.close) {
        peak = inner.clone().max_by_key(|i| prices[*i]);
        if let Some(i) = peak {
            prices[i] = bar.high;
        }
    }
    if bar.low < bar.open.min(bar.close) {
        let dip = inner.filter(|i| Some(*i) != peak).min_by_key(|i| prices[*i]);
        if let Some(i) = dip {
            prices[i] = bar.low;
        }
    }
    prices
}

/// How many of `n` trades each block holds: at least one, the rest in bursts.
pub(crate) fn counts(n: usize, blocks: usize, rng: &mut fastrand::Rng) -> Vec<usize> {
    let mut counts = vec![1; blocks];
    let mut at = 0;
    for _ in blocks..n {
        if rng.u8(..) < 140 {
            at = rng.usize(..blocks);
        }
        counts[at] += 1;
    }
    counts
}

/// Sizes with a heavy tail that add up to the bar's volume.
pub(crate) fn sizes(bar: &Bar, rng: &mut fastrand::Rng) -> Vec<i64> {
    let weights: Vec<f64> = (0..bar.n)
        .map(|_| {
            let tail = if rng.u8(..) < 6 { 12.0 } else { 1.0 };
            tail * (1.4 * bell(rng.u64(..))).exp()
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let spare = bar.lots - i64::from(bar.n);
    let mut sizes: Vec<i64> = weights
        .iter()
        .map(|w| 1 + (w / total * spare as f64) as i64)
        .collect();
    let left = bar.lots - sizes.iter().sum::<i64>();
    let biggest = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b]));
    if let Some(i) = biggest {
        sizes[i] += left;
    }
    sizes
}
