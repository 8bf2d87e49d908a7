//! The blocks of one chain, put in order: each once, by height, or named as missing. Pure.
//!
//! Notifications are hints. A block that continues what is known goes through at once; one that does not waits until a
//! survey (the chain's tip, and the blocks up to it) filled what lies between, or until it is clear that nobody will.
//! Surveys are the truth: what they contradict twice is void, and the chain begins anew.

mod survey;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_protocol::{ChainUpdate, Height};

pub(crate) use self::survey::{Question, Survey};
use super::wire::answers::Block;
use crate::feeds::clock::Moment;

/// The history begins with so many blocks.
pub(crate) const FIRST_BLOCKS: u64 = 20;
/// The most blocks that are fetched to fill a gap; older ones are named as missing.
pub(crate) const MOST_FETCHED: u64 = 200;
/// How long a block waits for those before it.
const HOLD_FOR: Duration = Duration::from_secs(10);
/// Blocks that wait. More, and the wait is over.
const MOST_HELD: usize = 512;
/// Beyond such a jump a notification alone is not believed.
const LARGEST_JUMP: u64 = 10_000;
/// Hashes that are remembered, to tell a repeat from another block of the same height.
const REMEMBERED: usize = 256;
/// A history is begun without the blocks before it when they could not be fetched so often.
const FIRST_TRIES: u32 = 3;

/// The blocks of one chain, put in order.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The height of the next block to go through; none until the first survey.
    next: Option<u64>,
    /// Hashes of the last blocks that went through, or that stand where a history began.
    hashes: BTreeMap<u64, String>,
    /// Blocks below this height were seen to hang together. What was only told of may be of another chain.
    proven: u64,
    /// Blocks that wait for those before them.
    held: BTreeMap<u64, Held>,
    /// The chain is known to reach below this height, exclusively.
    target: u64,
    /// The height that is missing and holds up all others, and since when.
    behind: Option<(u64, Moment)>,
    /// The last survey contradicted what went through.
    is_doubted: bool,
    tries: u32,
    wants_survey: bool,
    untrue: u64,
}

#[derive(Debug)]
struct Held {
    block: Block,
    /// Whether a survey brought it.
    fetched: bool,
    /// When it came.
    since: Moment,
}

/// What comes out.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Step {
    /// Publish this.
    Publish(ChainUpdate),
    /// These blocks are missing for good, from the first to the last.
    Gap(u64, u64),
    /// Everything before is void; the height of the tip, if there is a block.
    Reset(Option<u64>),
}

impl Series {
    /// A block was told of.
    pub(crate) fn handle_block(&mut self, block: Block, now: Moment) -> Vec<Step> {
        // Nothing could ever follow it.
        if block.height == u64::MAX {
            self.untrue += 1;
            return Vec::new();
        }
        let Some(next) = self.next else {
            self.hold(block, false, now);
            return Vec::new();
        };
        if block.height < next {
            // A repeat, unless the node began anew: only a survey can tell.
            if self.hashes.get(&block.height) != Some(&block.hash) {
                self.wants_survey = true;
            }
            return Vec::new();
        }
        if block.height > next {
            self.wants_survey = true;
        }
        self.hold(block, false, now);
        let mut steps = self.drain();
        if self.held.len() > MOST_HELD {
            steps.extend(self.give_up());
        }
        self.look(now);
        steps
    }

    /// A survey came back.
    pub(crate) fn handle_survey(&mut self, survey: Survey, now: Moment) -> Vec<Step> {
        let top = survey.tip.next_block_height;
        let Some(next) = self.next else {
            return self.begin(survey, now);
        };
        if self.contradicts(&survey) {
            return self.doubt(&survey);
        }
        self.is_doubted = false;
        self.target = self.target.max(top);
        // What was told of before the question was asked and is not below the tip never was.
        let asked = survey.question.asked;
        let held = self.held.len();
        self.held.retain(|height, it| *height < top || it.since > asked);
        if self.held.len() < held {
            self.untrue += (held - self.held.len()) as u64;
            // Unless it was our view of the chain that was a little behind.
            self.wants_survey = true;
        }
        let mut steps = Vec::new();
        let floor = survey.question.floor(&survey.tip);
        let is_whole = survey.flaw.is_none();
        if is_whole {
            self.proven = top;
        }
        for block in survey.blocks {
            if block.height >= next {
                self.hold(block, true, now);
            }
        }
        steps.extend(self.drain());
        // Too old to be fetched: nobody will bring them.
        while self.next.is_some_and(|next| next < floor) && is_whole {
            let first = self.held.first_key_value().map_or(floor, |(height, _)| *height);
            steps.extend(self.skip_to(first.min(floor)));
            steps.extend(self.drain());
        }
        self.look(now);
        steps
    }

    /// Gives up waiting for what has been missing for too long.
    pub(crate) fn poll(&mut self, now: Moment) -> Vec<Step> {
        match self.behind {
            Some((_, since)) if now.since(since) >= HOLD_FOR => {
                let steps = self.give_up();
                self.look(now);
                steps
            }
            _ => Vec::new(),
        }
    }

    /// The link was lost: what is missing is asked for when it is back, and waits until then.
    pub(crate) fn pause(&mut self) {
        self.behind = None;
    }

    /// Whether the chain must be looked at; says so once.
    pub(crate) fn take_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_survey)
    }

    /// What a survey is to find out.
    pub(crate) fn question(&self, asked: Moment) -> Question {
        Question {
            next: self.next,
            from: self.next.map_or(0, |next| next.min(self.proven)),
            asked,
        }
    }

    /// Whether a first survey came, and nothing that is known of is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.next.is_some_and(|next| next >= self.target) && self.held.is_empty() && !self.is_doubted
    }

    /// When `poll` will have something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.behind.map(|(_, since)| since + HOLD_FOR)
    }

    /// Notifications that told of blocks that never were.
    pub(crate) fn untrue(&self) -> u64 {
        self.untrue
    }

    /// The first survey says where the history begins.
    fn begin(&mut self, survey: Survey, now: Moment) -> Vec<Step> {
        self.tries += 1;
        if survey.flaw.is_some() && self.tries < FIRST_TRIES {
            self.wants_survey = true;
            return Vec::new();
        }
        self.tries = 0;
        let top = survey.tip.next_block_height;
        let first = survey.blocks.first().map_or(top, |block| block.height);
        self.next = Some(first);
        self.target = top;
        self.proven = top;
        match (survey.blocks.first(), survey.tip.block_hash) {
            (Some(block), _) => {
                if let (Some(before), Some(hash)) = (first.checked_sub(1), &block.previous) {
                    self.hashes.insert(before, hash.clone());
                }
            }
            (None, Some(hash)) => {
                self.hashes.insert(top.saturating_sub(1), hash);
            }
            (None, None) => {}
        }
        let asked = survey.question.asked;
        self.held
            .retain(|height, it| *height >= first && (*height < top || it.since > asked));
        for block in survey.blocks {
            self.hold(block, true, now);
        }
        let steps = self.drain();
        self.look(now);
        steps
    }

    /// Whether a survey cannot be of the chain that went through.
    fn contradicts(&self, survey: &Survey) -> bool {
        let Some(asked) = survey.question.next else {
            return false;
        };
        let top = survey.tip.next_block_height;
        if top < asked {
            return true;
        }
        let differs = |height: Option<u64>, hash: &Option<String>| {
            let known = height.and_then(|height| self.hashes.get(&height));
            matches!((known, hash), (Some(known), Some(hash)) if known != hash)
        };
        differs(top.checked_sub(1), &survey.tip.block_hash)
            || survey.blocks.iter().any(|block| {
                differs(Some(block.height), &Some(block.hash.clone()))
                    || differs(block.height.checked_sub(1), &block.previous)
            })
    }

    /// Once may be a view that was just behind; twice is the truth.
    fn doubt(&mut self, survey: &Survey) -> Vec<Step> {
        self.wants_survey = true;
        if !self.is_doubted {
            self.is_doubted = true;
            return Vec::new();
        }
        let tip = survey
            .tip
            .block_hash
            .as_ref()
            .and_then(|_| survey.tip.next_block_height.checked_sub(1));
        *self = Series {
            wants_survey: true,
            untrue: self.untrue,
            ..Series::default()
        };
        vec![Step::Reset(tip)]
    }

    fn hold(&mut self, block: Block, fetched: bool, now: Moment) {
        match self.held.get_mut(&block.height) {
            // What was told knows the streams, what was fetched the rest.
            Some(it) if it.block.hash == block.hash => {
                let known = &mut it.block;
                known.timestamp_us = known.timestamp_us.or(block.timestamp_us);
                known.previous = known.previous.take().or(block.previous);
                if known.event_streams.is_empty() {
                    known.event_streams = block.event_streams;
                }
                it.fetched &= fetched;
            }
            Some(it) if !fetched && it.fetched => {}
            _ => {
                let since = now;
                self.held.insert(
                    block.height,
                    Held {
                        block,
                        fetched,
                        since,
                    },
                );
            }
        }
    }

    /// Lets through what continues what went through.
    fn drain(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(next) = self.next {
            // What lies below went through already.
            while self
                .held
                .first_key_value()
                .is_some_and(|(height, _)| *height < next)
            {
                self.held.pop_first();
            }
            let Some(Held { block, fetched, .. }) = self.held.remove(&next) else {
                break;
            };
            // The largest height is let in nowhere.
            self.next = Some(next.saturating_add(1));
            self.hashes.insert(next, block.hash.clone());
            while self.hashes.len() > REMEMBERED {
                self.hashes.pop_first();
            }
            steps.push(Step::Publish(ChainUpdate::NewBlock {
                height: Height(block.height),
                hash: block.hash,
                timestamp_us: block.timestamp_us,
                previous_hash: block.previous,
                event_streams: block.event_streams,
                fetched,
            }));
        }
        steps
    }

    /// What is missing before the first block that waits, or before the tip, will not come.
    fn give_up(&mut self) -> Vec<Step> {
        let Some(next) = self.next else {
            return Vec::new();
        };
        let believed = next.max(self.target).saturating_add(LARGEST_JUMP);
        let held = self.held.len();
        self.held.retain(|height, _| *height <= believed);
        self.untrue += (held - self.held.len()) as u64;
        let first = self.held.first_key_value().map(|(height, _)| *height);
        let to = match first {
            Some(first) => first,
            None => self.target,
        };
        let mut steps = self.skip_to(to);
        steps.extend(self.drain());
        steps
    }

    fn skip_to(&mut self, to: u64) -> Vec<Step> {
        match self.next {
            Some(next) if next < to => {
                self.next = Some(to);
                vec![Step::Gap(next, to - 1)]
            }
            _ => Vec::new(),
        }
    }

    /// Notes whether something is missing, and since when.
    fn look(&mut self, now: Moment) {
        let missing = self
            .next
            .filter(|next| !self.held.is_empty() || *next < self.target);
        let Some(missing) = missing else {
            self.behind = None;
            return;
        };
        self.wants_survey = true;
        // Each height is waited for on its own.
        if self.behind.is_none_or(|(height, _)| height != missing) {
            self.behind = Some((missing, now));
        }
    }
}
