//! Rust source without its comments and the contents of its strings, line for line, so that rules see code alone.

/// Blanks out comments, strings and character literals; every line keeps its number.
pub(super) fn only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let blank = blank_length(rest, code.chars().next_back());
        if blank > 0 {
            code.extend(
                rest[..blank]
                    .chars()
                    .map(|char| if char == '\n' { '\n' } else { ' ' }),
            );
            rest = &rest[blank..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// How many bytes at the start of `rest` are no code; 0 when it starts with code.
fn blank_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let within_word = before.is_some_and(|char| char.is_alphanumeric() || char == '_');
    if !within_word && let Some(length) = raw_string(rest) {
        return length;
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') && is_char_literal(rest) {
        return quoted(rest, '\'');
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and so on.
fn raw_string(rest: &str) -> Option<usize> {
    let after_prefix = ["r", "br", "cr"].iter().find_map(|prefix| {
        let after = rest.strip_prefix(prefix)?;
        after.starts_with(['"', '#']).then_some(after)
    })?;
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let body = after_prefix[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(
        body.find(&end)
            .map_or(rest.len(), |length| start + length + end.len()),
    )
}

/// The length of a literal between two `quote`s, escapes regarded.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    matches!(
        (chars.next(), chars.next()),
        (Some('\\'), _) | (Some(_), Some('\''))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let squeezed: Vec<_> = only(text)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(squeezed.join("|"), expected, "{text}");
    }

    #[test]
    fn comments_are_no_code() {
        check("a // b\nc", "a|c");
        check("a /* b /* c */ d\n e */ f", "a| f".replace(' ', "").as_str());
        check("//! head\n/// doc\nfn f() {}", "||fn f() {}");
    }

    #[test]
    fn strings_and_characters_are_no_code() {
        check(r#"a("b // \" c", d)"#, "a( , d)");
        check("a(r#\"b \" c\"#, d)", "a( , d)");
        check("x('\"', 'y', '\\'', z)", "x( , , , z)");
    }

    #[test]
    fn lifetimes_and_words_that_end_in_r_are_code() {
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        check("writer\"text\"", "writer");
        check("r#type", "r#type");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(only("\"a\nb\"\nc").lines().count(), 3);
    }
}
