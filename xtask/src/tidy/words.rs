//! Words that belong to somebody's machine and not into the repository: their directories, their package registry.
//!
//! The words stand here in two halves, so that this file keeps its own rule.

use super::{TextFile, Violation};

const DIRECTORIES: [(&str, &str); 4] = [("/work", "/"), ("/root", "/"), ("/Users", "/"), ("/home", "/")];
const HOSTS: [(&str, &str); 6] = [
    ("crates", ".io"),
    ("registry.", "npmjs.org"),
    ("pypi", ".org"),
    ("files.", "pythonhosted.org"),
    ("arti", "factory"),
    ("proxy.", "golang.org"),
];

pub(super) fn check(file: &TextFile, found: &mut Vec<Violation>) {
    // The lock file names its registry because cargo writes it.
    if file.path == "Cargo.lock" {
        return;
    }
    let mut report = |line: usize, rule: &'static str, advice: String| {
        found.push(Violation {
            path: file.path.clone(),
            line,
            rule,
            advice,
        });
    };
    for (index, line) in file.text.lines().enumerate() {
        for word in DIRECTORIES.map(|(head, tail)| format!("{head}{tail}")) {
            if stands_alone(line, &word) {
                report(
                    index + 1,
                    "directory",
                    format!("`{word}` is on one machine only: write a relative path"),
                );
            }
        }
        for word in HOSTS.map(|(head, tail)| format!("{head}{tail}")) {
            if line.contains(&word) {
                report(
                    index + 1,
                    "registry",
                    format!("`{word}`: name the package, its registry is a setting of the reader"),
                );
            }
        }
    }
}

/// Whether the directory begins a path, rather than being the end of another.
fn stands_alone(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | '}' | '*' | '/'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn directories_of_one_machine_are_found() {
        let line = format!("see {}{}notes", "/work", "/");
        fixture::check(
            check,
            "README.md",
            &format!("# Title\n{line}"),
            &[(2, "directory")],
        );
        fixture::check(
            check,
            "README.md",
            &format!("see frame{0}{1} and ${{dir}}{0}{1}", "/work", "/"),
            &[],
        );
    }

    #[test]
    fn registry_hosts_are_found_except_in_the_lock_file() {
        let line = format!("https://{}{}/x", "crates", ".io");
        fixture::check(check, "deny.toml", &line, &[(1, "registry")]);
        fixture::check(check, "Cargo.lock", &line, &[]);
    }
}
