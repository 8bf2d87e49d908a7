//! What can be said of a device: its state, what its metrics are called, in which unit they are.

use super::feed::Moment;
use super::place::DeviceFilter;

/// How a device is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum DeviceState {
    /// It should report and does not.
    Stale,
    /// It is not connected.
    Offline,
    /// It is connected, and reports as it usually does.
    Online,
}

/// What the server says of a device's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    /// It is connected.
    Here,
    /// It is not.
    Away,
    /// It does not say.
    Unknown,
}

/// A device that is silent for so many of its usual pauses is stale.
const PAUSES: u64 = 4;
/// A device is not called stale before so many milliseconds of silence.
const PATIENCE: u64 = 10_000;
/// The patience with a device whose pace is not known yet.
const PATIENCE_WITH_STRANGERS: u64 = 60_000;

/// How a device is at a moment.
pub(crate) fn state(
    presence: Presence,
    seen_at: Option<Moment>,
    pace: Option<u64>,
    now: Moment,
) -> DeviceState {
    let patience = pace.map_or(PATIENCE_WITH_STRANGERS, |pace| {
        (pace.saturating_mul(PAUSES)).max(PATIENCE)
    });
    let is_silent = seen_at.map(|seen| now.saturating_sub(seen) > patience);
    match (presence, is_silent) {
        (Presence::Away, _) => DeviceState::Offline,
        // It may have nothing to report.
        (Presence::Here, None | Some(false)) | (Presence::Unknown, Some(false)) => DeviceState::Online,
        (Presence::Here, Some(true)) | (Presence::Unknown, None | Some(true)) => DeviceState::Stale,
    }
}

impl DeviceState {
    /// The word for `data-state` and for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            DeviceState::Online => "online",
            DeviceState::Stale => "stale",
            DeviceState::Offline => "offline",
        }
    }

    /// What it means, for people.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            DeviceState::Online => "Connected, and reporting as usual.",
            DeviceState::Stale => "Silent for longer than usual.",
            DeviceState::Offline => "Not connected.",
        }
    }
}

impl DeviceFilter {
    /// Whether a device in this state is listed.
    pub(crate) fn shows(self, state: DeviceState) -> bool {
        match self {
            DeviceFilter::All => true,
            DeviceFilter::Online => state == DeviceState::Online,
            DeviceFilter::Stale => state == DeviceState::Stale,
            DeviceFilter::Offline => state == DeviceState::Offline,
        }
    }
}

/// Endings of metric names that name a unit.
const UNITS: [(&str, &str); 58] = [
    ("celsius", "°C"),
    ("c", "°C"),
    ("f", "°F"),
    ("k", "K"),
    ("pct", "%"),
    ("percent", "%"),
    ("mv", "mV"),
    ("v", "V"),
    ("volts", "V"),
    ("ma", "mA"),
    ("a", "A"),
    ("amps", "A"),
    ("mw", "mW"),
    ("kw", "kW"),
    ("w", "W"),
    ("watts", "W"),
    ("kwh", "kWh"),
    ("wh", "Wh"),
    ("ghz", "GHz"),
    ("mhz", "MHz"),
    ("khz", "kHz"),
    ("hz", "Hz"),
    ("rpm", "rpm"),
    ("bpm", "bpm"),
    ("hpa", "hPa"),
    ("kpa", "kPa"),
    ("pa", "Pa"),
    ("mbar", "mbar"),
    ("bar", "bar"),
    ("psi", "psi"),
    ("us", "µs"),
    ("ms", "ms"),
    ("s", "s"),
    ("seconds", "s"),
    ("min", "min"),
    ("mm", "mm"),
    ("cm", "cm"),
    ("km", "km"),
    ("m", "m"),
    ("mps", "m/s"),
    ("kmh", "km/h"),
    ("kg", "kg"),
    ("g", "g"),
    ("l", "L"),
    ("lpm", "L/min"),
    ("lux", "lx"),
    ("lx", "lx"),
    ("db", "dB"),
    ("dbm", "dBm"),
    ("ppm", "ppm"),
    ("ppb", "ppb"),
    ("bytes", "B"),
    ("kb", "kB"),
    ("mb", "MB"),
    ("gb", "GB"),
    ("deg", "°"),
    ("bps", "bit/s"),
    ("ph", "pH"),
];

/// The unit that a metric's name ends with, and the name without it, for people: `temperature_c` is `Temperature` in
/// `°C`.
pub(crate) fn named(metric: &str) -> (String, &'static str) {
    let cut = metric.rsplit_once(['_', '.', '-']).and_then(|(name, ending)| {
        let unit = UNITS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(ending))?
            .1;
        (!name.is_empty()).then_some((name, unit))
    });
    let (name, unit) = cut.unwrap_or((metric, ""));
    let mut words = name.replace(['_', '-'], " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    (words, unit)
}

/// Decimals that a value needs, three at most.
pub(crate) fn decimals(value: f64) -> u8 {
    (0..3)
        .find(|decimals| {
            let scaled = value * 10_f64.powi(i32::from(*decimals));
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1.0)
        })
        .unwrap_or(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_what_connection_and_silence_say() {
        use DeviceState::{Offline, Online, Stale};
        use Presence::{Away, Here, Unknown};
        for (presence, seen_at, pace, expected) in [
            (Here, Some(99_000), Some(1_000), Online),
            (Here, Some(80_000), Some(1_000), Stale),
            (Here, Some(80_000), Some(10_000), Online),
            (Here, Some(80_000), None, Online),
            (Here, None, None, Online),
            (Away, Some(99_000), Some(1_000), Offline),
            (Away, None, None, Offline),
            (Unknown, Some(99_000), Some(1_000), Online),
            (Unknown, Some(1_000), Some(1_000), Stale),
            (Unknown, None, None, Stale),
        ] {
            assert_eq!(
                state(presence, seen_at, pace, 100_000),
                expected,
                "{presence:?} {seen_at:?} {pace:?}"
            );
        }
    }

    #[test]
    fn names_say_their_units() {
        for (metric, name, unit) in [
            ("temperature_c", "Temperature", "°C"),
            ("humidity_pct", "Humidity", "%"),
            ("motor.speed_rpm", "Motor.speed", "rpm"),
            ("battery_mV", "Battery", "mV"),
            ("uptime_s", "Uptime", "s"),
            ("load", "Load", ""),
            ("v", "V", ""),
            ("_c", " c", ""),
            ("door open", "Door open", ""),
            ("ü_c", "ü", "°C"),
            ("", "", ""),
        ] {
            assert_eq!(named(metric), (name.to_owned(), unit), "{metric}");
        }
    }

    #[test]
    fn a_figure_has_the_decimals_that_it_needs() {
        for (value, expected) in [
            (21.0, 0),
            (21.5, 1),
            (21.25, 2),
            (0.1 + 0.2, 1),
            (1.0 / 3.0, 3),
            (1e12 + 0.5, 0),
        ] {
            assert_eq!(decimals(value), expected, "{value}");
        }
    }
}
