//! Which pages may connect. A browser says in `Origin` whose page it is that asks; other programs say nothing, and are
//! not what this protects against.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Which pages may connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Pages of the very host and port that they connect to.
    Own {
        /// And pages of this machine, because only this machine can connect.
        loopback: bool,
    },
    /// These, written like `https://example.org`.
    Listed(Vec<String>),
    /// All.
    Any,
}

impl Origins {
    /// Whether a request may come in.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        match self {
            Origins::Any => true,
            Origins::Listed(listed) => listed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
            Origins::Own { loopback } => {
                let host = headers.get(HOST).and_then(|host| host.to_str().ok());
                is_own(origin, host) || (*loopback && is_loopback(origin))
            }
        }
    }
}

/// Whether an origin's text is one that a browser can send.
pub fn is_origin(text: &str) -> bool {
    authority(text)
        .is_some_and(|(authority, _)| !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ']))
}

fn is_own(origin: &str, host: Option<&str>) -> bool {
    let (Some((authority, default_port)), Some(host)) = (authority(origin), host) else {
        return false;
    };
    let with_port = |authority: &str| match split_port(authority) {
        (name, Some(port)) => (name.to_ascii_lowercase(), port.to_owned()),
        (name, None) => (name.to_ascii_lowercase(), default_port.to_owned()),
    };
    with_port(authority) == with_port(host)
}

fn is_loopback(origin: &str) -> bool {
    let Some((authority, _)) = authority(origin) else {
        return false;
    };
    let (name, _) = split_port(authority);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Host and port of an origin, and the port that its scheme implies.
fn authority(origin: &str) -> Option<(&str, &'static str)> {
    origin
        .strip_prefix("https://")
        .map(|authority| (authority, "443"))
        .or_else(|| origin.strip_prefix("http://").map(|authority| (authority, "80")))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origins: &Origins, origin: Option<&str>, host: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(origins.allow(&headers), expected, "{origins:?} {origin:?} {host}");
    }

    #[test]
    fn by_default_a_page_connects_to_where_it_came_from() {
        let own = Origins::Own { loopback: false };
        for (origin, host, expected) in [
            (Some("https://nexus.example"), "nexus.example", true),
            (Some("https://nexus.example"), "nexus.example:443", true),
            (Some("https://NEXUS.example"), "nexus.EXAMPLE", true),
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true),
            (Some("http://[::1]:8080"), "[::1]:8080", true),
            (Some("http://[::1]"), "[::1]", true),
            (Some("https://evil.example"), "nexus.example", false),
            (Some("https://nexus.example.evil.example"), "nexus.example", false),
            (Some("https://nexus.example:444"), "nexus.example", false),
            (Some("http://127.0.0.1:8081"), "127.0.0.1:8080", false),
            (Some("null"), "nexus.example", false),
            (Some("file://"), "nexus.example", false),
            (Some(""), "nexus.example", false),
            (None, "nexus.example", true),
        ] {
            check(&own, origin, host, expected);
        }
    }

    #[test]
    fn on_loopback_pages_of_this_machine_may_connect() {
        let own = Origins::Own { loopback: true };
        for (origin, expected) in [
            ("http://localhost:8081", true),
            ("http://127.0.0.1:8081", true),
            ("http://[::1]:8081", true),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            check(&own, Some(origin), "127.0.0.1:8080", expected);
        }
    }

    #[test]
    fn a_list_is_the_whole_truth() {
        let listed = Origins::Listed(vec!["https://app.example".to_owned()]);
        check(&listed, Some("https://app.example"), "nexus.example", true);
        check(&listed, Some("https://nexus.example"), "nexus.example", false);
        check(&listed, Some("https://app.example:8443"), "nexus.example", false);
        check(&Origins::Any, Some("https://evil.example"), "nexus.example", true);
    }

    #[test]
    fn origins_of_the_configuration_are_checked() {
        for text in ["https://a.example", "http://127.0.0.1:8081"] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "a.example",
            "https://",
            "https://a.example/",
            "ftp://a.example",
            "https://u@a.example",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
