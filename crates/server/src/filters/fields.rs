//! The fields of a payload that filters can name: values by their path.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::filters::{FieldPath, MOST_BYTES, MOST_DEPTH};

/// The fields of a payload, sorted by their path.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fields(Vec<(Box<str>, Scalar)>);

/// A value that can be compared.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Whole(i128),
    /// Any other number; neither infinite nor a zero.
    Real(f64),
    /// A text.
    Text(Box<str>),
    /// Something that is there and that no condition can ask for: an object, a list, a text that is too long.
    Other,
}

impl Fields {
    /// Reads the fields of a payload. What is no object, or no JSON, has none.
    pub fn read(payload: &str) -> Self {
        let mut fields = Fields::default();
        let mut path = String::new();
        let reader = Reader {
            fields: &mut fields.0,
            path: &mut path,
            depth: 0,
        };
        let mut json = serde_json::Deserializer::from_str(payload);
        if reader.deserialize(&mut json).is_err() {
            return Fields::default();
        }
        fields.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields
    }

    /// The values at a path. More than one only where a name itself has a dot, or stands twice.
    pub fn at<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Scalar> + use<'a> {
        let start = self.0.partition_point(|(it, _)| **it < *path);
        let end = self.0.partition_point(|(it, _)| **it <= *path);
        self.0[start..end].iter().map(|(_, value)| value)
    }

    /// What stands at a path; nothing where it is not there, and something that nothing is equal to where more than one
    /// does.
    pub fn value(&self, path: &FieldPath) -> &Scalar {
        let mut found = self.at(path.as_str());
        match (found.next(), found.next()) {
            (None, _) => &Scalar::Null,
            (Some(only), None) => only,
            (Some(_), Some(_)) => &Scalar::Other,
        }
    }

    /// Roughly what they hold in memory.
    pub fn bytes(&self) -> usize {
        let one = |(path, value): &(Box<str>, Scalar)| 64 + path.len() + value.text_len();
        self.0.iter().map(one).sum()
    }
}

/// Numbers of JSON are equal to themselves.
impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Scalar::Null | Scalar::Other => {}
            Scalar::Bool(value) => value.hash(state),
            Scalar::Whole(whole) => whole.hash(state),
            Scalar::Real(real) => real.to_bits().hash(state),
            Scalar::Text(text) => text.hash(state),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By kind, then by value: an order to sort by, not one of meaning.
impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |scalar: &Scalar| match scalar {
            Scalar::Null => 0,
            Scalar::Bool(_) => 1,
            Scalar::Whole(_) => 2,
            Scalar::Real(_) => 3,
            Scalar::Text(_) => 4,
            Scalar::Other => 5,
        };
        match (self, other) {
            (Scalar::Bool(one), Scalar::Bool(other)) => one.cmp(other),
            (Scalar::Whole(one), Scalar::Whole(other)) => one.cmp(other),
            (Scalar::Real(one), Scalar::Real(other)) => one.total_cmp(other),
            (Scalar::Text(one), Scalar::Text(other)) => one.cmp(other),
            (one, other) => rank(one).cmp(&rank(other)),
        }
    }
}

impl Scalar {
    /// A number of JSON.
    pub(super) fn of_number(number: &Number) -> Option<Self> {
        let whole = number
            .as_i64()
            .map(i128::from)
            .or(number.as_u64().map(i128::from));
        whole
            .map(Scalar::Whole)
            .or_else(|| number.as_f64().map(Scalar::real))
    }

    /// How long its text is.
    pub fn text_len(&self) -> usize {
        match self {
            Scalar::Text(text) => text.len(),
            Scalar::Null | Scalar::Bool(_) | Scalar::Whole(_) | Scalar::Real(_) | Scalar::Other => 0,
        }
    }

    /// The number that it is.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Scalar::Whole(whole) => Some(*whole as f64),
            Scalar::Real(real) => Some(*real),
            Scalar::Null | Scalar::Bool(_) | Scalar::Text(_) | Scalar::Other => None,
        }
    }

    /// A real number that is whole is equal to the whole number: JSON does not tell `3` and `3.0` apart.
    fn real(real: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if real.fract() == 0.0 && real.abs() <= EXACT {
            return Scalar::Whole(real as i128);
        }
        Scalar::Real(real)
    }
}

/// Reads one value at a path, and what lies in it.
struct Reader<'a> {
    fields: &'a mut Vec<(Box<str>, Scalar)>,
    path: &'a mut String,
    depth: usize,
}

impl Reader<'_> {
    fn note(self, value: Scalar) {
        if self.depth > 0 {
            self.fields.push((self.path.as_str().into(), value));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MOST_DEPTH {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note(Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.note(Scalar::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.note(Scalar::Whole(value.into()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.note(Scalar::Whole(value.into()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.note(Scalar::real(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.note(if value.len() <= MOST_BYTES {
            Scalar::Text(value.into())
        } else {
            Scalar::Other
        });
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Reader { fields, path, depth } = self;
        let before = path.len();
        if depth > 0 {
            // An object is not null; its fields stand beside it.
            fields.push((path.as_str().into(), Scalar::Other));
        }
        if depth > 0 {
            path.push('.');
        }
        let inside = path.len();
        while map.next_key_seed(Name(path))?.is_some() {
            if path.len() > MOST_BYTES {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Reader {
                    fields,
                    path,
                    depth: depth + 1,
                })?;
            }
            path.truncate(inside);
        }
        path.truncate(before);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        // A list is not null either.
        self.note(Scalar::Other);
        Ok(())
    }
}

/// Reads a name onto the end of a path.
struct Name<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.0.push_str(name);
        Ok(())
    }
}
