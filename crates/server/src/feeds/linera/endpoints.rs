//! Where the node is: one base address, the WebSocket under `/ws`, GraphQL over HTTP under `/`.

/// The two addresses of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// For notifications.
    pub(crate) ws: String,
    /// For questions.
    pub(crate) http: String,
}

/// The text is no base address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no address of a chain node; it should look like http://127.0.0.1:8081")]
pub struct EndpointsError(String);

impl Endpoints {
    /// Derives both addresses from `http://`, `https://`, `ws://` or `wss://` and a host.
    ///
    /// # Errors
    /// If it is no such address.
    pub fn from_base(base: &str) -> Result<Self, EndpointsError> {
        let error = || EndpointsError(base.to_owned());
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
            http: format!("{http}://{rest}/"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_addresses_follow_from_the_base() {
        for (base, ws, http) in [
            (
                "http://127.0.0.1:8081",
                "ws://127.0.0.1:8081/ws",
                "http://127.0.0.1:8081/",
            ),
            (
                "wss://node.example/",
                "wss://node.example/ws",
                "https://node.example/",
            ),
            ("https://x/node", "wss://x/node/ws", "https://x/node/"),
        ] {
            let endpoints = Endpoints::from_base(base).unwrap();
            assert_eq!((endpoints.ws.as_str(), endpoints.http.as_str()), (ws, http));
        }
        for base in [
            "",
            "node",
            "ftp://node",
            "http://",
            "http://:80",
            "http://a b",
            "http://u@h",
        ] {
            assert!(Endpoints::from_base(base).is_err(), "{base:?}");
        }
    }
}
