//! The connections of a shard, each in a place that is used again when its client has gone.

use tokio::time::Instant;

use crate::connection::{Connection, Departing};
use crate::encoded::WireClass;
use crate::mailbox::ConnId;

/// The connections of a shard, and which of them come next.
#[derive(Default)]
pub(super) struct Clients {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Those that are attended to next, each once.
    called: Vec<u32>,
    /// Those that something was put out for, each once.
    dirty: Vec<u32>,
}

/// Where a client is.
#[derive(Default)]
pub(super) struct Place {
    generation: u32,
    is_called: bool,
    is_dirty: bool,
    pub(super) client: Option<Client>,
    /// The earliest moment at which it is looked at by itself.
    pub(super) alarm: Option<Instant>,
    /// The numbers of its seats.
    pub(super) seats: Vec<u32>,
}

/// What is in a place.
pub(super) enum Client {
    /// A client that is served.
    Served(Box<Connection>),
    /// A client that is gone but for its socket.
    Departing(Box<Departing>),
}

/// What is to be known of a client before something is handed to it.
#[derive(Clone, Copy, Default)]
pub(super) struct Glance {
    /// How frames are written for it; none if it is not served.
    pub(super) class: Option<WireClass>,
    /// It takes nothing.
    pub(super) is_blocked: bool,
    /// It listens to one topic alone.
    pub(super) has_one_seat: bool,
}

impl Clients {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.iter().filter(|place| place.client.is_some()).count()
    }

    /// Whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.places.len() == self.free.len()
    }

    /// When each is to be looked at by itself.
    pub(super) fn alarms(&self) -> impl Iterator<Item = (ConnId, Instant)> + '_ {
        let places = (0u32..).zip(&self.places);
        places.filter_map(|(slot, place)| {
            let generation = place.generation;
            Some((ConnId { slot, generation }, place.alarm?))
        })
    }

    /// The place that the next client gets.
    pub(super) fn reserve(&mut self) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = self.places[slot as usize].generation;
        ConnId { slot, generation }
    }

    /// Lets a place be used again. Whoever still knows the client that was there finds nobody.
    pub(super) fn release(&mut self, slot: u32) {
        let place = &mut self.places[slot as usize];
        place.client = None;
        place.alarm = None;
        place.seats = Vec::new();
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
    }

    /// A place, whoever is there.
    pub(super) fn at(&mut self, slot: u32) -> Option<&mut Place> {
        self.places.get_mut(slot as usize)
    }

    /// The place of a client, if they are still there.
    pub(super) fn place(&mut self, id: ConnId) -> Option<&mut Place> {
        let place = self.places.get_mut(id.slot as usize)?;
        (place.generation == id.generation && place.client.is_some()).then_some(place)
    }

    /// A client that is served.
    pub(super) fn served(&mut self, slot: u32) -> Option<&mut Connection> {
        match self.places.get_mut(slot as usize)?.client.as_mut()? {
            Client::Served(connection) => Some(connection),
            Client::Departing(_) => None,
        }
    }

    /// What is to be known of a client before something is handed to it.
    pub(super) fn glance(&mut self, slot: u32) -> Glance {
        match self.places.get_mut(slot as usize) {
            Some(Place {
                client: Some(Client::Served(connection)),
                seats,
                ..
            }) => Glance {
                class: Some(connection.class()),
                is_blocked: connection.wire().blocked_since().is_some(),
                has_one_seat: seats.len() == 1,
            },
            Some(_) | None => Glance::default(),
        }
    }

    /// The name of whoever is in a place.
    pub(super) fn id(&self, slot: u32) -> ConnId {
        ConnId {
            slot,
            generation: self.places[slot as usize].generation,
        }
    }

    /// Has a client attended to.
    pub(super) fn call(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize)
            && !place.is_called
            && place.client.is_some()
        {
            place.is_called = true;
            self.called.push(slot);
        }
    }

    /// The same, if they are still there.
    pub(super) fn call_by_id(&mut self, id: ConnId) {
        if self.place(id).is_some() {
            self.call(id.slot);
        }
    }

    /// Whether somebody is to be attended to.
    pub(super) fn has_called(&self) -> bool {
        !self.called.is_empty()
    }

    /// Who is attended to now. `spent` is a list whose memory is used again.
    pub(super) fn take_called(&mut self, mut spent: Vec<u32>) -> Vec<u32> {
        spent.clear();
        std::mem::swap(&mut spent, &mut self.called);
        for slot in &spent {
            self.places[*slot as usize].is_called = false;
        }
        spent
    }

    /// Has a client written to at the end of this turn.
    pub(super) fn note_dirty(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize)
            && !place.is_dirty
        {
            place.is_dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Who is written to now.
    pub(super) fn take_dirty(&mut self, mut spent: Vec<u32>) -> Vec<u32> {
        spent.clear();
        std::mem::swap(&mut spent, &mut self.dirty);
        for slot in &spent {
            self.places[*slot as usize].is_dirty = false;
        }
        spent
    }
}
