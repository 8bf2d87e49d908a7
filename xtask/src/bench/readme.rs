//! The places of the tables in our documents, between two markers.

use anyhow::{Context, bail};

use super::table::Document;
use crate::workspace;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Where the summary stands, and where every table does.
const SUMMARY: &str = "README.md";
const DETAILS: &str = "docs/BENCHMARKS.md";

/// Writes the summary into README.md, and all tables into docs/BENCHMARKS.md.
pub(super) fn write(document: &Document) -> anyhow::Result<()> {
    let Document {
        summary,
        circumstances,
        details,
    } = document;
    put(SUMMARY, &format!("{summary}\n{circumstances}"))?;
    put(DETAILS, &format!("{circumstances}\n{details}"))
}

fn put(file: &str, table: &str) -> anyhow::Result<()> {
    let path = workspace::root().join(file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let text = with_table(&text, table).with_context(|| format!("cannot change {file}"))?;
    std::fs::write(&path, text).with_context(|| format!("cannot write {file}"))
}

/// The text with `table` between its markers.
fn with_table(text: &str, table: &str) -> anyhow::Result<String> {
    let begin = text.find(BEGIN).map(|at| at + BEGIN.len());
    let end = text.find(END);
    match (begin, end) {
        (Some(begin), Some(end)) if begin <= end => Ok(format!(
            "{}\n\n{}\n\n{}",
            &text[..begin],
            table.trim(),
            &text[end..]
        )),
        _ => bail!("it has no `{BEGIN}` with `{END}` behind it: put them where the table belongs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_what_was_between_the_markers() {
        let text = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        let once = with_table(&text, "| new |\n").unwrap();
        assert_eq!(once, format!("# Title\n{BEGIN}\n\n| new |\n\n{END}\nrest\n"));
        assert_eq!(with_table(&once, "| new |").unwrap(), once);
    }

    #[test]
    fn without_markers_nothing_is_written() {
        for text in ["", BEGIN, END, &format!("{END}{BEGIN}")] {
            assert!(with_table(text, "x").is_err());
        }
    }

    #[test]
    fn our_own_documents_have_a_place_for_it() {
        for file in [SUMMARY, DETAILS] {
            let text = std::fs::read_to_string(workspace::root().join(file)).unwrap();
            with_table(&text, "x").unwrap();
        }
    }
}
