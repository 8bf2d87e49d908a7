//! A chain as people see it: ids and hashes made readable, and blocks and notifications cut into rows in which every
//! missing height is named.

use std::rc::Rc;

use nexus_protocol::ChainId;

use super::feed::Moment;

/// An entry that is kept of a chain. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A confirmed block.
    Block(Rc<Block>),
    /// A notification that is no block.
    Note(Rc<Note>),
    /// What came before is void: the chain began anew.
    Reset(Mark),
    /// Notifications may be missing here.
    Break(Mark),
}

/// A confirmed block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// Its height.
    pub(crate) height: u64,
    /// Its hash.
    pub(crate) hash: Rc<str>,
    /// When it was proposed, by the chain's clock, or else when the server told of it.
    pub(crate) at: Moment,
    /// When the server told of it.
    pub(crate) told_at: Moment,
    /// Streams that got events in it.
    pub(crate) streams: Vec<String>,
    /// Whether the node never told of it, and the server fetched it.
    pub(crate) is_fetched: bool,
}

/// A notification that is no block.
#[derive(Debug)]
pub(crate) struct Note {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// Of what kind.
    pub(crate) kind: NoteKind,
    /// The height that it is about, where it is about one.
    pub(crate) height: Option<u64>,
    /// Its hash, origin or round: what tells it from others of its kind.
    pub(crate) text: Rc<str>,
    /// When the server told of it.
    pub(crate) told_at: Moment,
}

/// The kinds of notifications that are no blocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum NoteKind {
    /// Messages of another chain arrived.
    Bundle,
    /// A round of consensus began.
    Round,
    /// The node executed a block.
    Executed,
    /// A block published events.
    Events,
    /// A kind that the server does not know.
    Other,
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Kinds(u8);

/// A place among the entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// When.
    pub(crate) at: Moment,
}

/// A row as it is drawn.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Row {
    /// A confirmed block.
    Block(Rc<Block>),
    /// A notification that is no block.
    Note(Rc<Note>),
    /// Blocks of these heights are missing.
    Hole {
        /// The first height.
        from: u64,
        /// The last one.
        to: u64,
        /// Whether the server said that they cannot be had.
        is_final: bool,
    },
    /// What stands below is void.
    Reset(Mark),
    /// Notifications may be missing here.
    Break(Mark),
}

/// Why a text is no chain's id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ChainIdError {
    /// There is none.
    #[error("Paste the chain's id.")]
    Empty,
    /// It is of another length.
    #[error("A chain's id has 64 digits; this has {0}.")]
    Length(usize),
    /// It has other characters.
    #[error("A chain's id has only the digits 0 to 9 and a to f.")]
    Digits,
}

impl NoteKind {
    /// Every kind, in the order of the filter.
    pub(crate) const ALL: [NoteKind; 5] = [
        NoteKind::Bundle,
        NoteKind::Round,
        NoteKind::Executed,
        NoteKind::Events,
        NoteKind::Other,
    ];

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            NoteKind::Bundle => "bundles",
            NoteKind::Round => "rounds",
            NoteKind::Executed => "executed",
            NoteKind::Events => "events",
            NoteKind::Other => "other",
        }
    }

    /// For people, of many.
    pub(crate) fn name(self) -> &'static str {
        match self {
            NoteKind::Bundle => "Bundles",
            NoteKind::Round => "Rounds",
            NoteKind::Executed => "Executed",
            NoteKind::Events => "Events",
            NoteKind::Other => "Other",
        }
    }

    /// For people, of one.
    pub(crate) fn title(self) -> &'static str {
        match self {
            NoteKind::Bundle => "Bundle from",
            NoteKind::Round => "New round",
            NoteKind::Executed => "Block executed",
            NoteKind::Events => "New events",
            NoteKind::Other => "Notification",
        }
    }
}

impl Kinds {
    /// Whether a kind is in it.
    pub(crate) fn has(self, kind: NoteKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// With a kind that was not in it, or without one that was.
    #[must_use]
    pub(crate) fn turned(self, kind: NoteKind) -> Self {
        Kinds(self.0 ^ (1 << kind as u8))
    }

    /// The words of the kinds, with commas between.
    pub(crate) fn words(self) -> String {
        let words = NoteKind::ALL
            .into_iter()
            .filter(|kind| self.has(*kind))
            .map(NoteKind::word);
        words.collect::<Vec<_>>().join(",")
    }

    /// The kinds whose words these are; others are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let named = |kind: &NoteKind| text.split(',').any(|word| word == kind.word());
        NoteKind::ALL
            .into_iter()
            .filter(named)
            .fold(Kinds::default(), |kinds, kind| Kinds(kinds.0 | (1 << kind as u8)))
    }
}

impl Entry {
    /// When the server told of it.
    pub(crate) fn told_at(&self) -> Moment {
        match self {
            Entry::Block(block) => block.told_at,
            Entry::Note(note) => note.told_at,
            Entry::Reset(mark) | Entry::Break(mark) => mark.at,
        }
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl PartialEq for Note {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Row {
    /// Its name among the others.
    pub(crate) fn key(&self) -> String {
        match self {
            Row::Block(block) => block.key.to_string(),
            Row::Note(note) => note.key.to_string(),
            Row::Hole { from, .. } => format!("h{from}"),
            Row::Reset(mark) | Row::Break(mark) => mark.key.to_string(),
        }
    }
}

/// Cuts entries, oldest first, into rows, newest first. Between blocks that do not follow each other the heights that are
/// missing are named; `lost` are those that the server says cannot be had.
pub(crate) fn rows<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    lost: &[(u64, u64)],
    hidden: Kinds,
    query: &str,
) -> Vec<Row> {
    let query = query.trim().to_ascii_lowercase();
    let mut rows = Vec::new();
    let mut last = None::<u64>;
    for entry in entries {
        match entry {
            Entry::Block(block) => {
                if let Some(last) = last
                    && block.height > last + 1
                {
                    let (from, to) = (last + 1, block.height - 1);
                    let is_final = lost.iter().any(|(first, end)| *first <= from && to <= *end);
                    if query.is_empty() || query.parse().is_ok_and(|height| (from..=to).contains(&height)) {
                        rows.push(Row::Hole { from, to, is_final });
                    }
                }
                last = Some(block.height);
                if matches(&query, Some(block.height), &block.hash) {
                    rows.push(Row::Block(block.clone()));
                }
            }
            Entry::Note(note) => {
                if !hidden.has(note.kind) && matches(&query, note.height, &note.text) {
                    rows.push(Row::Note(note.clone()));
                }
            }
            Entry::Reset(mark) => {
                last = None;
                rows.push(Row::Reset(*mark));
            }
            Entry::Break(mark) if query.is_empty() => rows.push(Row::Break(*mark)),
            Entry::Break(_) => {}
        }
    }
    rows.reverse();
    rows
}

/// Takes a chain's id as people paste it.
///
/// # Errors
/// If it is not 64 hexadecimal digits.
pub(crate) fn parse_chain_id(text: &str) -> Result<ChainId, ChainIdError> {
    let text = text.trim();
    let text = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
    match text.len() {
        0 => return Err(ChainIdError::Empty),
        _ if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) => return Err(ChainIdError::Digits),
        64 => {}
        other => return Err(ChainIdError::Length(other)),
    }
    ChainId::parse(&text).map_err(|_| ChainIdError::Digits)
}

/// A hash or an id by its ends: `e476187f…4de2a1`.
pub(crate) fn shortened(text: &str) -> String {
    match (
        text.get(..8),
        text.len().checked_sub(6).and_then(|at| text.get(at..)),
    ) {
        (Some(head), Some(tail)) if text.len() > 18 => format!("{head}…{tail}"),
        _ => text.to_owned(),
    }
}

/// A run of heights: `12`, or `12 to 15`.
pub(crate) fn heights(from: u64, to: u64) -> String {
    if from == to {
        from.to_string()
    } else {
        format!("{from} to {to}")
    }
}

/// Whether something of a height and a hash is searched: a whole height, or a part of the hash.
fn matches(query: &str, height: Option<u64>, hash: &str) -> bool {
    query.is_empty()
        || height.is_some_and(|height| query.parse() == Ok(height))
        || query.len() >= 3
            && hash
                .to_ascii_lowercase()
                .contains(query.strip_prefix("0x").unwrap_or(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(height: u64) -> Entry {
        Entry::Block(Rc::new(Block {
            key: height,
            height,
            hash: format!("{height:064x}").into(),
            at: height,
            told_at: height,
            streams: Vec::new(),
            is_fetched: false,
        }))
    }

    fn note(key: u64, kind: NoteKind, height: u64) -> Entry {
        Entry::Note(Rc::new(Note {
            key,
            kind,
            height: Some(height),
            text: "multi_leader 1".into(),
            told_at: key,
        }))
    }

    fn told(entries: &[Entry], lost: &[(u64, u64)], hidden: Kinds, query: &str) -> Vec<String> {
        let row = |row: &Row| match row {
            Row::Block(block) => block.height.to_string(),
            Row::Note(note) => format!("{:?}", note.kind),
            Row::Hole { from, to, is_final } => {
                format!("{}{}", heights(*from, *to), if *is_final { "!" } else { "?" })
            }
            Row::Reset(_) => "reset".to_owned(),
            Row::Break(_) => "break".to_owned(),
        };
        rows(entries.iter(), lost, hidden, query)
            .iter()
            .map(row)
            .collect()
    }

    #[test]
    fn missing_heights_are_named_in_place() {
        let entries = [block(7), block(8), block(12), block(14)];
        assert_eq!(
            told(&entries, &[(9, 11)], Kinds::default(), ""),
            ["14", "13?", "12", "9 to 11!", "8", "7"]
        );
    }

    #[test]
    fn a_chain_that_began_anew_has_no_hole_there() {
        let entries = [
            block(40),
            Entry::Reset(Mark { key: 99, at: 0 }),
            block(2),
            block(3),
        ];
        assert_eq!(
            told(&entries, &[], Kinds::default(), ""),
            ["3", "2", "reset", "40"]
        );
    }

    #[test]
    fn hidden_kinds_and_the_search_leave_rows_out_and_no_hole() {
        let entries = [
            block(7),
            note(100, NoteKind::Round, 8),
            note(101, NoteKind::Bundle, 3),
            block(8),
            block(10),
        ];
        let hidden = Kinds::default().turned(NoteKind::Round);
        assert_eq!(told(&entries, &[], hidden, ""), ["10", "9?", "8", "Bundle", "7"]);
        assert_eq!(
            told(&entries, &[], hidden, "9"),
            ["9?"],
            "a search finds that it is missing"
        );
        assert_eq!(told(&entries, &[], Kinds::default(), " 8 "), ["8", "Round"]);
        assert_eq!(told(&entries, &[], Kinds::default(), "0000A"), ["10"]);
        assert!(told(&entries, &[], Kinds::default(), "77").is_empty());
    }

    #[test]
    fn hidden_kinds_go_through_the_url() {
        let kinds = Kinds::default().turned(NoteKind::Round).turned(NoteKind::Events);
        assert_eq!(kinds.words(), "rounds,events");
        assert_eq!(Kinds::parse("rounds,nonsense,events"), kinds);
        assert_eq!(kinds.turned(NoteKind::Round).words(), "events");
    }

    #[test]
    fn an_id_has_64_hexadecimal_digits() {
        let id = "E476".repeat(16);
        assert_eq!(
            parse_chain_id(&format!(" 0x{id}\n")).unwrap().as_str(),
            id.to_lowercase()
        );
        for (text, why) in [
            ("", ChainIdError::Empty),
            ("e476", ChainIdError::Length(4)),
            ("not hex", ChainIdError::Digits),
        ] {
            assert_eq!(parse_chain_id(text), Err(why));
        }
        assert_eq!(shortened(&id.to_lowercase()), "e476e476…76e476");
        assert_eq!(shortened("fast"), "fast");
    }
}
