//! A look at a chain: where it ends, and the blocks up to there.

use super::{FIRST_BLOCKS, MOST_FETCHED};
use crate::feeds::clock::Moment;
use crate::feeds::linera::wire::answers::{Block, Tip};

/// What a survey is to find out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// The height of the next block that is to go through; none: the last ones are wanted.
    pub(crate) next: Option<u64>,
    /// Blocks from this height on were told by the node, and not yet seen to hang together.
    pub(crate) from: u64,
    /// When it was asked.
    pub(crate) asked: Moment,
}

/// What it found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Survey {
    /// What was asked.
    pub(crate) question: Question,
    /// Where the chain ends.
    pub(crate) tip: Tip,
    /// Blocks up to the tip, each the one before the next, the lowest first.
    pub(crate) blocks: Vec<Block>,
    /// Why there are not all that were asked for.
    pub(crate) flaw: Option<String>,
}

impl Question {
    /// The lowest height that is fetched.
    pub(crate) fn floor(&self, tip: &Tip) -> u64 {
        let top = tip.next_block_height;
        match self.next {
            Some(_) => self.from.max(top.saturating_sub(MOST_FETCHED)),
            None => top.saturating_sub(FIRST_BLOCKS),
        }
    }
}
