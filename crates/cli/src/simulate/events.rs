//! Simulated events: things that happen now and then.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// What happened, how much that matters, and what about.
const HAPPENINGS: [(&str, &str, &[&str]); 6] = [
    (
        "deploy",
        "info",
        &["shop 4.2.1 is out", "billing 1.9.0 is out", "maps 7.0.3 is out"],
    ),
    (
        "signup",
        "info",
        &[
            "a new customer from Lisbon",
            "a new customer from Oslo",
            "a new customer from Graz",
        ],
    ),
    (
        "door",
        "info",
        &["gate 2 opened", "gate 2 closed", "the loading bay opened"],
    ),
    (
        "payment",
        "info",
        &["an order of 3 items was paid", "a refund was made"],
    ),
    (
        "weather",
        "warning",
        &["gusts over 60 km/h at the north mast", "frost expected tonight"],
    ),
    (
        "alert",
        "error",
        &[
            "disk of node 3 is 90 % full",
            "certificate of the shop ends in 7 days",
        ],
    ),
];

/// The next event, and the time to wait before it.
pub(super) fn next(rng: &mut Rng) -> (Duration, Value) {
    let (kind, severity, messages) = HAPPENINGS[rng.usize(..HAPPENINGS.len())];
    let message = messages[rng.usize(..messages.len())];
    let event = json!({ "kind": kind, "severity": severity, "message": message, "simulated": true });
    (Duration::from_millis(rng.u64(1_500..8_000)), event)
}
