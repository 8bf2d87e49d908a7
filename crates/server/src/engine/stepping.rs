//! How subscribers step in with a cohort and out of it. A stray steps in when it has got what the members have got; a member
//! steps out when it is slower than the others, or when something is missing that each has to find for itself.

use nexus_protocol::Offset;

use crate::engine::audience::{Audiences, Place};
use crate::engine::batch::Said;
use crate::engine::clients::Clients;
use crate::engine::cohort::{Cohort, Member};
use crate::outbox::Reached;

impl Audiences {
    /// Something was published that did not come: all members step out where they are, and find the gap themselves.
    pub(super) fn dissolve(&mut self, key: usize, clients: &mut Clients) {
        let cohorts: Vec<usize> = self.audiences[key]
            .cohorts
            .iter()
            .map(|(cohort, _)| cohort)
            .collect();
        for cohort in cohorts {
            while let Some(member) = self.first_member(key, cohort) {
                self.step_out(key, cohort, member, clients);
            }
        }
    }

    pub(super) fn first_member(&self, key: usize, cohort: usize) -> Option<Member> {
        self.audiences[key].cohorts.get(cohort)?.members.last().copied()
    }

    /// A member steps out with what the cohort has not said yet.
    pub(super) fn step_out(&mut self, key: usize, cohort: usize, member: Member, clients: &mut Clients) {
        let seat = self.seats[member.seat as usize];
        let audience = &self.audiences[key];
        let waits = &audience.cohorts[cohort];
        let at = waits.reached();
        // What the cohort did not select, the member has seen as well.
        let seen = audience.newest.unwrap_or_default().max(at.offset);
        if let Some(connection) = clients.served(member.slot) {
            let outbox = connection.outbox();
            match waits.pending() {
                Some(pending) => outbox.step_out_with(seat.lane, at, seen, pending.clone()),
                None => outbox.step_out(seat.lane, at),
            }
            for said in waits.said() {
                match said {
                    Said::Publication(publication) => outbox.offer(seat.lane, publication),
                    Said::Status(status) => outbox.offer_status(seat.lane, status),
                }
            }
        }
        self.become_stray(member.seat);
    }

    /// The members of a cohort fall behind, because what stands now is the better thing to send.
    pub(super) fn leave_behind(&mut self, key: usize, cohort: usize, newest: Offset, clients: &mut Clients) {
        while let Some(member) = self.first_member(key, cohort) {
            let waits = &self.audiences[key].cohorts[cohort];
            self.fall_behind(member, waits.reached(), newest, waits.said(), clients);
            self.become_stray(member.seat);
        }
    }

    /// A member steps out where its cohort is, and reads from the broker what comes.
    pub(super) fn fall_behind(
        &self,
        member: Member,
        at: Reached,
        newest: Offset,
        untold: &[Said],
        clients: &mut Clients,
    ) {
        let seat = &self.seats[member.seat as usize];
        let states = untold.iter().filter_map(|said| match said {
            Said::Status(status) => Some(status),
            Said::Publication(_) => None,
        });
        if let Some(connection) = clients.served(member.slot) {
            connection.outbox().step_out_behind(seat.lane, at, newest, states);
        }
    }

    pub(super) fn become_stray(&mut self, number: u32) {
        let seat = self.seats[number as usize];
        self.take_from_place(&seat);
        let strays = &mut self.audiences[seat.audience].strays;
        strays.push(number);
        self.seats[number as usize].place = Place::Stray(strays.len() - 1);
    }

    /// A connection has written what waited: its strays may step in.
    pub(super) fn attended(&mut self, seats: &[u32]) {
        for number in seats {
            if let Some(seat) = self.seats.get(*number as usize)
                && matches!(seat.place, Place::Stray(_))
            {
                let key = seat.audience;
                self.unsettle(key);
            }
        }
    }

    /// Lets strays step in that have got what a cohort has got. To be called when all that came was said, before it is written.
    pub(super) fn settle(&mut self, clients: &mut Clients) {
        let mut unsettled = std::mem::take(&mut self.unsettled);
        for key in unsettled.drain(..) {
            if let Some(audience) = self.audiences.get_mut(key)
                && std::mem::replace(&mut audience.is_unsettled, false)
            {
                for at in (0..self.audiences[key].strays.len()).rev() {
                    self.try_to_step_in(key, at, clients);
                }
            }
        }
        self.unsettled = unsettled;
    }

    pub(super) fn try_to_step_in(&mut self, key: usize, at: usize, clients: &mut Clients) {
        let audience = &mut self.audiences[key];
        let number = audience.strays[at];
        let seat = self.seats[number as usize];
        let Some(connection) = clients.served(seat.connection.slot) else {
            return;
        };
        if connection.wire().blocked_since().is_some() {
            return;
        }
        let Some(idle) = connection.outbox().idle_lane(seat.lane) else {
            return;
        };
        // The first who steps in says how far the topic is here; what comes and is older, they have.
        let newest = *audience.newest.get_or_insert(idle.newest);
        let found = audience.cohorts.iter().find(|(_, cohort)| cohort.is_like(&idle));
        let cohort = match found {
            Some((cohort, members)) if members.is_in_step(&idle) => cohort,
            Some(_) => return,
            None if idle.newest == newest && !idle.has_waiting => {
                audience.cohorts.insert(Cohort::of(idle.clone()))
            }
            None => return,
        };
        if idle.has_waiting
            && let Some(pending) = connection.outbox().take_held_back(seat.lane)
        {
            connection.send_pending(pending);
            clients.note_dirty(seat.connection.slot);
        }
        let Some(connection) = clients.served(seat.connection.slot) else {
            return;
        };
        let members = &mut audience.cohorts[cohort];
        connection.outbox().step_in(seat.lane, &members.clock);
        self.take_from_place(&seat);
        let members = &mut self.audiences[key].cohorts[cohort].members;
        members.push(Member {
            slot: seat.connection.slot,
            seat: number,
        });
        self.seats[number as usize].place = Place::Member(cohort, members.len() - 1);
    }
}
