//! What is published: text that goes out as it is, and how a snapshot is put together from publications.
//!
//! Content is opaque JSON text. Nothing here parses it; whoever publishes vouches that it is JSON.

use std::sync::Arc;

use nexus_protocol::UserId;

/// The payload of a publication.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// One value. A newer one does not replace it for `every` subscribers, and does for `latest` ones.
    Whole(Arc<str>),
    /// One value that replaces an earlier one of the same key for whoever comes later: a device, a task, a stream.
    Keyed(Keyed),
    /// Parts by key: a later part replaces an earlier one of the same key, and the snapshot is all parts.
    Parts(Parts),
}

/// A value that is the newest of its key. The snapshot of a topic is the newest of every key, each as a push of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyed {
    /// What it is of: a device, a command, a task, a stream.
    pub key: Arc<str>,
    /// The payload.
    pub text: Arc<str>,
    /// What stands for the key in a snapshot, where that is more than the payload: the whole of a stream's text.
    pub stands: Option<Arc<str>>,
    /// Whether nothing more comes for the key: those go first when there are too many.
    pub is_final: bool,
}

/// What is handed to the broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The payload.
    pub content: Content,
    /// The user who publishes it, where subscribers are to be told.
    pub from: Option<UserId>,
}

/// An object or a list that is published by parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// What stands around the parts; the same for every publication of a topic.
    pub frame: Arc<Frame>,
    /// The parts that changed, in the order in which they are to be written.
    pub parts: Vec<Part>,
}

/// What stands around parts, and how many a snapshot keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Before the first part: `{`, or `{"symbol":"BTC","interval":"1m","candles":[`.
    pub open: Box<str>,
    /// Behind the last part: `}`, or `]}`.
    pub close: Box<str>,
    /// The most parts that a snapshot keeps; those that are final go first, then those with the smallest keys.
    pub keep: usize,
}

/// One part: its key, and its text as it stands between the commas (`"BTC":{…}`, or `{…}` in a list).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it is the part of: a later part of the same key replaces this one.
    pub key: PartKey,
    /// The text.
    pub text: Arc<str>,
    /// Whether nothing more comes for the key: those go first when a snapshot has too many.
    pub is_final: bool,
}

/// The key of a part. Its order is the order of the parts in a snapshot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PartKey {
    /// A number: the time of a bar.
    Number(u64),
    /// A name: the symbol of a price.
    Name(Arc<str>),
}

impl From<Content> for Draft {
    fn from(content: Content) -> Self {
        Draft { content, from: None }
    }
}

impl Content {
    /// What stands for the key where that is more than the payload.
    pub fn stands(&self) -> Option<&Arc<str>> {
        match self {
            Content::Keyed(keyed) => keyed.stands.as_ref(),
            Content::Whole(_) | Content::Parts(_) => None,
        }
    }

    /// The text of the whole payload.
    pub fn render(&self) -> String {
        match self {
            Content::Whole(text) => text.to_string(),
            Content::Keyed(keyed) => keyed.text.to_string(),
            Content::Parts(Parts { frame, parts }) => frame.render(parts.iter().map(|part| &*part.text)),
        }
    }
}

impl Frame {
    /// Parts within the frame.
    pub fn render<'a>(&self, parts: impl Iterator<Item = &'a str> + Clone) -> String {
        let inside: usize = parts.clone().map(|part| part.len() + 1).sum();
        let mut text = String::with_capacity(self.open.len() + inside + self.close.len());
        text.push_str(&self.open);
        for (place, part) in parts.enumerate() {
            if place > 0 {
                text.push(',');
            }
            text.push_str(part);
        }
        text.push_str(&self.close);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(of: &[(&str, &str)]) -> Content {
        Content::Parts(Parts {
            frame: Arc::new(Frame {
                open: "{".into(),
                close: "}".into(),
                keep: 9,
            }),
            parts: of
                .iter()
                .map(|(key, text)| Part {
                    key: PartKey::Name((*key).into()),
                    text: (*text).into(),
                    is_final: false,
                })
                .collect(),
        })
    }

    #[test]
    fn parts_are_joined_by_commas_within_the_frame() {
        assert_eq!(Content::Whole("[1]".into()).render(), "[1]");
        assert_eq!(parts(&[]).render(), "{}");
        assert_eq!(parts(&[("a", r#""a":1"#)]).render(), r#"{"a":1}"#);
        assert_eq!(
            parts(&[("a", r#""a":1"#), ("b", r#""b":2"#)]).render(),
            r#"{"a":1,"b":2}"#
        );
    }
}
