//! Every message has an example; its text is golden, reads back to the same text, and stands in `docs/PROTOCOL.md`.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::path::Path;

use nexus_protocol::examples::{Example, Sender, all};
use nexus_protocol::{
    Account, AiUpdate, ChainUpdate, CommandUpdate, Fills, FromServer, Json, Orders, Payload, Push,
    TaskUpdate, TelemetryUpdate, Timestamp, Topic, decode_request, decode_server, encode_push, encode_reply,
    encode_request,
};

/// The types that the contract names, which must all have an example.
const CLIENT_TYPES: [&str; 14] = [
    "auth",
    "subscribe",
    "unsubscribe",
    "publish",
    "telemetry",
    "command",
    "command.received",
    "command.result",
    "typing",
    "join",
    "leave",
    "presence",
    "history",
    "ping",
];
const SERVER_TYPES: [&str; 31] = [
    "connected",
    "authenticated",
    "subscribed",
    "unsubscribed",
    "ack",
    "command.status",
    "command.result",
    "joined",
    "left",
    "presence",
    "history",
    "pong",
    "error",
    "telemetry.update",
    "commands.update",
    "tasks.update",
    "ai.update",
    "events.update",
    "prices.update",
    "orderbook.update",
    "trades.update",
    "candles.update",
    "user_orders.update",
    "user_fills.update",
    "account_updates.update",
    "chain.update",
    "message",
    "command",
    "presence.update",
    "channel.status",
    "shutdown",
];

#[test]
fn every_type_of_the_contract_has_an_example_and_no_other() {
    for (sender, expected) in [
        (Sender::Client, &CLIENT_TYPES[..]),
        (Sender::Server, &SERVER_TYPES[..]),
    ] {
        let shown: BTreeSet<String> = all()
            .iter()
            .filter(|example| example.sender == sender)
            .map(type_of)
            .collect();
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(shown, expected, "{sender:?}");
    }
}

#[test]
fn the_text_of_each_message_is_as_it_was() {
    for example in all() {
        let sender = match example.sender {
            Sender::Client => "client",
            Sender::Server => "server",
        };
        let name = format!("{sender} {}", example.name).replace([' ', ',', '.'], "_");
        insta::assert_snapshot!(name, example.text);
    }
}

#[test]
fn reading_and_writing_are_inverse() {
    let now = Timestamp::EXAMPLE;
    for example in all() {
        let again = match example.sender {
            Sender::Client => {
                let (id, request) = decode_request(&example.text, usize::MAX).unwrap();
                encode_request(&id.unwrap(), &request)
            }
            Sender::Server => match decode_server(&example.text).unwrap() {
                FromServer::Reply(id, reply) => encode_reply(id.as_ref(), &reply, now),
                FromServer::Push(push) => encode_push(&push, now),
            },
        };
        assert_eq!(again, example.text, "{}", example.name);
    }
}

/// To write the examples into the document: `NEXUS_UPDATE_DOCS=1 cargo test -p nexus-protocol --test messages`.
#[test]
fn the_document_shows_each_message_as_it_is() {
    const START: &str = "<!-- examples: written by the test `messages`, do not edit by hand -->\n";
    const END: &str = "<!-- end of examples -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document
        .split_once(START)
        .expect("docs/PROTOCOL.md has the start mark of the examples");
    let (_, after) = rest
        .split_once(END)
        .expect("docs/PROTOCOL.md has the end mark of the examples");
    let current = format!("{before}{START}{}{END}{after}", section());
    if std::env::var_os("NEXUS_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &current).unwrap();
        return;
    }
    assert!(
        document == current,
        "the examples in docs/PROTOCOL.md are old; see the comment at this test"
    );
}

fn section() -> String {
    let mut text = String::new();
    for (sender, heading) in [
        (Sender::Client, "### From the client"),
        (Sender::Server, "### From the server"),
    ] {
        text.push_str(&format!("\n{heading}\n"));
        for example in all().into_iter().filter(|example| example.sender == sender) {
            text.push_str(&format!(
                "\n**`{}`**: {}\n```json\n{}\n```\n",
                example.name, example.about, example.text
            ));
        }
    }
    text.push('\n');
    text
}

fn type_of(example: &Example) -> String {
    let value: serde_json::Value = serde_json::from_str(&example.text).expect("an example is JSON");
    value["type"].as_str().expect("an example has a type").to_owned()
}

/// The payloads that are passed on as text are the types that both sides read them as.
#[test]
fn the_payload_of_each_example_is_of_its_type() {
    fn reads<T: serde::de::DeserializeOwned + serde::Serialize>(json: &Json) {
        let value: T = json
            .read()
            .unwrap_or_else(|error| panic!("{}: {error}", json.as_str()));
        let again = serde_json::to_value(&value).expect("it is written");
        let before: serde_json::Value = json.read().expect("it is JSON");
        assert_eq!(again, before);
    }
    let mut seen = 0;
    for example in all() {
        let Ok(FromServer::Push(Push::Publication(publication))) = decode_server(&example.text) else {
            continue;
        };
        let Payload::Json(json) = &publication.payload else {
            continue;
        };
        match publication.topic {
            Topic::UserOrders(_) => reads::<Orders>(json),
            Topic::UserFills(_) => reads::<Fills>(json),
            Topic::AccountUpdates(_) => reads::<Account>(json),
            Topic::Telemetry => reads::<TelemetryUpdate>(json),
            Topic::Commands => reads::<CommandUpdate>(json),
            Topic::Tasks => reads::<TaskUpdate>(json),
            Topic::Ai => reads::<AiUpdate>(json),
            Topic::Chain(_) => reads::<ChainUpdate>(json),
            _ => continue,
        }
        seen += 1;
    }
    assert_eq!(seen, 9);
}
