//! What happened: the newest events, whatever they hold. Times are the server's.

use std::collections::VecDeque;
use std::rc::Rc;

use nexus_protocol::{Json, Offset, UserId};
use serde_json::Value;

use crate::state::feed::Moment;

/// Most events that are kept; the oldest go first.
pub(crate) const EVENTS: usize = 500;
/// Letters of a summary.
const SUMMARY: usize = 160;

/// The newest events, oldest first.
#[derive(Default)]
pub(crate) struct EventFeed {
    events: VecDeque<Rc<Happening>>,
    taken: u64,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Happening {
    /// Its place in the order of all.
    pub(crate) offset: Option<Offset>,
    /// When it was published.
    pub(crate) at: Moment,
    /// Who published it, where the server vouches for it.
    pub(crate) from: Option<UserId>,
    /// What kind it is, if it says so.
    pub(crate) kind: Rc<str>,
    /// The rest in a line.
    pub(crate) summary: Rc<str>,
    /// How grave it is.
    pub(crate) tone: Tone,
    /// All of it, as it was published.
    pub(crate) data: Json,
    /// Counts the events of this page.
    pub(crate) number: u64,
}

/// How grave an event is, as far as it says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// It says nothing, or nothing grave.
    Plain,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Bad,
}

impl EventFeed {
    /// Takes an event, unless it is known.
    pub(crate) fn take(&mut self, data: &Json, at: Moment, offset: Option<Offset>, from: Option<UserId>) {
        let is_known = offset.is_some()
            && self
                .events
                .iter()
                .any(|event| event.offset == offset && event.at == at);
        if is_known {
            return;
        }
        self.taken += 1;
        let (kind, summary, tone) = read(data);
        let event = Rc::new(Happening {
            offset,
            at,
            from,
            kind,
            summary,
            tone,
            data: data.clone(),
            number: self.taken,
        });
        // The history comes after what is live.
        let place = self
            .events
            .partition_point(|known| (known.at, known.offset) <= (at, offset));
        self.events.insert(place, event);
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    /// How many came.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// All that are kept, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Rc<Happening>> {
        self.events.iter().rev()
    }
}

impl Happening {
    /// Whether a text stands anywhere in it.
    pub(crate) fn answers(&self, query: &str) -> bool {
        let query = query.trim().to_lowercase();
        query.is_empty()
            || self.kind.to_lowercase().contains(&query)
            || self.data.as_str().to_lowercase().contains(&query)
            || self
                .from
                .as_ref()
                .is_some_and(|from| from.as_str().to_lowercase().contains(&query))
    }
}

/// Kind, summary and tone of an event: the fields that most publishers have, by their usual names.
fn read(data: &Json) -> (Rc<str>, Rc<str>, Tone) {
    let Ok(Value::Object(fields)) = data.read::<Value>() else {
        return ("event".into(), short(data.as_str()), Tone::Plain);
    };
    let text = |names: &[&str]| {
        names.iter().find_map(|name| {
            Some((*name, fields.get(*name)?.as_str()?)).map(|(name, text)| (name.to_owned(), text))
        })
    };
    let kind = text(&["kind", "type", "event", "name"]);
    let message = text(&["message", "text", "title", "summary", "description"]);
    let grave = text(&["level", "severity"]).map(|(_, text)| text.to_lowercase());
    let tone = match grave.as_deref() {
        Some("warn" | "warning") => Tone::Warn,
        Some("error" | "critical" | "fatal" | "alert" | "emergency") => Tone::Bad,
        _ => Tone::Plain,
    };
    let summary = match &message {
        Some((_, message)) => short(message),
        None => {
            let rest = fields
                .iter()
                .filter(|(name, _)| kind.as_ref().is_none_or(|(used, _)| used != *name))
                .map(|(name, value)| match value {
                    Value::String(text) => format!("{name}: {text}"),
                    other => format!("{name}: {other}"),
                });
            short(&rest.collect::<Vec<_>>().join(" · "))
        }
    };
    (
        kind.map_or("event".into(), |(_, kind)| short(kind)),
        summary,
        tone,
    )
}

fn short(text: &str) -> Rc<str> {
    match text.char_indices().nth(SUMMARY) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(events: &[(&str, Moment, u64)]) -> EventFeed {
        let mut feed = EventFeed::default();
        for (text, at, offset) in events {
            feed.take(&Json::parse(text).unwrap(), *at, Some(Offset(*offset)), None);
        }
        feed
    }

    #[test]
    fn an_event_is_read_by_the_names_that_most_publishers_use() {
        for (text, kind, summary, tone) in [
            (
                r#"{"kind":"deploy","message":"v2 is out"}"#,
                "deploy",
                "v2 is out",
                Tone::Plain,
            ),
            (
                r#"{"type":"alarm","level":"error","zone":3}"#,
                "alarm",
                "level: error · zone: 3",
                Tone::Bad,
            ),
            (
                r#"{"event":"login","user":"ada","level":"warning"}"#,
                "login",
                "level: warning · user: ada",
                Tone::Warn,
            ),
            (r#"{"a":{"b":1}}"#, "event", r#"a: {"b":1}"#, Tone::Plain),
            ("[1, 2]", "event", "[1, 2]", Tone::Plain),
            (r#""hello""#, "event", r#""hello""#, Tone::Plain),
            (r#"{"kind":7}"#, "event", "kind: 7", Tone::Plain),
        ] {
            let feed = feed(&[(text, 1, 1)]);
            let event = feed.newest_first().next().unwrap();
            assert_eq!(
                (&*event.kind, &*event.summary, event.tone),
                (kind, summary, tone),
                "{text}"
            );
        }
    }

    #[test]
    fn the_history_falls_into_its_place_and_nothing_comes_twice() {
        let feed = feed(&[
            (r#"{"kind":"c"}"#, 3, 3),
            (r#"{"kind":"a"}"#, 1, 1),
            (r#"{"kind":"b"}"#, 2, 2),
            (r#"{"kind":"c"}"#, 3, 3),
        ]);
        let kinds: String = feed.newest_first().map(|event| event.kind.to_string()).collect();
        assert_eq!((kinds.as_str(), feed.taken()), ("cba", 3));
    }

    #[test]
    fn memory_is_bounded_and_long_texts_are_cut() {
        let mut feed = EventFeed::default();
        let long = Json::of(&"ä".repeat(1_000)).unwrap();
        for n in 0..EVENTS as u64 + 5 {
            feed.take(&long, n, Some(Offset(n)), None);
        }
        assert_eq!((feed.len(), feed.taken()), (EVENTS, EVENTS as u64 + 5));
        assert!(feed.newest_first().next().unwrap().summary.chars().count() <= SUMMARY + 1);
    }

    #[test]
    fn a_search_looks_everywhere() {
        let feed = feed(&[(r#"{"kind":"Deploy","deep":{"name":"Blue"}}"#, 1, 1)]);
        let event = feed.newest_first().next().unwrap();
        for (query, expected) in [("", true), ("deploy", true), ("blue", true), ("green", false)] {
            assert_eq!(event.answers(query), expected, "{query}");
        }
    }
}
