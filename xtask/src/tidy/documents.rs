//! What a newcomer needs is there, and what the documents point to exists.

use std::collections::BTreeSet;

use super::{TextFile, Violation};

const REQUIRED: [(&str, &str); 6] = [
    (
        "README.md",
        "what this is, the two commands, the first five minutes",
    ),
    ("ARCHITECTURE.md", "the invariants and the walk-throughs"),
    ("CONTRIBUTING.md", "how to build, test and change it"),
    ("CHANGELOG.md", "what changed for users"),
    ("docs/PROTOCOL.md", "every message with an example"),
    (".ci/run", "what CI runs"),
];

pub(super) fn check(files: &[TextFile], found: &mut Vec<Violation>) {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for (path, content) in REQUIRED {
        if !paths.contains(path) {
            found.push(Violation {
                path: path.to_owned(),
                line: 0,
                rule: "documents",
                advice: format!("write it: {content}"),
            });
        }
    }
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&file.text) {
            if !exists(&paths, &file.path, target) {
                let advice = format!("`{target}` is not in the repository: correct the link");
                found.push(Violation {
                    path: file.path.clone(),
                    line,
                    rule: "links",
                    advice,
                });
            }
        }
    }
}

/// Targets of `[text](target)` that name a file, with their lines. Code blocks are passed over.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let Some((target, _)) = part.split_once(')') else {
                continue;
            };
            let target = target.split(['#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                links.push((index + 1, target));
            }
        }
    }
    links
}

/// Whether `target`, seen from the document `from`, is a file or a directory with files.
fn exists(paths: &BTreeSet<&str>, from: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let inside = format!("{path}/");
    path.is_empty() || paths.contains(path.as_str()) || paths.iter().any(|it| it.starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::file;
    use super::*;

    fn complete() -> Vec<TextFile> {
        REQUIRED.iter().map(|(path, _)| file(path, "")).collect()
    }

    fn rules(files: &[TextFile]) -> Vec<(String, usize, &'static str)> {
        let mut found = Vec::new();
        check(files, &mut found);
        found.into_iter().map(|it| (it.path, it.line, it.rule)).collect()
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(rules(&complete()), []);
        let mut files = complete();
        files.retain(|file| file.path != "docs/PROTOCOL.md");
        assert_eq!(rules(&files), [("docs/PROTOCOL.md".to_owned(), 0, "documents")]);
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        let mut files = complete();
        files.push(file(
            "docs/A.md",
            "[up](../README.md) [in](../docs) [web](https://example.org)\n[no](B.md#part)",
        ));
        assert_eq!(rules(&files), [("docs/A.md".to_owned(), 2, "links")]);
    }

    #[test]
    fn code_blocks_hold_no_links() {
        let mut files = complete();
        files.push(file("docs/A.md", "```\n[no](B.md)\n```\n"));
        assert_eq!(rules(&files), []);
    }
}
