//! Rooms as people see them: their names, what a message says, and a conversation cut into lines.

use std::fmt;
use std::rc::Rc;

use nexus_protocol::{ChannelName, Json, Offset, Topic};
use serde::Deserialize;

use super::feed::Moment;

/// A message is shown under the name above it if it came within the same minute.
const GROUP_SPAN: Moment = 60_000;

/// A room's name as the server takes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RoomName(ChannelName);

/// Why a text is no room's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RoomNameError {
    /// There is none.
    #[error("Write the room's name.")]
    Empty,
    /// It does not fit.
    #[error("A room's name has at most 120 characters.")]
    TooLong,
    /// It has a character that names do not have.
    #[error("A room's name has letters, digits and . _ - ~ @ # + / = : but no spaces.")]
    Character,
}

/// What a message says.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Said {
    /// Words, which were published as `{"text": …}` or as a bare JSON text.
    Text(Rc<str>),
    /// Any other JSON, indented.
    Code(Rc<str>),
}

/// A line that a room keeps. Cheap to clone; equal entries have equal keys.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Someone said something.
    Message(Rc<Message>),
    /// Someone came or went.
    Notice(Rc<Notice>),
    /// Messages are missing here.
    Gap(Rc<Gap>),
}

/// A message that the server has.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// Its place in the room's order.
    pub(crate) offset: Option<Offset>,
    /// When it was published.
    pub(crate) at: Moment,
    /// Who said it, where the server vouches for that.
    pub(crate) from: Option<Rc<str>>,
    /// What.
    pub(crate) said: Said,
}

/// A coming or going.
#[derive(Debug)]
pub(crate) struct Notice {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// When.
    pub(crate) at: Moment,
    /// Who.
    pub(crate) who: Rc<str>,
    /// Which of the two.
    pub(crate) turn: Turn,
}

/// Coming or going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Came.
    Joined,
    /// Went.
    Left,
}

/// A place where messages are missing.
#[derive(Debug)]
pub(crate) struct Gap {
    /// Its name among the entries.
    pub(crate) key: u64,
    /// The time of the last message before.
    pub(crate) from: Moment,
    /// The time of the first message behind, or `from` if there was none; absent while the history is asked.
    pub(crate) to: Option<Moment>,
}

/// A line as it is drawn.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Line {
    /// Another day begins.
    Day(Moment),
    /// What follows was not read yet.
    Unread,
    /// A message; the first of a group shows name and time.
    Message {
        /// The message.
        message: Rc<Message>,
        /// Whether name and time stand above.
        leads: bool,
    },
    /// Some people came, or went, one after the other.
    Notice {
        /// The first notice's key.
        key: u64,
        /// When the last one did.
        at: Moment,
        /// Who.
        who: Vec<Rc<str>>,
        /// Which of the two.
        turn: Turn,
    },
    /// Messages are missing here.
    Gap(Rc<Gap>),
}

impl RoomName {
    /// Takes a name as people write it, with or without `room:`.
    ///
    /// # Errors
    /// If no room can have that name.
    pub(crate) fn parse(text: &str) -> Result<Self, RoomNameError> {
        let text = text.trim();
        let text = text.strip_prefix("room:").unwrap_or(text);
        if text.is_empty() {
            return Err(RoomNameError::Empty);
        }
        if text.len() > 120 {
            return Err(RoomNameError::TooLong);
        }
        let channel = ChannelName::parse(&format!("room:{text}")).map_err(|_| RoomNameError::Character)?;
        Ok(RoomName(channel))
    }

    /// The room that a topic is, if it is one.
    pub(crate) fn of(topic: &Topic) -> Option<Self> {
        match topic {
            Topic::Named(name) if name.namespace() == "room" => Some(RoomName(name.clone())),
            _ => None,
        }
    }

    /// The name without `room:`.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().strip_prefix("room:").unwrap_or_default()
    }

    /// The channel.
    pub(crate) fn channel(&self) -> ChannelName {
        self.0.clone()
    }

    /// The topic.
    pub(crate) fn topic(&self) -> Topic {
        Topic::Named(self.0.clone())
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Said {
    /// Reads what was published.
    pub(crate) fn of(payload: &Json) -> Self {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Words {
            Field { text: String },
            Bare(String),
        }
        match payload.read() {
            Ok(Words::Field { text } | Words::Bare(text)) if !text.trim().is_empty() => {
                Said::Text(text.into())
            }
            Ok(_) | Err(_) => Said::Code(indented(payload.as_str()).into()),
        }
    }
}

impl Entry {
    /// Its name among the others.
    pub(crate) fn key(&self) -> u64 {
        match self {
            Entry::Message(message) => message.key,
            Entry::Notice(notice) => notice.key,
            Entry::Gap(gap) => gap.key,
        }
    }

    /// Where it stands in time.
    pub(crate) fn at(&self) -> Moment {
        match self {
            Entry::Message(message) => message.at,
            Entry::Notice(notice) => notice.at,
            Entry::Gap(gap) => gap.from,
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl PartialEq for Gap {
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.to) == (other.key, other.to)
    }
}

impl Line {
    /// Its name among the others; days are told apart by their number.
    pub(crate) fn key(&self) -> String {
        match self {
            Line::Day(at) => format!("d{at}"),
            Line::Unread => "unread".to_owned(),
            Line::Message { message, .. } => message.key.to_string(),
            Line::Notice { key, .. } => format!("n{key}"),
            Line::Gap(gap) => format!("g{}", gap.key),
        }
    }
}

/// Cuts entries, oldest first, into lines. `unread` is the key of the first entry that was not read, `day` tells the
/// number of the reader's day that a moment lies in.
pub(crate) fn lines<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    unread: Option<u64>,
    day: impl Fn(Moment) -> i64,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut today = None;
    // Whose words stand above, since when.
    let mut speaker: Option<(&Option<Rc<str>>, Moment)> = None;
    for entry in entries {
        let at = entry.at();
        let number = day(at);
        if today.replace(number) != Some(number) {
            lines.push(Line::Day(at));
            speaker = None;
        }
        if unread == Some(entry.key()) {
            lines.push(Line::Unread);
            speaker = None;
        }
        match entry {
            Entry::Message(message) => {
                let continues = speaker.is_some_and(|(from, since)| {
                    *from == message.from && at / GROUP_SPAN == since / GROUP_SPAN
                });
                if !continues {
                    speaker = Some((&message.from, at));
                }
                lines.push(Line::Message {
                    message: message.clone(),
                    leads: !continues,
                });
            }
            Entry::Notice(notice) => {
                speaker = None;
                match lines.last_mut() {
                    Some(Line::Notice {
                        who, turn, at: last, ..
                    }) if *turn == notice.turn && who.len() < 8 => {
                        who.push(notice.who.clone());
                        *last = at;
                    }
                    _ => lines.push(Line::Notice {
                        key: notice.key,
                        at,
                        who: vec![notice.who.clone()],
                        turn: notice.turn,
                    }),
                }
            }
            Entry::Gap(gap) => {
                speaker = None;
                lines.push(Line::Gap(gap.clone()));
            }
        }
    }
    lines
}

/// Names in a row, as people say them: `ann, bob and 3 others`.
pub(crate) fn listed(names: &[Rc<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} others", rest.len()),
    }
}

/// Who is typing, in words; nothing if nobody is.
pub(crate) fn typing_words(names: &[Rc<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is typing"),
        names => format!("{} are typing", listed(names)),
    }
}

/// A JSON text with a line for each member. Digits, keys and their order stay as they were written.
pub(crate) fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', 2 * depth.min(32)));
    };
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_text {
            out.push(letter);
            in_text = letter != '"' || is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        match letter {
            '"' => {
                in_text = true;
                out.push(letter);
            }
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_ascii_whitespace() => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_named_as_people_write_it() {
        for (text, name) in [
            ("lobby", "lobby"),
            (" room:lobby ", "lobby"),
            ("a/b:C@1", "a/b:C@1"),
        ] {
            let parsed = RoomName::parse(text).unwrap();
            assert_eq!(parsed.as_str(), name);
            assert_eq!(RoomName::of(&parsed.topic()), Some(parsed));
        }
        for (text, why) in [
            ("", RoomNameError::Empty),
            ("room:", RoomNameError::Empty),
            ("two words", RoomNameError::Character),
            ("ä", RoomNameError::Character),
            (&"x".repeat(121), RoomNameError::TooLong),
        ] {
            assert_eq!(RoomName::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn words_are_shown_as_words_and_the_rest_as_code() {
        let said = |text: &str| Said::of(&Json::parse(text).unwrap());
        assert_eq!(said(r#"{"text":"hi","extra":1}"#), Said::Text("hi".into()));
        assert_eq!(said(r#""hi""#), Said::Text("hi".into()));
        for (text, shown) in [
            (r#"{"text":""}"#, "{\n  \"text\": \"\"\n}"),
            (
                r#"{"a":[1.50,{}],"b":"x\",y"}"#,
                "{\n  \"a\": [\n    1.50,\n    {}\n  ],\n  \"b\": \"x\\\",y\"\n}",
            ),
            ("12.50", "12.50"),
            ("[ ]", "[]"),
        ] {
            assert_eq!(said(text), Said::Code(shown.into()), "{text}");
        }
    }

    fn message(key: u64, from: &str, at: Moment) -> Entry {
        Entry::Message(Rc::new(Message {
            key,
            offset: Some(Offset(key)),
            at,
            from: Some(from.into()),
            said: Said::Text("x".into()),
        }))
    }

    fn notice(key: u64, who: &str, turn: Turn, at: Moment) -> Entry {
        let who = who.into();
        Entry::Notice(Rc::new(Notice { key, at, who, turn }))
    }

    /// Lines in short: `+` before a message that leads.
    fn told(entries: &[Entry], unread: Option<u64>) -> Vec<String> {
        let lines = lines(entries.iter(), unread, |at| {
            i64::try_from(at / 86_400_000).unwrap()
        });
        let short = |line: &Line| match line {
            Line::Day(at) => format!("day {}", at / 86_400_000),
            Line::Unread => "unread".to_owned(),
            Line::Message { message, leads } => format!("{}{}", if *leads { "+" } else { "" }, message.key),
            Line::Notice { who, turn, .. } => format!("{} {turn:?}", listed(who)),
            Line::Gap(_) => "gap".to_owned(),
        };
        lines.iter().map(short).collect()
    }

    #[test]
    fn messages_are_grouped_by_sender_and_minute() {
        let entries = [
            message(1, "ann", 1_000),
            message(2, "ann", 59_000),
            message(3, "ann", 61_000),
            message(4, "bob", 62_000),
            message(5, "bob", 86_400_000),
        ];
        assert_eq!(
            told(&entries, None),
            ["day 0", "+1", "2", "+3", "+4", "day 1", "+5"]
        );
        assert_eq!(
            told(&entries[..3], Some(2)),
            ["day 0", "+1", "unread", "+2", "+3"],
            "the mark begins a group"
        );
    }

    #[test]
    fn comings_and_goings_in_a_row_are_one_line() {
        let entries = [
            notice(1, "ann", Turn::Joined, 0),
            notice(2, "bob", Turn::Joined, 5),
            notice(3, "ann", Turn::Left, 9),
        ];
        assert_eq!(told(&entries, None), ["day 0", "ann and bob Joined", "ann Left"]);
    }

    #[test]
    fn names_are_listed_as_people_say_them() {
        let names: Vec<Rc<str>> = ["ann", "bob", "eve", "dan"].map(Rc::from).to_vec();
        for (count, words) in [
            (0, ""),
            (1, "ann is typing"),
            (2, "ann and bob are typing"),
            (3, "ann, bob and eve are typing"),
            (4, "ann, bob and 2 others are typing"),
        ] {
            assert_eq!(typing_words(&names[..count]), words);
        }
    }
}
