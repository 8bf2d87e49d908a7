//! Paths and queries of URLs: what is chosen, as text, and back.

/// A URL that is being written: a path, then what differs from the defaults.
pub(super) struct UrlText {
    text: String,
    mark: char,
}

impl UrlText {
    /// Begins with a path of ours.
    pub(super) fn new(path: &str) -> Self {
        UrlText {
            text: path.to_owned(),
            mark: '?',
        }
    }

    /// One more segment of the path, escaped.
    pub(super) fn segment(mut self, text: Option<&str>) -> Self {
        if let Some(text) = text {
            self.text.push('/');
            escape(text, &mut self.text);
        }
        self
    }

    /// A field of the query, if it differs from the default.
    pub(super) fn field(mut self, name: &str, value: &str, differs: bool) -> Self {
        if differs {
            self.text.extend([self.mark]);
            self.text.push_str(name);
            self.text.push('=');
            escape(value, &mut self.text);
            self.mark = '&';
        }
        self
    }

    /// A text of the query, if there is any.
    pub(super) fn text(self, name: &str, value: &str) -> Self {
        self.field(name, value, !value.is_empty())
    }

    /// The URL.
    pub(super) fn done(self) -> String {
        self.text
    }
}

/// The fields of a query, unescaped; what cannot be read is left out.
pub(super) fn fields(query: &str) -> impl Iterator<Item = (&str, String)> {
    query
        .trim_start_matches('?')
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(name, value)| Some((name, unescaped(&value.replace('+', " "))?)))
}

/// What follows `view` in a path: nothing, or all the rest, unescaped. `None` if the path is another view's or makes no
/// sense.
pub(super) fn behind(path: &str, view: &str) -> Option<Option<String>> {
    let rest = path.strip_prefix(view)?;
    match rest.trim_end_matches('/') {
        "" => Some(None),
        rest => Some(Some(unescaped(rest.strip_prefix('/')?)?)),
    }
}

/// The one of all whose word this is.
pub(super) fn word_of<T: Copy, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
    text: &str,
) -> Option<T> {
    all.into_iter().find(|one| word(*one) == text)
}

/// Writes what a path segment or a query value may hold as it is, and the rest as `%XX`.
fn escape(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Reads `%XX`; `None` where that is no UTF-8 or cut short.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
