//! `nexus check`: what a user needs of a server, step by step.

use std::io::Write;
use std::time::{Duration, SystemTime};

use nexus_client::native::{Client, Events};
use nexus_client::{Event, Freshness, LinkState, ServerUrl, Wire};
use nexus_protocol::{ChannelName, ErrorCode, Params, Refusal, Subscribe, Timestamp, Topic};
use serde_json::Value;

use crate::ask::explain_stop;
use crate::connection::Connection;
use crate::crowd::{SENTENCE, is_crowd};
use crate::failure::Failure;
use crate::paint::Paint;

/// Options of `nexus check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: Connection,

    /// How long each step may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    within: Duration,
}

/// A clock that is further off makes ages and expiries wrong.
const SKEW: Duration = Duration::from_secs(5);
/// A ping that takes longer is felt.
const SLOW: Duration = Duration::from_millis(500);

/// The page of the dashboard loads the application of this name.
const DASHBOARD: &str = "nexus-web";
/// So says a server that has no dashboard.
const NO_DASHBOARD: &str = "started without the dashboard";

/// What came of a step.
enum Outcome {
    /// All is well: what was found.
    Ok(String),
    /// It works, but someone may want to know.
    Warn(String),
    /// It does not work: what, and what to do next.
    Fail(String),
    /// It was not tried, and why.
    Skip(String),
}

/// Checks everything that can be checked, and says so as it goes.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let mut report = Report {
        paint: Paint::stdout(),
        failed: 0,
        warned: 0,
    };
    let server = args.connection.server.clone();
    report.heading(&server)?;
    let reached = check_http(&server, args.within, &mut report).await?;
    if reached {
        check_socket(&args, &mut report).await?;
    }
    report.conclusion()
}

// --- over HTTP ------------------------------------------------------------------------------------------------------

/// Whether there is any sense in going on.
async fn check_http(server: &ServerUrl, within: Duration, report: &mut Report) -> Result<bool, Failure> {
    let http = reqwest::Client::builder()
        .timeout(within)
        .build()
        .map_err(|error| Failure::Because(format!("cannot speak HTTP: {error}")))?;
    let health = get(&http, &server.http("/health")).await;
    let health = match health {
        Err(trouble) => {
            let next = "is it running? Start it with `nexus-server`, or name another with --server";
            report.step("reachable", Outcome::Fail(format!("{trouble}; {next}")))?;
            return Ok(false);
        }
        Ok(health) => health,
    };
    report.step("reachable", Outcome::Ok(server.http("")))?;
    report.step("health", of_health(&health))?;
    let ready = get(&http, &server.http("/health/ready")).await;
    report.step("ready", of_ready(ready))?;
    let page = get(&http, &server.http("/")).await;
    report.step("dashboard", of_page(page))?;
    Ok(true)
}

/// An answer over HTTP.
struct Answer {
    status: u16,
    is_html: bool,
    body: String,
}

async fn get(http: &reqwest::Client, url: &str) -> Result<Answer, String> {
    let answer = http.get(url).send().await.map_err(|error| {
        if error.is_timeout() {
            format!("{url} did not answer in time")
        } else if error.is_connect() {
            format!("nothing answers at {url}")
        } else {
            format!("{url} does not answer properly")
        }
    })?;
    let status = answer.status().as_u16();
    let kind = answer.headers().get(reqwest::header::CONTENT_TYPE);
    let is_html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let body = answer
        .text()
        .await
        .map_err(|_| format!("{url} broke off its answer"))?;
    Ok(Answer {
        status,
        is_html,
        body,
    })
}

fn of_health(health: &Answer) -> Outcome {
    let body: Value = serde_json::from_str(&health.body).unwrap_or_default();
    match (health.status, body["status"].as_str()) {
        (200, Some("healthy")) => {
            let clients = body["websocket"]["clients"].as_u64();
            Outcome::Ok(clients.map_or_else(
                || "healthy".to_owned(),
                |clients| format!("healthy, {clients} clients"),
            ))
        }
        (_, Some(said)) => Outcome::Fail(format!("the server says that it is {said}; see its log")),
        (status, None) => Outcome::Fail(format!(
            "/health answers {status} and not as Nexus does; is something else listening there?"
        )),
    }
}

fn of_ready(ready: Result<Answer, String>) -> Outcome {
    match ready {
        Ok(answer) if answer.status == 200 => Outcome::Ok("takes connections".to_owned()),
        Ok(answer) if answer.status == 503 => {
            Outcome::Fail("the server is starting or going down; try again in a minute".to_owned())
        }
        Ok(answer) => Outcome::Fail(format!(
            "/health/ready answers {}; see the server's log",
            answer.status
        )),
        Err(trouble) => Outcome::Fail(format!("{trouble}; see the server's log")),
    }
}

fn of_page(page: Result<Answer, String>) -> Outcome {
    const NEXT: &str = "build it with `cargo xtask web` and name it to the server with --web-dir";
    match page {
        Ok(page) if page.status != 200 || !page.is_html => {
            Outcome::Warn(format!("/ answers {} without a page; {NEXT}", page.status))
        }
        Ok(page) if page.body.contains(DASHBOARD) => Outcome::Ok("served".to_owned()),
        Ok(page) if page.body.contains(NO_DASHBOARD) => {
            Outcome::Warn(format!("none: the server was started without it; {NEXT}"))
        }
        Ok(_) => Outcome::Warn(
            "/ is a page, and not the dashboard of Nexus; is it meant to be another?".to_owned(),
        ),
        Err(trouble) => Outcome::Fail(trouble),
    }
}

// --- over the WebSocket ---------------------------------------------------------------------------------------------

async fn check_socket(args: &Args, report: &mut Report) -> Result<(), Failure> {
    let config = args.connection.config()?;
    let has_token = config.token.is_some();
    let (client, events) = Client::connect(config);
    let mut visit = Visit {
        client,
        events,
        wire: args.connection.wire(),
        within: args.within,
    };
    visit.check(has_token, report).await?;
    visit.client.close().await;
    Ok(())
}

/// A connection as any user's.
struct Visit {
    client: Client,
    events: Events,
    wire: Wire,
    within: Duration,
}

impl Visit {
    async fn check(&mut self, has_token: bool, report: &mut Report) -> Result<(), Failure> {
        let greeted = self.greeting().await;
        let here = Timestamp::from(SystemTime::now());
        let server_time = match greeted {
            Ok(server_time) => server_time,
            Err(trouble) => {
                report.step("websocket", Outcome::Fail(trouble))?;
                return Ok(());
            }
        };
        report.step(
            "websocket",
            Outcome::Ok(format!("{} agreed", self.wire.subprotocol())),
        )?;
        report.step("clock", of_clock(here, server_time))?;
        let signed_in = match has_token {
            true => self.sign_in().await,
            false => Outcome::Skip("no token was given; see --token-file".to_owned()),
        };
        let goes_on = !matches!(signed_in, Outcome::Fail(_));
        report.step("sign-in", signed_in)?;
        if !goes_on {
            return Ok(());
        }
        self.check_prices(report).await?;
        report.step("round trip", self.round_trip().await)
    }

    async fn check_prices(&mut self, report: &mut Report) -> Result<(), Failure> {
        let name = ChannelName::parse("prices").map_err(|error| Failure::Because(error.to_string()))?;
        let topic = Topic::parse(&name, Params::default());
        let topic = topic.map_err(|error| Failure::Because(error.to_string()))?.topic;
        // A session that has stopped says so below.
        let _ = self.client.subscribe(Subscribe::to(topic.clone())).await;
        let subscribed = self.subscribed().await;
        let goes_on = matches!(subscribed, Outcome::Ok(_));
        report.step("prices", subscribed)?;
        if !goes_on {
            return Ok(());
        }
        report.step("publication", self.first_publication().await)?;
        let freshness = self.client.freshness(topic).await;
        report.step("freshness", of_freshness(freshness))
    }

    async fn greeting(&mut self) -> Result<Timestamp, String> {
        let greeted = self.first(|event| match event {
            Event::Greeted { server_time, .. } => Some(Ok(*server_time)),
            other => trouble_of(other).map(Err),
        });
        let none = || Err("the server took the connection and did not greet".to_owned());
        greeted.await.unwrap_or_else(none).map_err(|trouble| match trouble == SENTENCE {
            true => trouble,
            false => {
                format!("{trouble}; does a proxy on the way let WebSockets through, and is this origin allowed?")
            }
        })
    }

    async fn sign_in(&mut self) -> Outcome {
        let signed_in = self.first(|event| match event {
            Event::SignedIn { user, expires_at } => {
                Some(Outcome::Ok(format!("as {user}, until {expires_at}")))
            }
            other => trouble_of(other).map(Outcome::Fail),
        });
        let none = || Outcome::Fail("no answer came; see the server's log".to_owned());
        signed_in.await.unwrap_or_else(none)
    }

    async fn subscribed(&mut self) -> Outcome {
        let subscribed = self.first(|event| match event {
            Event::Subscribed { .. } => Some(Outcome::Ok("subscribed".to_owned())),
            Event::Refused { refusal, .. } => Some(of_refusal(refusal)),
            other => trouble_of(other).map(Outcome::Fail),
        });
        let none = || Outcome::Fail("no answer came; see the server's log".to_owned());
        subscribed.await.unwrap_or_else(none)
    }

    async fn first_publication(&mut self) -> Outcome {
        let begin = tokio::time::Instant::now();
        let came = self.first(|event| match event {
            Event::Publication { .. } => Some(Outcome::Ok("came".to_owned())),
            other => trouble_of(other).map(Outcome::Fail),
        });
        match came.await {
            Some(Outcome::Ok(_)) => Outcome::Ok(format!("came after {} ms", begin.elapsed().as_millis())),
            Some(other) => other,
            None => Outcome::Fail(
                "no price came; see the exchange under `feeds` in /health and in the server's log".to_owned(),
            ),
        }
    }

    async fn round_trip(&mut self) -> Outcome {
        let known = self.client.view(|session, _| session.round_trip()).await;
        let known = known.ok().flatten();
        let took = match known {
            Some(took) => Some(took),
            None => {
                self.first(|event| match event {
                    Event::RoundTrip(took) => Some(*took),
                    _ => None,
                })
                .await
            }
        };
        match took {
            Some(took) if took > SLOW => Outcome::Warn(format!("{} ms, which is slow", took.as_millis())),
            Some(took) => Outcome::Ok(format!("{:.1} ms", took.as_secs_f64() * 1000.0)),
            None => Outcome::Fail("a ping was not answered; see the server's log".to_owned()),
        }
    }

    /// The first thing that `pick` picks, if it comes in time.
    async fn first<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        let search = async {
            while let Some(event) = self.events.next().await {
                if let Some(picked) = pick(&event) {
                    return Some(picked);
                }
            }
            None
        };
        tokio::time::timeout(self.within, search).await.ok().flatten()
    }
}

/// The link failed.
fn trouble_of(event: &Event) -> Option<String> {
    match event {
        Event::Link(LinkState::Waiting { trouble, .. }) if is_crowd(trouble) => Some(SENTENCE.to_owned()),
        Event::Link(LinkState::Waiting { trouble, .. }) => Some(trouble.to_string()),
        Event::Link(LinkState::Stopped(stop)) => Some(explain_stop(stop)),
        _ => None,
    }
}

fn of_clock(here: Timestamp, there: Timestamp) -> Outcome {
    let skew = here.since(there).max(there.since(here));
    if skew <= SKEW {
        return Outcome::Ok(format!("{} ms apart", skew.as_millis()));
    }
    let seconds = skew.as_secs();
    let direction = if here > there { "behind" } else { "ahead of" };
    Outcome::Warn(format!(
        "the server's clock is {seconds} s {direction} this machine's; set both by NTP, or tokens expire at odd times"
    ))
}

fn of_refusal(refusal: &Refusal) -> Outcome {
    let message = &refusal.message;
    match refusal.code {
        ErrorCode::AuthFailed => {
            Outcome::Warn("not for everyone here; give a token with --token-file".to_owned())
        }
        ErrorCode::Forbidden => Outcome::Warn(format!("not for this user: {message}")),
        ErrorCode::UpstreamDown => Outcome::Warn(format!(
            "{message}; name an exchange to the server with NEXUS_HYPERLIQUID_URL if it shall have one"
        )),
        _ => Outcome::Fail(format!("refused: {message}")),
    }
}

fn of_freshness(freshness: Option<Freshness>) -> Outcome {
    let seconds = |age: Duration| age.as_secs();
    match freshness {
        Some(Freshness::Live { age }) => Outcome::Ok(format!("live, last news {} s ago", seconds(age))),
        Some(Freshness::Stale { age }) => Outcome::Warn(format!(
            "the exchange has gone quiet, last news {} s ago",
            seconds(age)
        )),
        Some(Freshness::Resyncing) => Outcome::Warn("the server is catching up with the exchange".to_owned()),
        Some(Freshness::Down { age }) => Outcome::Fail(format!(
            "the server cannot reach the exchange for {} s; see its log",
            seconds(age)
        )),
        Some(Freshness::Offline { .. } | Freshness::Refused) | None => {
            Outcome::Fail("the connection broke meanwhile".to_owned())
        }
    }
}

// --- saying it ------------------------------------------------------------------------------------------------------

struct Report {
    paint: Paint,
    failed: u32,
    warned: u32,
}

impl Report {
    fn heading(&self, server: &ServerUrl) -> Result<(), Failure> {
        let heading = self.paint.bold(&format!("checking {server}"));
        writeln!(std::io::stdout(), "{heading}")?;
        Ok(())
    }

    fn step(&mut self, name: &str, outcome: Outcome) -> Result<(), Failure> {
        let (word, text) = match &outcome {
            Outcome::Ok(text) => (self.paint.green("ok  "), text),
            Outcome::Warn(text) => (self.paint.yellow("warn"), text),
            Outcome::Fail(text) => (self.paint.red("fail"), text),
            Outcome::Skip(text) => (self.paint.dim("skip"), text),
        };
        self.failed += u32::from(matches!(outcome, Outcome::Fail(_)));
        self.warned += u32::from(matches!(outcome, Outcome::Warn(_)));
        writeln!(std::io::stdout(), "  {word}  {name:<12} {text}")?;
        Ok(())
    }

    fn conclusion(self) -> Result<(), Failure> {
        let (word, text) = match (self.failed, self.warned) {
            (0, 0) => (self.paint.green("all is well"), String::new()),
            (0, warned) => (self.paint.yellow("works"), format!(", {warned} to look at")),
            (failed, _) => (self.paint.red("does not work"), format!(", {failed} failed")),
        };
        writeln!(std::io::stdout(), "{word}{text}")?;
        if self.failed > 0 {
            return Err(Failure::Told);
        }
        Ok(())
    }
}
