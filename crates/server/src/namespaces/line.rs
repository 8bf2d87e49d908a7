//! One namespace as the settings write it: its name, then words in any order, each at most once.

use std::time::Duration;

use nexus_protocol::{ChannelName, Params, Topic, TopicError};

use crate::namespaces::{Audience, Namespace};

/// What `history` may be at most.
const MOST_HISTORY: usize = 100_000;
/// What a channel keeps whose namespace does not say.
const HISTORY: usize = 100;
/// The longest name: much of a channel's name shall be left for what follows it.
const LONGEST_NAME: usize = 32;
/// The longest age that can be said, in days.
const MOST_DAYS: u64 = 36_500;

/// A line that is no namespace, as a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NamespaceError(String);

impl NamespaceError {
    pub(super) fn twice(name: &str) -> Self {
        NamespaceError(format!("the namespace `{name}` is set up twice"))
    }
}

/// What was said so far.
#[derive(Default)]
struct Said {
    history: Option<usize>,
    age: Option<Duration>,
    durable: Option<()>,
    presence: Option<()>,
    conflate: Option<()>,
    subscribe: Option<Audience>,
    publish: Option<Audience>,
    join: Option<Audience>,
}

/// Reads `NAME word word …`.
pub(super) fn parse(line: &str) -> Result<(Box<str>, Namespace), NamespaceError> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    check_name(name)?;
    let mut said = Said::default();
    for word in words {
        read(&mut said, word).map_err(|why| NamespaceError(format!("namespace `{name}`: {why}")))?;
    }
    let namespace = said
        .namespace()
        .map_err(|why| NamespaceError(format!("namespace `{name}`: {why}")))?;
    Ok((name.into(), namespace))
}

fn check_name(name: &str) -> Result<(), NamespaceError> {
    let as_channel = ChannelName::parse(name).ok().filter(|_| !name.contains(':'));
    let Some(channel) = as_channel.filter(|_| name.len() <= LONGEST_NAME) else {
        let shown: String = name.chars().take(64).collect();
        return Err(NamespaceError(format!(
            "`{shown}` cannot name a namespace: write a small letter, then up to {} of a-z 0-9 _ -",
            LONGEST_NAME - 1
        )));
    };
    match Topic::parse(&channel, Params::default()) {
        Err(TopicError::UnknownChannel(_)) => Ok(()),
        Ok(_) | Err(TopicError::InvalidParams(_)) => Err(NamespaceError(format!(
            "`{name}` is a channel of the protocol and cannot name a namespace"
        ))),
    }
}

fn read(said: &mut Said, word: &str) -> Result<(), String> {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    };
    let is_new = match (key, value) {
        ("durable", None) => said.durable.replace(()).is_none(),
        ("presence", None) => said.presence.replace(()).is_none(),
        ("conflate", None) => said.conflate.replace(()).is_none(),
        ("history", Some(value)) => said.history.replace(history(value)?).is_none(),
        ("age", Some(value)) => said.age.replace(age(value)?).is_none(),
        ("subscribe", Some(value)) => {
            let audience = audience(key, value, &["anyone", "signed_in", "operators", "nobody"])?;
            said.subscribe.replace(audience).is_none()
        }
        ("publish", Some(value)) => {
            let audience = audience(key, value, &["signed_in", "members", "operators", "nobody"])?;
            said.publish.replace(audience).is_none()
        }
        ("join", Some(value)) => {
            let audience = audience(key, value, &["signed_in", "operators", "nobody"])?;
            said.join.replace(audience).is_none()
        }
        ("durable" | "presence" | "conflate", Some(_)) => {
            return Err(format!("`{key}` stands alone, without `=`"));
        }
        ("history" | "age" | "subscribe" | "publish" | "join", None) => {
            return Err(format!("`{key}` needs a value, like `{}`", example(key)));
        }
        (unknown, _) => {
            let shown: String = unknown.chars().take(64).collect();
            return Err(format!(
                "`{shown}` is not known; there are `history=`, `age=`, `durable`, `presence`, `conflate`, `subscribe=`, `publish=` and `join=`"
            ));
        }
    };
    if is_new {
        Ok(())
    } else {
        Err(format!("`{key}` is said twice"))
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "history" => "history=200",
        "age" => "age=7d",
        "subscribe" => "subscribe=signed_in",
        "publish" => "publish=members",
        _ => "join=signed_in",
    }
}

fn history(value: &str) -> Result<usize, String> {
    let count = value
        .parse()
        .ok()
        .filter(|count| (1..=MOST_HISTORY).contains(count));
    count
        .ok_or_else(|| format!("`history` must be a whole number from 1 to {MOST_HISTORY}, and is `{value}`"))
}

fn age(value: &str) -> Result<Duration, String> {
    let unit_at = value.len().saturating_sub(1);
    let seconds = value.is_char_boundary(unit_at).then(|| value.split_at(unit_at));
    let seconds = seconds.and_then(|(number, unit)| {
        let unit: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    });
    let seconds = seconds.filter(|seconds| (1..=MOST_DAYS * 86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        format!("`age` must be a whole number of `s`, `m`, `h` or `d`, like `7d`, and is `{value}`")
    })
}

fn audience(key: &str, value: &str, allowed: &[&str]) -> Result<Audience, String> {
    let known = [
        ("nobody", Audience::Nobody),
        ("operators", Audience::Operators),
        ("members", Audience::Members),
        ("signed_in", Audience::SignedIn),
        ("anyone", Audience::Anyone),
    ];
    let found = known
        .into_iter()
        .find(|(name, _)| *name == value && allowed.contains(name));
    found.map(|(_, audience)| audience).ok_or_else(|| {
        format!(
            "`{key}` must be one of `{}`, and is `{value}`",
            allowed.join("`, `")
        )
    })
}

impl Said {
    fn namespace(self) -> Result<Namespace, &'static str> {
        let presence = self.presence.is_some();
        if !presence && self.join.is_some() {
            return Err("`join` means nothing without `presence`");
        }
        if !presence && self.publish == Some(Audience::Members) {
            return Err("`publish=members` needs `presence`, or there are no members");
        }
        Ok(Namespace {
            history: self.history.unwrap_or(HISTORY),
            age: self.age,
            durable: self.durable.is_some(),
            presence,
            conflate: self.conflate.is_some(),
            subscribe: self.subscribe.unwrap_or(Audience::SignedIn),
            publish: self.publish.unwrap_or(Audience::Operators),
            join: match (presence, self.join) {
                (true, said) => said.unwrap_or(Audience::SignedIn),
                (false, _) => Audience::Nobody,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespaces::Namespaces;

    fn namespaces(lines: &[&str]) -> Result<Namespaces, String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Namespaces::parse(&lines).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_says_what_is_kept_and_who_may_what() {
        let all = namespaces(&[
            "news history=10 conflate publish=operators subscribe=anyone",
            " jobs  age=36h durable ",
            "club presence publish=members join=operators subscribe=nobody",
        ])
        .unwrap();
        assert_eq!(
            all.of("news:a"),
            Some(&Namespace {
                history: 10,
                age: None,
                durable: false,
                presence: false,
                conflate: true,
                subscribe: Audience::Anyone,
                publish: Audience::Operators,
                join: Audience::Nobody,
            })
        );
        let jobs = all.of("jobs:1").unwrap();
        assert_eq!(
            (jobs.history, jobs.age),
            (100, Some(Duration::from_secs(36 * 3600)))
        );
        assert!(jobs.durable && !jobs.conflate);
        assert_eq!(
            (jobs.subscribe, jobs.publish),
            (Audience::SignedIn, Audience::Operators)
        );
        let club = all.of("club:a").unwrap();
        assert_eq!(
            (club.publish, club.join),
            (Audience::Members, Audience::Operators)
        );
        assert_eq!(all.of("room:lobby"), Some(&Namespace::default()));
        assert_eq!(all.of("other:a"), None);
        assert!(all.knows("prices") && all.knows("club:a:b") && !all.knows("other:a"));
    }

    #[test]
    fn rooms_are_there_unless_they_are_said_to_be_otherwise() {
        assert_eq!(namespaces(&[]).unwrap(), Namespaces::default());
        let written = "room history=200 durable presence publish=members subscribe=signed_in join=signed_in";
        assert_eq!(namespaces(&[written]).unwrap(), Namespaces::default());
        let quiet = namespaces(&["room"]).unwrap();
        assert!(!quiet.of("room:a").unwrap().presence);
    }

    #[test]
    fn what_is_no_namespace_is_said_in_a_sentence() {
        for (line, says) in [
            ("", "cannot name a namespace"),
            ("Room", "`Room` cannot name a namespace"),
            ("1a", "cannot name a namespace"),
            ("a:b", "cannot name a namespace"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "cannot name a namespace"),
            ("prices", "`prices` is a channel of the protocol"),
            ("trades history=3", "`trades` is a channel of the protocol"),
            ("system", "`system` is a channel of the protocol"),
            ("a secret", "namespace `a`: `secret` is not known"),
            ("a history", "`history` needs a value, like `history=200`"),
            (
                "a history=0",
                "`history` must be a whole number from 1 to 100000, and is `0`",
            ),
            ("a history=100001", "`history` must be"),
            ("a history=-1", "`history` must be"),
            ("a history=", "`history` must be"),
            ("a age", "`age` needs a value, like `age=7d`"),
            ("a age=7", "`age` must be a whole number of"),
            ("a age=0d", "`age` must be"),
            ("a age=d", "`age` must be"),
            ("a age=1.5h", "`age` must be"),
            ("a age=99999999999999999999d", "`age` must be"),
            ("a age=999999999999999999d", "`age` must be"),
            ("a age=7ä", "`age` must be"),
            ("a durable=yes", "`durable` stands alone, without `=`"),
            ("a durable durable", "`durable` is said twice"),
            ("a history=1 history=1", "`history` is said twice"),
            (
                "a subscribe=members",
                "`subscribe` must be one of `anyone`, `signed_in`, `operators`, `nobody`, and is `members`",
            ),
            ("a publish=anyone", "`publish` must be one of"),
            ("a presence join=anyone", "`join` must be one of"),
            ("a presence join=members", "`join` must be one of"),
            ("a subscribe", "`subscribe` needs a value"),
            ("a join=operators", "`join` means nothing without `presence`"),
            ("a publish=members", "`publish=members` needs `presence`"),
        ] {
            let error = namespaces(&[line]).expect_err(line);
            assert!(error.contains(says), "`{line}`: `{error}` does not say `{says}`");
            assert_eq!(error.lines().count(), 1);
        }
        let twice = namespaces(&["a", "a durable"]).unwrap_err();
        assert_eq!(twice, "the namespace `a` is set up twice");
    }
}
