//! Texts that are being written, chunk by chunk. Times are the server's.

use std::collections::HashMap;
use std::rc::Rc;

use nexus_protocol::AiUpdate;

use crate::canvas::live::Live;
use crate::state::feed::Moment;

/// Most streams that are kept; ended ones go first, the oldest of them first.
pub(crate) const STREAMS: usize = 100;
/// Most bytes of a text that are kept; of a longer one the end is.
pub(crate) const TEXT_BYTES: usize = 256 * 1024;

/// Every stream that is known. Which there are changes seldom; what each says changes with every chunk, so each is a
/// live value of its own.
#[derive(Default)]
pub(crate) struct Streams {
    known: HashMap<Rc<str>, (u64, Live<Stream>)>,
    seen: u64,
}

/// One stream.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Stream {
    /// Its name.
    pub(crate) id: Rc<str>,
    /// For people.
    pub(crate) title: Option<Rc<str>>,
    /// The text so far.
    pub(crate) text: String,
    /// How it is.
    pub(crate) state: StreamState,
    /// When it was first heard of.
    pub(crate) first_at: Moment,
    /// When it was last heard of.
    pub(crate) last_at: Moment,
    /// How many chunks came.
    pub(crate) chunks: u64,
    /// Whether the beginning was cut off because the text is too long.
    pub(crate) is_cut: bool,
    /// The number of the next chunk.
    next: u64,
}

/// How a stream is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StreamState {
    /// More will come.
    Writing,
    /// The text is complete.
    Done,
    /// It broke off, and why.
    Failed(Rc<str>),
    /// Chunks are missing; the next snapshot has them.
    Torn,
}

impl Streams {
    /// A stream that is known.
    pub(crate) fn of(&self, id: &str) -> Option<Live<Stream>> {
        self.known.get(id).map(|(_, stream)| stream.clone())
    }

    /// Takes what was first heard of a stream, published at `at`.
    pub(crate) fn begin(&mut self, update: &AiUpdate, at: Moment) {
        let id: Rc<str> = update.stream_id.as_str().into();
        self.seen += 1;
        let mut stream = Stream::new(id.clone(), at);
        stream.take(update, at);
        self.known.insert(id, (self.seen, Live::new(stream)));
        if self.known.len() > STREAMS {
            self.make_room();
        }
    }

    /// The streams, newest first.
    pub(crate) fn newest_first(&self) -> Vec<(Rc<str>, Live<Stream>)> {
        let mut streams: Vec<_> = self
            .known
            .iter()
            .map(|(id, (place, stream))| (std::cmp::Reverse(*place), id.clone(), stream.clone()))
            .collect();
        streams.sort_by_key(|(place, ..)| *place);
        streams.into_iter().map(|(_, id, stream)| (id, stream)).collect()
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn make_room(&mut self) {
        let oldest = self
            .known
            .iter()
            .min_by_key(|(_, (_, stream))| stream.read(|stream| (!stream.is_ended(), stream.last_at)))
            .map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.known.remove(&id);
        }
    }
}

impl Stream {
    fn new(id: Rc<str>, at: Moment) -> Self {
        Stream {
            id,
            title: None,
            text: String::new(),
            state: StreamState::Writing,
            first_at: at,
            last_at: at,
            chunks: 0,
            is_cut: false,
            next: 0,
        }
    }

    /// Takes what was published at `at`.
    pub(crate) fn take(&mut self, update: &AiUpdate, at: Moment) {
        if let Some(title) = &update.title {
            self.title = Some(title.as_str().into());
        }
        match (&update.text, update.index) {
            // All of it, up to and with this chunk.
            (Some(text), index) => {
                let next = index.map_or(0, |index| index.saturating_add(1));
                if next < self.next {
                    return;
                }
                text.clone_into(&mut self.text);
                self.next = next;
                self.chunks = self.chunks.max(next);
                self.is_cut = false;
                self.state = StreamState::Writing;
            }
            // Known already.
            (None, Some(index)) if index < self.next => return,
            (None, index) => {
                if index.is_some_and(|index| index > self.next) {
                    // A hole in a text must be seen: it would read as if nothing were missing.
                    self.text.push_str(" […] ");
                    self.state = StreamState::Torn;
                }
                self.text.push_str(&update.chunk);
                self.next = index.unwrap_or(self.next).saturating_add(1);
                self.chunks += 1;
            }
        }
        self.last_at = self.last_at.max(at);
        if let Some(error) = &update.error {
            self.state = StreamState::Failed(error.as_str().into());
        } else if update.done && self.state != StreamState::Torn {
            self.state = StreamState::Done;
        }
        self.cut();
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &Rc<str> {
        self.title.as_ref().unwrap_or(&self.id)
    }

    /// Whether a text, in small letters, stands in it.
    pub(crate) fn answers(&self, query: &str) -> bool {
        self.name().to_lowercase().contains(query)
            || self.id.to_lowercase().contains(query)
            || self.text.to_lowercase().contains(query)
    }

    /// Whether nothing more will come.
    pub(crate) fn is_ended(&self) -> bool {
        match self.state {
            StreamState::Writing => false,
            StreamState::Done | StreamState::Failed(_) | StreamState::Torn => true,
        }
    }

    fn cut(&mut self) {
        if self.text.len() > TEXT_BYTES {
            // A little more than needed, so that not every chunk moves the whole text.
            let least = self.text.len() - TEXT_BYTES * 7 / 8;
            let from = (least..self.text.len()).find(|at| self.text.is_char_boundary(*at));
            self.text.drain(..from.unwrap_or(self.text.len()));
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(index: u64, text: &str) -> AiUpdate {
        AiUpdate {
            stream_id: "s".into(),
            title: None,
            index: Some(index),
            chunk: text.into(),
            text: None,
            done: false,
            error: None,
        }
    }

    fn snapshot(index: u64, text: &str) -> AiUpdate {
        AiUpdate {
            text: Some(text.into()),
            ..chunk(index, "")
        }
    }

    fn told(updates: &[AiUpdate]) -> Stream {
        let mut stream = Stream::new("s".into(), 0);
        for (at, update) in updates.iter().enumerate() {
            stream.take(update, at as u64);
        }
        stream
    }

    #[test]
    fn a_text_is_complete_however_one_came_to_it() {
        let done = AiUpdate {
            done: true,
            ..chunk(3, "!")
        };
        for updates in [
            vec![chunk(0, "Hel"), chunk(1, "lo "), chunk(2, "you"), done.clone()],
            vec![snapshot(1, "Hello "), chunk(2, "you"), done.clone()],
            vec![
                chunk(0, "Hel"),
                chunk(1, "lo "),
                snapshot(2, "Hello you"),
                chunk(2, "you"),
                done.clone(),
            ],
            vec![
                chunk(0, "Hel"),
                snapshot(2, "Hello you"),
                snapshot(1, "Hello "),
                done.clone(),
            ],
            vec![AiUpdate {
                done: true,
                ..snapshot(3, "Hello you!")
            }],
        ] {
            let stream = told(&updates);
            assert_eq!(
                (stream.text.as_str(), &stream.state),
                ("Hello you!", &StreamState::Done),
                "{updates:?}"
            );
        }
    }

    #[test]
    fn a_hole_is_seen_and_the_next_snapshot_mends_it() {
        let torn = [chunk(0, "one"), chunk(3, "four")];
        let stream = told(&torn);
        assert_eq!(
            (stream.text.as_str(), &stream.state),
            ("one […] four", &StreamState::Torn)
        );
        let mut mended = torn.to_vec();
        mended.push(snapshot(3, "one two three four"));
        let stream = told(&mended);
        assert_eq!(
            (stream.text.as_str(), &stream.state),
            ("one two three four", &StreamState::Writing)
        );
    }

    #[test]
    fn a_stream_that_breaks_off_says_why() {
        let broken = AiUpdate {
            error: Some("no more memory".into()),
            ..chunk(1, "")
        };
        assert_eq!(
            told(&[chunk(0, "x"), broken]).state,
            StreamState::Failed("no more memory".into())
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut streams = Streams::default();
        streams.begin(&chunk(0, "goes on"), 0);
        for n in 0..STREAMS + 5 {
            let update = AiUpdate {
                stream_id: format!("s{n}"),
                done: true,
                ..chunk(0, "x")
            };
            streams.begin(&update, n as u64);
        }
        assert_eq!(streams.len(), STREAMS);
        assert!(streams.known.contains_key("s"), "what goes on stays");
        let long = "ä".repeat(TEXT_BYTES);
        let stream = streams.of("s").unwrap();
        stream.write(|stream| stream.take(&snapshot(9, &long), 9));
        let stream = stream.read(Clone::clone);
        assert!(stream.text.len() <= TEXT_BYTES && stream.is_cut);
    }
}
