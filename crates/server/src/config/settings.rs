//! Where settings come from, and the list of those there are.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A setting that there is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the file; `NEXUS_` and the name in capitals in the environment.
    pub name: &'static str,
    /// What holds when nobody says anything; empty for none.
    pub default: &'static str,
    /// What it means, and in which unit.
    pub meaning: &'static str,
}

/// Every setting. `docs/OPERATING.md` shows this list, and a test keeps the two equal.
pub const SETTINGS: &[Setting] = &[
    setting(
        "bind",
        "127.0.0.1:8080",
        "Where to listen. Port 0 takes a free one.",
    ),
    setting(
        "data_dir",
        "./nexus-data",
        "What is kept on disk: the secret that was made on the first start.",
    ),
    setting(
        "web_dir",
        "",
        "The directory of the dashboard's files; without it the server serves no dashboard.",
    ),
    setting(
        "allowed_origins",
        "",
        "Pages that may connect, with commas between, like `https://app.example`; `*` for all. Empty: the page's host and port must be the server's own, or, while the server is bound to loopback, be on this machine.",
    ),
    setting(
        "trusted_proxies",
        "",
        "Addresses or networks of proxies, with commas between, whose `X-Forwarded-For` is believed. Empty: none.",
    ),
    setting(
        "jwt_secret",
        "",
        "The secret that tokens are signed with (HS256), at least 32 bytes. Empty: made once and kept in `data_dir/jwt-secret`.",
    ),
    setting(
        "jwt_algorithm",
        "HS256",
        "`HS256` (shared secret) or `EdDSA` (public key). Tokens of any other algorithm are refused.",
    ),
    setting(
        "jwt_public_key",
        "",
        "With `EdDSA`: the PEM file of the public key.",
    ),
    setting(
        "jwt_leeway_secs",
        "30",
        "How far the clock that made a token may be ahead of ours, in seconds.",
    ),
    setting(
        "anonymous",
        "",
        "Channels that may be read without a token, with commas between, like `prices,trades,room:*`. Empty: none, everyone must sign in.",
    ),
    setting(
        "messages_per_minute",
        "100",
        "Messages that a client may send in any 60 seconds.",
    ),
    setting(
        "errors_per_minute",
        "10",
        "Refusals that a client may earn in any 60 seconds; one more closes the connection.",
    ),
    setting(
        "connections_per_minute",
        "10",
        "New connections in any 60 seconds from one address (IPv6: from one /64).",
    ),
    setting(
        "exempt_loopback",
        "false",
        "Whether connections from this machine are not counted against `connections_per_minute`.",
    ),
    setting(
        "message_bytes",
        "131072",
        "The largest message of a client, in bytes.",
    ),
    setting("subscriptions", "256", "Subscriptions of one connection."),
    setting(
        "outbox_bytes",
        "1048576",
        "What may wait for a client that reads slowly, in bytes.",
    ),
    setting(
        "sign_in_secs",
        "10",
        "How long a client may take to sign in, where it must, in seconds.",
    ),
    setting(
        "heartbeat_secs",
        "15",
        "How often clients are told to ping when nothing comes, in seconds.",
    ),
    setting(
        "ping_secs",
        "30",
        "How often the server pings each client, in seconds.",
    ),
    setting(
        "idle_secs",
        "60",
        "A client that nothing came from for so long is closed, in seconds.",
    ),
    setting(
        "slow_secs",
        "10",
        "A client that takes nothing for so long although something waits for it is closed (4008), in seconds.",
    ),
    setting("topics", "10000", "The most topics at a time."),
    setting(
        "history_publications",
        "1000",
        "Publications that the history of one topic keeps.",
    ),
    setting(
        "history_bytes",
        "1048576",
        "Bytes that the history of one topic keeps.",
    ),
    setting(
        "replay",
        "200",
        "Publications that a new subscriber gets first, on channels without a snapshot.",
    ),
    setting(
        "forget_secs",
        "300",
        "A topic that nobody listens to and nothing was published on for so long is forgotten, in seconds.",
    ),
    setting(
        "hyperliquid_url",
        "",
        "The base address of the exchange, like `https://api.hyperliquid.xyz`. Empty: no market.",
    ),
    setting(
        "hyperliquid_simulated",
        "false",
        "Whether that is a stand-in and not the real exchange; people are then told so.",
    ),
    setting(
        "log",
        "info",
        "What is logged: `error`, `warn`, `info`, `debug`, `trace`, or by module like `info,nexus_server::feeds=debug`.",
    ),
    setting(
        "log_format",
        "text",
        "`text`, or `json` with one object a line. Logs go to standard error.",
    ),
    setting("grace_secs", "30", "How long a planned end may take, in seconds."),
];

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        Settings::layered(Some(("nexus.toml", file)), owned(environment), owned(flags))
            .and_then(Config::from_settings)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_the_contract_s() {
        let config = Config::defaults();
        assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(config.data_dir.to_str(), Some("./nexus-data"));
        assert_eq!(config.grace, Duration::from_secs(30));
        let limits = config.limits;
        assert_eq!(
            (
                limits.messages_per_minute,
                limits.errors_per_minute,
                limits.connections_per_minute
            ),
            (100, 10, 10)
        );
        assert_eq!(
            (limits.message_bytes, limits.subscriptions, limits.outbox_bytes),
            (131_072, 256, 1_048_576)
        );
        assert_eq!(
            (
                limits.sign_in_within.as_secs(),
                limits.ping_every.as_secs(),
                limits.idle.as_secs()
            ),
            (10, 30, 60)
        );
        assert!(!limits.exempt_loopback);
        assert!(config.auth.anonymous.is_empty());
    }

    #[test]
    fn every_setting_is_read() {
        let mut settings = Settings::default();
        assert!(settings.unread().is_some());
        for setting in SETTINGS {
            settings.text(setting.name);
        }
        assert_eq!(settings.unread(), None);
        // `from_settings` asserts the same of itself.
        Config::defaults();
    }

    #[test]
    fn flags_win_over_the_environment_and_the_environment_over_the_file() {
        let file = "subscriptions = 1\nmessages_per_minute = 1\nerrors_per_minute = 1\n";
        let environment = [
            ("NEXUS_MESSAGES_PER_MINUTE", "2"),
            ("NEXUS_ERRORS_PER_MINUTE", "2"),
            ("HOME", "/root"),
        ];
        let limits = config(file, &environment, &[("errors_per_minute", "3")])
            .unwrap()
            .limits;
        assert_eq!(
            (
                limits.subscriptions,
                limits.messages_per_minute,
                limits.errors_per_minute
            ),
            (1, 2, 3)
        );
    }

    #[test]
    fn lists_and_switches_are_read_from_each() {
        let from_file = config(
            "anonymous = [\"prices\", \"room:*\"]\nexempt_loopback = true",
            &[],
            &[],
        )
        .unwrap();
        let from_variables = config(
            "",
            &[
                ("NEXUS_ANONYMOUS", "prices, room:*"),
                ("NEXUS_EXEMPT_LOOPBACK", "true"),
            ],
            &[],
        )
        .unwrap();
        for config in [from_file, from_variables] {
            assert_eq!(config.auth.anonymous.len(), 2);
            assert!(config.limits.exempt_loopback);
        }
        assert!(
            config("anonymous = [\"prices\"]", &[("NEXUS_ANONYMOUS", "")], &[])
                .unwrap()
                .auth
                .anonymous
                .is_empty()
        );
    }

    #[test]
    fn what_is_unknown_or_wrong_is_one_sentence_that_says_where() {
        for (file, environment, flags, says) in [
            (
                "bindd = 1",
                &[][..],
                &[][..],
                "nexus.toml sets `bindd`, and there is no such setting",
            ),
            (
                "[limits]\nx = 1",
                &[],
                &[],
                "nexus.toml sets `limits`, and there is no such setting",
            ),
            ("bind = [", &[], &[], "nexus.toml is not TOML: line 1"),
            (
                "bind = \"x\"\n\nlog = ",
                &[],
                &[],
                "nexus.toml is not TOML: line 3",
            ),
            ("bind = 2026-11-03", &[], &[], "`bind` must be a string, a number"),
            (
                "bind = \"localhost\"",
                &[],
                &[],
                "`bind` in nexus.toml: must be an address with a port",
            ),
            (
                "",
                &[("NEXUS_BINDD", "x")],
                &[],
                "there is no setting NEXUS_BINDD",
            ),
            (
                "",
                &[("NEXUS_MESSAGE_BYTES", "many")],
                &[],
                "NEXUS_MESSAGE_BYTES: must be a whole number, and is `many`",
            ),
            (
                "",
                &[("NEXUS_MESSAGE_BYTES", "-1")],
                &[],
                "NEXUS_MESSAGE_BYTES: must be a whole number",
            ),
            (
                "",
                &[("NEXUS_MESSAGE_BYTES", "3")],
                &[],
                "NEXUS_MESSAGE_BYTES: must be at least",
            ),
            (
                "",
                &[("NEXUS_GRACE_SECS", "0")],
                &[],
                "NEXUS_GRACE_SECS: must be between",
            ),
            (
                "",
                &[("NEXUS_GRACE_SECS", "NaN")],
                &[],
                "NEXUS_GRACE_SECS: must be between",
            ),
            (
                "",
                &[("NEXUS_EXEMPT_LOOPBACK", "yes")],
                &[],
                "must be `true` or `false`",
            ),
            ("", &[], &[("nope", "1")], "there is no setting `nope`"),
            (
                "",
                &[("NEXUS_ANONYMOUS", "a*b")],
                &[],
                "NEXUS_ANONYMOUS: `a*b` is no channel pattern",
            ),
            (
                "",
                &[("NEXUS_ALLOWED_ORIGINS", "app.example")],
                &[],
                "NEXUS_ALLOWED_ORIGINS: `app.example` is no origin",
            ),
            (
                "",
                &[("NEXUS_TRUSTED_PROXIES", "10.0.0.0/99")],
                &[],
                "NEXUS_TRUSTED_PROXIES: `10.0.0.0/99` is no address",
            ),
            (
                "",
                &[("NEXUS_JWT_SECRET", "short")],
                &[],
                "NEXUS_JWT_SECRET: must have at least 32 bytes",
            ),
            (
                "",
                &[("NEXUS_JWT_ALGORITHM", "none")],
                &[],
                "NEXUS_JWT_ALGORITHM: must be `HS256` or `EdDSA`",
            ),
            (
                "",
                &[("NEXUS_JWT_ALGORITHM", "EdDSA")],
                &[],
                "`jwt_public_key` must name",
            ),
            (
                "",
                &[("NEXUS_JWT_PUBLIC_KEY", "x.pem")],
                &[],
                "NEXUS_JWT_PUBLIC_KEY: only means something with",
            ),
            (
                "",
                &[("NEXUS_HYPERLIQUID_URL", "ftp://x")],
                &[],
                "NEXUS_HYPERLIQUID_URL: `ftp://x` is no address",
            ),
            ("", &[("NEXUS_LOG", "info,=,=")], &[], "NEXUS_LOG: "),
            (
                "",
                &[("NEXUS_LOG_FORMAT", "xml")],
                &[],
                "NEXUS_LOG_FORMAT: must be `text` or `json`",
            ),
            (
                "",
                &[("NEXUS_IDLE_SECS", "20")],
                &[],
                "NEXUS_IDLE_SECS: must be longer than",
            ),
        ] {
            let error = config(file, environment, flags).expect_err(says);
            assert!(error.contains(says), "`{error}` does not say `{says}`");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_quoted() {
        for (file, environment) in [
            ("jwt_secret = \"hunter2\"", &[][..]),
            ("jwt_secret = \"hunter2", &[]),
            ("", &[("NEXUS_JWT_SECRET", "hunter2")]),
        ] {
            let error = config(file, environment, &[]).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
