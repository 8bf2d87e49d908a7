//! What is counted, for `GET /metrics`. No label has more values than the code names; no topic, user or address is one.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;

use nexus_protocol::{CloseCode, ErrorCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::broker::StoreReport;
use crate::encoded::Compressed;

/// What is counted. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// WebSockets that were accepted.
    pub connections: Counter,
    /// WebSockets that ended, by close code; `none` where the link broke or the client closed.
    pub closes: Family<CloseLabel, Counter>,
    /// Messages of clients, by type.
    pub messages: Family<TypeLabel, Counter>,
    /// Refused requests, by error code.
    pub refusals: Family<CodeLabel, Counter>,
    /// What became of commands to devices, by event.
    pub commands: Family<EventLabel, Counter>,
    /// Frames handed to sockets.
    pub frames_sent: Counter,
    /// Bytes handed to sockets.
    pub bytes_sent: Counter,
    /// Publications that were replaced by newer ones before they were sent.
    pub conflated: Counter,
    /// Subscriptions that fell behind, and are or were caught up from the history.
    pub behind: Counter,
    /// Publications that a client never got, and was told so.
    pub missed: Counter,
    /// Connections that ended by a fault of ours.
    pub panics: Counter,
    /// From the publication to the socket.
    pub delivery: Latency,
    /// From a request to its answer.
    pub answer: Latency,
}

/// A histogram of seconds, from 50 microseconds to 13 seconds.
#[derive(Clone, Debug)]
pub struct Latency(Histogram);

/// Label: a close code.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct CloseLabel {
    code: CloseValue,
}

/// Label: the type of a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct TypeLabel {
    r#type: &'static str,
}

/// Label: an error code.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct CodeLabel {
    code: &'static str,
}

/// Label: what happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct EventLabel {
    event: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct CloseValue(Option<CloseCode>);

/// Label: a feed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct FeedLabel {
    feed: &'static str,
}

/// Labels: a feed, and what happened on it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct FeedEventLabel {
    feed: &'static str,
    event: &'static str,
}

/// How a feed stands.
#[derive(Clone, Debug)]
pub struct FeedStanding {
    /// Which.
    pub name: &'static str,
    /// Whether its upstream can be reached, as far as it has to be.
    pub is_up: bool,
    /// Links to the upstream.
    pub connections: u64,
    /// Subscriptions at the upstream.
    pub subscriptions: u64,
    /// What happened since the start, by name.
    pub events: Vec<(&'static str, u64)>,
}

/// What is counted elsewhere and only shown here.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// WebSockets.
    pub connections: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Devices that are connected.
    pub devices: u64,
    /// Commands that are not over.
    pub commands_open: u64,
    /// Topics that have a history.
    pub topics: u64,
    /// Topics that someone listens to.
    pub topics_wanted: u64,
    /// Bytes that wait for clients.
    pub waiting_bytes: u64,
    /// Bytes that all histories hold.
    pub history_bytes: u64,
    /// What survives a restart; none if nothing is to.
    pub store: Option<StoreReport>,
    /// What was compressed; none if nothing is to be.
    pub compressed: Option<Compressed>,
    /// How each feed stands.
    pub feeds: Vec<FeedStanding>,
}

impl Metrics {
    /// The text that Prometheus reads ([OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/)).
    pub fn render(&self, standing: &Standing) -> String {
        let mut registry = Registry::with_prefix("nexus");
        self.register(&mut registry);
        for (name, help, value) in [
            ("connections", "WebSockets that are open", standing.connections),
            (
                "subscriptions",
                "Subscriptions that are open",
                standing.subscriptions,
            ),
            ("devices", "Devices that are connected", standing.devices),
            (
                "commands_open",
                "Commands that are not over",
                standing.commands_open,
            ),
            ("topics", "Topics that have a history", standing.topics),
            (
                "topics_wanted",
                "Topics that someone listens to",
                standing.topics_wanted,
            ),
            (
                "waiting_bytes",
                "Bytes that wait for clients",
                standing.waiting_bytes,
            ),
            (
                "history_bytes",
                "Bytes that all histories hold in memory",
                standing.history_bytes,
            ),
        ] {
            let gauge: Gauge<u64, AtomicU64> = Gauge::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        }
        register_feeds(&mut registry, &standing.feeds);
        if let Some(store) = &standing.store {
            register_store(&mut registry, store);
        }
        if let Some(compressed) = &standing.compressed {
            register_compressed(&mut registry, compressed);
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "connections_accepted",
            "WebSockets that were accepted",
            self.connections.clone(),
        );
        registry.register(
            "connections_closed",
            "WebSockets that ended, by close code",
            self.closes.clone(),
        );
        registry.register(
            "messages_received",
            "Messages of clients, by type",
            self.messages.clone(),
        );
        registry.register("refusals", "Refused requests, by code", self.refusals.clone());
        registry.register(
            "commands",
            "What became of commands to devices",
            self.commands.clone(),
        );
        registry.register(
            "frames_sent",
            "Frames handed to sockets",
            self.frames_sent.clone(),
        );
        registry.register_with_unit(
            "sent",
            "Bytes handed to sockets",
            Unit::Bytes,
            self.bytes_sent.clone(),
        );
        registry.register(
            "publications_conflated",
            "Publications that were replaced by newer ones before they were sent",
            self.conflated.clone(),
        );
        registry.register(
            "subscriptions_behind",
            "Times that a subscription fell behind and was caught up from the history",
            self.behind.clone(),
        );
        registry.register(
            "publications_missed",
            "Publications that a client never got, and was told so",
            self.missed.clone(),
        );
        registry.register(
            "task_panics",
            "Connections that ended by a fault of ours; the log says which",
            self.panics.clone(),
        );
        registry.register_with_unit(
            "delivery",
            "From the publication to the socket",
            Unit::Seconds,
            self.delivery.0.clone(),
        );
        registry.register_with_unit(
            "answer",
            "From a request to its answer",
            Unit::Seconds,
            self.answer.0.clone(),
        );
    }

    /// Counts a connection that ended.
    pub fn count_close(&self, code: Option<CloseCode>) {
        let label = CloseLabel {
            code: CloseValue(code),
        };
        self.closes.get_or_create(&label).inc();
    }

    /// Counts a message of a client. The type must be one that the protocol names.
    pub fn count_message(&self, r#type: &'static str) {
        self.messages.get_or_create(&TypeLabel { r#type }).inc();
    }

    /// Counts what became of a command.
    pub fn count_command(&self, event: &'static str) {
        self.commands.get_or_create(&EventLabel { event }).inc();
    }

    /// Counts a refusal.
    pub fn count_refusal(&self, code: ErrorCode) {
        let label = CodeLabel { code: code.as_str() };
        self.refusals.get_or_create(&label).inc();
    }
}

fn register_store(registry: &mut Registry, store: &StoreReport) {
    for (name, help, value) in [
        (
            "store_up",
            "1 while the disk takes what is to survive a restart",
            store.works.into(),
        ),
        ("store_waiting", "Changes that wait to be written", store.waiting),
        (
            "store_waiting_bytes",
            "Bytes that wait to be written",
            store.waiting_bytes,
        ),
        (
            "store_lost",
            "Records that were broken or missing when the server started",
            store.lost,
        ),
    ] {
        let gauge: Gauge<u64, AtomicU64> = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    for (name, help, value) in [
        (
            "store_batches",
            "Batches that the disk has confirmed",
            store.batches,
        ),
        (
            "store_written",
            "Publications that the disk has confirmed",
            store.written,
        ),
        (
            "store_refused",
            "Publications that were refused because the disk was too slow or had failed",
            store.refused,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
}

fn register_compressed(registry: &mut Registry, compressed: &Compressed) {
    for (name, help, value) in [
        (
            "compressed_frames",
            "Frames that were compressed, each once however many clients got it",
            compressed.frames,
        ),
        (
            "compressed_in_vain",
            "Frames that compressing would not have made smaller",
            compressed.in_vain,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    for (name, help, value) in [
        (
            "compressed_before",
            "Bytes of these frames before",
            compressed.bytes_before,
        ),
        (
            "compressed_after",
            "Bytes of these frames after",
            compressed.bytes_after,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register_with_unit(name, help, Unit::Bytes, counter);
    }
}

fn register_feeds(registry: &mut Registry, feeds: &[FeedStanding]) {
    if feeds.is_empty() {
        return;
    }
    let gauge = |value: &dyn Fn(&FeedStanding) -> u64| {
        let family = Family::<FeedLabel, Gauge<u64, AtomicU64>>::default();
        for feed in feeds {
            family
                .get_or_create(&FeedLabel { feed: feed.name })
                .set(value(feed));
        }
        family
    };
    registry.register(
        "feed_up",
        "1 while the upstream can be reached or nobody wants anything of it",
        gauge(&|feed| feed.is_up.into()),
    );
    registry.register(
        "feed_connections",
        "Links to the upstream",
        gauge(&|feed| feed.connections),
    );
    registry.register(
        "feed_subscriptions",
        "Subscriptions at the upstream",
        gauge(&|feed| feed.subscriptions),
    );
    let events = Family::<FeedEventLabel, Counter>::default();
    for feed in feeds {
        for (event, count) in &feed.events {
            let label = FeedEventLabel {
                feed: feed.name,
                event,
            };
            events.get_or_create(&label).inc_by(*count);
        }
    }
    registry.register("feed_events", "What happened on the feed", events);
}

impl Latency {
    /// Notes how long something took.
    pub fn note(&self, took: std::time::Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

impl Default for Latency {
    fn default() -> Self {
        Latency(Histogram::new(exponential_buckets(0.000_05, 2.0, 19)))
    }
}

impl EncodeLabelValue for CloseValue {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self.0 {
            Some(code) => encoder.write_fmt(format_args!("{}", code.code())),
            None => encoder.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_each_metric_with_its_help_and_buckets() {
        let metrics = Metrics::default();
        metrics.connections.inc();
        metrics.count_close(Some(CloseCode::Slow));
        metrics.count_close(None);
        metrics.count_message("ping");
        metrics.count_refusal(ErrorCode::RateLimited);
        metrics.delivery.note(std::time::Duration::from_millis(3));
        let text = metrics.render(&Standing {
            connections: 7,
            feeds: vec![FeedStanding {
                name: "hyperliquid",
                is_up: true,
                connections: 2,
                subscriptions: 3,
                events: vec![("gaps", 4)],
            }],
            store: Some(StoreReport {
                works: true,
                written: 9,
                ..StoreReport::default()
            }),
            compressed: Some(Compressed {
                frames: 3,
                bytes_before: 2048,
                ..Compressed::default()
            }),
            ..Standing::default()
        });
        for line in [
            "nexus_connections_accepted_total 1",
            r#"nexus_connections_closed_total{code="4008"} 1"#,
            r#"nexus_connections_closed_total{code="none"} 1"#,
            r#"nexus_messages_received_total{type="ping"} 1"#,
            r#"nexus_refusals_total{code="RATE_LIMITED"} 1"#,
            "nexus_connections 7",
            "nexus_store_up 1",
            "nexus_store_written_total 9",
            r#"nexus_feed_up{feed="hyperliquid"} 1"#,
            r#"nexus_feed_events_total{feed="hyperliquid",event="gaps"} 4"#,
            "nexus_compressed_frames_total 3",
            "nexus_compressed_before_bytes_total 2048",
            "nexus_delivery_seconds_count 1",
            r#"nexus_delivery_seconds_bucket{le="+Inf"} 1"#,
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
