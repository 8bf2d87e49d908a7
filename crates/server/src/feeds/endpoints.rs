//! Where an upstream is: one base address, the WebSocket under `/ws`, questions over HTTP under a path of its own.

/// The two addresses of an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// For the WebSocket.
    pub(crate) ws: String,
    /// For questions over HTTP.
    pub(crate) http: String,
}

/// The text is no base address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{base}` is no address of an upstream; it should look like {example}")]
pub struct EndpointsError {
    base: String,
    example: &'static str,
}

impl Endpoints {
    /// Derives both addresses from `http://`, `https://`, `ws://` or `wss://` and a host. `path` is for questions;
    /// `example` is what an address of this upstream looks like.
    ///
    /// # Errors
    /// If it is no such address.
    pub(crate) fn from_base(base: &str, path: &str, example: &'static str) -> Result<Self, EndpointsError> {
        let error = || EndpointsError {
            base: base.to_owned(),
            example,
        };
        let (scheme, rest) = base.trim().split_once("://").ok_or_else(error)?;
        let rest = rest.trim_end_matches('/');
        let is_odd = |letter: char| letter.is_whitespace() || letter.is_control() || "?#@".contains(letter);
        if rest.is_empty() || rest.starts_with([':', '/']) || rest.contains(is_odd) {
            return Err(error());
        }
        let (ws, http) = match scheme {
            "https" | "wss" => ("wss", "https"),
            "http" | "ws" => ("ws", "http"),
            _ => return Err(error()),
        };
        Ok(Endpoints {
            ws: format!("{ws}://{rest}/ws"),
            http: format!("{http}://{rest}{path}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_gives_both() {
        for (base, path, ws, http) in [
            (
                "https://api.hyperliquid.xyz",
                "/info",
                "wss://api.hyperliquid.xyz/ws",
                "https://api.hyperliquid.xyz/info",
            ),
            (
                "wss://node.example/",
                "/",
                "wss://node.example/ws",
                "https://node.example/",
            ),
            (
                "http://127.0.0.1:3001",
                "/info",
                "ws://127.0.0.1:3001/ws",
                "http://127.0.0.1:3001/info",
            ),
            ("https://x/node", "/", "wss://x/node/ws", "https://x/node/"),
        ] {
            let endpoints = Endpoints::from_base(base, path, "").unwrap();
            assert_eq!((endpoints.ws.as_str(), endpoints.http.as_str()), (ws, http));
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for base in [
            "",
            "node",
            "api.hyperliquid.xyz",
            "ftp://host",
            "http://",
            "http://:80",
            "http:///x",
            "http://a b",
            "http://host?x",
            "http://user@host",
        ] {
            assert!(Endpoints::from_base(base, "/", "http://x").is_err(), "{base:?}");
        }
    }
}
