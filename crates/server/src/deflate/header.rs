//! The header `Sec-WebSocket-Extensions`, taken apart as its grammar says
//! ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-9.1)).

use std::borrow::Cow;

/// What one offer says: the name of an extension, and its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Offer<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<Parameter<'a>>,
}

/// One parameter of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<Cow<'a, str>>,
}

/// The offers of one header line, in their order. It ends where the line is not what the grammar says, because nobody knows
/// then where the next offer begins.
#[derive(Clone, Debug)]
pub(super) struct Offers<'a> {
    rest: &'a str,
}

impl<'a> Offers<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Offers { rest: line }
    }

    /// One offer up to the comma behind it, or the end; none where the line is malformed.
    fn offer(&mut self) -> Option<Offer<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.takes(';') {
            let name = self.token()?;
            let value = match self.takes('=') {
                true => Some(self.value()?),
                false => None,
            };
            parameters.push(Parameter { name, value });
        }
        (self.rest.is_empty() || self.takes(',')).then_some(Offer { name, parameters })
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Takes a separator, and the blanks around it.
    fn takes(&mut self, separator: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(separator);
        self.rest = rest.unwrap_or(self.rest);
        self.skip_blanks();
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|letter| !is_of_token(letter))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, or one in quotes.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(Cow::Borrowed);
        };
        let mut value = String::new();
        let mut letters = quoted.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => value.push(letters.next()?),
                letter => value.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(Cow::Owned(value))
    }
}

impl<'a> Iterator for Offers<'a> {
    type Item = Offer<'a>;

    fn next(&mut self) -> Option<Offer<'a>> {
        // Empty items of a list are none.
        while self.takes(',') {}
        if self.rest.is_empty() {
            return None;
        }
        let offer = self.offer();
        if offer.is_none() {
            self.rest = "";
        }
        offer
    }
}

/// Whether a token may hold it ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-tokens)).
fn is_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers as one text: names, parameters with `;`, values with `=`, offers with ` | `.
    fn shown(line: &str) -> String {
        let parameter = |parameter: &Parameter<'_>| match &parameter.value {
            Some(value) => format!(";{}={value}", parameter.name),
            None => format!(";{}", parameter.name),
        };
        let offers = Offers::of(line).map(|offer| {
            let parameters: String = offer.parameters.iter().map(parameter).collect();
            format!("{}{parameters}", offer.name)
        });
        offers.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn lines_are_taken_apart() {
        for (line, expected) in [
            ("", ""),
            (" , ,\t,", ""),
            ("a", "a"),
            (" a , b ", "a | b"),
            ("a,,b,", "a | b"),
            ("a;b;c=1", "a;b;c=1"),
            ("a ; b\t; c = 1 , d", "a;b;c=1 | d"),
            (r#"a;b="1""#, "a;b=1"),
            (r#"a;b="x, y; z=\"1\\2\"" , c"#, r#"a;b=x, y; z="1\2" | c"#),
            (r#"a;b="""#, "a;b="),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn what_stands_before_a_fault_counts_and_the_rest_does_not() {
        for (line, expected) in [
            ("a, b c, d", "a"),
            ("a, b;, d", "a"),
            ("a, ;b, d", "a"),
            ("a, b;c=, d", "a"),
            ("a, b=1, d", "a"),
            (r#"a, b;c="1, d"#, "a"),
            (r#"a, b;c="1\"#, "a"),
            (r#"a, b;c="1"2, d"#, "a"),
            ("a, b;c=1=2, d", "a"),
            ("a, ü, d", "a"),
            ("a, b\u{0}, d", "a"),
            ("(a)", ""),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
