//! `nexus sub`: listens to a topic.

use std::io::{StdoutLock, Write};
use std::path::PathBuf;
use std::time::Duration;

use nexus_client::native::{Client, Events};
use nexus_client::{AfterRefusal, Back, Event, LinkState, TokenNeed};
use nexus_protocol::{
    ChannelStatus, ErrorCode, FeedState, Mode, Offset, Payload, Position, PresenceUpdate, Publication, Push,
    Refusal, Subscribe, SubscriptionToken, Timestamp, Topic, encode_push,
};

use crate::ask::explain_stop;
use crate::connection::{Connection, interrupted, read_token};
use crate::failure::Failure;
use crate::filter::Filter;
use crate::paint::Paint;
use crate::selection::Selection;
use crate::when::{parse_position, parse_time};

/// Options of `nexus sub`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    filter: Filter,

    #[command(flatten)]
    connection: Connection,

    /// Subscribe with the token for this subscription that is in this file (see `nexus token --channel`)
    #[arg(long, value_name = "FILE")]
    subscription_token_file: Option<PathBuf>,

    /// Every publication in order, or only the newest of what waits while this end is slow, or the throttle lasts
    #[arg(long, value_enum)]
    mode: Option<ModeWord>,

    /// The same as --mode latest
    #[arg(long, conflicts_with_all = ["every", "mode"])]
    latest: bool,

    /// The same as --mode every
    #[arg(long, conflicts_with = "mode")]
    every: bool,

    /// Nothing for so many milliseconds after something came, and then the newest; means --mode latest
    #[arg(long, value_name = "MS", conflicts_with = "every")]
    throttle: Option<u32>,

    /// The newest of each value of this field, such as place.id, and not the newest of all; means --mode latest
    #[arg(long, value_name = "FIELD", conflicts_with = "every")]
    key: Option<String>,

    /// Whole messages as JSON, as they come over the wire, one a line
    #[arg(long, conflicts_with = "pretty")]
    json: bool,

    /// What was published as indented JSON
    #[arg(long)]
    pretty: bool,

    /// Stop after so many publications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// First what was published since then: a time such as 2026-11-03T01:53:54Z, or for how long, such as 5m
    #[arg(long, value_name = "WHEN", value_parser = parse_time, conflicts_with = "recover")]
    since: Option<Timestamp>,

    /// Go on behind this position, as a former run named it at its end
    #[arg(long, value_name = "EPOCH:OFFSET", value_parser = parse_position)]
    recover: Option<Position>,
}

/// A mode, as it is written.
#[derive(Clone, Copy, clap::ValueEnum)]
enum ModeWord {
    /// Every publication
    Every,
    /// The newest
    Latest,
}

/// Why listening ended well.
enum End {
    /// As many as were wanted have come.
    Enough,
    /// Someone pressed Ctrl-C, or asked the process to end.
    Interrupted,
}

/// Listens until there is enough, or someone or something ends it.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let subscribe = args.subscribe()?;
    let topic = subscribe.topic.clone();
    let (client, events) = Client::connect(args.connection.config()?);
    let ended = Failure::Because("the client has ended".to_owned());
    client.subscribe(subscribe).await.map_err(|_| ended)?;

    let mut printer = Printer {
        out: std::io::stdout().lock(),
        style: args.style(),
        paint: Paint::stdout(),
        notes: Paint::stderr(),
        server: args.connection.server.to_string(),
        left: args.count,
        printed: None,
    };
    let end = tokio::select! {
        end = printer.listen(&client, events) => end,
        () = interrupted() => Ok(End::Interrupted),
    };
    let position = client
        .view(move |session, _| session.position(&topic).cloned())
        .await;
    client.close().await;
    end?;
    if let Ok(Some(Position { epoch, offset })) = position {
        // What came and was not printed any more is still to come.
        let offset = match &printer.printed {
            Some(printed) if printed.is_of_many => return Ok(()),
            Some(printed) => printed.offset,
            None => offset,
        };
        printer.note(&format!("go on from here with --recover {epoch}:{offset}"));
    }
    Ok(())
}

impl Args {
    fn subscribe(&self) -> Result<Subscribe, Failure> {
        let selected = self.selection.topic();
        let selected = selected.map_err(|error| Failure::Nonsense(error.to_string()))?;
        let mut subscribe = Subscribe::to(selected.topic);
        subscribe.throttle_ms = self.throttle.or(selected.throttle_ms);
        subscribe.key.clone_from(&self.key);
        subscribe.mode = match (self.mode, self.latest, self.every) {
            (Some(ModeWord::Latest), ..) | (None, true, _) => Some(Mode::Latest),
            (Some(ModeWord::Every), ..) | (None, _, true) => Some(Mode::Every),
            (None, false, false) => None,
        };
        let skips = subscribe.throttle_ms.is_some() || subscribe.key.is_some();
        if subscribe.mode == Some(Mode::Every) && skips {
            let why = "a throttle and a key skip what is in between: leave `--mode every` out";
            return Err(Failure::Nonsense(why.to_owned()));
        }
        subscribe.filters = self.filter.filters();
        if let Some(file) = &self.subscription_token_file {
            subscribe.token = Some(SubscriptionToken(read_token(file)?));
        }
        subscribe.since = self.since;
        subscribe.recover.clone_from(&self.recover);
        Ok(subscribe)
    }

    fn style(&self) -> Style {
        match (self.json, self.pretty) {
            (true, _) => Style::Json,
            (_, true) => Style::Pretty,
            (false, false) => Style::Lines,
        }
    }
}

/// How publications are printed.
enum Style {
    /// Time, offset, and what was published, on one line.
    Lines,
    /// The message of the wire, on one line.
    Json,
    /// Time and offset, and what was published on lines of its own.
    Pretty,
}

/// Where everything goes.
struct Printer {
    out: StdoutLock<'static>,
    style: Style,
    paint: Paint,
    notes: Paint,
    server: String,
    left: Option<u64>,
    // The last publication that was printed, unless something behind it is lost.
    printed: Option<Printed>,
}

/// Where a publication that was printed stands.
struct Printed {
    offset: Offset,
    /// Others of the same offset may follow.
    is_of_many: bool,
}

impl Printer {
    async fn listen(&mut self, client: &Client, mut events: Events) -> Result<End, Failure> {
        while let Some(event) = events.next().await {
            match event {
                Event::Publication {
                    publication,
                    conflated,
                } => {
                    self.publication(&publication, conflated)?;
                    self.printed = Some(Printed {
                        offset: publication.offset,
                        is_of_many: publication.snapshot && publication.topic.has_keys(),
                    });
                    if self.is_enough() {
                        return Ok(End::Enough);
                    }
                }
                Event::Link(state) => {
                    let now = client.view(|_, now| now).await.unwrap_or_default();
                    self.link(&state, now)?;
                }
                Event::Back(back) => self.back(&back),
                Event::SignedIn { user, .. } => self.note(&format!("signed in as {user}")),
                Event::TokenNeeded(TokenNeed::ExpiresIn(left)) => {
                    let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
                    self.warn(&format!("the token expires in {left}; start again with another"));
                }
                // The link stops then, and says why.
                Event::TokenNeeded(TokenNeed::Expired | TokenNeed::Refused(_)) => {}
                Event::ShuttingDown {
                    message,
                    come_back_in,
                } => {
                    let seconds = come_back_in.as_secs_f64();
                    self.warn(&format!(
                        "the server is going down ({message}); back in {seconds:.1} s"
                    ));
                }
                Event::Subscribed {
                    topic,
                    mode,
                    throttle_ms,
                    key,
                    ..
                } => {
                    let how = how(mode, throttle_ms, key.as_deref());
                    self.note(&format!("subscribed to {topic}{how}"));
                }
                Event::Status { topic, status } => self.status(&topic, &status),
                Event::Lost { topic, loss } => {
                    self.printed = None;
                    self.warn(&format!("{topic}: {loss}"));
                }
                Event::Refused { topic, refusal, next } => match next {
                    AfterRefusal::RetryAt(_) => {
                        self.warn(&format!("{topic} is refused for now: {}", refusal.message));
                    }
                    AfterRefusal::WaitForToken | AfterRefusal::WaitForRoom | AfterRefusal::GiveUp => {
                        return Err(Failure::Because(refused(&topic, &refusal)));
                    }
                },
                Event::Presence { topic, update } => self.presence(&topic, &update),
                Event::RoundTrip(_)
                | Event::Greeted { .. }
                | Event::JoinRefused { .. }
                | Event::Order(_)
                | Event::Progress { .. }
                | Event::Answer { .. } => {}
            }
        }
        Err(Failure::Because("the client has ended".to_owned()))
    }

    fn is_enough(&mut self) -> bool {
        let Some(left) = &mut self.left else {
            return false;
        };
        *left -= 1;
        *left == 0
    }

    fn publication(&mut self, publication: &Publication, conflated: u64) -> Result<(), Failure> {
        let head = || {
            let time = publication.timestamp.to_string();
            let mark = if publication.snapshot { " snapshot" } else { "" };
            let from = publication
                .from
                .as_ref()
                .map(|user| format!(" {user}"))
                .unwrap_or_default();
            let conflated = match conflated {
                0 => String::new(),
                conflated => format!(" ({conflated} conflated)"),
            };
            self.paint
                .dim(&format!("{time} #{}{mark}{conflated}{from}", publication.offset))
        };
        match self.style {
            Style::Json => {
                let push = Push::Publication(publication.clone());
                writeln!(self.out, "{}", encode_push(&push, publication.timestamp))?;
            }
            Style::Lines => writeln!(self.out, "{} {}", head(), text(&publication.payload))?,
            Style::Pretty => writeln!(self.out, "{}\n{}", head(), pretty(&publication.payload))?,
        }
        self.out.flush()?;
        Ok(())
    }

    fn link(&self, state: &LinkState, now: Duration) -> Result<(), Failure> {
        match state {
            LinkState::Connecting { attempt: 1 } => self.note(&format!("connecting to {}", self.server)),
            LinkState::Waiting {
                until,
                attempt,
                trouble,
            } => {
                let wait = until.saturating_sub(now).as_secs_f64();
                self.warn(&format!("{trouble}; attempt {attempt} in {wait:.1} s"));
            }
            LinkState::Live => self.note("live"),
            LinkState::Stopped(stop) => return Err(Failure::Because(explain_stop(stop))),
            // The wait before was told.
            LinkState::Connecting { .. } => {}
            LinkState::Resyncing | LinkState::Hidden | LinkState::Offline => {}
        }
        Ok(())
    }

    fn back(&self, back: &Back) {
        let away = back.away.as_secs_f64();
        let recovered = back.recovered;
        match back.not_recovered.len() {
            0 => self.note(&format!("back after {away:.1} s, {recovered} messages recovered")),
            _ => self.warn(&format!(
                "back after {away:.1} s, {recovered} messages recovered, but not all"
            )),
        }
    }

    fn status(&self, topic: &Topic, status: &ChannelStatus) {
        let why = status
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let simulated = if status.simulated { " (simulated)" } else { "" };
        let since = status.since;
        match status.state {
            FeedState::Live => self.note(&format!("the source of {topic}{simulated} is live")),
            FeedState::Stale => self.warn(&format!("the source of {topic} is stale since {since}{why}")),
            FeedState::Resyncing => self.warn(&format!("the source of {topic} is catching up{why}")),
            FeedState::Down => self.warn(&format!("the source of {topic} is down since {since}{why}")),
            // Told as a loss.
            FeedState::Gap => {}
        }
    }

    fn presence(&self, topic: &Topic, update: &PresenceUpdate) {
        for (members, what) in [(&update.joined, "came to"), (&update.left, "left")] {
            for member in members {
                self.note(&format!("{} {what} {topic}", member.user));
            }
        }
        if let Some(members) = &update.members {
            let names: Vec<&str> = members.iter().map(|member| member.user.as_str()).collect();
            self.note(&format!("on {topic}: {}", names.join(", ")));
        }
    }

    fn note(&self, text: &str) {
        say(self.notes.dim(text));
    }

    fn warn(&self, text: &str) {
        say(self.notes.yellow(text));
    }
}

/// Says something beside the output. Nobody may listen, and that is fine.
fn say(text: String) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How it is listened to, where that is not everything.
fn how(mode: Mode, throttle_ms: Option<u32>, key: Option<&str>) -> String {
    let mut how = match (mode, key) {
        (Mode::Every, _) => return String::new(),
        (Mode::Latest, Some(key)) => format!(": the newest of each {key}"),
        (Mode::Latest, None) => ": the newest".to_owned(),
    };
    if let Some(throttle) = throttle_ms {
        how.push_str(&format!(", every {throttle} ms at most"));
    }
    how
}

fn refused(topic: &Topic, refusal: &Refusal) -> String {
    match refusal.code {
        ErrorCode::AuthFailed => {
            format!("{topic} is not for everyone; give a token with --token-file (see `nexus token`)")
        }
        _ => format!("{topic} is refused: {}", refusal.message),
    }
}

/// What was published, on one line.
fn text(payload: &Payload) -> String {
    let written = match payload {
        Payload::Prices(prices) => serde_json::to_string(prices),
        Payload::Book(book) => serde_json::to_string(book),
        Payload::Trades(trades) => serde_json::to_string(trades),
        Payload::Candles(candles) => serde_json::to_string(candles),
        // It may have been published on several lines.
        Payload::Json(json) => json
            .read::<serde_json::Value>()
            .and_then(|value| serde_json::to_string(&value)),
    };
    written.unwrap_or_default()
}

fn pretty(payload: &Payload) -> String {
    let value: serde_json::Value = serde_json::from_str(&text(payload)).unwrap_or_default();
    format!("{value:#}")
}
