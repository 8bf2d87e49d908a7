//! `cargo xtask tidy`: the rules of the house that no compiler checks. Also a test, so that nobody has to remember it.
//!
//! A rule looks at files and says where it is broken and what to do. Rules know nothing of each other.

mod code;
mod documents;
mod layers;
mod packages;
mod source;
mod words;

use std::fmt;
use std::process::Command;

use anyhow::{Context, bail};

use crate::{process, workspace};

/// A file of the repository, its path relative to the top and with `/`.
#[derive(Debug)]
struct TextFile {
    path: String,
    text: String,
}

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    /// From 1; 0 speaks of the file as a whole.
    line: usize,
    rule: &'static str,
    advice: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            rule,
            advice,
        } = self;
        write!(f, "{path}:{line}: [{rule}] {advice}")
    }
}

/// Every rule over every file.
fn violations(files: &[TextFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files {
        source::check(file, &mut found);
        layers::check(file, &mut found);
        packages::check(file, &mut found);
        words::check(file, &mut found);
    }
    documents::check(files, &mut found);
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    found
}

/// Checks the checkout and prints what is wrong with it.
pub(crate) fn run() -> anyhow::Result<()> {
    let files = repository()?;
    let found = violations(&files);
    for violation in &found {
        println!("{violation}");
    }
    if !found.is_empty() {
        bail!(
            "{} rules are broken: each line above says what to do",
            found.len()
        );
    }
    println!("tidy: {} files, nothing to complain about", files.len());
    Ok(())
}

/// All files that git tracks or would track.
fn repository() -> anyhow::Result<Vec<TextFile>> {
    let mut list = Command::new("git");
    list.args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ])
    .current_dir(workspace::root());
    let paths = process::answer(&mut list)
        .context("git does not list the files: run tidy in a clone of the repository")?;
    let mut files = Vec::new();
    for path in paths.split_terminator('\0') {
        // A file that is tracked but deleted in the working tree is no concern of ours.
        let Ok(bytes) = std::fs::read(workspace::root().join(path)) else {
            continue;
        };
        files.push(TextFile {
            path: path.to_owned(),
            // A picture holds no text, but documents point to it.
            text: String::from_utf8(bytes).unwrap_or_default(),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let found = violations(&repository().expect("a clone of the repository"));
        let lines: Vec<_> = found.iter().map(Violation::to_string).collect();
        assert!(found.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn a_violation_reads_as_place_rule_and_advice() {
        let violation = Violation {
            path: "a/b.rs".to_owned(),
            line: 3,
            rule: "header",
            advice: "do this".to_owned(),
        };
        assert_eq!(violation.to_string(), "a/b.rs:3: [header] do this");
    }
}

/// Fixtures for the tests of rules.
#[cfg(test)]
mod fixture {
    use super::{TextFile, Violation};

    pub(super) fn file(path: &str, text: &str) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// What one rule finds in one file, as `line rule`.
    #[track_caller]
    pub(super) fn check(
        rule: impl Fn(&TextFile, &mut Vec<Violation>),
        path: &str,
        text: &str,
        expected: &[(usize, &str)],
    ) {
        let mut found = Vec::new();
        rule(&file(path, text), &mut found);
        let places: Vec<_> = found
            .iter()
            .map(|violation| (violation.line, violation.rule))
            .collect();
        assert_eq!(places, expected, "in {path}:\n{text}");
    }
}
