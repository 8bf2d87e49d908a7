//! Which devices are connected, over which connection each is reached, and that people see it: a device that is there is a
//! member of the topic `telemetry`.
//!
//! A connection stands for a device as long as its [`DeviceLink`] lives. Where several connections stand for one device,
//! commands go to the newest; when that ends, to the newest of those that are left.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_protocol::{ClientId, DeviceId, ErrorCode, Refusal, Topic, UserId};

use crate::auth::{Act, Identity, Permissions, Role, Who};
use crate::command_desk::{CommandDesk, Line};
use crate::outbox::Outbox;
use crate::presence::{Attendance, Presence};

/// The most devices that one connection stands for.
const MOST_OF_ONE: usize = 1_000;

/// Which devices are connected. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Devices {
    shared: Arc<Shared>,
}

/// A connection that stands for devices. Dropping it says that the connection was lost.
#[derive(Debug)]
#[must_use = "dropping it says that the connection was lost"]
pub struct DeviceLink {
    devices: Devices,
    client: ClientId,
}

#[derive(Debug)]
struct Shared {
    desk: CommandDesk,
    presence: Presence,
    /// Protects who stands for whom. The desk is told under it, so that it hears everything in order.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    links: HashMap<ClientId, Held>,
    /// The connections that stand for each device, the newest last.
    by_device: HashMap<DeviceId, Vec<ClientId>>,
}

/// What one connection stands for.
#[derive(Debug)]
struct Held {
    line: Line,
    /// None where there are as many members as there may be: the device is served, and not seen.
    devices: BTreeMap<DeviceId, Option<Attendance>>,
}

impl Devices {
    /// No device is connected.
    pub fn new(desk: CommandDesk, presence: Presence) -> Self {
        Devices {
            shared: Arc::new(Shared {
                desk,
                presence,
                state: Mutex::default(),
            }),
        }
    }

    /// A connection has signed in, or refreshed its token: as a device, it stands for itself from now on, and no longer
    /// for those that its new token does not allow. Anyone else stands for none.
    pub fn sign_in(
        &self,
        earlier: Option<DeviceLink>,
        identity: &Identity,
        permissions: &Permissions,
        client: &ClientId,
        outbox: &Arc<Outbox>,
    ) -> Option<DeviceLink> {
        if identity.role != Role::Device {
            return None;
        }
        let link = earlier.unwrap_or_else(|| self.link(client, outbox));
        let who = Who::SignedIn(identity.clone());
        let is_allowed = |device: &DeviceId| permissions.check(&who, Act::Report(device)).is_ok();
        let mut state = self.lock();
        for device in state.devices_of(client) {
            if !is_allowed(&device) {
                self.leave(&mut state, client, &device);
            }
        }
        if let Ok(itself) = DeviceId::parse(identity.user.as_str())
            && is_allowed(&itself)
        {
            self.stand(&mut state, client, &itself);
        }
        Some(link)
    }

    /// A device was reported for: if it was over a device's connection, that stands for it from now on.
    ///
    /// # Errors
    /// If the connection stands for as many as it may.
    pub fn reported(&self, client: &ClientId, device: &DeviceId) -> Result<(), Refusal> {
        let mut state = self.lock();
        let Some(held) = state.links.get(client) else {
            return Ok(());
        };
        if held.devices.contains_key(device) {
            return Ok(());
        }
        if held.devices.len() >= MOST_OF_ONE {
            return Err(Refusal::new(
                ErrorCode::InvalidParams,
                format!("a connection stands for at most {MOST_OF_ONE} devices; open another one"),
            ));
        }
        self.stand(&mut state, client, device);
        Ok(())
    }

    /// How many devices are connected.
    pub fn connected(&self) -> usize {
        self.lock().by_device.len()
    }

    fn link(&self, client: &ClientId, outbox: &Arc<Outbox>) -> DeviceLink {
        let held = Held {
            line: Line::new(client.clone(), outbox),
            devices: BTreeMap::new(),
        };
        self.lock().links.insert(client.clone(), held);
        DeviceLink {
            devices: self.clone(),
            client: client.clone(),
        }
    }

    fn stand(&self, state: &mut State, client: &ClientId, device: &DeviceId) {
        let Some(held) = state.links.get_mut(client) else {
            return;
        };
        if held.devices.contains_key(device) {
            return;
        }
        held.devices.insert(device.clone(), self.attend(device));
        let line = held.line.clone();
        let connections = state.by_device.entry(device.clone()).or_default();
        connections.push(client.clone());
        self.shared.desk.attach(device, line);
        tracing::debug!(client.id = %client, device.id = %device, "a device is connected");
    }

    fn leave(&self, state: &mut State, client: &ClientId, device: &DeviceId) {
        if let Some(held) = state.links.get_mut(client) {
            held.devices.remove(device);
        }
        let Some(connections) = state.by_device.get_mut(device) else {
            return;
        };
        let was_newest = connections.last() == Some(client);
        connections.retain(|other| other != client);
        let next = connections.last().and_then(|next| state.links.get(next));
        match next {
            Some(next) if was_newest => self.shared.desk.attach(device, next.line.clone()),
            Some(_) => {}
            None => {
                state.by_device.remove(device);
                self.shared.desk.detach(device);
            }
        }
    }

    /// Shows people that a device is there.
    fn attend(&self, device: &DeviceId) -> Option<Attendance> {
        let user = UserId::parse(device.as_str()).ok()?;
        match self.shared.presence.enter(&Topic::Telemetry, &user) {
            Ok(attendance) => Some(attendance),
            Err(error) => {
                tracing::warn!(device.id = %device, %error, "a device is connected and cannot be shown");
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn devices_of(&self, client: &ClientId) -> Vec<DeviceId> {
        let held = self.links.get(client).map(|held| &held.devices);
        held.into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        let mut state = self.devices.lock();
        for device in state.devices_of(&self.client) {
            self.devices.leave(&mut state, &self.client, &device);
        }
        state.links.remove(&self.client);
    }
}
