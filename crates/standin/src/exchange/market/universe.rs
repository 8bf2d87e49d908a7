//! The universe: all coins of a seed, from the built-in names and some dice.

use std::collections::HashMap;
use std::sync::Arc;

use crate::exchange::config::Config;
use crate::exchange::market::coin::{Coin, CoinId, Kind, Sides};
use crate::exchange::market::decimal::Grid;
use crate::exchange::market::dice::{Draw, bell, roll, unit};
use crate::exchange::market::names::{BUILDER, DELISTED, PERPS, SPOT};
use crate::exchange::market::walk::{GENESIS, Regimes, Walk};

/// The first day with trades: in June 2023.
const OPENING: i64 = GENESIS + 151;

/// All coins, in the venue's order.
#[derive(Debug)]
pub struct Universe {
    coins: Vec<Coin>,
    ids: HashMap<Box<str>, CoinId>,
}

impl Universe {
    /// Builds the universe of a seed.
    pub(crate) fn new(config: &Config, regimes: &Arc<Regimes>) -> Self {
        let mut make = Maker {
            config,
            regimes,
            coins: Vec::new(),
        };
        for rank in 0..config.coins {
            match PERPS.get(rank) {
                Some((name, price)) => make.perp(name, *price, rank),
                None => make.perp(&format!("X{rank}"), 0.5 + rank as f64 / 100.0, rank),
            }
        }
        for (name, price) in DELISTED {
            make.delisted(name, *price);
        }
        for (rank, (name, price)) in BUILDER.iter().enumerate() {
            make.builder(name, *price, rank);
        }
        // `@107` is a pair everyone knows; it is there however small the market is.
        let pairs = config.spot_pairs as u32;
        for index in (0..pairs).chain((pairs <= 107).then_some(107)) {
            make.spot(index);
        }
        for index in 0..config.outcomes {
            make.outcome(index as u32);
        }
        let coins = make.coins;
        let ids = coins
            .iter()
            .enumerate()
            .map(|(id, coin)| (coin.name.clone(), CoinId(id as u32)))
            .collect();
        Self { coins, ids }
    }

    /// The coin of an id this universe gave out.
    pub fn coin(&self, id: CoinId) -> &Coin {
        &self.coins[id.0 as usize]
    }

    /// Looks a coin up by its exact name.
    pub fn find(&self, name: &str) -> Option<CoinId> {
        self.ids.get(name).copied()
    }

    /// All coins with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (CoinId, &Coin)> {
        self.coins
            .iter()
            .enumerate()
            .map(|(id, coin)| (CoinId(id as u32), coin))
    }

    /// How many coins there are.
    pub fn len(&self) -> usize {
        self.coins.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.coins.is_empty()
    }
}

struct Maker<'a> {
    config: &'a Config,
    regimes: &'a Arc<Regimes>,
    coins: Vec<Coin>,
}

/// How a coin trades, before it has a name.
struct Habits {
    rate: f64,
    mean_dollars: f64,
    sigma: f64,
    beta: f64,
}

impl Maker<'_> {
    fn perp(&mut self, name: &str, price: f64, rank: usize) {
        let rate = match rank {
            0 => 210.0,
            1 => 150.0,
            2 => 110.0,
            3 => 90.0,
            _ => 120.0 * (rank as f64).powf(-0.85),
        };
        let habits = Habits {
            rate,
            mean_dollars: 300.0 + 5_200.0 / (1.0 + rank as f64 * 0.6),
            sigma: if rank < 2 { 0.008 } else { 0.03 },
            beta: if rank == 0 {
                1.0
            } else {
                1.1 + 0.3 * bell(self.dice(name, 1))
            },
        };
        let sz_decimals = match name {
            "BTC" => 5,
            "ETH" => 4,
            _ => sz_decimals(price),
        };
        let leverage = match rank {
            0 => 40,
            1 => 25,
            2..=8 => 20,
            9..=60 => 10,
            _ => [5, 3][rank % 2],
        };
        self.push(name, Kind::Perp, price, sz_decimals, leverage, &habits);
    }

    fn delisted(&mut self, name: &str, price: f64) {
        let habits = Habits {
            rate: 0.0,
            mean_dollars: 300.0,
            sigma: 0.0,
            beta: 0.0,
        };
        self.push(name, Kind::Perp, price, sz_decimals(price), 3, &habits);
        if let Some(coin) = self.coins.last_mut() {
            coin.delisted = true;
            coin.sides = Sides::Neither;
        }
    }

    fn builder(&mut self, name: &str, price: f64, rank: usize) {
        let habits = Habits {
            rate: 12.0 / (1.0 + rank as f64),
            mean_dollars: 1_800.0,
            sigma: 0.012,
            beta: 0.25,
        };
        self.push(
            name,
            Kind::BuilderPerp,
            price,
            sz_decimals(price).max(2),
            10,
            &habits,
        );
    }

    fn spot(&mut self, index: u32) {
        let (name, price) = match (index, SPOT.get(index as usize)) {
            (0, Some((_, price))) => ("PURR/USDC".to_owned(), *price),
            (107, _) => ("@107".to_owned(), 38.2),
            (142, _) => ("@142".to_owned(), 95_400.0),
            (_, Some((_, price))) => (format!("@{index}"), *price),
            _ => {
                let name = format!("@{index}");
                let price = 10_f64.powf(unit(self.dice(&name, 2)) * 6.5 - 4.5);
                (name, price)
            }
        };
        let busy = matches!(index, 0 | 107 | 142);
        let habits = Habits {
            rate: if busy {
                9.0
            } else {
                0.004 + 0.3 * unit(self.dice(&name, 3)).powi(6)
            },
            mean_dollars: if busy { 900.0 } else { 60.0 },
            sigma: 0.04,
            beta: 0.8,
        };
        self.push(
            &name,
            Kind::Spot(index),
            price,
            sz_decimals(price).min(2),
            1,
            &habits,
        );
    }

    fn outcome(&mut self, index: u32) {
        let name = format!("#{}", 14_720 + index);
        let price = 0.06 + 0.8 * unit(self.dice(&name, 4));
        let habits = Habits {
            rate: 0.02,
            mean_dollars: 12.0,
            sigma: 0.02,
            beta: 0.0,
        };
        self.push(&name, Kind::Outcome, price, 0, 1, &habits);
        if let Some(coin) = self.coins.last_mut() {
            coin.sides = match index % 4 {
                0 => Sides::BidsOnly,
                1 => Sides::Neither,
                _ => Sides::Both,
            };
            if coin.sides != Sides::Both {
                coin.rate = 0.0;
            }
        }
    }

    fn push(
        &mut self,
        name: &str,
        kind: Kind,
        base: f64,
        sz_decimals: u32,
        max_leverage: u32,
        habits: &Habits,
    ) {
        let spot = matches!(kind, Kind::Spot(_) | Kind::Outcome);
        let grid = Grid {
            max_decimals: if spot { 8_u32 } else { 6 }.saturating_sub(sz_decimals),
        };
        let key = self.dice(name, 0);
        // The first coins are as old as the venue, others were listed in the years since.
        let listed = OPENING
            + if self.coins.len() < 20 {
                0
            } else {
                (key % 900) as i64
            };
        let tick_size = grid.tick(grid.snap(base).0) as f64 / 1e9;
        let lot = 10_f64.powi(-(sz_decimals as i32));
        self.coins.push(Coin {
            name: name.into(),
            kind,
            sz_decimals,
            delisted: false,
            max_leverage,
            grid,
            key,
            base,
            beta: habits.beta,
            walk: Walk::new(key, self.regimes.clone(), habits.sigma),
            rate: habits.rate,
            mean_lots: (habits.mean_dollars / base / lot).max(1.0),
            // Thinner coins have wider spreads: from one tick up to some tenths of a percent.
            spread: (base / tick_size * 0.0009 / habits.rate.max(0.3)).clamp(1.0, 40.0),
            sides: Sides::Both,
            listed,
        });
    }

    fn dice(&self, name: &str, what: i64) -> u64 {
        let name = name.bytes().fold(self.config.seed, |key, byte| {
            roll(key, Draw::Coin, i64::from(byte))
        });
        roll(name, Draw::Coin, 1_000 + what)
    }
}

/// Lots of about a dollar, as the venue chooses them.
fn sz_decimals(price: f64) -> u32 {
    match price {
        p if p < 1.0 => 0,
        p if p < 20.0 => 1,
        p if p < 400.0 => 2,
        p if p < 3_000.0 => 3,
        _ => 4,
    }
}
