//! What every cohort has to say at the end of a turn, and to whom: put together once for each way in which frames are
//! written, and handed to the sockets of the members.

use std::cmp::Reverse;

use tokio::time::Instant;

use crate::engine::audience::Audiences;
use crate::engine::batch::{Batch, Said};
use crate::engine::clients::{Clients, Glance};
use crate::engine::cohort::{Due, Member};
use crate::metrics::Metrics;

/// So many members are looked at before the first of them is written to.
const AT_A_GLANCE: usize = 8;

impl Audiences {
    /// When the first cohort that waits for its throttle may go on.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse((at, ..))| *at)
    }

    /// Has every cohort say what it has to say: hands it to the sockets of its members.
    pub(super) fn flush(&mut self, now: Instant, clients: &mut Clients, metrics: Option<&Metrics>) {
        while let Some(Reverse((at, key, cohort))) = self.held.peek().copied() {
            if at > now {
                break;
            }
            self.held.pop();
            if let Some(audience) = self.audiences.get_mut(key) {
                if let Some(cohort) = audience.cohorts.get_mut(cohort) {
                    cohort.is_held = false;
                }
                self.say(key);
            }
        }
        let mut due = std::mem::take(&mut self.due);
        for key in due.drain(..) {
            if self.audiences.get(key).is_some_and(|audience| audience.is_due) {
                self.flush_audience(key, now, clients, metrics);
            }
        }
        self.due = due;
    }

    fn flush_audience(&mut self, key: usize, now: Instant, clients: &mut Clients, metrics: Option<&Metrics>) {
        let audience = &mut self.audiences[key];
        audience.is_due = false;
        let newest = audience.newest;
        // While this goes on, cohorts may become empty and vanish, and none comes.
        for cohort in 0..audience
            .cohorts
            .iter()
            .next_back()
            .map_or(0, |(last, _)| last + 1)
        {
            if !self.audiences[key].cohorts.contains(cohort) {
                continue;
            }
            self.part_with_the_slow(key, cohort, now, clients);
            let Some(waits) = self.audiences[key].cohorts.get_mut(cohort) else {
                continue;
            };
            let news = waits.take_news();
            if !news.is_empty() {
                self.tell(key, cohort, &news, clients, metrics);
            }
            let Some(waits) = self.audiences[key].cohorts.get_mut(cohort) else {
                continue;
            };
            match waits.take_due(now) {
                Due::Nothing => {}
                Due::Now(said, replaced) => {
                    if let Some(metrics) = metrics {
                        metrics.conflated.inc_by(replaced * waits.members.len() as u64);
                    }
                    self.tell(key, cohort, &said, clients, metrics);
                    if let Some(waits) = self.audiences[key].cohorts.get_mut(cohort) {
                        waits.give_back(said);
                    }
                }
                Due::Later(until) if !waits.is_held => {
                    waits.is_held = true;
                    self.held.push(Reverse((until, key, cohort)));
                }
                Due::Later(_) => {}
            }
            if let (Some(waits), Some(newest)) = (self.audiences[key].cohorts.get_mut(cohort), newest) {
                waits.note(newest);
            }
        }
        if !self.audiences[key].strays.is_empty() {
            self.unsettle(key);
        }
    }

    /// Of those who get what is newest only, a member whose socket takes nothing steps out: what waits for it is replaced for
    /// as long as it does not read.
    fn part_with_the_slow(&mut self, key: usize, cohort: usize, now: Instant, clients: &mut Clients) {
        let waits = &self.audiences[key].cohorts[cohort];
        if !waits.is_latest() || !waits.has_due(now) {
            return;
        }
        let mut is_slow = |member: &Member| {
            clients
                .served(member.slot)
                .is_some_and(|connection| connection.wire().blocked_since().is_some())
        };
        let slow: Vec<Member> = waits.members.iter().copied().filter(&mut is_slow).collect();
        for member in slow {
            self.step_out(key, cohort, member, clients);
        }
    }

    /// Hands what is said to the socket of each member. Of those who get every publication, one for which too much waits
    /// steps out.
    fn tell(
        &mut self,
        key: usize,
        cohort: usize,
        said: &[Said],
        clients: &mut Clients,
        metrics: Option<&Metrics>,
    ) {
        let audience = &self.audiences[key];
        let members = &audience.cohorts[cohort];
        let mut batch = Batch::new(&audience.topic, said);
        let mut slow: Vec<Member> = Vec::new();
        let (mut frames, mut bytes) = (0, 0);
        for some in members.members.chunks(AT_A_GLANCE) {
            // All of them are looked at before the first is written to: what of them is not in the cache then comes at once,
            // and not one by one behind the system calls.
            let mut seen = [Glance::default(); AT_A_GLANCE];
            for (glance, member) in seen.iter_mut().zip(some) {
                *glance = clients.glance(member.slot);
            }
            for (glance, member) in seen.iter().zip(some) {
                let Some(class) = glance.class else {
                    continue;
                };
                let written = batch.written(class);
                let more = written.bytes.len();
                let Some(connection) = clients.served(member.slot).filter(|_| more > 0) else {
                    continue;
                };
                let waiting = connection.wire().waiting();
                if glance.is_blocked && !connection.outbox().has_room(waiting, more) {
                    slow.push(*member);
                    continue;
                }
                frames += written.frames;
                bytes += more as u64;
                // What comes for others of its topics in this turn would go out in one write with this. Where there are
                // none, the connection need not be looked at again, long after it has left the cache.
                if glance.has_one_seat {
                    if connection.wire().write_now(&written.bytes) {
                        continue;
                    }
                } else {
                    connection.wire().push(written.bytes.clone());
                }
                clients.note_dirty(member.slot);
            }
        }
        if let Some(metrics) = metrics {
            metrics.frames_sent.inc_by(frames);
            metrics.bytes_sent.inc_by(bytes);
            for said in said {
                if let Said::Publication(publication) = said {
                    metrics.delivery.note(publication.made.elapsed());
                }
            }
        }
        for member in slow {
            self.step_aside(key, cohort, member, said, clients);
        }
    }

    /// Too much waits for a member: it steps out before what is said now.
    fn step_aside(
        &mut self,
        key: usize,
        cohort: usize,
        member: Member,
        said: &[Said],
        clients: &mut Clients,
    ) {
        let audience = &self.audiences[key];
        let waits = &audience.cohorts[cohort];
        let (at, newest) = (waits.reached(), audience.newest.unwrap_or_default());
        self.fall_behind(member, at, newest, said, clients);
        self.become_stray(member.seat);
    }
}
