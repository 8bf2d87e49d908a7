//! Dice without memory: every draw is a function of the seed and of what is drawn, so any moment of the market can be
//! computed without the moments before it, and the same seed always gives the same market.

use fastrand::Rng;

/// What a stream of draws is for; keeps streams of equal numbers apart.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Draw {
    Regime = 1,
    Day,
    Hour,
    Minute,
    Activity,
    Bar,
    Trades,
    Block,
    Quote,
    Level,
    Context,
    Coin,
    Address,
    Hash,
    Frame,
    Order,
}

/// Mixes two numbers into one that looks random (the finaliser of splitmix64).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.rotate_left(23)
        ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The number of draw `what` at `at` under `key`.
pub(crate) fn roll(key: u64, what: Draw, at: i64) -> u64 {
    mix(mix(key, what as u64), at as u64)
}

/// The generator of draw `what` at `at` under `key`.
pub(crate) fn stream(key: u64, what: Draw, at: i64) -> Rng {
    Rng::with_seed(roll(key, what, at))
}

/// A number that is nearly normally distributed: the sum of four uniform ones, from one 64-bit draw.
pub(crate) fn bell(bits: u64) -> f64 {
    let sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
    (sum as f64 / 65_536.0 - 2.0) * 1.732
}

/// A uniform number in `[0, 1)`.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
