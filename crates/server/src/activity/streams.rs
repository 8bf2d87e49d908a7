//! Which streams of text there are, their whole texts so far, and whether a chunk is the next one.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{AiUpdate, Epoch, ErrorCode, Offset, Position, Refusal, Timestamp};
use serde_json::json;

use crate::activity::remembered::Remembered;
use crate::activity::{MOST_MESSAGE_CHARS, MOST_TITLE_CHARS, Verdict, check_name, check_text, wrong};

/// The longest chunk, in bytes.
const MOST_CHUNK_BYTES: usize = 4 << 10;
/// The longest stream, in bytes.
const MOST_STREAM_BYTES: usize = 256 << 10;
/// The most chunks of a stream.
const MOST_CHUNKS: usize = 64 << 10;
/// The most streams that are remembered.
const MOST_STREAMS: usize = 1_000;
/// What all of them may hold.
const MOST_BYTES: usize = 64 << 20;
/// A stream without an end that nothing came of for so long may be let go for another one.
const ABANDONED: Duration = Duration::from_secs(600);

/// Which streams there are.
#[derive(Debug, Default)]
pub struct Streams {
    remembered: Remembered<Stream>,
    /// What all of them hold.
    bytes: usize,
}

/// A chunk that is the next one of its stream.
#[derive(Clone, PartialEq, Debug)]
pub struct Chunk {
    /// Its number.
    pub index: u64,
    /// The whole stream with it, as JSON: what a late viewer gets.
    pub stands: Arc<str>,
    update: AiUpdate,
    at: Timestamp,
}

#[derive(Debug)]
struct Stream {
    title: Option<String>,
    text: String,
    /// The number of the next chunk.
    next: u64,
    /// The chunks that came since the server started, the last ones of the stream.
    pieces: Vec<Piece>,
    /// How much of the text came before them.
    restored: usize,
    epoch: Option<Epoch>,
    done: bool,
    error: Option<String>,
    touched: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it ends in the text.
    end: usize,
    /// Where it was published.
    offset: Option<Offset>,
}

impl Streams {
    /// Whether a chunk has the right shape and is the next of its stream. Makes room for it.
    ///
    /// # Errors
    /// If not, or if there is no room.
    pub fn check(&mut self, update: &AiUpdate, now: Timestamp) -> Result<Verdict<Chunk>, Refusal> {
        check_shape(update)?;
        let standing = self.remembered.get(&update.stream_id);
        let next = standing.map_or(0, |stream| stream.next);
        let index = update.index.unwrap_or(next);
        if let Some(stream) = standing.filter(|_| index < next) {
            return stream.repeat(update, index).map(Verdict::Repeat);
        }
        if standing.is_some_and(Stream::is_over) {
            return Err(wrong(format!(
                "`{}` has ended; give another stream another `stream_id`",
                update.stream_id
            )));
        }
        if index > next {
            return Err(Refusal {
                details: Some(json!({ "expected": next })),
                ..wrong(format!("the next `index` of `{}` is {next}", update.stream_id))
            });
        }
        let (bytes, chunks) = standing.map_or((0, 0), |stream| (stream.text.len(), stream.pieces.len()));
        if bytes + update.chunk.len() > MOST_STREAM_BYTES || chunks >= MOST_CHUNKS {
            return Err(wrong(format!(
                "a stream has at most {MOST_STREAM_BYTES} bytes and {MOST_CHUNKS} chunks; end it and begin another"
            )));
        }
        let stands = whole(standing, update, index);
        self.make_room(update, now)?;
        Ok(Verdict::Publish(Chunk {
            index,
            stands,
            update: update.clone(),
            at: now,
        }))
    }

    /// Notes a chunk that was published.
    pub fn note(&mut self, chunk: Chunk, position: Option<Position>) {
        let update = chunk.update;
        let mut stream = self
            .take(&update.stream_id)
            .unwrap_or_else(|| Stream::new(chunk.at));
        stream.text.push_str(&update.chunk);
        stream.title = stream.title.or(update.title);
        stream.next = chunk.index + 1;
        stream.done = update.done;
        stream.error = update.error;
        stream.touched = chunk.at;
        if let Some(position) = &position {
            stream.epoch = Some(position.epoch.clone());
        }
        stream.pieces.push(Piece {
            end: stream.text.len(),
            offset: position.map(|position| position.offset),
        });
        self.put(&update.stream_id, stream);
    }

    pub(super) fn restore(&mut self, standing: &[(Arc<str>, Arc<str>)]) {
        for (_, text) in standing {
            let Ok(update) = serde_json::from_str::<AiUpdate>(text) else {
                continue;
            };
            let text = update.text.unwrap_or_default();
            let stream = Stream {
                title: update.title,
                restored: text.len(),
                text,
                next: update.index.map_or(0, |index| index + 1),
                done: update.done,
                error: update.error,
                ..Stream::new(Timestamp::default())
            };
            self.put(&update.stream_id, stream);
        }
    }

    /// Lets go of streams that are over or abandoned, until there is room for this one's chunk.
    fn make_room(&mut self, update: &AiUpdate, now: Timestamp) -> Result<(), Refusal> {
        let is_new = self.remembered.get(&update.stream_id).is_none();
        let wanted = update.chunk.len() + size_of::<Piece>();
        while self.bytes + wanted > MOST_BYTES || (is_new && self.remembered.len() >= MOST_STREAMS) {
            let Some((name, first)) = self.remembered.first() else {
                return Ok(());
            };
            let may_go = first.is_over() || now.since(first.touched) >= ABANDONED;
            if !may_go || **name == *update.stream_id {
                return Err(Refusal::new(
                    ErrorCode::RateLimited,
                    format!("more than {MOST_STREAMS} streams go on, or they hold too much; end some first"),
                )
                .retry_after_ms(60_000));
            }
            let gone = self.remembered.pop_first();
            self.bytes -= gone.map_or(0, |stream| stream.bytes());
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Stream> {
        let stream = self.remembered.take(name)?;
        self.bytes -= stream.bytes();
        Some(stream)
    }

    fn put(&mut self, name: &str, stream: Stream) {
        self.take(name);
        self.bytes += stream.bytes();
        let is_over = stream.is_over();
        self.remembered.put(name, stream, is_over);
    }
}

impl Stream {
    fn new(now: Timestamp) -> Self {
        Stream {
            title: None,
            text: String::new(),
            next: 0,
            pieces: Vec::new(),
            restored: 0,
            epoch: None,
            done: false,
            error: None,
            touched: now,
        }
    }

    fn is_over(&self) -> bool {
        self.done || self.error.is_some()
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.pieces.len() * size_of::<Piece>()
    }

    /// Where a chunk was published that this is a repeat of, if that is known.
    fn repeat(&self, update: &AiUpdate, index: u64) -> Result<Option<Position>, Refusal> {
        let forgotten = self.next - self.pieces.len() as u64;
        let Some(place) = index.checked_sub(forgotten).map(|place| place as usize) else {
            // Where it began and ended was forgotten with the restart.
            if self.text.contains(&update.chunk) {
                return Ok(None);
            }
            return Err(other_text(index));
        };
        let start = if place == 0 {
            self.restored
        } else {
            self.pieces[place - 1].end
        };
        let piece = self.pieces[place];
        if self.text[start..piece.end] != *update.chunk {
            return Err(other_text(index));
        }
        let position = self.epoch.clone().zip(piece.offset);
        Ok(position.map(|(epoch, offset)| Position { epoch, offset }))
    }
}

fn other_text(index: u64) -> Refusal {
    wrong(format!("the chunk {index} was published with another text"))
}

fn check_shape(update: &AiUpdate) -> Result<(), Refusal> {
    check_name("stream_id", &update.stream_id)?;
    check_text("title", update.title.as_deref(), MOST_TITLE_CHARS)?;
    check_text("error", update.error.as_deref(), MOST_MESSAGE_CHARS)?;
    if update.text.is_some() {
        return Err(wrong("`text` is the server's; publish the next piece as `chunk`"));
    }
    if update.chunk.len() > MOST_CHUNK_BYTES {
        return Err(wrong(format!(
            "`chunk` has at most {MOST_CHUNK_BYTES} bytes; publish it in pieces"
        )));
    }
    Ok(())
}

/// A stream with one more chunk, as JSON.
fn whole(stream: Option<&Stream>, update: &AiUpdate, index: u64) -> Arc<str> {
    let (title, before) = stream.map_or((None, ""), |stream| (stream.title.clone(), stream.text.as_str()));
    let mut text = String::with_capacity(before.len() + update.chunk.len());
    text.push_str(before);
    text.push_str(&update.chunk);
    let whole = AiUpdate {
        stream_id: update.stream_id.clone(),
        title: title.or_else(|| update.title.clone()),
        index: Some(index),
        chunk: String::new(),
        text: Some(text),
        done: update.done,
        error: update.error.clone(),
    };
    let text = serde_json::to_string(&whole).expect("texts and numbers are JSON");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EXAMPLE;

    fn update(text: &str) -> AiUpdate {
        serde_json::from_str(text).unwrap()
    }

    fn position(offset: u64) -> Position {
        Position {
            epoch: Epoch::parse("e").unwrap(),
            offset: Offset(offset),
        }
    }

    /// Publishes one chunk; gives back what stands then.
    #[track_caller]
    fn publish(streams: &mut Streams, text: &str, at: u64) -> String {
        match streams.check(&update(text), NOW) {
            Ok(Verdict::Publish(chunk)) => {
                let stands = chunk.stands.to_string();
                streams.note(chunk, Some(position(at)));
                stands
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_server_counts_or_checks_the_number_and_the_whole_text_stands() {
        let mut streams = Streams::default();
        let first = publish(&mut streams, r#"{"stream_id":"s","title":"A","chunk":"He"}"#, 1);
        assert_eq!(first, r#"{"stream_id":"s","title":"A","index":0,"text":"He"}"#);
        publish(&mut streams, r#"{"stream_id":"s","index":1,"chunk":"llo, "}"#, 2);
        publish(&mut streams, r#"{"stream_id":"t","chunk":"other"}"#, 3);
        let last = publish(
            &mut streams,
            r#"{"stream_id":"s","chunk":"wörld","done":true}"#,
            4,
        );
        assert_eq!(
            last,
            r#"{"stream_id":"s","title":"A","index":2,"text":"Hello, wörld","done":true}"#
        );
    }

    #[test]
    fn a_repeat_is_known_by_its_number_and_text_and_a_jump_is_told_the_next() {
        let mut streams = Streams::default();
        publish(&mut streams, r#"{"stream_id":"s","chunk":"one"}"#, 1);
        publish(&mut streams, r#"{"stream_id":"s","chunk":"two"}"#, 2);
        for (text, expected) in [
            (r#"{"stream_id":"s","index":0,"chunk":"one"}"#, Ok(1)),
            (r#"{"stream_id":"s","index":1,"chunk":"two"}"#, Ok(2)),
            (r#"{"stream_id":"s","index":0,"chunk":"two"}"#, Err(None)),
            (r#"{"stream_id":"s","index":0,"chunk":""}"#, Err(None)),
            (r#"{"stream_id":"s","index":3,"chunk":"x"}"#, Err(Some(2))),
            (r#"{"stream_id":"new","index":1,"chunk":"x"}"#, Err(Some(0))),
        ] {
            match (streams.check(&update(text), NOW), expected) {
                (Ok(Verdict::Repeat(at)), Ok(offset)) => assert_eq!(at, Some(position(offset)), "{text}"),
                (Err(refusal), Err(next)) => assert_eq!(
                    refusal.details,
                    next.map(|next: u64| json!({ "expected": next })),
                    "{text}"
                ),
                (verdict, _) => panic!("{text}: {verdict:?}"),
            }
        }
    }

    #[test]
    fn an_end_or_an_error_ends_it() {
        for end in [r#""done":true"#, r#""error":"the model broke off""#] {
            let mut streams = Streams::default();
            publish(
                &mut streams,
                &format!(r#"{{"stream_id":"s","chunk":"x",{end}}}"#),
                1,
            );
            for more in [r#""chunk":"y""#, r#""index":1,"chunk":"y""#, r#""index":9"#] {
                let more = update(&format!(r#"{{"stream_id":"s",{more}}}"#));
                assert!(
                    streams
                        .check(&more, NOW)
                        .unwrap_err()
                        .message
                        .contains("has ended")
                );
            }
            let again = update(r#"{"stream_id":"s","index":0,"chunk":"x","done":true}"#);
            assert_eq!(streams.check(&again, NOW), Ok(Verdict::Repeat(Some(position(1)))));
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let long = |bytes: usize| "x".repeat(bytes);
        let mut streams = Streams::default();
        for text in [
            r#"{"stream_id":""}"#.to_owned(),
            r#"{"stream_id":"a\u0000b"}"#.to_owned(),
            format!(r#"{{"stream_id":"{}"}}"#, long(65)),
            format!(r#"{{"stream_id":"s","title":"{}"}}"#, long(201)),
            format!(r#"{{"stream_id":"s","error":"{}"}}"#, long(1_001)),
            format!(r#"{{"stream_id":"s","chunk":"{}"}}"#, long(4_097)),
            r#"{"stream_id":"s","text":"all"}"#.to_owned(),
        ] {
            let refusal = streams.check(&update(&text), NOW).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidParams, "{text}");
        }
        let chunk = format!(r#"{{"stream_id":"s","chunk":"{}"}}"#, long(4_096));
        for at in 1..=64 {
            publish(&mut streams, &chunk, at);
        }
        assert!(
            streams
                .check(&update(&chunk), NOW)
                .unwrap_err()
                .message
                .contains("262144")
        );
        publish(&mut streams, r#"{"stream_id":"s","done":true}"#, 65);
    }

    #[test]
    fn streams_that_are_over_make_room_and_those_that_go_on_only_when_abandoned() {
        let mut streams = Streams::default();
        for number in 0..MOST_STREAMS {
            publish(
                &mut streams,
                &format!(r#"{{"stream_id":"{number}","chunk":"x"}}"#),
                1,
            );
        }
        let new = update(r#"{"stream_id":"new","chunk":"x"}"#);
        let refusal = streams.check(&new, NOW).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::RateLimited);
        publish(&mut streams, r#"{"stream_id":"500","done":true}"#, 1);
        publish(&mut streams, r#"{"stream_id":"new","chunk":"x"}"#, 1);
        assert!(streams.remembered.get("500").is_none());
        let later = Timestamp::from_millis(NOW.as_millis() + ABANDONED.as_millis() as u64);
        let newer = update(r#"{"stream_id":"newer","chunk":"x"}"#);
        assert!(matches!(streams.check(&newer, later), Ok(Verdict::Publish(_))));
        assert!(streams.remembered.get("0").is_none());
        let held: usize = (0..streams.remembered.len())
            .filter_map(|_| streams.remembered.pop_first())
            .map(|stream| stream.bytes())
            .sum();
        assert_eq!(streams.bytes, held, "what is held is counted right");
    }

    #[test]
    fn a_restored_stream_goes_on_where_it_stood() {
        let mut streams = Streams::default();
        let stands = r#"{"stream_id":"s","title":"A","index":7,"text":"so far"}"#;
        streams.restore(&[("s".into(), stands.into()), ("t".into(), "junk".into())]);
        let is_repeat = |streams: &mut Streams, text| {
            matches!(streams.check(&update(text), NOW), Ok(Verdict::Repeat(None)))
        };
        assert!(is_repeat(
            &mut streams,
            r#"{"stream_id":"s","index":7,"chunk":" far"}"#
        ));
        assert!(!is_repeat(
            &mut streams,
            r#"{"stream_id":"s","index":7,"chunk":"more"}"#
        ));
        let stands = publish(&mut streams, r#"{"stream_id":"s","index":8,"chunk":" good"}"#, 9);
        assert_eq!(
            stands,
            r#"{"stream_id":"s","title":"A","index":8,"text":"so far good"}"#
        );
        let again = update(r#"{"stream_id":"s","index":8,"chunk":" good"}"#);
        assert_eq!(streams.check(&again, NOW), Ok(Verdict::Repeat(Some(position(9)))));
    }
}
