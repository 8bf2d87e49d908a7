//! One room: what was said in it, what is on its way, who is there and who is typing. Bounded, in order, with every gap
//! named.
//!
//! After a break the room does not guess: it marks the place, and the newest page of the history shows whether something
//! is missing there.

mod company;
mod outgoing;

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use nexus_protocol::{
    HistoryItem, HistoryPage, Offset, Position, PresenceUpdate, Refusal, Timestamp, UserId,
};

use crate::state::feed::Moment;
use crate::state::rooms::{Entry, Gap, Message, Notice, Said, Turn};

use company::Company;
pub(crate) use company::Present;
use outgoing::Queue;
pub(crate) use outgoing::{Delivery, Outgoing};

/// The most entries that are kept.
pub(crate) const CAPACITY: usize = 1_000;
/// The most comings and goings among them.
const NOTICES: usize = 100;
/// How often one says that one is typing, in milliseconds.
const TYPING_EVERY: Moment = 2_500;

/// A room that one is in, or wants to be in.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Whether one may be in it.
    pub(crate) access: Access,
    /// How far back the entries reach.
    pub(crate) past: Past,
    /// The oldest item of the pages that are here: the next older page ends before it.
    reach: Option<Position>,
    /// What is written and not sent.
    pub(crate) draft: Rc<str>,
    entries: VecDeque<Entry>,
    /// Identities of the messages among the entries: offsets alone begin anew with an epoch.
    known: HashSet<(Option<Offset>, Moment)>,
    queue: Queue,
    company: Company,
    unread: u64,
    /// The first entry that was not read when one came.
    mark: Option<u64>,
    /// Messages up to here were read in an earlier visit.
    read_until: Option<Moment>,
    is_watched: bool,
    said_typing_at: Option<Moment>,
    next_key: u64,
}

/// Whether one may be in a room.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) enum Access {
    /// Asked, not answered yet.
    #[default]
    Asked,
    /// One is in it.
    Member,
    /// The server said no.
    Refused(Refusal),
}

/// How far back the entries of a room reach.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Past {
    /// The first page is awaited.
    #[default]
    Unknown,
    /// There is more, and it can be asked for.
    More,
    /// More was asked for.
    Asked,
    /// This is the beginning of what the server keeps.
    Reached,
    /// No more is kept here.
    Full,
    /// It could not be loaded, and why.
    Failed(Rc<str>),
}

/// What bounds an older page of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// The oldest item of the page before.
    Until(Position),
    /// A time, where no position is known.
    Before(Timestamp),
}

impl Room {
    /// One enters the room, which was read up to a moment in an earlier visit. What is known of it begins anew.
    pub(crate) fn enter(&mut self, read_until: Option<Moment>) {
        *self = Room {
            read_until,
            is_watched: self.is_watched,
            draft: self.draft.clone(),
            ..Room::default()
        };
    }

    // --- what the server tells --------------------------------------------------------------------------------------

    /// Takes a message that was just published. `me` is who one is.
    pub(crate) fn take(
        &mut self,
        offset: Offset,
        at: Moment,
        from: Option<&UserId>,
        said: Said,
        me: Option<&str>,
    ) {
        let from: Option<Rc<str>> = from.map(|from| from.as_str().into());
        if let Some(from) = &from {
            self.company.spoke(from);
        }
        // Until the first page of the history is here, what comes may be of long ago.
        let is_news = self.past != Past::Unknown;
        let is_own = from.is_some() && from.as_deref() == me;
        if is_own {
            self.queue.arrived(offset, &said, is_news);
        }
        let Some(key) = self.insert(Some(offset), at, from, said) else {
            return;
        };
        if is_own {
            // Whoever speaks has read what was there.
            self.unread = 0;
            self.mark = None;
        } else if is_news && !self.is_watched {
            self.unread += 1;
            self.mark.get_or_insert(key);
        }
        while self.entries.len() > CAPACITY {
            self.forget_oldest();
        }
    }

    /// Takes the newest page of the history, newest first.
    pub(crate) fn take_newest(&mut self, page: &HistoryPage, me: Option<&str>) {
        let items = &page.items;
        let is_first = self.past == Past::Unknown;
        let gap = self.gap_to_close();
        let overlaps = gap.as_ref().is_some_and(|gap| {
            let before = |item: &&HistoryItem| item.timestamp.as_millis() <= gap.from;
            let is_known = |item| self.known.contains(&identity(item));
            items.iter().filter(before).any(is_known)
        });
        let mut added = self.take_items(items);
        if is_first {
            added = self.messages().map(|message| message.key).collect();
        }
        if let Some(gap) = gap {
            let to = items
                .iter()
                .map(|item| item.timestamp.as_millis())
                .filter(|at| *at > gap.from)
                .min();
            self.settle(&gap, overlaps, to);
        }
        if is_first {
            self.reach = end_of(page);
            self.past = if page.more { Past::More } else { Past::Reached };
        }
        self.count_unread(&added, is_first, me);
    }

    /// Takes an older page of the history, newest first.
    pub(crate) fn take_older(&mut self, page: &HistoryPage) {
        let added = self.take_items(&page.items);
        let reached = std::mem::replace(&mut self.reach, end_of(page));
        let goes_back = match (&reached, &self.reach) {
            (Some(was), Some(is)) => is.epoch == was.epoch && is.offset < was.offset,
            _ => false,
        };
        self.past = match page.more {
            true if self.entries.len() >= CAPACITY => Past::Full,
            // A page of repeats would be asked for again and again.
            true if goes_back || !added.is_empty() => Past::More,
            _ => Past::Reached,
        };
    }

    /// What an older page is bounded by; `None` while nothing is here.
    pub(crate) fn older_bound(&self) -> Option<Bound> {
        // Several may share a millisecond; those that are known already are dropped.
        let before = |oldest| Bound::Before(Timestamp::from_millis(oldest + 1));
        let until = self.reach.clone().map(Bound::Until);
        until.or_else(|| self.oldest().map(before))
    }

    /// The order that the pages were of has ended: older messages are found by time.
    pub(crate) fn lose_reach(&mut self) {
        if self.past == Past::Asked {
            self.reach = None;
            self.past = Past::More;
        }
    }

    /// Older messages could not be loaded.
    pub(crate) fn fail_past(&mut self, why: &str) {
        self.past = Past::Failed(why.into());
    }

    /// Messages may be missing behind the newest.
    pub(crate) fn suspect(&mut self) {
        let Some(from) = self.newest() else { return };
        if matches!(self.entries.back(), Some(Entry::Gap(_))) {
            return;
        }
        let key = self.key();
        self.entries
            .push_back(Entry::Gap(Rc::new(Gap { key, from, to: None })));
    }

    /// Who came, went, types, or no longer does.
    pub(crate) fn update_presence(&mut self, update: &PresenceUpdate, me: Option<&str>, now: Moment) {
        for (who, turn) in self.company.update(update, me, now) {
            self.note(who, turn, now);
        }
        if self.access == Access::Asked && self.company.members().is_some() {
            self.access = Access::Member;
        }
    }

    // --- what a person does -----------------------------------------------------------------------------------------

    /// Someone looks at the newest message now, or no longer.
    pub(crate) fn watch(&mut self, is_watched: bool) {
        if self.is_watched && !is_watched {
            self.mark = None;
        }
        self.is_watched = is_watched;
        if is_watched {
            self.unread = 0;
        }
    }

    /// Writes a message; gives nothing if too many wait already.
    pub(crate) fn write(&mut self, key: &str, text: &str, now: Moment) -> Option<Rc<Outgoing>> {
        let outgoing = self.queue.write(key, text, now)?;
        self.mark = None;
        self.said_typing_at = None;
        Some(outgoing)
    }

    /// Sends a message again under the same key; gives it, if it is there and has failed.
    pub(crate) fn retry(&mut self, key: &str) -> Option<Rc<Outgoing>> {
        self.queue.retry(key)
    }

    /// Gives a message up.
    pub(crate) fn discard(&mut self, key: &str) {
        self.queue.discard(key);
    }

    /// What became of a message of one's own.
    pub(crate) fn published(&mut self, key: &str, result: Result<Option<Offset>, String>) {
        let newest = self.entries.iter().rev().take(4 * outgoing::MOST);
        let offsets: HashSet<Offset> = newest
            .filter_map(|entry| match entry {
                Entry::Message(message) => message.offset,
                Entry::Notice(_) | Entry::Gap(_) => None,
            })
            .collect();
        self.queue
            .published(key, result, |offset| offsets.contains(&offset));
    }

    /// Whether the others should be told that one is typing; at most every few seconds.
    pub(crate) fn should_say_typing(&mut self, now: Moment) -> bool {
        let is_due = self
            .said_typing_at
            .is_none_or(|at| now.saturating_sub(at) >= TYPING_EVERY);
        if is_due {
            self.said_typing_at = Some(now);
        }
        is_due
    }

    /// Whether the others think that one is typing, and should be told that one no longer is.
    pub(crate) fn should_say_paused(&mut self) -> bool {
        self.said_typing_at.take().is_some()
    }

    // --- what is shown ----------------------------------------------------------------------------------------------

    /// Entries, oldest first.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + DoubleEndedIterator {
        self.entries.iter()
    }

    /// Messages of one's own that the server may not have, oldest first.
    pub(crate) fn outgoing(&self) -> &[Rc<Outgoing>] {
        self.queue.waiting()
    }

    /// Who is there, by name; `None` before the server told.
    pub(crate) fn members(&self) -> Option<&[Present]> {
        self.company.members()
    }

    /// Who is typing.
    pub(crate) fn typing(&self, now: Moment) -> Vec<Rc<str>> {
        self.company.typing(now)
    }

    /// How many messages came while nobody looked.
    pub(crate) fn unread(&self) -> u64 {
        self.unread
    }

    /// The first entry that was not read.
    pub(crate) fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// The time of the newest message.
    pub(crate) fn newest(&self) -> Option<Moment> {
        self.messages().next_back().map(|message| message.at)
    }

    /// The time of the oldest message.
    fn oldest(&self) -> Option<Moment> {
        self.messages().next().map(|message| message.at)
    }

    /// How many messages stand behind an entry; what is new below a reader who scrolled up.
    pub(crate) fn messages_behind(&self, key: u64) -> usize {
        let behind = self.entries.iter().rev().take_while(|entry| entry.key() != key);
        behind.filter(|entry| matches!(entry, Entry::Message(_))).count()
    }

    // --- within -----------------------------------------------------------------------------------------------------

    fn messages(&self) -> impl DoubleEndedIterator<Item = &Rc<Message>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Notice(_) | Entry::Gap(_) => None,
        })
    }

    /// Puts a message where it belongs; gives its key unless it was there already.
    fn insert(
        &mut self,
        offset: Option<Offset>,
        at: Moment,
        from: Option<Rc<str>>,
        said: Said,
    ) -> Option<u64> {
        if !self.known.insert((offset, at)) {
            return None;
        }
        let key = self.key();
        let message = Message {
            key,
            offset,
            at,
            from,
            said,
        };
        // Nearly always the end. Otherwise just before the next later one, so that what a gap hid stands behind the gap.
        let mut place = self.entries.len();
        for (at_place, entry) in self.entries.iter().enumerate().rev() {
            match entry {
                Entry::Message(other) if (other.at, other.offset) > (at, offset) => place = at_place,
                Entry::Message(_) => break,
                Entry::Notice(_) | Entry::Gap(_) => {}
            }
        }
        self.entries.insert(place, Entry::Message(Rc::new(message)));
        Some(key)
    }

    /// Takes items, newest first, as far as there is room; gives the keys of those that are new, oldest first.
    fn take_items(&mut self, items: &[HistoryItem]) -> Vec<u64> {
        let room = CAPACITY.saturating_sub(self.entries.len());
        let mut added = Vec::new();
        for item in items.iter().take(room) {
            let from = item.from.as_ref().map(|from| from.as_str().into());
            let said = Said::of(&item.payload);
            added.extend(self.insert(item.offset, item.timestamp.as_millis(), from, said));
        }
        added.reverse();
        added
    }

    /// What came while one was away counts as unread: behind the last visit at first, behind a break later.
    fn count_unread(&mut self, added: &[u64], is_first: bool, me: Option<&str>) {
        let read_until = self.read_until.take();
        let Some(read_until) = read_until.or((!is_first).then_some(0)) else {
            return;
        };
        let is_unread = |message: &&Rc<Message>| {
            added.contains(&message.key)
                && message.at > read_until
                && (message.from.is_none() || message.from.as_deref() != me)
        };
        let unread: Vec<u64> = self
            .messages()
            .filter(is_unread)
            .map(|message| message.key)
            .collect();
        self.mark = self.mark.or(unread.first().copied());
        if !self.is_watched {
            self.unread += unread.len() as u64;
        }
    }

    fn gap_to_close(&self) -> Option<Rc<Gap>> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Gap(gap) if gap.to.is_none() => Some(gap.clone()),
            Entry::Gap(_) | Entry::Message(_) | Entry::Notice(_) => None,
        })
    }

    /// The history showed whether something is missing at a gap.
    fn settle(&mut self, gap: &Gap, is_whole: bool, to: Option<Moment>) {
        let Some(place) = self.entries.iter().position(|entry| entry.key() == gap.key) else {
            return;
        };
        if is_whole {
            self.entries.remove(place);
            return;
        }
        let Gap { key, from, .. } = *gap;
        // With nothing behind it, all that is known is where it begins.
        let to = Some(to.unwrap_or(from));
        self.entries[place] = Entry::Gap(Rc::new(Gap { key, from, to }));
    }

    fn note(&mut self, who: Rc<str>, turn: Turn, at: Moment) {
        let key = self.key();
        // Never before what is shown already, whatever the two clocks say.
        let at = self.entries.back().map_or(at, |last| last.at().max(at));
        self.entries
            .push_back(Entry::Notice(Rc::new(Notice { key, at, who, turn })));
        let is_notice = |entry: &Entry| matches!(entry, Entry::Notice(_));
        if self.entries.iter().filter(|entry| is_notice(entry)).count() > NOTICES
            && let Some(oldest) = self.entries.iter().position(is_notice)
        {
            self.entries.remove(oldest);
        }
        while self.entries.len() > CAPACITY {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        match self.entries.pop_front() {
            Some(Entry::Message(oldest)) => {
                self.known.remove(&(oldest.offset, oldest.at));
                self.past = Past::Full;
            }
            Some(Entry::Notice(_) | Entry::Gap(_)) | None => {}
        }
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

fn end_of(page: &HistoryPage) -> Option<Position> {
    Some(Position {
        epoch: page.epoch.clone(),
        offset: page.items.last()?.offset?,
    })
}

fn identity(item: &HistoryItem) -> (Option<Offset>, Moment) {
    (item.offset, item.timestamp.as_millis())
}

#[cfg(test)]
mod tests;
