//! Devices: what each measured last, when, and whether it is connected. Times are the server's.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use nexus_protocol::{DeviceId, Member, PresenceUpdate, TelemetryUpdate};

use crate::canvas::readings::Readings;
use crate::canvas::trail::{self, TrailHandle};
use crate::state::device::{self, DeviceState, Presence};
use crate::state::feed::Moment;

/// Most devices that are kept; those that are away longest go first.
pub(crate) const DEVICES: usize = 1_000;
/// Most metrics of a device that are kept.
pub(crate) const METRICS: usize = 48;
/// Of how many reports the times say what is usual.
const REPORTS: usize = 8;

/// Every device that is known.
#[derive(Default)]
pub(crate) struct Fleet {
    devices: BTreeMap<DeviceId, Device>,
    presence: Known,
    left_out: u64,
}

/// Whether the server told who is connected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Known {
    /// Not yet.
    #[default]
    Asked,
    /// It did, and tells what changes.
    Told,
    /// It will not, and why.
    Refused(Rc<str>),
}

/// One device.
#[derive(Clone, PartialEq)]
pub(crate) struct Device {
    /// Its name.
    pub(crate) id: DeviceId,
    /// What it measured last, by name.
    pub(crate) metrics: BTreeMap<Rc<str>, Metric>,
    /// When it reported last.
    pub(crate) seen_at: Option<Moment>,
    /// How far its clock is ahead of the server's, in milliseconds, where that is worth a note.
    pub(crate) skew_ms: Option<i64>,
    /// Since when it is connected, if it is.
    pub(crate) since: Option<Moment>,
    times: VecDeque<Moment>,
}

/// The last value of one metric.
#[derive(Clone, PartialEq)]
pub(crate) struct Metric {
    /// The value.
    pub(crate) value: f64,
    /// When it was reported.
    pub(crate) at: Moment,
    /// Decimals that its values need, so that the figure keeps its width.
    pub(crate) decimals: u8,
    /// The last few values.
    pub(crate) trail: TrailHandle,
}

impl Fleet {
    /// Takes what a device reported, published at `at`. A snapshot that is known already changes nothing.
    pub(crate) fn take(&mut self, update: &TelemetryUpdate, at: Moment, is_snapshot: bool) {
        let Some(device) = self.device(&update.device_id) else {
            return;
        };
        if is_snapshot && device.seen_at.is_some_and(|seen| at <= seen) {
            return;
        }
        if device.times.len() == REPORTS {
            device.times.pop_front();
        }
        device.times.push_back(at);
        device.seen_at = Some(at);
        device.skew_ms = update.skew_ms;
        for (name, value) in update.metrics.iter().filter(|(_, value)| value.is_finite()) {
            let is_full = device.metrics.len() >= METRICS;
            match device.metrics.get_mut(name.as_str()) {
                Some(metric) => metric.take(*value, at),
                None if is_full => {}
                None => {
                    device
                        .metrics
                        .insert(name.as_str().into(), Metric::new(*value, at));
                }
            }
        }
    }

    /// Gives a device's trails the past that is known by now.
    pub(crate) fn backfill(&mut self, id: &DeviceId, readings: &Readings) {
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        for (name, metric) in &mut device.metrics {
            let points = readings.points(name, i64::MIN, i64::MAX);
            let newest = points.len().saturating_sub(trail::POINTS);
            if points.len() > metric.trail.read(|trail| trail.values().len()) {
                let trail = points[newest..].iter().map(|point| point.value).collect();
                metric.trail.write(|known| *known = trail);
            }
            let decimals = points[newest..].iter().map(|point| device::decimals(point.value));
            metric.decimals = decimals.fold(metric.decimals, u8::max);
        }
    }

    /// Who is connected, all of them.
    pub(crate) fn set_present(&mut self, members: &[Member]) {
        self.presence = Known::Told;
        for device in self.devices.values_mut() {
            device.since = None;
        }
        members.iter().for_each(|member| self.enter(member));
    }

    /// Who came and went.
    pub(crate) fn take_presence(&mut self, update: &PresenceUpdate) {
        if let Some(members) = &update.members {
            self.set_present(members);
        }
        for member in &update.left {
            if let Ok(id) = DeviceId::parse(member.user.as_str())
                && let Some(device) = self.devices.get_mut(&id)
            {
                device.since = None;
            }
        }
        update.joined.iter().for_each(|member| self.enter(member));
    }

    /// The server does not tell who is connected.
    pub(crate) fn refuse_presence(&mut self, why: &str) {
        self.presence = Known::Refused(why.into());
    }

    /// Whether the server told who is connected.
    pub(crate) fn presence(&self) -> &Known {
        &self.presence
    }

    /// One device.
    pub(crate) fn of(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.get(id)
    }

    /// All of them, by name.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    /// How many were left out because there are too many.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How a device is at a moment of the server's clock.
    pub(crate) fn state(&self, device: &Device, now: Moment) -> DeviceState {
        let presence = match (&self.presence, device.since) {
            (Known::Told, Some(_)) => Presence::Here,
            (Known::Told, None) => Presence::Away,
            (Known::Asked | Known::Refused(_), _) => Presence::Unknown,
        };
        device::state(presence, device.seen_at, device.pace(), now)
    }

    fn enter(&mut self, member: &Member) {
        if let Ok(id) = DeviceId::parse(member.user.as_str())
            && let Some(device) = self.device(&id)
        {
            device.since = Some(member.since.as_millis());
        }
    }

    /// A device, known from now on; `None` if there is no room for it.
    fn device(&mut self, id: &DeviceId) -> Option<&mut Device> {
        if !self.devices.contains_key(id) {
            if self.devices.len() >= DEVICES && !self.make_room() {
                self.left_out += 1;
                return None;
            }
            self.devices.insert(id.clone(), Device::new(id.clone()));
        }
        self.devices.get_mut(id)
    }

    /// Forgets the device that is away longest, if one is away.
    fn make_room(&mut self) -> bool {
        let away = self.devices.values().filter(|device| device.since.is_none());
        let longest = away
            .min_by_key(|device| device.seen_at)
            .map(|device| device.id.clone());
        self.left_out += u64::from(longest.is_some());
        longest.is_some_and(|id| self.devices.remove(&id).is_some())
    }
}

impl Device {
    fn new(id: DeviceId) -> Self {
        Device {
            id,
            metrics: BTreeMap::new(),
            seen_at: None,
            skew_ms: None,
            since: None,
            times: VecDeque::new(),
        }
    }

    /// The usual time between two reports, in milliseconds.
    pub(crate) fn pace(&self) -> Option<u64> {
        let mut apart: Vec<u64> = self
            .times
            .iter()
            .zip(self.times.iter().skip(1))
            .map(|(earlier, later)| later.saturating_sub(*earlier))
            .collect();
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied()
    }
}

impl Metric {
    fn new(value: f64, at: Moment) -> Self {
        let metric = Metric {
            value,
            at,
            decimals: device::decimals(value),
            trail: TrailHandle::default(),
        };
        metric.trail.write(|trail| trail.push(value));
        metric
    }

    fn take(&mut self, value: f64, at: Moment) {
        self.value = value;
        self.at = at;
        self.decimals = self.decimals.max(device::decimals(value));
        self.trail.write(|trail| trail.push(value));
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Timestamp, UserId};

    use super::*;

    fn id(name: &str) -> DeviceId {
        DeviceId::parse(name).unwrap()
    }

    fn member(name: &str, since: Moment) -> Member {
        Member {
            user: UserId::parse(name).unwrap(),
            since: Timestamp::from_millis(since),
        }
    }

    fn report(name: &str, metrics: &[(&str, f64)]) -> TelemetryUpdate {
        TelemetryUpdate {
            device_id: id(name),
            metrics: metrics
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            at: None,
            skew_ms: None,
        }
    }

    fn state(fleet: &Fleet, name: &str, now: Moment) -> DeviceState {
        fleet.state(fleet.of(&id(name)).unwrap(), now)
    }

    #[test]
    fn a_device_keeps_its_last_values_and_a_report_of_some_leaves_the_others() {
        let mut fleet = Fleet::default();
        fleet.take(&report("a", &[("t", 20.5), ("h", 40.0)]), 1_000, true);
        fleet.take(&report("a", &[("t", 21.25)]), 2_000, false);
        let device = fleet.of(&id("a")).unwrap();
        assert_eq!(device.seen_at, Some(2_000));
        let metric = |name: &str| {
            let metric = &device.metrics[name];
            (metric.value, metric.at, metric.decimals)
        };
        assert_eq!(metric("t"), (21.25, 2_000, 2));
        assert_eq!(metric("h"), (40.0, 1_000, 0));
    }

    #[test]
    fn the_snapshot_after_a_reconnect_is_no_second_report() {
        let mut fleet = Fleet::default();
        fleet.take(&report("a", &[("t", 1.0)]), 1_000, false);
        fleet.take(&report("a", &[("t", 1.0)]), 1_000, true);
        let device = fleet.of(&id("a")).unwrap();
        assert_eq!(device.metrics["t"].trail.read(|trail| trail.values().len()), 1);
    }

    #[test]
    fn the_history_gives_a_trail_its_past() {
        let mut fleet = Fleet::default();
        fleet.take(&report("a", &[("t", 3.0)]), 3_000, true);
        let mut readings = Readings::default();
        for (at, value) in [(1_000, 1.25), (2_000, 2.0), (3_000, 3.0)] {
            readings.fill(at, [("t", value)]);
        }
        fleet.backfill(&id("a"), &readings);
        let metric = &fleet.of(&id("a")).unwrap().metrics["t"];
        let trail: Vec<f64> = metric.trail.read(|trail| trail.values().collect());
        assert_eq!((trail, metric.decimals), (vec![1.25, 2.0, 3.0], 2));
    }

    #[test]
    fn presence_says_who_is_there_and_the_pace_who_is_silent() {
        let mut fleet = Fleet::default();
        for at in [1_000, 6_000, 11_000] {
            fleet.take(&report("a", &[("t", 1.0)]), at, false);
            fleet.take(&report("b", &[("t", 1.0)]), at, false);
        }
        assert_eq!(state(&fleet, "a", 12_000), DeviceState::Online);
        fleet.set_present(&[member("a", 500), member("c", 600)]);
        assert_eq!(state(&fleet, "a", 12_000), DeviceState::Online);
        assert_eq!(state(&fleet, "a", 60_000), DeviceState::Stale);
        assert_eq!(state(&fleet, "b", 12_000), DeviceState::Offline);
        assert_eq!(state(&fleet, "c", 12_000), DeviceState::Online);
        fleet.take_presence(&PresenceUpdate {
            joined: vec![member("b", 700)],
            left: vec![member("a", 500)],
            ..PresenceUpdate::default()
        });
        assert_eq!(state(&fleet, "a", 12_000), DeviceState::Offline);
        assert_eq!(state(&fleet, "b", 12_000), DeviceState::Online);
    }

    #[test]
    fn memory_is_bounded_and_who_is_connected_stays() {
        let mut fleet = Fleet::default();
        fleet.set_present(&[member("stays", 1)]);
        for n in 0..DEVICES + 20 {
            fleet.take(&report(&format!("d{n}"), &[("t", 1.0)]), n as u64, false);
        }
        assert_eq!((fleet.len(), fleet.left_out()), (DEVICES, 21));
        assert!(fleet.of(&id("stays")).is_some());
        let names: Vec<(String, f64)> = (0..100).map(|n| (format!("m{n}"), 1.0)).collect();
        let names: Vec<(&str, f64)> = names
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        fleet.take(&report("stays", &names), 9_999, false);
        assert_eq!(fleet.of(&id("stays")).unwrap().metrics.len(), METRICS);
    }
}
