//! What the settings are when nobody says anything, which layer wins, and what a wrong one is answered.

use std::time::Duration;

use crate::config::{Config, SETTINGS, Settings};
use crate::deflate::Compression;

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
fn variables_of_the_command_line_are_none_of_ours() {
    let environment = [("NEXUS_SERVER", "http://a"), ("NEXUS_TOKEN", "t")];
    assert!(config("", &environment, &[]).is_ok());
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
fn compression_is_as_it_was_set_up_or_none() {
    assert_eq!(
        config("", &[], &[]).unwrap().compression,
        Some(Compression::DEFAULT)
    );
    let file = "compression_level = 9\ncompression_window_bits = 9\ncompression_from_bytes = 0";
    let set_up = Compression {
        level: 9,
        window_bits: 9,
        threshold: 0,
    };
    assert_eq!(config(file, &[], &[]).unwrap().compression, Some(set_up));
    let off = [("NEXUS_COMPRESSION", "false")];
    assert_eq!(config(file, &off, &[]).unwrap().compression, None);
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
        (
            "",
            &[("NEXUS_COMPRESSION", "gzip")],
            &[],
            "NEXUS_COMPRESSION: must be `true` or `false`",
        ),
        (
            "compression = false\ncompression_level = 0",
            &[],
            &[],
            "`compression_level` in nexus.toml: must be a whole number from 1 to 9, and is `0`",
        ),
        (
            "",
            &[],
            &[("compression_window_bits", "8")],
            "compression_window_bits: must be a whole number from 9 to 15, and is `8`",
        ),
        (
            "",
            &[("NEXUS_COMPRESSION_WINDOW_BITS", "999")],
            &[],
            "must be a whole number from 9 to 15, and is `999`",
        ),
        (
            "",
            &[("NEXUS_COMPRESSION_FROM_BYTES", "1k")],
            &[],
            "NEXUS_COMPRESSION_FROM_BYTES: must be a whole number, and is `1k`",
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
            &[("NEXUS_LINERA_URL", "ftp://x")],
            &[],
            "NEXUS_LINERA_URL: `ftp://x` is no address of an upstream; it should look like http",
        ),
        (
            "",
            &[("NEXUS_HYPERLIQUID_URL", "ftp://x")],
            &[],
            "NEXUS_HYPERLIQUID_URL: `ftp://x` is no address",
        ),
        (
            "",
            &[("NEXUS_NAMESPACES", "news, prices")],
            &[],
            "NEXUS_NAMESPACES: `prices` is a channel of the protocol",
        ),
        (
            "namespaces = [\"news\", \"news durable\"]",
            &[],
            &[],
            "`namespaces` in nexus.toml: the namespace `news` is set up twice",
        ),
        (
            "",
            &[("NEXUS_DANGEROUS_COMMANDS", "reboot,firm*ware")],
            &[],
            "NEXUS_DANGEROUS_COMMANDS: `firm*ware` is no command",
        ),
        (
            "",
            &[("NEXUS_JWT_MAX_AGE_SECS", "0")],
            &[],
            "NEXUS_JWT_MAX_AGE_SECS: must be at least 1",
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
