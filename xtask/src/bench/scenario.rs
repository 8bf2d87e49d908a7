//! What is measured: the load of each scenario, and which of its numbers go into which table.

use super::column::Column;
use super::options::Pace;
use super::peer::Peer;
use super::servers::Compression;

/// A scenario, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Fanout,
    Wide,
    Rate,
    Topics,
    TopicsSaturated,
    Scaling,
    Compressed,
    Idle,
    Connect,
    Churn,
    Slow,
}

/// One run of the load within a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variation {
    /// What sets it apart from the others; empty where there is only one.
    pub(super) label: &'static str,
    /// Options of `nexus bench`.
    pub(super) load: Vec<String>,
}

/// Subscribers that are many for one process, and few enough for the descriptors of a usual machine.
const MANY: u64 = 10_000;
const CYCLES: u64 = 20_000;

impl Scenario {
    pub(crate) const ALL: [Self; 11] = [
        Self::Fanout,
        Self::Wide,
        Self::Rate,
        Self::Topics,
        Self::TopicsSaturated,
        Self::Scaling,
        Self::Compressed,
        Self::Idle,
        Self::Connect,
        Self::Churn,
        Self::Slow,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Wide => "wide",
            Self::Rate => "rate",
            Self::Topics => "topics",
            Self::TopicsSaturated => "topics-saturated",
            Self::Scaling => "scaling",
            Self::Compressed => "compressed",
            Self::Idle => "idle",
            Self::Connect => "connect",
            Self::Churn => "churn",
            Self::Slow => "slow",
        }
    }

    /// Its title above its table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Fanout => "Fan-out, saturated: 1 topic, 1,000 subscribers, 128 bytes",
            Self::Wide => "Fan-out, saturated: 1 topic, 5,000 subscribers, 128 bytes",
            Self::Rate => "Latency: 50 messages a second to 1,000 subscribers, 128 bytes",
            Self::Topics => {
                "Many topics: 1,000 topics with 3 subscribers each, 2,000 messages a second, 128 bytes"
            }
            Self::TopicsSaturated => {
                "Many topics, saturated: 1,000 topics with 3 subscribers each, 128 bytes"
            }
            Self::Scaling => "Scaling: 50,000 deliveries a second to ever more subscribers, 128 bytes",
            Self::Compressed => {
                "Compressed fan-out: 1 topic, 500 subscribers, 2 KiB of JSON, permessage-deflate"
            }
            Self::Idle => "Idle connections: 10,000, each subscribed",
            Self::Connect => "Connecting: handshake and subscription",
            Self::Churn => "Churn: 20,000 times connect, subscribe, receive, close",
            Self::Slow => "Slow consumers: 5 % of 1,000 never read, 64 MiB published",
        }
    }

    /// The load, for one pace.
    pub(super) fn variations(self, pace: Pace) -> Vec<Variation> {
        // Half as long, but never so short that starting weighs more than running.
        let seconds = |thorough: u64| match pace {
            Pace::Thorough => format!("{thorough}s"),
            Pace::Quick => format!("{}s", (thorough / 2).max(2)),
        };
        let half = |thorough: u64| match pace {
            Pace::Thorough => thorough.to_string(),
            Pace::Quick => (thorough / 2).to_string(),
        };
        let one = |words: &[&str]| vec![Variation::new("", words)];
        let fanout = |subscribers: &str, topics: &str, rate: &str, time: u64| {
            one(&[
                "--scenario",
                "fanout",
                "--subscribers",
                subscribers,
                "--topics",
                topics,
                "--rate",
                rate,
                "--size",
                "128",
                "--time",
                &seconds(time),
            ])
        };
        match self {
            Self::Fanout => fanout("1000", "1", "0", 6),
            Self::Wide => fanout("5000", "1", "0", 6),
            Self::Rate => fanout("1000", "1", "50", 8),
            Self::Topics => fanout("3000", "1000", "2000", 6),
            Self::TopicsSaturated => fanout("3000", "1000", "0", 6),
            Self::Scaling => [
                ("100 subscribers", "100", "500"),
                ("1,000 subscribers", "1000", "50"),
                ("10,000 subscribers", "10000", "5"),
            ]
            .into_iter()
            .map(|(label, subscribers, rate)| Variation {
                label,
                ..fanout(subscribers, "1", rate, 6).remove(0)
            })
            .collect(),
            Self::Compressed => one(&[
                "--scenario",
                "fanout",
                "--subscribers",
                "500",
                "--topics",
                "1",
                "--rate",
                "0",
                "--size",
                "2048",
                "--deflate",
                "--time",
                &seconds(6),
            ]),
            Self::Idle => one(&["--scenario", "idle", "--subscribers", &MANY.to_string()]),
            Self::Connect => one(&["--scenario", "connect", "--cycles", &half(CYCLES)]),
            Self::Churn => one(&["--scenario", "churn", "--cycles", &half(CYCLES)]),
            Self::Slow => {
                let bytes = half(64 << 20);
                [("", "5"), ("none slow", "0")]
                    .map(|(label, dead)| {
                        Variation::new(
                            label,
                            &[
                                "--scenario",
                                "slow",
                                "--subscribers",
                                "1000",
                                "--size",
                                "16384",
                                "--bytes",
                                &bytes,
                                "--dead",
                                dead,
                            ],
                        )
                    })
                    .to_vec()
            }
        }
    }

    /// Who is measured.
    pub(super) fn has(self, peer: Peer) -> bool {
        match self {
            Self::Scaling => matches!(peer, Peer::Nexus | Peer::FloorByWakeup),
            // Nothing is published often enough for the floors to differ.
            Self::Idle | Self::Connect | Self::Churn => peer != Peer::FloorByMessage,
            _ => true,
        }
    }

    /// Whether clients ask for compressed messages.
    pub(super) fn compression(self) -> Compression {
        match self {
            Self::Compressed => Compression::On,
            _ => Compression::Off,
        }
    }

    /// How many connections it opens at once, at most.
    pub(super) fn connections(self) -> u64 {
        match self {
            Self::Scaling | Self::Idle => MANY,
            _ => 5_000,
        }
    }

    /// The columns of its table.
    pub(super) fn columns(self) -> Vec<Column> {
        let cost = [
            Column::number("µs of CPU per delivery", "/server_cpu_us_per_delivery", 1.0, 2),
            Column::ratio("× floor", "/server_cpu_us_per_delivery"),
            Column::number("deliveries/s", "/deliveries_per_second", 1.0, 0),
        ];
        let latency = [
            Column::number("p50 ms", "/latency_ms/p50", 1.0, 2),
            Column::number("p99 ms", "/latency_ms/p99", 1.0, 2),
            Column::number("p99.9 ms", "/latency_ms/p999", 1.0, 2),
        ];
        let busy = Column::number("server busy %", "/server_cpu_percent", 1.0, 0);
        let memory = Column::number("memory MiB", "/server_memory_bytes", MIB, 1);
        match self {
            Self::Fanout | Self::Wide | Self::TopicsSaturated | Self::Compressed => {
                [&cost[..], &latency[..], &[busy, memory]].concat()
            }
            Self::Rate | Self::Topics | Self::Scaling => [&cost[..], &latency[..], &[busy]].concat(),
            Self::Idle => vec![
                Column::number(
                    "bytes in the server, each",
                    "/idle/memory_bytes_per_connection",
                    1.0,
                    0,
                ),
                Column::number(
                    "in the kernel, both ends",
                    "/idle/kernel_bytes_per_connection",
                    1.0,
                    0,
                ),
                Column::number("server, in a burst", "/burst/memory_bytes_per_connection", 1.0, 0),
                Column::number(
                    "server, after it",
                    "/after_burst/memory_bytes_per_connection",
                    1.0,
                    0,
                ),
            ],
            Self::Connect => vec![
                Column::number("connects/s", "/connects_per_second", 1.0, 0),
                Column::number("per second of a core", "/connects_per_core_second", 1.0, 0),
                Column::number("µs of CPU each", "/server_cpu_us_per_connect", 1.0, 1),
                Column::ratio("× floor", "/server_cpu_us_per_connect"),
                Column::number("p50 ms", "/connect_ms/p50", 1.0, 2),
                Column::number("p99 ms", "/connect_ms/p99", 1.0, 2),
            ],
            Self::Churn => vec![
                Column::number("cycles/s", "/cycles_per_second", 1.0, 0),
                Column::number("µs of CPU each", "/server_cpu_us_per_cycle", 1.0, 1),
                Column::number("memory grew by KiB", "/memory_growth_bytes", KIB, 0),
                Column::number("bytes a cycle", "/memory_growth_bytes_per_cycle", 1.0, 1),
                Column::number("descriptors before", "/files_before", 1.0, 0),
                Column::number("after", "/files_after", 1.0, 0),
            ],
            Self::Slow => vec![
                Column::number("deliveries/s to the healthy", "/deliveries_per_second", 1.0, 0),
                Column::number("µs of CPU per delivery", "/server_cpu_us_per_delivery", 1.0, 2),
                Column::number("seconds", "/seconds", 1.0, 1),
                Column::number("memory grew by MiB", "/memory_growth_bytes", MIB, 1),
                Column::number("p99 ms", "/latency_ms/p99", 1.0, 2),
            ],
        }
    }

    /// The columns that stand for it in the summary.
    pub(super) fn headline(self) -> Vec<Column> {
        const COST: &str = "/server_cpu_us_per_delivery";
        match self {
            Self::Fanout => vec![Column::ratio_to("fan-out to 1,000", COST, "µs")],
            Self::Wide => vec![Column::ratio_to("to 5,000", COST, "µs")],
            Self::Rate => vec![
                Column::ratio_to("50/s to 1,000", COST, "µs"),
                Column::number("p99 ms", "/latency_ms/p99", 1.0, 2),
            ],
            Self::Topics => vec![Column::ratio_to("1,000 topics", COST, "µs")],
            Self::Compressed => vec![Column::ratio_to("compressed", COST, "µs")],
            Self::Idle => vec![Column::number(
                "bytes per idle connection",
                "/idle/memory_bytes_per_connection",
                1.0,
                0,
            )],
            Self::Connect => vec![Column::number(
                "connects per second of a core",
                "/connects_per_core_second",
                1.0,
                0,
            )],
            Self::Slow => vec![Column::number(
                "MiB more with 5 % slow",
                "/memory_growth_bytes",
                MIB,
                1,
            )],
            Self::TopicsSaturated | Self::Scaling | Self::Churn => vec![],
        }
    }
}

const KIB: f64 = 1.0 / 1024.0;
const MIB: f64 = 1.0 / (1 << 20) as f64;

impl Variation {
    fn new(label: &'static str, words: &[&str]) -> Self {
        Self {
            label,
            load: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}
