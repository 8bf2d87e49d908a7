//! The place of the table in README.md, between two markers.

use anyhow::{Context, bail};

use crate::workspace;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Writes the table into README.md.
pub(super) fn write(table: &str) -> anyhow::Result<()> {
    let path = workspace::root().join("README.md");
    let text = std::fs::read_to_string(&path).context("cannot read README.md")?;
    let text = with_table(&text, table)?;
    std::fs::write(&path, text).context("cannot write README.md")
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
        _ => bail!("README.md has no `{BEGIN}` with `{END}` behind it: put them where the table belongs"),
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
    fn our_own_readme_has_a_place_for_it() {
        let text = std::fs::read_to_string(workspace::root().join("README.md")).unwrap();
        with_table(&text, "x").unwrap();
    }
}
