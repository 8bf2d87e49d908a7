//! Filters of one subscription, compiled: which publications of a topic pass. Pure.
//!
//! A condition names a field of the payload, or a path of fields with dots between. A payload is read at most once for
//! all who filter, into its [`Fields`]; lists and what lies deeper than a path can name are passed over.

mod fields;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use nexus_protocol::{Condition, ErrorCode, Filters, Range, Refusal};
use serde_json::Value;

pub use crate::filters::fields::{Fields, Scalar};

/// The most conditions of one subscription.
pub const MOST_CONDITIONS: usize = 16;
/// The most values of one list.
pub const MOST_VALUES: usize = 100;
/// The longest text of a value, and the longest path, in bytes.
pub const MOST_BYTES: usize = 256;
/// The most fields of one path.
pub const MOST_DEPTH: usize = 4;

/// A field of a payload: a name, or a path of names with dots between.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FieldPath(Arc<str>);

/// Filters that make sense, at least one condition of them. Equal ones select the same, in whatever order the values of a
/// list were written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Predicate {
    conditions: Vec<(Box<str>, Test)>,
}

/// What one field must be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Test {
    /// Sorted, each once.
    OneOf(Vec<Scalar>),
    Within(Bounds),
}

/// Bounds of a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Bounds {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Bound {
    /// A number, and never the zero below zero.
    at: f64,
    is_inside: bool,
}

impl FieldPath {
    /// A field that can be in a payload.
    ///
    /// # Errors
    /// If the text names none. The sentence goes on behind the field's name.
    pub fn parse(path: &str) -> Result<Self, String> {
        check_path(path)?;
        Ok(FieldPath(path.into()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Predicate {
    /// Compiles filters; none if every publication passes.
    ///
    /// # Errors
    /// If a condition makes no sense, or there are more than may be. The refusal names the field.
    pub fn compile(filters: &Filters) -> Result<Option<Self>, Refusal> {
        if filters.0.len() > MOST_CONDITIONS {
            return Err(Refusal::new(
                ErrorCode::InvalidParams,
                format!("a subscription has at most {MOST_CONDITIONS} filters"),
            ));
        }
        let mut conditions = Vec::with_capacity(filters.0.len());
        for (path, condition) in &filters.0 {
            check_path(path).map_err(|why| refusal(path, why))?;
            let test = Test::compile(condition).map_err(|why| refusal(path, why))?;
            conditions.push((path.as_str().into(), test));
        }
        Ok((!conditions.is_empty()).then_some(Predicate { conditions }))
    }

    /// Whether a publication passes: every condition holds.
    pub fn passes(&self, fields: &Fields) -> bool {
        self.conditions
            .iter()
            .all(|(path, test)| test.holds(fields, path))
    }

    /// The texts that a field must be one of, if the filters say so.
    pub fn texts_of(&self, field: &str) -> Option<Vec<&str>> {
        let (_, test) = self.conditions.iter().find(|(path, _)| **path == *field)?;
        let Test::OneOf(values) = test else {
            return None;
        };
        values
            .iter()
            .map(|value| match value {
                Scalar::Text(text) => Some(&**text),
                Scalar::Null | Scalar::Bool(_) | Scalar::Whole(_) | Scalar::Real(_) | Scalar::Other => None,
            })
            .collect()
    }
}

impl Test {
    fn compile(condition: &Condition) -> Result<Self, String> {
        match condition {
            Condition::Equals(value) => Ok(Test::OneOf(vec![scalar(value)?])),
            Condition::OneOf(values) if values.is_empty() => {
                Err("has an empty list, which nothing can pass; leave it out for everything".to_owned())
            }
            Condition::OneOf(values) if values.len() > MOST_VALUES => {
                Err(format!("has more than {MOST_VALUES} values"))
            }
            Condition::OneOf(values) => {
                let values: Result<Vec<Scalar>, String> = values.iter().map(scalar).collect();
                let mut values = values?;
                values.sort();
                values.dedup();
                Ok(Test::OneOf(values))
            }
            Condition::Range(range) => Ok(Test::Within(Bounds::of(range)?)),
        }
    }

    fn holds(&self, fields: &Fields, path: &str) -> bool {
        let mut found = fields.at(path).peekable();
        match self {
            // A field that is not there is null.
            Test::OneOf(values) if found.peek().is_none() => values.contains(&Scalar::Null),
            Test::OneOf(values) => found.any(|field| values.contains(field)),
            Test::Within(bounds) => found.any(|field| field.number().is_some_and(|it| bounds.hold(it))),
        }
    }
}

impl Bounds {
    fn of(range: &Range) -> Result<Self, String> {
        let all = [range.gt, range.gte, range.lt, range.lte];
        if all.iter().flatten().any(|bound| !bound.is_finite()) {
            return Err("has a bound that is no number".to_owned());
        }
        let one = |outside: Option<f64>, inside: Option<f64>, names: &str| match (outside, inside) {
            (Some(_), Some(_)) => Err(format!("has both {names}; one of them is enough")),
            // Adding zero makes one zero of both.
            (Some(at), None) => Ok(Some(Bound {
                at: at + 0.0,
                is_inside: false,
            })),
            (None, Some(at)) => Ok(Some(Bound {
                at: at + 0.0,
                is_inside: true,
            })),
            (None, None) => Ok(None),
        };
        let low = one(range.gt, range.gte, "`gt` and `gte`")?;
        let high = one(range.lt, range.lte, "`lt` and `lte`")?;
        match (low, high) {
            (None, None) => Err("has an empty range; give it `gt`, `gte`, `lt` or `lte`".to_owned()),
            (Some(low), Some(high))
                if low.at > high.at || low.at >= high.at && !(low.is_inside && high.is_inside) =>
            {
                Err("has a range that no number is in".to_owned())
            }
            _ => Ok(Bounds { low, high }),
        }
    }

    fn hold(&self, number: f64) -> bool {
        let above = |low: Bound| number > low.at || low.is_inside && number == low.at;
        let below = |high: Bound| number < high.at || high.is_inside && number == high.at;
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }
}

/// Both are numbers, so that equal is equal.
impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at.to_bits(), self.is_inside).hash(state);
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path.len() > MOST_BYTES {
        return Err(format!("is longer than {MOST_BYTES} bytes"));
    }
    if path.split('.').any(str::is_empty) {
        return Err("is no field: write its name, or a path like `metrics.temperature`".to_owned());
    }
    if path.split('.').count() > MOST_DEPTH {
        return Err(format!("is a path of more than {MOST_DEPTH} fields"));
    }
    Ok(())
}

fn scalar(value: &Value) -> Result<Scalar, String> {
    match value {
        Value::String(text) if text.len() > MOST_BYTES => {
            Err(format!("has a text longer than {MOST_BYTES} bytes"))
        }
        Value::String(text) => Ok(Scalar::Text(text.as_str().into())),
        Value::Null => Ok(Scalar::Null),
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Number(number) => Scalar::of_number(number).ok_or("has a value that is no number".to_owned()),
        Value::Array(_) | Value::Object(_) => {
            Err("must be a value, a list of values, or a range of `gt`, `gte`, `lt`, `lte`".to_owned())
        }
    }
}

fn refusal(path: &str, why: impl fmt::Display) -> Refusal {
    let shown: String = path.chars().take(64).collect();
    Refusal::new(ErrorCode::InvalidParams, format!("the filter `{shown}` {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(filters: &Value) -> Result<Option<Predicate>, Refusal> {
        Predicate::compile(&serde_json::from_value(filters.clone()).unwrap())
    }

    const PAYLOAD: &str = r#"{"device_id":"d-1","ok":true,"none":null,"metrics":{"t":21.5,"n":3,"deep":{"er":{"x":1,"gone":{"y":1}}}},
        "list":[{"t":1}],"a.b":7,"big":18446744073709551615,"esc\"aped":"\u00e9"}"#;

    #[test]
    fn a_publication_passes_if_all_conditions_hold() {
        for (filters, passes) in [
            (json!({"device_id": "d-1"}), true),
            (json!({"device_id": "d-2"}), false),
            (json!({"device_id": ["d-2", "d-1"]}), true),
            (json!({"device_id": "d-1", "ok": false}), false),
            (json!({"ok": true}), true),
            (json!({"ok": "true"}), false),
            (json!({"none": null}), true),
            (json!({"absent": null}), true),
            (json!({"ok": null}), false),
            (json!({"metrics.t": 21.5}), true),
            (json!({"metrics.n": 3.0}), true),
            (json!({"metrics.n": {"gt": 2, "lt": 4}}), true),
            (json!({"metrics.n": {"gte": 3, "lte": 3}}), true),
            (json!({"metrics.n": {"gt": 3}}), false),
            (json!({"metrics.n": {"lt": 3}}), false),
            (json!({"device_id": {"gt": 0}}), false),
            (json!({"metrics": {"gt": 0}}), false),
            (json!({"metrics.deep.er.x": 1}), true),
            (json!({"list.t": 1}), false),
            (json!({"a.b": 7}), true),
            (json!({"big": 18_446_744_073_709_551_615_u64}), true),
            (json!({"big": 18_446_744_073_709_551_614_u64}), false),
            (json!({"esc\"aped": "é"}), true),
        ] {
            let predicate = compile(&filters).unwrap().unwrap();
            assert_eq!(predicate.passes(&Fields::read(PAYLOAD)), passes, "{filters}");
        }
        assert_eq!(compile(&json!({})), Ok(None));
    }

    #[test]
    fn payloads_without_fields_pass_nothing_but_what_asks_for_nothing() {
        for payload in [
            "1",
            "null",
            r#""text""#,
            "[]",
            "[{\"a\":1}]",
            "{}",
            "",
            "{",
            "{\"a\":",
        ] {
            let fields = Fields::read(payload);
            assert!(
                !compile(&json!({"a": 1})).unwrap().unwrap().passes(&fields),
                "{payload}"
            );
            assert!(
                compile(&json!({"a": null})).unwrap().unwrap().passes(&fields),
                "{payload}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_the_field_is_named() {
        let long = "x".repeat(MOST_BYTES + 1);
        let many: Vec<usize> = (0..=MOST_VALUES).collect();
        for condition in [
            json!([]),
            json!({}),
            json!({"gt": 1, "gte": 1}),
            json!({"gt": 2, "lt": 1}),
            json!({"gt": 1, "lte": 1}),
            json!({"like": "x"}),
            json!({"gt": 1, "like": 2}),
            json!({"gt": "1"}),
            json!([[1]]),
            json!([{"gt": 1}]),
            json!(long),
            json!(many),
        ] {
            let refused = compile(&json!({"speed": condition})).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidParams);
            assert!(refused.message.contains("`speed`"), "{}", refused.message);
        }
        for path in ["", ".", "a.", "a..b", "a.b.c.d.e", &long] {
            assert!(compile(&json!({path: 1})).is_err(), "{path}");
        }
        let too_many = (0..=MOST_CONDITIONS).map(|place| (place.to_string(), json!(1)));
        assert!(compile(&Value::Object(too_many.collect())).is_err());
        let nan = Range {
            gt: Some(f64::NAN),
            ..Range::default()
        };
        let filters = Filters([("a".to_owned(), Condition::Range(nan))].into());
        assert!(Predicate::compile(&filters).is_err());
    }

    #[test]
    fn filters_that_select_the_same_are_equal() {
        use std::hash::BuildHasher;
        let hasher = std::hash::RandomState::new();
        for (one, other, equal) in [
            (
                json!({"a": [1, "x", true]}),
                json!({"a": [true, 1.0, "x", "x"]}),
                true,
            ),
            (json!({"a": "x"}), json!({"a": ["x"]}), true),
            (json!({"a": {"gt": 0.0}}), json!({"a": {"gt": -0.0}}), true),
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), true),
            (json!({"a": {"gt": 0}}), json!({"a": {"gte": 0}}), false),
            (json!({"a": "1"}), json!({"a": 1}), false),
        ] {
            let [one, other] = [one, other].map(|filters| compile(&filters).unwrap().unwrap());
            assert_eq!(one == other, equal, "{one:?} {other:?}");
            assert_eq!(hasher.hash_one(&one) == hasher.hash_one(&other), equal);
        }
    }

    #[test]
    fn the_devices_that_are_asked_for_are_known() {
        let texts = |filters: Value| {
            let predicate = compile(&filters).unwrap().unwrap();
            let texts = predicate.texts_of("device_id");
            texts.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(
            texts(json!({"device_id": "a", "x": 1})),
            Some(vec!["a".to_owned()])
        );
        assert_eq!(
            texts(json!({"device_id": ["a", "b"]})),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(texts(json!({"device_id": ["a", 1]})), None);
        assert_eq!(texts(json!({"x": "a"})), None);
    }
}
