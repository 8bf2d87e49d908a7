//! Who may import whom: read from the manifests, where every import begins.
//!
//! The protocol is the one definition of the wire and knows nobody. The client knows it, the server knows it, and the
//! two never know each other. A stand-in that shared code with what it tests would prove nothing.

use super::{TextFile, Violation};

/// A package of ours with the packages of ours that it may name.
struct Package {
    dir: &'static str,
    may_use: &'static [&'static str],
    /// Further ones for its tests.
    tests_may_use: &'static [&'static str],
}

const PACKAGES: [Package; 9] = [
    Package {
        dir: "crates/protocol",
        may_use: &[],
        tests_may_use: &[],
    },
    Package {
        dir: "crates/client",
        may_use: &["nexus-protocol"],
        tests_may_use: &[],
    },
    Package {
        dir: "crates/server",
        may_use: &["nexus-protocol"],
        tests_may_use: &["nexus-standin"],
    },
    Package {
        // It has the server's pure modules in it, not the server.
        dir: "crates/server/fuzz",
        may_use: &["nexus-protocol"],
        tests_may_use: &[],
    },
    Package {
        dir: "crates/web",
        may_use: &["nexus-protocol", "nexus-client"],
        tests_may_use: &[],
    },
    Package {
        dir: "crates/cli",
        may_use: &["nexus-protocol", "nexus-client"],
        tests_may_use: &[],
    },
    Package {
        dir: "crates/standin",
        may_use: &["nexus-protocol"],
        tests_may_use: &[],
    },
    Package {
        dir: "tests",
        may_use: &[
            "nexus-protocol",
            "nexus-client",
            "nexus-server",
            "nexus-standin",
            "nexus-cli",
        ],
        tests_may_use: &[],
    },
    Package {
        dir: "xtask",
        may_use: &[],
        tests_may_use: &[],
    },
];

pub(super) fn check(file: &TextFile, found: &mut Vec<Violation>) {
    let Some(dir) = file.path.strip_suffix("/Cargo.toml") else {
        return;
    };
    let mut report = |line: usize, advice: String| {
        found.push(Violation {
            path: file.path.clone(),
            line,
            rule: "imports",
            advice,
        });
    };
    let Some(package) = PACKAGES.iter().find(|package| package.dir == dir) else {
        report(
            1,
            "a new package: say in xtask/src/tidy/packages.rs whom it may use".to_owned(),
        );
        return;
    };

    let mut section = String::new();
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        }
        let Some((kind, name)) = dependency(&section, line) else {
            continue;
        };
        if !name.starts_with("nexus-") {
            continue;
        }
        let allowed =
            package.may_use.contains(&name) || (kind == Kind::Dev && package.tests_may_use.contains(&name));
        if !allowed {
            report(
                index + 1,
                format!(
                    "{dir} must not use {name}: move the shared part to crates/protocol, or turn the import round"
                ),
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dev,
    Other,
}

/// The dependency that a line of a manifest names, as `name = …`, `name.workspace = …` or `[dependencies.name]`.
fn dependency<'a>(section: &'a str, line: &'a str) -> Option<(Kind, &'a str)> {
    let (before, after) = section.split_once("dependencies")?;
    let kind = if before.ends_with("dev-") {
        Kind::Dev
    } else {
        Kind::Other
    };
    if let Some(name) = after.strip_prefix('.') {
        return line.starts_with('[').then_some((kind, name));
    }
    let name = line.split(['=', '.']).next()?.trim().trim_matches('"');
    (!name.is_empty() && !name.starts_with(['[', '#'])).then_some((kind, name))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[track_caller]
    fn check_manifest(dir: &str, text: &str, expected: &[(usize, &str)]) {
        fixture::check(check, &format!("{dir}/Cargo.toml"), text, expected);
    }

    #[test]
    fn what_the_design_allows_passes() {
        check_manifest(
            "crates/client",
            "[dependencies]\nnexus-protocol.workspace = true\nserde = \"1\"",
            &[],
        );
        check_manifest(
            "crates/server",
            "[dev-dependencies]\nnexus-standin.workspace = true",
            &[],
        );
        check_manifest(
            "tests",
            "[dependencies]\nnexus-server = { path = \"../crates/server\" }",
            &[],
        );
    }

    #[test]
    fn a_forbidden_import_is_found_however_it_is_written() {
        check_manifest(
            "crates/protocol",
            "[dependencies]\nnexus-client.workspace = true",
            &[(2, "imports")],
        );
        check_manifest(
            "crates/client",
            "[dev-dependencies]\nnexus-server = { path = \"x\" }",
            &[(2, "imports")],
        );
        check_manifest(
            "crates/standin",
            "[dependencies.nexus-client]\nworkspace = true",
            &[(1, "imports")],
        );
        check_manifest(
            "crates/server",
            "[dependencies]\nnexus-standin.workspace = true",
            &[(2, "imports")],
        );
        check_manifest(
            "tests",
            "[target.'cfg(unix)'.dependencies]\n\"nexus-web\" = \"0\"",
            &[(2, "imports")],
        );
    }

    #[test]
    fn a_package_without_rules_is_found() {
        check_manifest("crates/new", "[package]", &[(1, "imports")]);
        fixture::check(
            check,
            "Cargo.toml",
            "[workspace.dependencies]\nnexus-server = \"1\"",
            &[],
        );
    }
}
