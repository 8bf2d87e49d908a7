//! The address of a server, as people write it and as a WebSocket wants it.

use std::fmt;
use std::sync::Arc;

/// The path of the native door.
const NATIVE_DOOR: &str = "/v1/ws";

/// The address of a server's native door: `ws://…` or `wss://…`. Cheap to clone.
///
/// People may write it in any of these ways; what is left out is filled in:
///
/// ```
/// # use nexus_client::ServerUrl;
/// for (written, meant) in [
///     ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws"),
///     ("https://nexus.example.org/", "wss://nexus.example.org/v1/ws"),
///     ("wss://example.org/behind/a/proxy/v1/ws", "wss://example.org/behind/a/proxy/v1/ws"),
///     ("127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws"),
/// ] {
///     assert_eq!(ServerUrl::parse(written).unwrap().as_str(), meant);
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl(Arc<str>);

/// Why a text is no server's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ServerUrlError {
    /// A scheme that is none of `ws`, `wss`, `http`, `https`.
    #[error("a server's address starts with http://, https://, ws:// or wss://")]
    Scheme,
    /// No host, or characters that an address does not have.
    #[error("a server's address looks like http://127.0.0.1:8080 or wss://example.org")]
    Host,
    /// A name and a password inside; they would end up in logs.
    #[error("a server's address holds no user name or password; sign in with a token")]
    Credentials,
    /// A query or a fragment, which the native door does not have.
    #[error("a server's address ends before any `?` or `#`; a token is given apart from it")]
    Query,
}

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            None => ("ws", text),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "ws" | "http" => ("ws", rest),
                "wss" | "https" => ("wss", rest),
                _ => return Err(ServerUrlError::Scheme),
            },
        };
        if rest.contains(['?', '#']) {
            return Err(ServerUrlError::Query);
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(ServerUrlError::Credentials);
        }
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host_of(authority).is_empty() || !printable(authority) || !printable(path) {
            return Err(ServerUrlError::Host);
        }
        let path = if path.is_empty() || path == "/" {
            NATIVE_DOOR
        } else {
            path
        };
        Ok(ServerUrl(format!("{scheme}://{authority}{path}").into()))
    }

    /// The address as a WebSocket takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a path of the same server over HTTP: `url.http("/health")`.
    pub fn http(&self, path: &str) -> String {
        let scheme = if self.0.starts_with("wss") {
            "https"
        } else {
            "http"
        };
        let prefix = self.path().strip_suffix(NATIVE_DOOR).unwrap_or_default();
        format!("{scheme}://{}{prefix}{path}", self.authority())
    }

    /// Whether the server is on this machine, so that being offline does not matter.
    pub fn is_loopback(&self) -> bool {
        let host = host_of(self.authority());
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.split_once('/').map_or(rest, |(authority, _)| authority)
    }

    fn path(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.find('/').map_or("", |at| &rest[at..])
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of an authority: without its port, an IPv6 address without its brackets.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(host, _)| host);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, error) in [
            ("ftp://example.org", ServerUrlError::Scheme),
            ("", ServerUrlError::Host),
            ("http://", ServerUrlError::Host),
            ("http://:8080", ServerUrlError::Host),
            ("http://a b", ServerUrlError::Host),
            ("http://ann:secret@example.org", ServerUrlError::Credentials),
            ("wss://example.org/v1/ws?token=x", ServerUrlError::Query),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (text, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("ws://LOCALHOST/v1/ws", true),
            ("wss://localhost.example.org", false),
            ("http://192.168.0.7", false),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn http_paths_stay_behind_the_same_proxy() {
        for (server, path) in [
            ("http://a:1", "http://a:1/health"),
            ("wss://a/behind/v1/ws", "https://a/behind/health"),
            ("wss://a/other", "https://a/health"),
        ] {
            assert_eq!(ServerUrl::parse(server).unwrap().http("/health"), path);
        }
    }
}
