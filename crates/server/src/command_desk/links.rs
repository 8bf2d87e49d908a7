//! Over which connection each device is reached, and what waits there. A device that does not confirm gets only so many
//! commands at a time, so that a crowd of them cannot overrun its connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use nexus_protocol::{CommandId, DeviceId};

/// So many commands may be on their way to one connection before it has confirmed one of them.
pub(super) const MOST_UNCONFIRMED: usize = 64;

/// Over which connection each device is reached.
#[derive(Debug)]
pub(super) struct Links<L> {
    line_of: HashMap<DeviceId, L>,
    links: HashMap<L, Link>,
}

#[derive(Debug, Default)]
struct Link {
    devices: usize,
    /// To be sent, in the order of the commands.
    waiting: BTreeMap<u64, CommandId>,
    /// Sent, and not confirmed.
    unconfirmed: BTreeSet<u64>,
}

impl<L: Clone + Eq + Hash> Links<L> {
    /// The connection of a device that is there.
    pub(super) fn line(&self, device: &DeviceId) -> Option<&L> {
        self.line_of.get(device)
    }

    /// A device is reached over this connection from now on.
    pub(super) fn attach(&mut self, device: &DeviceId, line: L) {
        self.links.entry(line.clone()).or_default().devices += 1;
        self.line_of.insert(device.clone(), line);
    }

    /// A device is reached no more; `numbers` are its commands. Gives back the connection that has room again.
    pub(super) fn detach(&mut self, device: &DeviceId, numbers: impl Iterator<Item = u64>) -> Option<L> {
        let line = self.line_of.remove(device)?;
        let link = self.links.get_mut(&line)?;
        for number in numbers {
            link.waiting.remove(&number);
            link.unconfirmed.remove(&number);
        }
        link.devices -= 1;
        if link.devices == 0 {
            self.links.remove(&line);
            return None;
        }
        Some(line)
    }

    /// A command waits to be sent to a device; gives back over which connection.
    pub(super) fn wait(&mut self, device: &DeviceId, number: u64, id: &CommandId) -> Option<L> {
        let line = self.line_of.get(device)?;
        let link = self.links.get_mut(line)?;
        link.unconfirmed.remove(&number);
        link.waiting.insert(number, id.clone());
        Some(line.clone())
    }

    /// The next command that may be sent over a connection; it counts as unconfirmed.
    pub(super) fn next(&mut self, line: &L) -> Option<CommandId> {
        let link = self.links.get_mut(line)?;
        if link.unconfirmed.len() >= MOST_UNCONFIRMED {
            return None;
        }
        let (number, id) = link.waiting.pop_first()?;
        link.unconfirmed.insert(number);
        Some(id)
    }

    /// A command was confirmed or is over; gives back the connection that has room again.
    pub(super) fn confirm(&mut self, device: &DeviceId, number: u64) -> Option<L> {
        let line = self.line_of.get(device)?;
        let link = self.links.get_mut(line)?;
        link.waiting.remove(&number);
        link.unconfirmed.remove(&number).then(|| line.clone())
    }

    /// How many commands are on their way over a connection.
    #[cfg(test)]
    pub(super) fn unconfirmed(&self, line: &L) -> usize {
        self.links.get(line).map_or(0, |link| link.unconfirmed.len())
    }
}

impl<L> Default for Links<L> {
    fn default() -> Self {
        Links {
            line_of: HashMap::new(),
            links: HashMap::new(),
        }
    }
}
