//! A JSON text that is passed on and not looked into.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;

/// Any JSON value, exactly as its publisher wrote it: spacing, key order and digits included. Cheap to clone.
///
/// Equality is equality of the text.
#[derive(Clone, PartialEq)]
pub struct Json(Arc<str>);

impl Json {
    /// Takes a text.
    ///
    /// # Errors
    /// If it is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Writes a value. `None` if it cannot be JSON, for example a map whose keys are no strings.
    pub fn of<T: Serialize>(value: &T) -> Option<Self> {
        serde_json::to_string(value).ok().map(|text| Json(text.into()))
    }

    /// The exact text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The exact text, without a copy.
    pub fn into_text(self) -> Arc<str> {
        self.0
    }

    /// Reads it as a typed value.
    ///
    /// # Errors
    /// If it is not of that type.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Json(raw.get().into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // There is no other way to have a serializer write a text as it is.
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Json::from(&*raw))
    }
}
