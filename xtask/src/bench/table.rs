//! What was measured as Markdown: a table a scenario, and one that sums them up.

use std::fmt::Write;

use serde_json::Value;

use super::column::Column;
use super::machine::Machine;
use super::options::Pace;
use super::peer::Peer;
use super::run;
use super::scenario::Scenario;

/// All runs of one server in one variation of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) peer: Peer,
    /// What sets the variation apart; empty where there is only one.
    pub(super) label: &'static str,
    pub(super) runs: Vec<Value>,
    /// Why there are no runs, or fewer.
    pub(super) failures: Vec<String>,
}

/// The rows of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    pub(super) scenario: Scenario,
    pub(super) rows: Vec<Row>,
}

/// What stands around the tables.
pub(super) struct Frame<'a> {
    pub(super) machine: &'a Machine,
    pub(super) cores: String,
    /// Servers with their versions.
    pub(super) versions: Vec<(Peer, String)>,
    /// Servers that could not be measured at all, and why.
    pub(super) missing: Vec<(Peer, String)>,
    /// What else kept the machine busy, if it was much: a share of all processors.
    pub(super) busy: Option<f64>,
    pub(super) rounds: usize,
    pub(super) pace: Pace,
}

impl Section {
    fn floor(&self, label: &str) -> &[Value] {
        self.rows
            .iter()
            .find(|row| row.peer == Peer::FloorByWakeup && row.label == label)
            .map(|row| &row.runs[..])
            .unwrap_or_default()
    }

    /// The table, with notes below it.
    pub(super) fn markdown(&self) -> String {
        let columns = self.scenario.columns();
        let mut notes = Vec::new();
        let mut lines = vec![head(&columns)];
        for row in &self.rows {
            let mut cells = vec![row.title(&mut notes)];
            let is_floor = row.peer == Peer::FloorByWakeup;
            for column in &columns {
                cells.push(column.cell(&row.runs, self.floor(row.label), is_floor));
            }
            lines.push(cells);
        }
        let mut text = format!("#### {}\n\n{}", self.scenario.title(), grid(&lines));
        for (index, note) in notes.iter().enumerate() {
            let _infallible = write!(text, "\n[{}] {note}", index + 1);
            text.push_str(if index + 1 == notes.len() { "\n" } else { "  " });
        }
        text
    }
}

impl Row {
    /// The server's name, with the numbers of its notes.
    fn title(&self, notes: &mut Vec<String>) -> String {
        let mut title = self.peer.title().to_owned();
        if !self.label.is_empty() {
            title = format!("{title}, {}", self.label);
        }
        let faults = self.runs.iter().filter_map(run::faults);
        let warnings = self.runs.iter().flat_map(run::warnings);
        let mut own: Vec<String> = self
            .failures
            .iter()
            .cloned()
            .chain(faults)
            .chain(warnings)
            .collect();
        own.dedup();
        for note in own {
            let number = notes.iter().position(|it| *it == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            });
            let _infallible = write!(title, " [{}]", number + 1);
        }
        title
    }

    /// What Nexus must never do, if it did.
    pub(super) fn wrongs_of_nexus(&self) -> Vec<String> {
        if self.peer != Peer::Nexus {
            return Vec::new();
        }
        let faults = self.runs.iter().filter_map(run::faults);
        self.failures.iter().cloned().chain(faults).collect()
    }
}

/// What was measured, in two lengths.
pub(super) struct Document {
    /// One row a server.
    pub(super) summary: String,
    /// On what it was measured.
    pub(super) circumstances: String,
    /// Each scenario's table.
    pub(super) details: String,
}

/// Writes it all.
pub(super) fn document(sections: &[Section], frame: &Frame<'_>) -> Document {
    let mut text = String::new();
    let Machine {
        processor,
        cores,
        kernel,
        memory_gib,
        date,
    } = frame.machine;
    let runs = match frame.rounds {
        1 => "one run each".to_owned(),
        rounds => format!("medians of {rounds} runs each"),
    };
    let runs = match frame.pace {
        Pace::Thorough => runs,
        Pace::Quick => format!("{runs}, half as long and half as much as the titles say"),
    };
    let versions: Vec<String> = frame
        .versions
        .iter()
        .filter(|(peer, _)| *peer != Peer::FloorByMessage)
        .map(|(peer, version)| match peer {
            Peer::FloorByWakeup => format!("floor {version}"),
            peer => format!("{} {version}", peer.title()),
        })
        .collect();
    let _infallible = writeln!(
        text,
        "Measured {date} UTC on {processor} ({cores} processors, {memory_gib} GiB), {kernel}: {}; {runs}. {}.",
        frame.cores,
        versions.join("; ")
    );
    if let Some(busy) = frame.busy {
        let _infallible = write!(
            text,
            "\n**Not to be relied on:** something else kept {:.0} % of this machine busy at the start.\n",
            busy * 100.0
        );
    }
    for (peer, reason) in &frame.missing {
        let _infallible = write!(text, "\n{} was not measured: {reason}\n", peer.title());
    }
    let details: Vec<String> = sections.iter().map(Section::markdown).collect();
    Document {
        summary: summary(sections),
        circumstances: text,
        details: details.join("\n"),
    }
}

impl Document {
    /// All of it.
    pub(super) fn whole(&self) -> String {
        format!("{}\n{}\n{}", self.summary, self.circumstances, self.details)
    }
}

/// One row a server, with the numbers that stand for each scenario.
fn summary(sections: &[Section]) -> String {
    let mut peers: Vec<Peer> = sections
        .iter()
        .flat_map(|it| it.rows.iter().map(|row| row.peer))
        .collect();
    peers.sort();
    peers.dedup();
    let columns: Vec<(&Section, Column)> = sections
        .iter()
        .flat_map(|section| {
            section
                .scenario
                .headline()
                .into_iter()
                .map(move |column| (section, column))
        })
        .collect();
    let heads: Vec<Column> = columns.iter().map(|(_, column)| column.clone()).collect();
    let mut lines = vec![head(&heads)];
    for peer in peers {
        let mut cells = vec![peer.title().to_owned()];
        for (section, column) in &columns {
            let row = section.rows.iter().find(|row| row.peer == peer);
            let (runs, label) = row.map_or((&[][..], ""), |row| (&row.runs[..], row.label));
            cells.push(column.cell(runs, section.floor(label), peer == Peer::FloorByWakeup));
        }
        lines.push(cells);
    }
    grid(&lines)
}

fn head(columns: &[Column]) -> Vec<String> {
    let heads = columns.iter().map(|column| column.head.to_owned());
    std::iter::once(String::new()).chain(heads).collect()
}

/// A table whose first line is its head; the first column is text, the others are numbers.
fn grid(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        let _infallible = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(column, width)| match column {
                0 => "-".repeat(*width),
                _ => format!("{}:", "-".repeat(width - 1)),
            });
            let _infallible = writeln!(text, "| {} |", rules.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(peer: Peer, runs: Vec<Value>, failures: &[&str]) -> Row {
        Row {
            peer,
            label: "",
            runs,
            failures: failures.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn section() -> Section {
        let run = |cost: f64, lost: u64| json!({"server_cpu_us_per_delivery": cost, "deliveries_per_second": 1e6, "lost": lost, "faults": lost});
        Section {
            scenario: Scenario::Fanout,
            rows: vec![
                row(Peer::FloorByWakeup, vec![run(0.25, 0)], &[]),
                row(Peer::Nexus, vec![run(0.3, 0), run(0.3, 0)], &[]),
                row(Peer::Nats, vec![run(1.0, 7)], &[]),
                row(Peer::Mosquitto, vec![], &["it is not to be had"]),
            ],
        }
    }

    fn machine() -> Machine {
        Machine {
            processor: "Fast 9000".to_owned(),
            cores: 2,
            kernel: "Linux 6.1".to_owned(),
            memory_gib: 24,
            date: "2026-01-02 03:04".to_owned(),
        }
    }

    #[test]
    fn a_section_names_each_server_and_what_was_odd_about_it() {
        let text = section().markdown();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("#### Fan-out, saturated"));
        assert!(
            lines[2].contains("| µs of CPU per delivery | × floor | deliveries/s |"),
            "{text}"
        );
        assert!(
            lines[3].starts_with("| ---") && lines[3].ends_with("-: |"),
            "{text}"
        );
        let line_of = |name: &str| {
            lines
                .iter()
                .find(|line| line.contains(name))
                .copied()
                .unwrap_or_default()
        };
        assert!(
            line_of("**Nexus**").contains("0.30 |   1.20× |    1,000,000 |"),
            "{text}"
        );
        assert!(line_of("nats-server [1]").contains("4.00×"), "{text}");
        assert!(line_of("mosquitto [2]").contains("– |"), "{text}");
        assert!(
            text.contains("\n[1] deliveries lost: 7  \n[2] it is not to be had\n"),
            "{text}"
        );
    }

    #[test]
    fn all_lines_of_a_table_are_equally_wide() {
        let text = section().markdown();
        let widths: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.chars().count())
            .collect();
        assert_eq!(widths.len(), 6);
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn only_what_nexus_does_wrong_counts_as_wrong() {
        let lossy = json!({"lost": 1, "faults": 1});
        assert!(
            row(Peer::Nats, vec![lossy.clone()], &[])
                .wrongs_of_nexus()
                .is_empty()
        );
        assert_eq!(
            row(Peer::Nexus, vec![lossy], &["broke"]).wrongs_of_nexus(),
            ["broke", "deliveries lost: 1"]
        );
        assert!(
            row(Peer::Nexus, vec![json!({})], &[])
                .wrongs_of_nexus()
                .is_empty()
        );
    }

    #[test]
    fn the_document_says_on_what_it_was_measured_and_who_is_missing() {
        let machine = machine();
        let frame = Frame {
            machine: &machine,
            cores: "side by side".to_owned(),
            versions: vec![
                (Peer::Nexus, "0.1.0".to_owned()),
                (Peer::FloorByMessage, "x".to_owned()),
            ],
            missing: vec![(Peer::Ws, "npm is not here".to_owned())],
            busy: Some(0.5),
            rounds: 3,
            pace: Pace::Thorough,
        };
        let text = document(&[section()], &frame).whole();
        for words in [
            "2026-01-02 03:04 UTC on Fast 9000 (2 processors, 24 GiB), Linux 6.1: side by side; medians of 3 runs each",
            "**Nexus** 0.1.0.\n",
            "npm `ws` was not measured: npm is not here",
            "kept 50 % of this machine busy",
            "#### Fan-out",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn the_summary_has_one_line_a_server() {
        let text = summary(&[section()]);
        assert_eq!(text.lines().count(), 2 + 4, "{text}");
        assert!(text.contains("0.25 µs") && text.contains("1.20×"), "{text}");
    }
}
