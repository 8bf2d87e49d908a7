//! `telemetry`: what a device measured.

use std::sync::Arc;

use nexus_protocol::{ErrorCode, Refusal, SKEW_NOTED_MS, Telemetry, TelemetryUpdate, Timestamp, Topic};

use crate::auth::Act;
use crate::broker::BrokerError;
use crate::clock::wall_clock;
use crate::commands::{Cx, Ordered, is_name};
use crate::content::{Content, Draft, Keyed};

/// The most metrics of one report.
const MOST_METRICS: usize = 64;

/// Takes what a device measured.
///
/// # Errors
/// If it is not allowed, or out of bounds.
pub async fn telemetry(cx: &Cx, telemetry: &Telemetry) -> Result<Ordered, Refusal> {
    let device = &telemetry.device_id;
    cx.gateway.permissions.check(&cx.who, Act::Report(device))?;
    let now = wall_clock();
    let update = checked(telemetry, now)?;
    if let Some(client) = &cx.client {
        cx.gateway.devices.reported(client, device)?;
    }
    let text = serde_json::to_string(&update).expect("finite numbers are JSON");
    let keyed = Keyed {
        key: Arc::from(device.as_str()),
        text: text.into(),
        stands: None,
        is_final: false,
    };
    let draft = Draft::from(Content::Keyed(keyed));
    let placed = cx.gateway.broker.place(&Topic::Telemetry, draft, now).await;
    Ok(placed.map_err(BrokerError::refusal)?.into())
}

/// What was measured, if it is within bounds. The device's clock is noted, and orders nothing.
fn checked(telemetry: &Telemetry, now: Timestamp) -> Result<TelemetryUpdate, Refusal> {
    let wrong = |message: String| Err(Refusal::new(ErrorCode::InvalidParams, message));
    let metrics = &telemetry.metrics;
    if metrics.is_empty() || metrics.len() > MOST_METRICS {
        return wrong(format!("`metrics` has 1 to {MOST_METRICS} entries"));
    }
    for (name, value) in metrics {
        if !is_name(name) {
            return wrong(
                "the name of a metric has 1 to 64 of the characters `A-Z a-z 0-9 _ . : -`".to_owned(),
            );
        }
        if !value.is_finite() {
            return wrong(format!("`{name}` is no finite number"));
        }
    }
    let ahead = |at: Timestamp| signed(at) - signed(now);
    Ok(TelemetryUpdate {
        device_id: telemetry.device_id.clone(),
        metrics: metrics.clone(),
        at: telemetry.at,
        skew_ms: telemetry.at.map(ahead).filter(|skew| skew.abs() > SKEW_NOTED_MS),
    })
}

fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nexus_protocol::DeviceId;

    use super::*;

    const NOW: Timestamp = Timestamp::EXAMPLE;

    fn telemetry(metrics: &[(&str, f64)], at: Option<u64>) -> Telemetry {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value));
        Telemetry {
            device_id: DeviceId::parse("d").unwrap(),
            metrics: metrics.collect(),
            at: at.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn the_clock_of_a_device_is_noted_where_it_is_off() {
        let now = NOW.as_millis();
        for (at, skew) in [
            (None, None),
            (Some(now), None),
            (Some(now + 2_000), None),
            (Some(now - 2_000), None),
            (Some(now + 2_001), Some(2_001)),
            (Some(now - 2_001), Some(-2_001)),
            (Some(0), Some(-(now as i64))),
            (Some(u64::MAX), Some((Timestamp::MAX.as_millis() - now) as i64)),
        ] {
            let update = checked(&telemetry(&[("a", 1.0)], at), NOW).unwrap();
            assert_eq!(update.skew_ms, skew, "{at:?}");
            assert_eq!(update.at, at.map(Timestamp::from_millis));
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let long = "x".repeat(65);
        for name in ["", "a b", "ä", "a/b", "a\"", &long] {
            assert!(
                checked(&telemetry(&[(name, 1.0)], None), NOW).is_err(),
                "{name:?}"
            );
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(
                checked(&telemetry(&[("a", value)], None), NOW).is_err(),
                "{value}"
            );
        }
        let many = |count: usize| Telemetry {
            metrics: (0..count)
                .map(|number| (number.to_string(), 0.0))
                .collect::<BTreeMap<_, _>>(),
            ..telemetry(&[], None)
        };
        for (count, is_right) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(checked(&many(count), NOW).is_ok(), is_right, "{count}");
        }
        for name in ["a", "cpu.load_1:m-2", "A9", &long[1..]] {
            assert!(
                checked(&telemetry(&[(name, -1e300)], None), NOW).is_ok(),
                "{name}"
            );
        }
    }
}
