//! A topic as one writes it on a command line: a channel and params.

use nexus_protocol::{ChannelName, Params, Subscription, Topic};
use serde_json::Value;

/// Which topic.
#[derive(clap::Args)]
pub(crate) struct Selection {
    /// The channel, such as `prices`, `trades` or `room:lobby`
    #[arg(value_parser = |text: &str| ChannelName::parse(text))]
    channel: ChannelName,

    /// A param of the channel; repeat for more. Lists are written with commas: --param symbols=BTC,ETH
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_param)]
    params: Vec<(String, Value)>,

    /// All params as one JSON object
    #[arg(long = "params", value_name = "JSON", conflicts_with = "params", value_parser = parse_json)]
    all_params: Option<Params>,
}

impl Selection {
    /// The topic, and the throttle where it was written inside the params.
    pub(crate) fn topic(&self) -> Result<Subscription, nexus_protocol::TopicError> {
        let params = self.all_params.clone().unwrap_or_else(|| {
            let pairs = self.params.iter().cloned();
            pairs.fold(Params::default(), |params, (name, value)| {
                params.with(&name, value)
            })
        });
        Topic::parse(&self.channel, params)
    }
}

/// Reads `name=value`. A value that is a JSON number, list, string or truth value is taken as that, any other as text.
fn parse_param(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a param is written name=value, such as symbol=BTC")?;
    if name.is_empty() {
        return Err("the name of the param is missing".to_owned());
    }
    let value = match serde_json::from_str(value) {
        Ok(value) => value,
        // The one param that is a list.
        Err(_) if name == "symbols" => value.split(',').map(str::trim).collect(),
        Err(_) => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

fn parse_json(text: &str) -> Result<Params, String> {
    serde_json::from_str(text).map_err(|error| format!("params are a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_look_like() {
        for (text, value) in [
            ("symbol=BTC", r#""BTC""#),
            ("symbol=PURR/USDC", r#""PURR/USDC""#),
            ("depth=5", "5"),
            ("symbols=BTC,ETH", r#"["BTC","ETH"]"#),
            (r#"symbols=["BTC"]"#, r#"["BTC"]"#),
            ("symbols=BTC", r#"["BTC"]"#),
            ("chain_id=a=b", r#""a=b""#),
        ] {
            assert_eq!(parse_param(text).unwrap().1.to_string(), value, "{text}");
        }
        assert!(parse_param("BTC").is_err() && parse_param("=BTC").is_err());
    }
}
