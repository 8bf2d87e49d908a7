//! Which processor the server runs on and which the load, so that neither takes from the other.

use std::process::Command;

use crate::tools;

/// Where the two sides run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cores {
    /// Each on a processor of its own.
    Apart { server: u32, load: u32 },
    /// Wherever the system puts them, for a reason.
    Anywhere(&'static str),
}

impl Cores {
    /// Looks which processors we may use.
    pub(super) fn choose() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .map(numbers)
            .unwrap_or_default();
        let [load, rest @ ..] = &allowed[..] else {
            return Self::Anywhere("the system does not say which processors there are");
        };
        let Some(second) = rest.first() else {
            return Self::Anywhere("there is only one processor");
        };
        if tools::on_path("taskset").is_none() {
            return Self::Anywhere("there is no `taskset` (util-linux)");
        }
        let siblings = std::fs::read_to_string(format!(
            "/sys/devices/system/cpu/cpu{load}/topology/thread_siblings_list"
        ));
        let siblings = siblings.map(|list| numbers(&list)).unwrap_or_default();
        // Two threads of one core would slow each other.
        let server = rest.iter().find(|it| !siblings.contains(it)).unwrap_or(second);
        Self::Apart {
            server: *server,
            load: *load,
        }
    }

    /// The command on the server's processor.
    pub(super) fn for_server(&self, command: Command) -> Command {
        match self {
            Self::Apart { server, .. } => pinned(command, *server),
            Self::Anywhere(_) => command,
        }
    }

    /// The command on the load's processor.
    pub(super) fn for_load(&self, command: Command) -> Command {
        match self {
            Self::Apart { load, .. } => pinned(command, *load),
            Self::Anywhere(_) => command,
        }
    }

    /// For the reader of the table.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Apart { .. } => "the server on one processor, the load on another".to_owned(),
            Self::Anywhere(because) => {
                format!("server and load not kept apart, because {because}")
            }
        }
    }
}

/// `taskset` becomes the program, so that its process is the program's.
fn pinned(command: Command, core: u32) -> Command {
    let mut pinned = Command::new("taskset");
    pinned
        .args(["--cpu-list", &core.to_string()])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        pinned.current_dir(dir);
    }
    pinned
}

/// The numbers of a list like `0-2,5`.
fn numbers(list: &str) -> Vec<u32> {
    list.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(numbers("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(numbers("7"), [7]);
        assert!(numbers("").is_empty() && numbers("none").is_empty());
    }

    #[test]
    fn a_pinned_command_is_the_same_but_for_its_place() {
        let mut command = Command::new("server");
        command.arg("--fast").env("PORT", "1").current_dir("/");
        let cores = Cores::Apart { server: 3, load: 0 };
        let pinned = cores.for_server(command);
        assert_eq!(pinned.get_program(), "taskset");
        assert_eq!(
            pinned.get_args().collect::<Vec<_>>(),
            ["--cpu-list", "3", "server", "--fast"]
        );
        assert_eq!(pinned.get_envs().count(), 1);
        assert!(pinned.get_current_dir().is_some());
    }
}
