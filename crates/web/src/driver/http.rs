//! What is asked over HTTP, beside the socket.

use gloo_net::http::Request;
use nexus_protocol::ChainId;
use serde::Deserialize;

use crate::state::token::Token;

/// A chain that the server follows.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(crate) struct ListedChain {
    /// Its id.
    #[serde(rename = "chain_id")]
    pub(crate) id: ChainId,
    /// Whether it is the node's own.
    #[serde(default, rename = "default")]
    pub(crate) is_default: bool,
}

#[derive(Deserialize)]
struct ChainList {
    chains: Vec<ListedChain>,
}

/// Why something could not be had over HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HttpTrouble {
    /// It needs a token, or another one.
    SignIn,
    /// Anything else, in a sentence.
    Other(String),
}

/// The chains that the server at this WebSocket address follows.
///
/// # Errors
/// Why they are not known, for people.
pub(crate) async fn chains(server: &str, token: Option<&Token>) -> Result<Vec<ListedChain>, HttpTrouble> {
    let other = |text: &str| HttpTrouble::Other(text.to_owned());
    let mut request = Request::get(&http_address(server, "chains"));
    if let Some(token) = token {
        request = request.header("Authorization", &format!("Bearer {}", token.as_str()));
    }
    let response = request
        .send()
        .await
        .map_err(|_| other("The server cannot be reached."))?;
    match response.status() {
        200 => response
            .json::<ChainList>()
            .await
            .map(|list| list.chains)
            .map_err(|_| other("The server's answer makes no sense.")),
        401 | 403 => Err(HttpTrouble::SignIn),
        404 => Err(other("This server follows no chains by itself.")),
        status => Err(other(&format!("The server answered {status}."))),
    }
}

/// The address of a path of the HTTP API, beside the native door's.
fn http_address(server: &str, path: &str) -> String {
    let base = server.strip_suffix("/ws").unwrap_or(server);
    // `ws` becomes `http`, `wss` becomes `https`.
    let base = base
        .strip_prefix("ws")
        .map_or_else(|| base.to_owned(), |rest| format!("http{rest}"));
    format!("{base}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_lies_beside_the_native_door() {
        for (server, address) in [
            ("ws://127.0.0.1:8080/v1/ws", "http://127.0.0.1:8080/v1/chains"),
            ("wss://nexus.example/v1/ws", "https://nexus.example/v1/chains"),
        ] {
            assert_eq!(http_address(server, "chains"), address);
        }
    }
}
