//! Filters as one writes them on a command line.

use nexus_protocol::{Condition, Filters};
use serde_json::Value;

/// Which publications of a topic.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// Only publications whose field has this value; repeat for more fields. Several values are a list, bounds an
    /// object: --filter device_id=pump-1, --filter 'state=["done","failed"]', --filter 'progress={"gte":0.5}'
    #[arg(long = "filter", value_name = "FIELD=VALUE", value_parser = parse)]
    conditions: Vec<(String, Condition)>,
}

impl Filter {
    /// As the protocol has them.
    pub(crate) fn filters(&self) -> Filters {
        Filters(self.conditions.iter().cloned().collect())
    }
}

/// Reads `field=value`. A value that is JSON is taken as that, any other as text.
fn parse(text: &str) -> Result<(String, Condition), String> {
    let (field, value) = text
        .split_once('=')
        .filter(|(field, _)| !field.is_empty())
        .ok_or("a filter is written field=value, such as device_id=pump-1")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let condition = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok((field.to_owned(), condition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_what_they_look_like() {
        for (text, json) in [
            ("device_id=pump-1", r#""pump-1""#),
            ("n=5", "5"),
            ("done=true", "true"),
            (r#"state=["done","failed"]"#, r#"["done","failed"]"#),
            (r#"progress={"gte":0.5,"lt":1}"#, r#"{"gte":0.5,"lt":1.0}"#),
            ("title=a=b", r#""a=b""#),
        ] {
            let (_, condition) = parse(text).unwrap();
            assert_eq!(serde_json::to_string(&condition).unwrap(), json, "{text}");
        }
        assert!(matches!(parse(r#"n={"gt":5}"#).unwrap().1, Condition::Range(_)));
        assert!(matches!(parse("n=[1,2]").unwrap().1, Condition::OneOf(_)));
        assert!(parse("pump-1").is_err() && parse("=pump-1").is_err());
    }
}
