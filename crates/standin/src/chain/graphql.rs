//! As much of GraphQL as clients of the node write: one operation with arguments, variables and selections; and the
//! errors in the words and the shape of the node's own library.

use std::iter::Peekable;
use std::str::CharIndices;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request, over HTTP or in `subscribe`.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) query: String,
    #[serde(default)]
    pub(crate) variables: Option<Map<String, Value>>,
}

/// One operation, read.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<Field>,
}

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// A field, its arguments with variables filled in, and what is wanted of it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) selection: Vec<Field>,
    at: [usize; 2],
}

/// An error of the request or of its execution.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    message: String,
    at: [usize; 2],
    path: Option<String>,
}

impl Kind {
    fn root(self) -> &'static str {
        match self {
            Self::Query => "QueryRoot",
            Self::Mutation => "MutationRoot",
            Self::Subscription => "SubscriptionRoot",
        }
    }
}

impl Error {
    /// The body of an answer that is nothing but errors.
    pub(crate) fn answer(errors: &[Self]) -> Value {
        let shown = errors.iter().map(|error| {
            let mut shown = json!({
                "message": error.message,
                "locations": [{"line": error.at[0], "column": error.at[1]}],
            });
            if let Some(path) = &error.path {
                shown["path"] = json!([path]);
            }
            shown
        });
        json!({"data": null, "errors": shown.collect::<Vec<_>>()})
    }
}

impl Field {
    /// Something went wrong in answering this field.
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            at: self.at,
            path: Some(self.name.clone()),
        }
    }

    /// The root has no such field.
    pub(crate) fn unknown(&self, kind: Kind) -> Error {
        self.unknown_on(kind.root())
    }

    fn unknown_on(&self, parent: &str) -> Error {
        Error {
            message: format!("Unknown field \"{}\" on type \"{parent}\".", self.name),
            at: self.at,
            path: None,
        }
    }

    /// A scalar was asked for parts.
    pub(crate) fn no_subfields(&self, scalar: &str) -> Vec<Error> {
        let mut errors = vec![Error {
            message: format!(
                "Field \"{}\" must not have a selection since type \"{scalar}\" has no subfields",
                self.name
            ),
            at: self.at,
            path: None,
        }];
        errors.extend(self.selection.iter().map(|field| field.unknown_on(scalar)));
        errors
    }

    /// An argument that must be a text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Error> {
        self.arguments.get(name).and_then(Value::as_str).ok_or_else(|| {
            self.error(format!(
                "Invalid value for argument \"{name}\", expected type \"String!\""
            ))
        })
    }

    /// An argument that must be 32 bytes in hex.
    pub(crate) fn hash(&self, name: &str, scalar: &str) -> Result<&str, Error> {
        let text = self.text(name)?;
        let reason = match text
            .char_indices()
            .find(|(_, letter)| !letter.is_ascii_hexdigit())
        {
            Some((place, letter)) => format!("Invalid character '{letter}' at position {place}"),
            None if text.len() == 64 => return Ok(text),
            None if text.len() % 2 == 1 => "Odd number of digits".to_owned(),
            None => format!(
                "Byte slice has length {} but a `CryptoHash` requires exactly 32 bytes",
                text.len() / 2
            ),
        };
        Err(self.error(format!("Failed to parse \"{scalar}\": {reason}")))
    }

    /// What was asked for of a value.
    pub(crate) fn project(&self, value: &Value) -> Result<Value, Error> {
        match value {
            Value::Object(object) if !self.selection.is_empty() => {
                let mut chosen = Map::new();
                for field in &self.selection {
                    let part = object
                        .get(&field.name)
                        .ok_or_else(|| field.unknown_on(&type_of(&self.name)))?;
                    chosen.insert(field.name.clone(), field.project(part)?);
                }
                Ok(Value::Object(chosen))
            }
            Value::Array(items) => items.iter().map(|item| self.project(item)).collect(),
            _ => Ok(value.clone()),
        }
    }
}

/// What a type would be called whose values stand under a field.
fn type_of(field: &str) -> String {
    let mut letters = field.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Reads a request.
pub(crate) fn parse(request: &Request) -> Result<Operation, Error> {
    let empty = Map::new();
    let mut reader = Reader {
        text: &request.query,
        letters: request.query.char_indices().peekable(),
        variables: request.variables.as_ref().unwrap_or(&empty),
    };
    reader.operation()
}

struct Reader<'a> {
    text: &'a str,
    letters: Peekable<CharIndices<'a>>,
    variables: &'a Map<String, Value>,
}

/// Nothing that clients write is deeper.
const DEEPEST: usize = 16;

impl Reader<'_> {
    fn operation(&mut self) -> Result<Operation, Error> {
        let kind = if self.peek() == Some('{') {
            Kind::Query
        } else {
            let kind = match self.name()?.as_str() {
                "query" => Kind::Query,
                "mutation" => Kind::Mutation,
                "subscription" => Kind::Subscription,
                _ => return Err(self.expected("executable_definition")),
            };
            if self.peek().is_some_and(|letter| letter.is_alphabetic()) {
                self.name()?;
            }
            if self.peek() == Some('(') {
                while self.letters.next().is_some_and(|(_, letter)| letter != ')') {}
            }
            kind
        };
        let fields = self.selection(0)?;
        Ok(Operation { kind, fields })
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, Error> {
        self.eat('{')?;
        let mut fields = Vec::new();
        while self.peek() != Some('}') {
            if depth > DEEPEST {
                return Err(self.expected("less depth"));
            }
            fields.push(self.field(depth)?);
        }
        self.eat('}')?;
        if fields.is_empty() {
            return Err(self.expected("selection"));
        }
        Ok(fields)
    }

    fn field(&mut self, depth: usize) -> Result<Field, Error> {
        if !self
            .peek()
            .is_some_and(|letter| letter.is_alphabetic() || letter == '_')
        {
            return Err(self.expected("selection"));
        }
        let at = self.here();
        let name = self.name()?;
        let mut arguments = Map::new();
        if self.peek() == Some('(') {
            self.eat('(')?;
            while self.peek() != Some(')') {
                let name = self.name()?;
                self.eat(':')?;
                let value = self.value(depth)?;
                arguments.insert(name, value);
            }
            self.eat(')')?;
        }
        let selection = match self.peek() {
            Some('{') => self.selection(depth + 1)?,
            _ => Vec::new(),
        };
        Ok(Field {
            name,
            arguments,
            selection,
            at,
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > DEEPEST {
            return Err(self.expected("less depth"));
        }
        match self.peek() {
            Some('$') => {
                self.eat('$')?;
                let name = self.name()?;
                Ok(self.variables.get(&name).cloned().unwrap_or(Value::Null))
            }
            Some('"') => {
                self.eat('"')?;
                let mut text = String::new();
                loop {
                    match self.letters.next() {
                        Some((_, '"')) => return Ok(Value::String(text)),
                        Some((_, letter)) => text.push(letter),
                        None => return Err(self.expected("\"")),
                    }
                }
            }
            Some('{') => {
                self.eat('{')?;
                let mut object = Map::new();
                while self.peek() != Some('}') {
                    let name = self.name()?;
                    self.eat(':')?;
                    let value = self.value(depth + 1)?;
                    object.insert(name, value);
                }
                self.eat('}')?;
                Ok(Value::Object(object))
            }
            _ => {
                let word = self.name()?;
                Ok(serde_json::from_str(&word).unwrap_or(Value::String(word)))
            }
        }
    }

    /// A name, or a number.
    fn name(&mut self) -> Result<String, Error> {
        self.peek();
        let mut name = String::new();
        while let Some((_, letter)) = self
            .letters
            .next_if(|(_, letter)| letter.is_alphanumeric() || "_.-".contains(*letter))
        {
            name.push(letter);
        }
        if name.is_empty() {
            return Err(self.expected("name"));
        }
        Ok(name)
    }

    fn eat(&mut self, wanted: char) -> Result<(), Error> {
        if self.peek() == Some(wanted) {
            self.letters.next();
            return Ok(());
        }
        Err(self.expected(&wanted.to_string()))
    }

    /// The next letter that means something.
    fn peek(&mut self) -> Option<char> {
        while self
            .letters
            .next_if(|(_, letter)| letter.is_whitespace() || *letter == ',')
            .is_some()
        {}
        self.letters.peek().map(|(_, letter)| *letter)
    }

    fn here(&mut self) -> [usize; 2] {
        let place = self.letters.peek().map_or(self.text.len(), |(place, _)| *place);
        let before = &self.text[..place];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        [line, column]
    }

    fn expected(&mut self, what: &str) -> Error {
        let at = self.here();
        let line = self.text.lines().nth(at[0] - 1).unwrap_or_default();
        let message = format!(
            " --> {row}:{column}\n  |\n{row} | {line}\n  | {space}^---\n  |\n  = expected {what}",
            row = at[0],
            column = at[1],
            space = " ".repeat(at[1] - 1)
        );
        Error {
            message,
            at,
            path: None,
        }
    }
}
