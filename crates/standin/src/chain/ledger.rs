//! The chains of a node and their blocks: pure, and deterministic by seed. Whoever adds a block gets back what the node
//! would tell about it, so that notifications and answers over HTTP cannot disagree.

use serde::Serialize;

use crate::chain::dice::{Dice, hex};

/// A confirmed block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Its height; rises by one.
    pub height: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
    /// The hash of the block before; none of the first.
    pub previous: Option<String>,
    /// When it was proposed, in Unix microseconds.
    pub timestamp: u64,
    /// The event streams that it wrote to.
    pub event_streams: Vec<String>,
}

/// What a node tells those who follow a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    IncomingBundle { origin: String, height: u64 },
    Executed { height: u64, hash: String },
    Block(Block),
    Events(Block),
    Round { height: u64, round: Round },
}

/// A round of consensus, in its four forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Round {
    Fast,
    MultiLeader(u32),
    SingleLeader(u32),
    Validator(u32),
}

/// One chain: its id and its blocks, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainView {
    /// Its id, 64 hex digits.
    pub chain_id: String,
    /// Its blocks.
    pub blocks: Vec<Block>,
}

/// The chains of a node.
#[derive(Debug)]
pub(crate) struct Ledger {
    chains: Vec<ChainView>,
    seed: u64,
    first_height: u64,
    /// Rises when the node begins anew, so that the same heights get other hashes.
    life: u64,
}

impl Ledger {
    pub(crate) fn new(seed: u64, chains: usize, blocks: u64, first_height: u64, now: u64) -> Self {
        let ids = (0..chains as u64).map(|chain| hex(&[seed, chain, 0x1d]));
        let mut ledger = Self {
            chains: ids
                .map(|chain_id| ChainView {
                    chain_id,
                    blocks: Vec::new(),
                })
                .collect(),
            seed,
            first_height,
            life: 0,
        };
        for chain in 0..chains {
            for block in 0..blocks {
                ledger.append(chain, now.saturating_sub((blocks - block) * 3_000_000));
            }
        }
        ledger
    }

    pub(crate) fn chains(&self) -> &[ChainView] {
        &self.chains
    }

    pub(crate) fn find(&self, chain_id: &str) -> Option<&ChainView> {
        self.chains.iter().find(|chain| chain.chain_id == chain_id)
    }

    /// Lets a chain grow by one block on its own; what the node tells of it, by chain and in order.
    pub(crate) fn grow(&mut self, chain: usize, now: u64) -> Vec<(usize, Notice)> {
        let mut told = Vec::new();
        let height = self.next_height(chain);
        let mut dice = Dice::new(&[self.seed, chain as u64, height, 0x9f]);
        match dice.below(8) {
            0 => told.push(Notice::Round {
                height,
                round: Round::Fast,
            }),
            1 => told.push(Notice::Round {
                height,
                round: Round::MultiLeader(dice.below(3) as u32),
            }),
            2 => told.push(Notice::Round {
                height,
                round: Round::SingleLeader(dice.below(3) as u32),
            }),
            3 => told.push(Notice::Round {
                height,
                round: Round::Validator(dice.below(3) as u32),
            }),
            4 => told.push(Notice::IncomingBundle {
                origin: hex(&[self.seed, dice.below(1_000), 0x0b]),
                height: dice.below(1_000),
            }),
            _ => {}
        }
        self.confirm(chain, now, &mut told);
        told.into_iter().map(|notice| (chain, notice)).collect()
    }

    /// Moves an amount from one chain to another: a block on the first, then what the second makes of it.
    pub(crate) fn transfer(
        &mut self,
        from: usize,
        to: Option<usize>,
        now: u64,
    ) -> (String, Vec<(usize, Notice)>) {
        let mut told = Vec::new();
        let block = self.confirm(from, now, &mut told);
        let mut all: Vec<(usize, Notice)> = told.into_iter().map(|notice| (from, notice)).collect();
        if let Some(to) = to.filter(|to| *to != from) {
            let mut told = vec![Notice::IncomingBundle {
                origin: self.chains[from].chain_id.clone(),
                height: block.height,
            }];
            self.confirm(to, now, &mut told);
            all.extend(told.into_iter().map(|notice| (to, notice)));
        }
        (block.hash, all)
    }

    /// The node is set up anew: the same chains with other, fewer blocks.
    pub(crate) fn reset(&mut self, blocks: u64, now: u64) {
        self.life += 1;
        for chain in 0..self.chains.len() {
            self.chains[chain].blocks.clear();
            for block in 0..blocks.min(100_000) {
                self.append(chain, now.saturating_sub((blocks - block) * 3_000_000));
            }
        }
    }

    fn confirm(&mut self, chain: usize, now: u64, told: &mut Vec<Notice>) -> Block {
        let block = self.append(chain, now);
        told.push(Notice::Executed {
            height: block.height,
            hash: block.hash.clone(),
        });
        told.push(Notice::Block(block.clone()));
        if !block.event_streams.is_empty() {
            told.push(Notice::Events(block.clone()));
        }
        block
    }

    fn append(&mut self, chain: usize, timestamp: u64) -> Block {
        let height = self.next_height(chain);
        let key = [self.seed, self.life, chain as u64, height];
        let mut dice = Dice::new(&key);
        let mut event_streams = Vec::new();
        if dice.below(5) == 0 {
            event_streams.push("System:45504f434853".to_owned());
        }
        if dice.below(3) == 0 {
            event_streams.push(format!("User:{}:7469636b73", hex(&[self.seed, 0x5c])));
        }
        let view = &mut self.chains[chain];
        let block = Block {
            height,
            hash: hex(&key),
            previous: view.blocks.last().map(|last| last.hash.clone()),
            timestamp,
            event_streams,
        };
        view.blocks.push(block.clone());
        block
    }

    /// The height that a chain's next block has. The last one that fits is never used: there must be one behind it.
    fn next_height(&self, chain: usize) -> u64 {
        let last = self.chains[chain].blocks.last();
        last.map_or(self.first_height, |last| {
            last.height.saturating_add(1).min(u64::MAX - 1)
        })
    }
}
