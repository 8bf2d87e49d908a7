//! Where settings come from: a file, the environment, flags; and how their texts are read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::config::SETTINGS;

/// A sentence that says which setting is wrong, where it was set, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// What was set, by name.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    set: BTreeMap<&'static str, Set>,
    read: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Set {
    value: String,
    /// Where, as the operator would say it.
    origin: String,
}

/// Variables that `nexus` reads and the server does not; both may run in one environment.
const OF_THE_COMMAND_LINE: [&str; 2] = ["SERVER", "TOKEN"];

impl Settings {
    /// Puts what was set together: later layers win over earlier ones.
    ///
    /// # Errors
    /// If a name is unknown, or the file is not TOML.
    pub fn layered(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::default();
        if let Some((path, text)) = file {
            settings.read_file(path, text)?;
        }
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix("NEXUS_") else {
                continue;
            };
            if OF_THE_COMMAND_LINE.contains(&name) {
                continue;
            }
            let unknown = || {
                ConfigError(format!(
                    "there is no setting {variable}; see docs/OPERATING.md for those there are"
                ))
            };
            let name = known(&name.to_ascii_lowercase()).ok_or_else(unknown)?;
            settings.put(name, value, variable.clone());
        }
        for (name, value) in flags {
            let unknown = || {
                ConfigError(format!(
                    "there is no setting `{name}`; see docs/OPERATING.md for those there are"
                ))
            };
            let known = known(&name).ok_or_else(unknown)?;
            settings.put(known, value, format!("--set {name}"));
        }
        Ok(settings)
    }

    /// Reads a file: its name and its text.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: PathBuf) -> Result<(String, String), ConfigError> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((shown, text)),
            Err(error) => Err(ConfigError(format!("{shown} cannot be read: {error}"))),
        }
    }

    /// The variables of this process.
    ///
    /// # Errors
    /// If one of ours is no text.
    pub fn environment() -> Result<Vec<(String, String)>, ConfigError> {
        let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        ours.filter(|(name, _)| name.starts_with("NEXUS_"))
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(ConfigError(format!("{name} is not UTF-8"))),
            })
            .collect()
    }

    /// With one more, as if by a flag. For programs that run the server in their own process.
    ///
    /// # Panics
    /// If there is no such setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        let known = known(name).unwrap_or_else(|| panic!("there is no setting `{name}`"));
        self.put(known, value.to_string(), name.to_owned());
        self
    }

    fn read_file(&mut self, path: &str, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The message alone: the rest quotes the file, which may hold a secret.
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].lines().count().max(1)
            });
            ConfigError(format!("{path} is not TOML: line {line}: {}", error.message()))
        })?;
        for (name, value) in table {
            let unknown = || {
                ConfigError(format!(
                    "{path} sets `{name}`, and there is no such setting; see docs/OPERATING.md for those there are"
                ))
            };
            let known = known(&name).ok_or_else(unknown)?;
            let value = written(&value).ok_or_else(|| {
                ConfigError(format!(
                    "{path}: `{name}` must be a string, a number, true, false, or a list of strings"
                ))
            })?;
            self.put(known, value, format!("`{name}` in {path}"));
        }
        Ok(())
    }

    fn put(&mut self, name: &'static str, value: String, origin: String) {
        self.set.insert(name, Set { value, origin });
    }

    /// The text of a setting, or its default.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        self.read.push(name);
        let default = || {
            SETTINGS
                .iter()
                .find(|setting| setting.name == name)
                .map_or("", |setting| setting.default)
        };
        match self.set.get(name) {
            Some(set) => set.value.clone(),
            None => default().to_owned(),
        }
    }

    /// The text of a setting; none if it is empty.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.trim().is_empty())
    }

    /// What `FromStr` reads; `expected` says what would be right.
    pub(super) fn parse<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Result<T, ConfigError> {
        let text = self.text(name);
        text.trim()
            .parse()
            .map_err(|_| self.wrong(name, format!("must be {expected}, and is `{text}`")))
    }

    /// A whole number that is at least `least`.
    pub(super) fn number<T>(&mut self, name: &'static str, least: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let number = self.parse(name, "a whole number")?;
        if number < least {
            return Err(self.wrong(name, format!("must be at least {least}, and is {number}")));
        }
        Ok(number)
    }

    /// A number of seconds, perhaps with a fraction; more than none and at most a day.
    pub(super) fn seconds(&mut self, name: &'static str) -> Result<Duration, ConfigError> {
        let seconds: f64 = self.parse(name, "a number of seconds")?;
        if !(0.001..=86_400.0).contains(&seconds) {
            return Err(self.wrong(
                name,
                format!("must be between 0.001 and 86400 seconds, and is {seconds}"),
            ));
        }
        Ok(Duration::from_secs_f64(seconds))
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, name: &'static str) -> Result<bool, ConfigError> {
        self.parse(name, "`true` or `false`")
    }

    /// A list with commas between.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<String> {
        let text = self.text(name);
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    /// The sentence that a setting is wrong.
    pub(super) fn wrong(&self, name: &'static str, why: impl Display) -> ConfigError {
        let origin = self.set.get(name).map_or(name, |set| &set.origin);
        ConfigError(format!("{origin}: {why}"))
    }

    /// A setting that there is and that nothing has read.
    pub(super) fn unread(&self) -> Option<&'static str> {
        SETTINGS
            .iter()
            .map(|setting| setting.name)
            .find(|name| !self.read.contains(name))
    }
}

impl ConfigError {
    /// A sentence of its own.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        ConfigError(sentence.into())
    }
}

fn known(name: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| setting.name)
        .find(|known| *known == name)
}

/// A value of the file as text.
fn written(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        toml::Value::Table(_) | toml::Value::Datetime(_) => None,
    }
}
