//! The proof that a started system is worth looking at: the page and its wasm are served, it says it is healthy, and
//! prices arrive and change over the wire that browsers use.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::step::note;

use super::http;
use super::websocket::WebSocket;

const PRICES_LIMIT: Duration = Duration::from_secs(30);

/// Asks the server behind `url` all of it.
pub(crate) fn run(url: &str, token: &str) -> anyhow::Result<()> {
    page_is_served(url)?;
    health_is_good(url)?;
    prices_change(url, token)?;
    everything_is_alive(url, token)
}

/// What the stand-ins and the simulated devices do, channel by channel, and a command that a device obeys.
fn everything_is_alive(url: &str, token: &str) -> anyhow::Result<()> {
    let chains = http::get_as(token, url, "/v1/chains")?;
    let chains = without_spaces(&String::from_utf8_lossy(&chains.body));
    let chain = text_field(&chains, "chain_id").context("GET /v1/chains names no chain: see chain.log")?;
    let mut device = None;
    for (channel, params, awaited) in [
        ("telemetry", String::new(), "telemetry.update"),
        ("tasks", String::new(), "tasks.update"),
        ("ai", String::new(), "ai.update"),
        ("events", String::new(), "events.update"),
        ("room:lobby", String::new(), "message"),
        (
            "chain",
            format!(r#","params":{{"chain_id":"{chain}"}}"#),
            "chain.update",
        ),
        (
            "user_fills",
            r#","params":{"userId":"demo"}"#.to_owned(),
            "user_fills.update",
        ),
    ] {
        let mut socket = WebSocket::open(url, &format!("/v1/ws?token={token}"), PRICES_LIMIT)?;
        let selected = format!(r#""channel":"{channel}"{params}"#);
        socket.send(&format!(
            r#"{{"type":"subscribe","id":"proof","payload":{{{selected}}}}}"#
        ))?;
        let message =
            awaited_on(&mut socket, awaited).with_context(|| format!("nothing came on {channel}"))?;
        if channel == "telemetry" {
            device = text_field(&message, "device_id").map(str::to_owned);
        }
        note(&format!("{channel} is alive"));
    }
    let device = device.context("telemetry names no device")?;
    let mut socket = WebSocket::open(url, &format!("/v1/ws?token={token}"), PRICES_LIMIT)?;
    let order = format!(r#"{{"device_id":"{device}","name":"blink","ttl_ms":20000}}"#);
    socket.send(&format!(r#"{{"type":"command","id":"proof","payload":{order}}}"#))?;
    awaited_on(&mut socket, "command.result").with_context(|| format!("{device} does not obey"))?;
    note(&format!("{device} obeys"));
    Ok(())
}

/// The first message of this type.
fn awaited_on(socket: &mut WebSocket, awaited: &str) -> anyhow::Result<String> {
    let wanted = format!(r#""type":"{awaited}""#);
    let deadline = Instant::now() + PRICES_LIMIT;
    while Instant::now() < deadline {
        let message = without_spaces(&socket.receive()?);
        if message.contains(r#""type":"error""#) {
            bail!("the server refuses it: {message}");
        }
        if message.contains(&wanted) {
            return Ok(message);
        }
    }
    bail!("no {awaited} within {} s", PRICES_LIMIT.as_secs())
}

/// The first text of a field, in JSON without spaces.
fn text_field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = json.split_once(&format!(r#""{name}":""#))?;
    behind.split_once('"').map(|(text, _)| text)
}

fn page_is_served(url: &str) -> anyhow::Result<()> {
    let page = http::get(url, "/")?;
    ensure!(
        page.status == 200,
        "GET / answers {}: is --web-dir the built dashboard?",
        page.status
    );
    let html = String::from_utf8_lossy(&page.body);
    let wasm = wasm_path(&html).context("the page names no .wasm file: build it with `cargo xtask web`")?;
    let file = http::get(url, &wasm)?;
    ensure!(
        file.status == 200 && file.header("content-type") == Some("application/wasm"),
        "GET {wasm} answers {} as {:?}: browsers want 200 and application/wasm",
        file.status,
        file.header("content-type"),
    );
    note(&format!(
        "the page is served, its wasm too ({} bytes)",
        file.body.len()
    ));
    Ok(())
}

fn health_is_good(url: &str) -> anyhow::Result<()> {
    let health = http::get(url, "/health")?;
    let body = String::from_utf8_lossy(&health.body);
    ensure!(
        health.status == 200 && without_spaces(&body).contains(r#""status":"healthy""#),
        "GET /health answers {} {body}: see the server's log",
        health.status
    );
    note(&format!("/health says {body}"));
    Ok(())
}

fn prices_change(url: &str, token: &str) -> anyhow::Result<()> {
    let mut socket = WebSocket::open(url, &format!("/v1/ws?token={token}"), PRICES_LIMIT)?;
    socket.send(r#"{"type":"subscribe","id":"proof","payload":{"channel":"prices"}}"#)?;
    let deadline = Instant::now() + PRICES_LIMIT;
    let mut first: Option<String> = None;
    while Instant::now() < deadline {
        let message = without_spaces(&socket.receive()?);
        if message.contains(r#""type":"error""#) {
            bail!("the server refuses prices: {message}");
        }
        let Some(payload) = payload_of_prices(&message) else {
            continue;
        };
        match &first {
            None => first = Some(payload.to_owned()),
            Some(first) if first != payload => {
                note("prices arrive and change");
                return Ok(());
            }
            Some(_) => {}
        }
    }
    bail!(
        "prices did not change within {} s: see the server's log",
        PRICES_LIMIT.as_secs()
    )
}

/// The body of a push of prices; `None` for every other message.
fn payload_of_prices(message: &str) -> Option<&str> {
    if !message.contains(r#""type":"prices.update""#) {
        return None;
    }
    message.split_once(r#""payload":"#).map(|(_, payload)| payload)
}

/// The path of the first file that ends in `.wasm`, as the page names it.
fn wasm_path(html: &str) -> Option<String> {
    let end = html.find(".wasm")? + ".wasm".len();
    let start = html[..end].rfind(['"', '\''])? + 1;
    let path = html[start..end].trim_start_matches("./");
    Some(format!("/{}", path.trim_start_matches('/')))
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wasm_of_a_page_is_found() {
        let html = r#"<link rel="preload" href="/nexus-web-1f2e_bg.wasm" as="fetch">"#;
        assert_eq!(wasm_path(html).as_deref(), Some("/nexus-web-1f2e_bg.wasm"));
        assert_eq!(
            wasm_path("<script>init('./a.wasm')</script>").as_deref(),
            Some("/a.wasm")
        );
        assert_eq!(wasm_path("<p>nothing</p>"), None);
    }

    #[test]
    fn a_field_is_found_in_json() {
        assert_eq!(
            text_field(r#"{"a":"b","device_id":"pump-1"}"#, "device_id"),
            Some("pump-1")
        );
        assert_eq!(text_field(r#"{"device_id":7}"#, "device_id"), None);
    }

    #[test]
    fn only_pushes_of_prices_count_as_prices() {
        assert_eq!(
            payload_of_prices(r#"{"type":"prices.update","offset":1,"payload":{"A":1}}"#),
            Some(r#"{"A":1}}"#)
        );
        assert_eq!(
            payload_of_prices(r#"{"type":"subscribed","payload":{"channel":"prices"}}"#),
            None
        );
    }
}
