//! The blocks and notifications of one chain: bounded, blocks by height, the rest by time.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use nexus_protocol::{ChainUpdate, HistoryItem, Offset};

use crate::state::chains::{Block, Entry, Kinds, Mark, Note, NoteKind, Row, rows};
use crate::state::feed::Moment;

/// The most entries that are kept.
pub(crate) const CAPACITY: usize = 1_000;
/// The most runs of lost heights that are kept.
const LOST: usize = 100;

/// What is kept of a chain.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// What was taken already: offsets alone begin anew with an epoch.
    known: VecDeque<(Offset, Moment)>,
    is_known: HashSet<(Offset, Moment)>,
    /// Heights that the server says cannot be had.
    lost: Vec<(u64, u64)>,
    /// How many of each kind are kept, in the order of [`NoteKind::ALL`].
    counts: [usize; NoteKind::ALL.len()],
    loading: Loading,
    next_key: u64,
}

/// Whether what came before has been asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Loading {
    /// Not yet, or in vain.
    #[default]
    Wanted,
    /// It is awaited.
    Asked,
    /// It is here.
    Done,
}

impl Chain {
    /// Takes what the server told at a moment. `offset` is absent where it comes from an archive.
    pub(crate) fn take(&mut self, update: ChainUpdate, offset: Option<Offset>, told_at: Moment) {
        if let Some(offset) = offset {
            if !self.is_known.insert((offset, told_at)) {
                return;
            }
            self.known.push_back((offset, told_at));
            if self.known.len() > 2 * CAPACITY
                && let Some(oldest) = self.known.pop_front()
            {
                self.is_known.remove(&oldest);
            }
        }
        match update {
            ChainUpdate::NewBlock {
                height,
                hash,
                timestamp_us,
                event_streams,
                fetched,
                ..
            } => self.take_block(Block {
                key: 0,
                height: height.0,
                hash: hash.into(),
                at: timestamp_us.map_or(told_at, |micros| micros / 1_000),
                told_at,
                streams: event_streams,
                is_fetched: fetched,
            }),
            ChainUpdate::NewEvents {
                height,
                event_streams,
                ..
            } => {
                self.note(
                    NoteKind::Events,
                    Some(height.0),
                    &event_streams.join(", "),
                    told_at,
                );
            }
            ChainUpdate::NewIncomingBundle { origin, height } => {
                self.note(NoteKind::Bundle, Some(height.0), &origin, told_at);
            }
            ChainUpdate::NewRound { height, round } => {
                self.note(NoteKind::Round, Some(height.0), &round, told_at);
            }
            ChainUpdate::BlockExecuted { height, hash } => {
                self.note(NoteKind::Executed, Some(height.0), &hash, told_at);
            }
            ChainUpdate::Gap { from, to } => {
                if self.lost.len() == LOST {
                    self.lost.remove(0);
                }
                self.lost.push((from.0, to.0));
            }
            ChainUpdate::Reset { .. } => {
                let mark = self.mark(told_at);
                self.lost.clear();
                self.insert_by_time(Entry::Reset(mark));
            }
            ChainUpdate::Other { name, body } => {
                self.note(NoteKind::Other, None, &format!("{name} {body}"), told_at);
            }
        }
    }

    /// Takes the newest page of the history, newest first.
    pub(crate) fn take_page(&mut self, items: &[HistoryItem]) {
        self.loading = Loading::Done;
        let identity = |item: &HistoryItem| Some((item.offset?, item.timestamp.as_millis()));
        let open = self
            .entries
            .iter()
            .rposition(|entry| matches!(entry, Entry::Break(_)));
        if let Some(place) = open
            && items.iter().filter_map(identity).any(|identity| {
                identity.1 <= self.entries[place].told_at() && self.is_known.contains(&identity)
            })
        {
            self.entries.remove(place);
        }
        for item in items.iter().rev() {
            if let Ok(update) = item.payload.read() {
                self.take(update, item.offset, item.timestamp.as_millis());
            }
        }
    }

    /// What came before is asked for now, unless it was already.
    pub(crate) fn begin_loading(&mut self) -> bool {
        let is_wanted = self.loading == Loading::Wanted;
        if is_wanted {
            self.loading = Loading::Asked;
        }
        is_wanted
    }

    /// What came before could not be had; it is asked for again with the next link.
    pub(crate) fn fail_loading(&mut self) {
        self.loading = Loading::Wanted;
    }

    /// Whether an empty chain is one that has nothing, and not one that waits.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loading != Loading::Asked
    }

    /// Notifications may be missing behind the newest, unless the history shows otherwise.
    pub(crate) fn suspect(&mut self) {
        match self.entries.back() {
            None | Some(Entry::Break(_)) => {}
            Some(newest) => {
                let at = newest.told_at();
                let mark = self.mark(at);
                self.entries.push_back(Entry::Break(mark));
            }
        }
    }

    /// The newest block.
    pub(crate) fn tip(&self) -> Option<Rc<Block>> {
        let since_reset = self
            .entries
            .iter()
            .rev()
            .take_while(|entry| !matches!(entry, Entry::Reset(_)));
        let blocks = since_reset.filter_map(|entry| match entry {
            Entry::Block(block) => Some(block.clone()),
            Entry::Note(_) | Entry::Reset(_) | Entry::Break(_) => None,
        });
        blocks.max_by_key(|block| block.height)
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many notifications of a kind are kept.
    pub(crate) fn count(&self, kind: NoteKind) -> usize {
        self.counts[kind as usize]
    }

    /// The rows, newest first.
    pub(crate) fn rows(&self, hidden: Kinds, query: &str) -> Vec<Row> {
        rows(self.entries.iter(), &self.lost, hidden, query)
    }

    fn take_block(&mut self, block: Block) {
        let mut place = None;
        for (at, entry) in self.entries.iter().enumerate().rev() {
            match entry {
                Entry::Block(known) if known.height == block.height => return,
                Entry::Block(known) if known.height > block.height => place = Some(at),
                Entry::Block(_) | Entry::Reset(_) => break,
                Entry::Note(_) | Entry::Break(_) => {}
            }
        }
        let entry = Entry::Block(Rc::new(Block {
            key: self.key(),
            ..block
        }));
        match place {
            Some(place) => self.entries.insert(place, entry),
            None => self.insert_by_time(entry),
        }
        self.trim();
    }

    fn note(&mut self, kind: NoteKind, height: Option<u64>, text: &str, told_at: Moment) {
        let key = self.key();
        self.counts[kind as usize] += 1;
        self.insert_by_time(Entry::Note(Rc::new(Note {
            key,
            kind,
            height,
            text: text.into(),
            told_at,
        })));
        self.trim();
    }

    fn insert_by_time(&mut self, entry: Entry) {
        let place = self
            .entries
            .iter()
            .rposition(|known| known.told_at() <= entry.told_at());
        self.entries.insert(place.map_or(0, |place| place + 1), entry);
    }

    fn trim(&mut self) {
        while self.entries.len() > CAPACITY {
            if let Some(Entry::Note(note)) = self.entries.pop_front() {
                self.counts[note.kind as usize] -= 1;
            }
        }
    }

    fn mark(&mut self, at: Moment) -> Mark {
        Mark { key: self.key(), at }
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Height, Json, Timestamp};

    use super::*;

    fn block(height: u64) -> ChainUpdate {
        ChainUpdate::NewBlock {
            height: Height(height),
            hash: format!("{height:064x}"),
            timestamp_us: Some(height * 1_000_000),
            previous_hash: None,
            event_streams: Vec::new(),
            fetched: false,
        }
    }

    fn round(height: u64) -> ChainUpdate {
        ChainUpdate::NewRound {
            height: Height(height),
            round: "fast".to_owned(),
        }
    }

    fn told(chain: &Chain) -> Vec<String> {
        let row = |row: &Row| match row {
            Row::Block(block) => block.height.to_string(),
            Row::Note(note) => format!("{:?}", note.kind),
            Row::Hole { from, to, is_final } => format!("{from}-{to}{}", if *is_final { "!" } else { "" }),
            Row::Reset(_) => "reset".to_owned(),
            Row::Break(_) => "break".to_owned(),
        };
        chain.rows(Kinds::default(), "").iter().map(row).collect()
    }

    fn take(chain: &mut Chain, update: ChainUpdate, number: u64) {
        chain.take(update, Some(Offset(number)), number * 1_000);
    }

    #[test]
    fn a_block_that_was_fetched_later_fills_its_hole() {
        let mut chain = Chain::default();
        take(&mut chain, block(5), 1);
        take(&mut chain, block(8), 2);
        take(&mut chain, round(9), 3);
        assert_eq!(told(&chain), ["Round", "8", "6-7", "5"]);
        take(&mut chain, block(6), 4);
        take(&mut chain, block(7), 5);
        take(&mut chain, block(7), 6);
        assert_eq!(told(&chain), ["Round", "8", "7", "6", "5"]);
        assert_eq!(chain.tip().unwrap().height, 8);
    }

    #[test]
    fn what_cannot_be_had_is_said_to_be_lost() {
        let mut chain = Chain::default();
        take(&mut chain, block(5), 1);
        let gap = ChainUpdate::Gap {
            from: Height(6),
            to: Height(7),
        };
        take(&mut chain, gap, 2);
        take(&mut chain, block(8), 3);
        assert_eq!(told(&chain), ["8", "6-7!", "5"]);
    }

    #[test]
    fn after_a_reset_heights_begin_anew() {
        let mut chain = Chain::default();
        take(&mut chain, block(50), 1);
        take(&mut chain, ChainUpdate::Reset { tip: None }, 2);
        take(&mut chain, block(2), 3);
        take(&mut chain, block(1), 4);
        assert_eq!(told(&chain), ["2", "1", "reset", "50"]);
        assert_eq!(chain.tip().unwrap().height, 2);
    }

    fn page(updates: &[(u64, ChainUpdate)]) -> Vec<HistoryItem> {
        let item = |(number, update): &(u64, ChainUpdate)| HistoryItem {
            offset: Some(Offset(*number)),
            timestamp: Timestamp::from_millis(number * 1_000),
            from: None,
            payload: Json::of(update).unwrap(),
        };
        updates.iter().rev().map(item).collect()
    }

    #[test]
    fn history_and_news_make_one_order_without_repeats() {
        let mut chain = Chain::default();
        take(&mut chain, block(7), 3);
        take(&mut chain, round(8), 4);
        chain.take_page(&page(&[
            (1, block(6)),
            (2, round(7)),
            (3, block(7)),
            (4, round(8)),
        ]));
        assert_eq!(told(&chain), ["Round", "7", "Round", "6"]);
        assert_eq!(
            (chain.count(NoteKind::Round), chain.count(NoteKind::Bundle)),
            (2, 0)
        );
    }

    #[test]
    fn a_break_stays_named_unless_the_history_overlaps() {
        for (history, expected) in [
            (page(&[(1, block(1)), (2, block(2))]), &["2", "1"][..]),
            (page(&[(9, block(2))]), &["2", "break", "1"]),
        ] {
            let mut chain = Chain::default();
            take(&mut chain, block(1), 1);
            chain.suspect();
            chain.suspect();
            chain.take_page(&history);
            assert_eq!(told(&chain), expected);
        }
    }

    #[test]
    fn a_chain_is_bounded() {
        let mut chain = Chain::default();
        for number in 0..5_000 {
            take(&mut chain, round(number), number);
        }
        assert_eq!(chain.entries.len(), CAPACITY);
        assert_eq!(chain.count(NoteKind::Round), CAPACITY);
        assert!(chain.is_known.len() <= 2 * CAPACITY);
        assert_eq!(chain.known.len(), chain.is_known.len());
    }
}
