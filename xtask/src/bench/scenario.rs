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
const NONE_SLOW: &str = "none slow";

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
    ///
    /// A smaller window, where messages or their number are large, keeps what is on its way from growing beyond seconds of
    /// work for the slowest server.
    pub(super) fn variations(self, pace: Pace) -> Vec<Variation> {
        let half = |thorough: u64| match pace {
            Pace::Thorough => thorough,
            Pace::Quick => thorough / 2,
        };
        let (seconds, cycles) = (half(6), half(CYCLES));
        let one = |load: &str| vec![Variation::new("", load)];
        let fanout = |load: &str| format!("--scenario fanout --size 128 --time {seconds}s {load}");
        let longer = half(10);
        match self {
            Self::Fanout => one(&fanout("--subscribers 1000 --rate 0")),
            Self::Wide => one(&format!(
                "--scenario fanout --size 128 --time {longer}s --subscribers 5000 --rate 0 --window 64"
            )),
            Self::Rate => one(&fanout("--subscribers 1000 --rate 50")),
            Self::Topics => one(&fanout("--subscribers 3000 --topics 1000 --rate 2000")),
            Self::TopicsSaturated => one(&fanout("--subscribers 3000 --topics 1000 --rate 0")),
            Self::Scaling => vec![
                Variation::new("100 subscribers", &fanout("--subscribers 100 --rate 500")),
                Variation::new("1,000 subscribers", &fanout("--subscribers 1000 --rate 50")),
                Variation::new("10,000 subscribers", &fanout("--subscribers 10000 --rate 5")),
            ],
            Self::Compressed => one(&format!(
                "--scenario fanout --deflate --size 2048 --time {seconds}s --subscribers 500 --rate 0 --window 32"
            )),
            Self::Idle => one(&format!("--scenario idle --subscribers {MANY}")),
            Self::Connect => one(&format!("--scenario connect --cycles {cycles}")),
            Self::Churn => one(&format!("--scenario churn --cycles {cycles}")),
            Self::Slow => {
                let load = format!(
                    "--scenario slow --subscribers 1000 --size 16384 --window 32 --bytes {}",
                    half(64 << 20)
                );
                vec![
                    Variation::new("", &format!("{load} --dead 5")),
                    Variation::new(NONE_SLOW, &format!("{load} --dead 0")),
                ]
            }
        }
    }

    /// Who is measured in a variation.
    pub(super) fn has(self, peer: Peer, variation: &Variation) -> bool {
        match self {
            // How much the slow ones cost the others is asked of Nexus alone.
            Self::Slow if variation.label == NONE_SLOW => matches!(peer, Peer::Nexus | Peer::FloorByWakeup),
            Self::Scaling => matches!(peer, Peer::Nexus | Peer::FloorByWakeup),
            // The floors hardly differ where little is published, or where one message fills a socket.
            Self::Idle | Self::Connect | Self::Churn | Self::Slow => peer != Peer::FloorByMessage,
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
            Self::Topics => vec![Column::ratio_to("1,000 topics, 2,000/s", COST, "µs")],
            Self::TopicsSaturated => vec![Column::ratio_to("1,000 topics", COST, "µs")],
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
            Self::Scaling | Self::Churn => vec![],
        }
    }
}

const KIB: f64 = 1.0 / 1024.0;
const MIB: f64 = 1.0 / (1 << 20) as f64;

impl Variation {
    fn new(label: &'static str, load: &str) -> Self {
        Self {
            label,
            load: load.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_so_are_the_labels_within_each() {
        let mut names = Scenario::ALL.map(Scenario::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Scenario::ALL.len());
        for scenario in Scenario::ALL {
            let variations = scenario.variations(Pace::Quick);
            let mut labels: Vec<_> = variations.iter().map(|it| it.label).collect();
            labels.dedup();
            assert_eq!(labels.len(), variations.len(), "{}", scenario.name());
        }
    }

    #[test]
    fn quick_is_half_of_thorough() {
        let time = |pace| {
            let load = Scenario::Fanout.variations(pace).remove(0).load;
            let at = load.iter().position(|word| word == "--time").unwrap();
            load[at + 1].clone()
        };
        assert_eq!(
            (time(Pace::Thorough), time(Pace::Quick)),
            ("6s".to_owned(), "3s".to_owned())
        );
    }

    #[test]
    fn nexus_is_in_every_scenario_with_a_floor_beside_it() {
        for scenario in Scenario::ALL {
            for variation in scenario.variations(Pace::Thorough) {
                let has = |peer| scenario.has(peer, &variation);
                assert!(has(Peer::Nexus) && has(Peer::FloorByWakeup), "{variation:?}");
            }
            assert!(!scenario.columns().is_empty());
        }
    }
}
