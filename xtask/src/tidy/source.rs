//! Rules for every Rust file: it says what it is, stays short, and holds nothing that was meant to be temporary.

use super::{TextFile, Violation, code};

const LONGEST: usize = 500;

/// Code that must not stay, and what to do about it.
const BANNED: [(&str, &str, &str); 7] = [
    (
        "todo!",
        "unfinished",
        "write it, or refuse the case with an error that says so",
    ),
    (
        "unimplemented!",
        "unfinished",
        "write it, or refuse the case with an error that says so",
    ),
    ("dbg!", "unfinished", "take it out"),
    ("#[ignore", "ignored-test", "make the test run or delete it"),
    (
        "thread::sleep",
        "sleep",
        "wait for the event itself, with a deadline",
    ),
    ("sleep_ms", "sleep", "wait for the event itself, with a deadline"),
    ("unsafe", "unsafe", "find the safe way, or a crate that has it"),
];

/// Where a rule does not hold, and why.
struct Exception {
    rule: &'static str,
    path: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    because: &'static str,
}

const EXCEPTIONS: [Exception; 0] = [];

pub(super) fn check(file: &TextFile, found: &mut Vec<Violation>) {
    if !file.path.ends_with(".rs") {
        return;
    }
    let mut report = |line: usize, rule: &'static str, advice: String| {
        if !EXCEPTIONS
            .iter()
            .any(|it| it.rule == rule && it.path == file.path)
        {
            found.push(Violation {
                path: file.path.clone(),
                line,
                rule,
                advice,
            });
        }
    };

    if !file.text.starts_with("//!") {
        report(
            1,
            "header",
            "begin with `//!`: what this file is, what it promises, what it must never do".to_owned(),
        );
    }
    let lines = file.text.lines().count();
    if lines > LONGEST {
        report(
            lines,
            "length",
            format!("{lines} lines, at most {LONGEST}: split it by noun"),
        );
    }
    for (index, line) in code::only(&file.text).lines().enumerate() {
        for (word, rule, advice) in BANNED {
            if contains_word(line, word) {
                report(index + 1, rule, format!("`{word}`: {advice}"));
            }
        }
        if reads_environment(line) && is_server_outside_config(&file.path) {
            report(
                index + 1,
                "environment",
                "only config/ reads variables: make it a setting there".to_owned(),
            );
        }
    }
}

fn reads_environment(line: &str) -> bool {
    ["env::var", "env::var_os", "env::vars", "env::vars_os"]
        .iter()
        .any(|call| contains_word(line, call))
}

fn is_server_outside_config(path: &str) -> bool {
    path.strip_prefix("crates/server/src/")
        .is_some_and(|rest| !rest.starts_with("config/") && rest != "config.rs")
}

/// Whether `word` stands in `line` with no letter, digit or underscore before or after it.
pub(super) fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts = !word.starts_with(is_part) || !before.is_some_and(is_part);
        let ends = !word.ends_with(is_part) || !after.is_some_and(is_part);
        starts && ends
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[track_caller]
    fn check_file(path: &str, text: &str, expected: &[(usize, &str)]) {
        fixture::check(check, path, text, expected);
    }

    #[test]
    fn a_clean_file_passes() {
        check_file(
            "a.rs",
            "//! A noun.\n\n// An unsafe thought, todo! never.\nfn f() { g(\"dbg!(x)\") }\n",
            &[],
        );
        check_file("notes.md", "todo! unsafe", &[]);
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        check_file("crates/x/build.rs", "fn main() {}\n", &[(1, "header")]);
        check_file("a.rs", "", &[(1, "header")]);
    }

    #[test]
    fn a_long_file_is_found() {
        let text = |lines: usize| format!("//! Long.\n{}", "fn f() {}\n".repeat(lines - 1));
        check_file("a.rs", &text(500), &[]);
        check_file("a.rs", &text(501), &[(501, "length")]);
    }

    #[test]
    fn what_must_not_stay_is_found() {
        check_file("a.rs", "//! A.\nfn f() { todo!() }", &[(2, "unfinished")]);
        check_file(
            "a.rs",
            "//! A.\n\nfn f() { unimplemented!(); dbg!(1) }",
            &[(3, "unfinished"), (3, "unfinished")],
        );
        check_file(
            "a.rs",
            "//! A.\n#[ignore = \"slow\"]\nfn f() {}",
            &[(2, "ignored-test")],
        );
        check_file(
            "a.rs",
            "//! A.\nfn f() { std::thread::sleep(d) }",
            &[(2, "sleep")],
        );
        check_file(
            "a.rs",
            "//! A.\nunsafe fn f() {}\n#![deny(unsafe_code)]",
            &[(2, "unsafe")],
        );
    }

    #[test]
    fn the_server_reads_variables_in_its_config_only() {
        let text = "//! A.\nfn f() { std::env::var(\"X\") }";
        check_file("crates/server/src/hub.rs", text, &[(2, "environment")]);
        check_file("crates/server/src/config/limits.rs", text, &[]);
        check_file("crates/cli/src/main.rs", text, &[]);
        check_file(
            "crates/server/src/hub.rs",
            "//! A.\nconst V: &str = env!(\"CARGO_PKG_VERSION\");",
            &[],
        );
    }
}
