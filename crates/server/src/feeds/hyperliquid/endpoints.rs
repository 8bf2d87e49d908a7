//! Where the exchange is: one base address, the WebSocket under `/ws`, HTTP under `/info`.

/// The two addresses of the exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// For the WebSocket.
    pub(crate) ws: String,
    /// For questions over HTTP.
    pub(crate) info: String,
}

/// The text is no base address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no address of an exchange; it should look like https://api.hyperliquid.xyz")]
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
            info: format!("{http}://{rest}/info"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_addresses_follow_from_the_base() {
        for (base, ws, info) in [
            (
                "https://api.hyperliquid.xyz",
                "wss://api.hyperliquid.xyz/ws",
                "https://api.hyperliquid.xyz/info",
            ),
            (
                "wss://api.hyperliquid.xyz/",
                "wss://api.hyperliquid.xyz/ws",
                "https://api.hyperliquid.xyz/info",
            ),
            (
                "http://127.0.0.1:3001",
                "ws://127.0.0.1:3001/ws",
                "http://127.0.0.1:3001/info",
            ),
        ] {
            let endpoints = Endpoints::from_base(base).unwrap();
            assert_eq!((endpoints.ws.as_str(), endpoints.info.as_str()), (ws, info));
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for base in [
            "",
            "api.hyperliquid.xyz",
            "ftp://host",
            "http://",
            "http:///x",
            "http://a b",
            "http://u@h",
        ] {
            assert!(Endpoints::from_base(base).is_err(), "{base:?}");
        }
    }
}
