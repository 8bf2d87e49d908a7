//! The closing line of a test runner: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
//!
//! libtest and wasm-bindgen-test-runner print the same kind of line. It is the only source of the numbers we report.

use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// Reads a closing line; `None` for every other line.
pub(crate) fn parse(line: &str) -> Option<Tally> {
    let plain = without_colours(line);
    // Anywhere in the line: a test that printed without a newline may stand before it.
    let (_, rest) = plain.split_once("test result: ")?;
    let (_verdict, counts) = rest.split_once(". ")?;
    let count_of = |word: &str| {
        counts.split(';').find_map(|part| {
            let (number, label) = part.trim().split_once(' ')?;
            if label == word { number.parse().ok() } else { None }
        })
    };
    Some(Tally {
        passed: count_of("passed")?,
        failed: count_of("failed")?,
        ignored: count_of("ignored").unwrap_or(0),
    })
}

/// The line without the escape sequences that colour it on a terminal.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            // `ESC [ … m` for colours; other sequences end in a letter as well.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u64, u64, u64)>) {
        let expected = expected.map(|(passed, failed, ignored)| Tally {
            passed,
            failed,
            ignored,
        });
        assert_eq!(parse(line), expected, "{line:?}");
    }

    #[test]
    fn closing_lines_of_both_runners_are_read() {
        check(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.10s",
            Some((12, 0, 0)),
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 filtered out; finished in 0.01s",
            Some((3, 2, 1)),
        );
        check(
            "test result: \u{1b}[32mok\u{1b}[0m. 4 passed; 0 failed; 0 ignored; 0 measured",
            Some((4, 0, 0)),
        );
        check(
            "    test result: ok. 0 passed; 0 failed; 0 ignored; 0 filtered out",
            Some((0, 0, 0)),
        );
    }

    #[test]
    fn other_lines_are_not_closing_lines() {
        check("test result is unknown", None);
        check("running 3 tests", None);
        check("test result: ok.", None);
        check("", None);
    }

    #[test]
    fn tallies_add_up() {
        let mut sum = Tally {
            passed: 1,
            failed: 0,
            ignored: 0,
        };
        sum += Tally {
            passed: 2,
            failed: 3,
            ignored: 4,
        };
        assert_eq!(
            sum,
            Tally {
                passed: 3,
                failed: 3,
                ignored: 4
            }
        );
    }
}
