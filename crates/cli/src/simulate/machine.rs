//! A simulated device without its connection: what it measures, and how it obeys. Reads no clock and does no IO.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{CommandId, CommandOrder, DeviceId, Json, Outcome, Timestamp};
use serde_json::{Map, Value, json};

use crate::simulate::signal::Signal;

/// So many commands are remembered, so that one that comes again is not done again.
const REMEMBERED: usize = 256;
/// How long a reboot keeps the device away.
const REBOOT: Duration = Duration::from_secs(5);
const CALIBRATION: Duration = Duration::from_secs(3);
const BLINK: Duration = Duration::from_millis(400);
/// Of so many, one calibration or setting fails.
const ONE_FAILS_OF: u32 = 8;

/// A device.
pub(super) struct Machine {
    pub(super) id: DeviceId,
    signals: Vec<Signal>,
    rng: Rng,
    measured_at: Duration,
    // The oldest first, at most `REMEMBERED`.
    known: VecDeque<(CommandId, Known)>,
}

/// What the device knows of a command.
enum Known {
    /// It is at it until then, and this will come of it.
    Busy(Duration, Outcome),
    /// It did it, or could not.
    Over(Outcome),
}

/// What the device does.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Act {
    /// Says that it has got a command.
    Received(CommandId),
    /// Says what became of it.
    Result(CommandId, Outcome),
    /// Is away for so long.
    GoAway(Duration),
}

/// Why a device cannot do something.
type Excuse = String;

impl Machine {
    /// The device of this number, counted from 1: kinds take turns.
    pub(super) fn new(number: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kinds: [(&str, &[SignalOf]); 4] = [
            (
                "pump",
                &[
                    ("flow_lpm", 42.0, 6.0, (0.0, 80.0)),
                    ("pressure_bar", 3.2, 0.4, (0.0, 8.0)),
                    ("temperature_c", 48.0, 4.0, (5.0, 95.0)),
                    ("vibration_mm", 1.4, 0.5, (0.0, 9.0)),
                ],
            ),
            (
                "greenhouse",
                &[
                    ("temperature_c", 23.0, 2.5, (-5.0, 45.0)),
                    ("humidity_pct", 64.0, 7.0, (0.0, 100.0)),
                    ("soil_moisture_pct", 38.0, 3.0, (0.0, 100.0)),
                    ("light_lux", 18_000.0, 6_000.0, (0.0, 90_000.0)),
                ],
            ),
            (
                "thermostat",
                &[
                    ("temperature_c", 20.5, 0.8, (5.0, 30.0)),
                    ("heating_pct", 35.0, 15.0, (0.0, 100.0)),
                ],
            ),
            (
                "meter",
                &[
                    ("power_w", 850.0, 420.0, (0.0, 6_000.0)),
                    ("voltage_v", 231.0, 2.0, (200.0, 255.0)),
                    ("frequency_hz", 50.0, 0.03, (49.0, 51.0)),
                ],
            ),
        ];
        let (kind, of) = kinds[(number - 1) % kinds.len()];
        let signals = of
            .iter()
            .map(|(name, target, sway, bounds)| Signal::new(name, *target, *sway, *bounds, &mut rng))
            .collect();
        Machine {
            id: DeviceId::parse(&format!("{kind}-{number}")).expect("a kind and a number are an id"),
            signals,
            rng,
            measured_at: Duration::ZERO,
            known: VecDeque::new(),
        }
    }

    /// What it measures now.
    pub(super) fn measure(&mut self, now: Duration) -> BTreeMap<String, f64> {
        let seconds = now.saturating_sub(self.measured_at).as_secs_f64().min(60.0);
        self.measured_at = now;
        for signal in &mut self.signals {
            signal.pass(seconds, &mut self.rng);
        }
        self.signals
            .iter()
            .map(|signal| (signal.name.to_owned(), signal.reading()))
            .collect()
    }

    /// A command came. One that it knows is not done again: it says what it knows.
    pub(super) fn handle_order(&mut self, now: Duration, wall: Timestamp, order: &CommandOrder) -> Vec<Act> {
        let id = order.command_id.clone();
        let known = self.known.iter().find(|(known, _)| *known == id);
        if let Some((_, known)) = known {
            let mut acts = vec![Act::Received(id.clone())];
            if let Known::Over(outcome) = known {
                acts.push(Act::Result(id, outcome.clone()));
            }
            return acts;
        }
        let (takes, outcome) = if order.expires_at < wall {
            (Duration::ZERO, Outcome::Failed("it came too late".to_owned()))
        } else {
            self.obey(order)
        };
        self.remember(id.clone(), Known::Busy(now + takes, outcome));
        let mut acts = vec![Act::Received(id)];
        if takes == REBOOT {
            acts.push(Act::GoAway(REBOOT));
        }
        acts
    }

    /// What has been done by now.
    pub(super) fn handle_time(&mut self, now: Duration) -> Vec<Act> {
        let mut acts = Vec::new();
        for (id, known) in &mut self.known {
            if let Known::Busy(until, outcome) = known
                && *until <= now
            {
                acts.push(Act::Result(id.clone(), outcome.clone()));
                *known = Known::Over(outcome.clone());
            }
        }
        acts
    }

    /// When the next thing will be done.
    pub(super) fn busy_until(&self) -> Option<Duration> {
        let until = |(_, known): &(CommandId, Known)| match known {
            Known::Busy(until, _) => Some(*until),
            Known::Over(_) => None,
        };
        self.known.iter().filter_map(until).min()
    }

    /// How long a command takes, and what will come of it.
    fn obey(&mut self, order: &CommandOrder) -> (Duration, Outcome) {
        let args: Value = order
            .args
            .as_ref()
            .and_then(|args| args.read().ok())
            .unwrap_or_default();
        let (takes, done) = match order.name.as_str() {
            "set_target" => (Duration::ZERO, self.set_target(&args)),
            "blink" => (BLINK, blink(&args)),
            "reboot" => (REBOOT, Ok(json!({ "was_away_ms": REBOOT.as_millis() as u64 }))),
            "calibrate" => (CALIBRATION, self.calibrate()),
            other => {
                let excuse = format!(
                    "this device does not know `{}`; it knows set_target, blink, reboot and calibrate",
                    other.chars().take(64).collect::<String>()
                );
                (Duration::ZERO, Err(excuse))
            }
        };
        let outcome = match done {
            Ok(mut back) => {
                back["simulated"] = true.into();
                Outcome::Done(Json::of(&back))
            }
            Err(excuse) => Outcome::Failed(excuse),
        };
        (takes, outcome)
    }

    fn set_target(&mut self, args: &Value) -> Result<Value, Excuse> {
        let nothing = Map::new();
        let args = args.as_object().unwrap_or(&nothing);
        // Either {"temperature_c": 21.5} or {"metric": "temperature_c", "value": 21.5}.
        let wanted: Vec<(&str, Option<f64>)> = match (args.get("metric"), args.get("value")) {
            (Some(Value::String(metric)), Some(value)) => vec![(metric, value.as_f64())],
            _ => args
                .iter()
                .map(|(metric, value)| (metric.as_str(), value.as_f64()))
                .collect(),
        };
        let metrics: Vec<&str> = self.signals.iter().map(|signal| signal.name).collect();
        let usage = format!("set_target wants a number for one of: {}", metrics.join(", "));
        if wanted.is_empty() {
            return Err(usage);
        }
        for (metric, value) in &wanted {
            let signal = self.signals.iter().find(|signal| signal.name == *metric);
            let (Some(signal), Some(value)) = (signal, value) else {
                return Err(usage);
            };
            if !signal.can_reach(*value) {
                return Err(format!("{metric} cannot be {value}"));
            }
        }
        if self.rng.u32(..ONE_FAILS_OF) == 0 {
            return Err("the valve is stuck".to_owned());
        }
        let mut back = json!({ "target": {} });
        for (metric, value) in wanted {
            for signal in self.signals.iter_mut().filter(|signal| signal.name == metric) {
                signal.target = value.unwrap_or(signal.target);
                back["target"][metric] = signal.target.into();
            }
        }
        Ok(back)
    }

    fn calibrate(&mut self) -> Result<Value, Excuse> {
        if self.rng.u32(..ONE_FAILS_OF) == 0 {
            return Err("the sensor does not settle".to_owned());
        }
        self.signals.iter_mut().for_each(Signal::steady);
        Ok(json!({ "calibrated": self.signals.len() }))
    }

    fn remember(&mut self, id: CommandId, known: Known) {
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((id, known));
    }
}

/// Name, target, sway, bounds.
type SignalOf = (&'static str, f64, f64, (f64, f64));

fn blink(args: &Value) -> Result<Value, Excuse> {
    match args.get("times").map_or(Some(1), Value::as_u64) {
        Some(times @ 1..=20) => Ok(json!({ "blinked": times })),
        _ => Err("it blinks 1 to 20 times".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_take_turns() {
        let ids: Vec<_> = (1..=5)
            .map(|number| Machine::new(number, 1).id.to_string())
            .collect();
        assert_eq!(
            ids,
            ["pump-1", "greenhouse-2", "thermostat-3", "meter-4", "pump-5"]
        );
    }

    #[test]
    fn the_same_seed_measures_the_same() {
        let measure = |seed| {
            let mut machine = Machine::new(1, seed);
            (1..20).map(|at| machine.measure(secs(at))).collect::<Vec<_>>()
        };
        assert_eq!(measure(7), measure(7));
        assert_ne!(measure(7), measure(8));
        assert!(measure(7).iter().flatten().all(|(_, value)| value.is_finite()));
    }

    #[test]
    fn commands_take_their_time_and_come_to_an_end() {
        for (name, args, takes) in [
            ("set_target", r#"{"flow_lpm":50}"#, Duration::ZERO),
            (
                "set_target",
                r#"{"metric":"flow_lpm","value":50}"#,
                Duration::ZERO,
            ),
            ("blink", "null", BLINK),
            ("calibrate", "null", CALIBRATION),
            ("reboot", "null", REBOOT),
        ] {
            let mut machine = Machine::new(1, 1);
            let acts = machine.handle_order(secs(10), wall(), &order("c-1", name, args));
            assert_eq!(acts[0], Act::Received(id("c-1")), "{name}");
            assert_eq!(acts.len(), if name == "reboot" { 2 } else { 1 }, "{name}");
            assert_eq!(machine.busy_until(), Some(secs(10) + takes), "{name}");
            let acts = machine.handle_time(secs(10) + takes);
            assert!(
                matches!(&acts[..], [Act::Result(_, Outcome::Done(Some(back)))] if back.as_str().contains(r#""simulated":true"#)),
                "{name}: {acts:?}"
            );
            assert_eq!(machine.busy_until(), None, "{name}");
        }
    }

    #[test]
    fn what_it_cannot_do_fails_with_a_reason() {
        for (name, args, reason) in [
            ("dance", "null", "does not know `dance`"),
            ("set_target", "null", "wants a number for one of: flow_lpm"),
            ("set_target", r#"{"mood":1}"#, "wants a number"),
            ("set_target", r#"{"flow_lpm":"fast"}"#, "wants a number"),
            ("set_target", r#"{"flow_lpm":5000}"#, "cannot be 5000"),
            ("blink", r#"{"times":1000}"#, "1 to 20"),
        ] {
            let mut machine = Machine::new(1, 1);
            machine.handle_order(secs(1), wall(), &order("c-1", name, args));
            let acts = machine.handle_time(secs(60));
            assert!(
                matches!(&acts[..], [Act::Result(_, Outcome::Failed(why))] if why.contains(reason)),
                "{name} {args}: {acts:?}"
            );
        }
        let mut late = order("c-1", "reboot", "null");
        late.expires_at = Timestamp::from_millis(1);
        let mut machine = Machine::new(1, 1);
        assert_eq!(
            machine.handle_order(secs(1), wall(), &late).len(),
            1,
            "it does not go away"
        );
        assert!(matches!(
            &machine.handle_time(secs(1))[..],
            [Act::Result(_, Outcome::Failed(_))]
        ));
    }

    #[test]
    fn some_fail() {
        let mut machine = Machine::new(1, 3);
        let mut failed = 0;
        for number in 0..200 {
            let name = format!("c-{number}");
            machine.handle_order(secs(1), wall(), &order(&name, "calibrate", "null"));
            let acts = machine.handle_time(secs(10));
            failed += usize::from(matches!(&acts[..], [Act::Result(_, Outcome::Failed(_))]));
        }
        assert!((5..60).contains(&failed), "{failed}");
    }

    #[test]
    fn what_comes_again_is_not_done_again() {
        let mut machine = Machine::new(1, 1);
        let mut again = order("c-1", "calibrate", "null");
        machine.handle_order(secs(1), wall(), &again);
        again.redelivered = true;
        assert_eq!(
            machine.handle_order(secs(2), wall(), &again),
            [Act::Received(id("c-1"))],
            "it is still at it"
        );
        let [first] = &machine.handle_time(secs(4))[..] else {
            panic!("it is done once");
        };
        let acts = machine.handle_order(secs(5), wall(), &again);
        assert_eq!(acts, [Act::Received(id("c-1")), first.clone()]);
        assert_eq!(machine.busy_until(), None);
    }

    #[test]
    fn it_remembers_a_bounded_number_of_commands() {
        let mut machine = Machine::new(1, 1);
        for number in 0..1_000 {
            machine.handle_order(secs(1), wall(), &order(&format!("c-{number}"), "blink", "null"));
            machine.handle_time(secs(2));
        }
        assert_eq!(machine.known.len(), REMEMBERED);
    }

    fn order(command: &str, name: &str, args: &str) -> CommandOrder {
        CommandOrder {
            command_id: id(command),
            device_id: DeviceId::parse("pump-1").unwrap(),
            name: name.to_owned(),
            args: Some(Json::parse(args).unwrap()),
            expires_at: Timestamp::from_millis(1_900_000_000_000),
            redelivered: false,
        }
    }

    fn wall() -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    fn id(text: &str) -> CommandId {
        CommandId::parse(text).unwrap()
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }
}
