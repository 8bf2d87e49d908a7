//! Everything that can go wrong.

use crate::world::*;

impl World {
    pub(super) fn fault(&mut self) {
        if !self.faults {
            return;
        }
        let pause = self.rng.u64(500..25_000);
        self.after(pause, Act::Fault);
        let server = self.rng.usize(..self.servers.len());
        let Some((_, id)) = self.current else {
            return self.server_dies(server);
        };
        let on = self.wires[&id].server;
        let lot = self.rng.u32(..14);
        self.trace(|| format!("fault {lot}"));
        match lot {
            0 | 1 => self.cut(id),
            2 => {
                self.wires.get_mut(&id).expect("current").black = true;
            }
            3 | 4 => {
                let until = (self.now + Duration::from_millis(self.rng.u64(100..80_000))).min(FAULTS);
                let wire = self.wires.get_mut(&id).expect("current");
                wire.stalled_until = wire.stalled_until.max(until);
            }
            5 => self.server_dies(on),
            6 => self.server_restarts_as_planned(on),
            7 => {
                let code = *self
                    .rng
                    .choice(&[1000, 1001, 1008, 1011, 1013, 4000, 4008, 4009, 4029])
                    .expect("one of nine");
                if self.servers[on].connections.contains_key(&id) {
                    self.server_closes(on, id, code);
                }
            }
            8 => {
                self.servers[on].upstream_down = true;
                let back = self.rng.u64(1_000..40_000);
                self.after(back, Act::UpstreamReturns(on));
            }
            9 => {
                if let Some(connection) = self.servers[on].connections.get_mut(&id) {
                    connection.blocked = true;
                }
                let back = self.rng.u64(1_000..30_000);
                self.after(back, Act::Unblocks(on, id));
            }
            10 => {
                let until = (self.now + Duration::from_millis(self.rng.u64(1_000..100_000))).min(FAULTS);
                self.asleep_until = self.asleep_until.max(until);
            }
            12 => {
                let lot = self.rng.usize(..1_000);
                let frames = self.servers[on].end_subscription(id, lot, self.now);
                self.send_down(id, frames);
            }
            11 if self.reading => {
                self.reading = false;
                self.session.handle_reading_stopped(self.now);
                self.drain();
                let back = self.rng.u64(500..50_000);
                self.after(back, Act::ReadsAgain);
            }
            _ => self.cut(id),
        }
    }

    /// The connection breaks: what is on it is lost, and each side learns of it in its own time.
    pub(super) fn cut(&mut self, id: u64) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        wire.to_server.clear();
        // What has arrived already may still be read.
        let rest = self.rng.usize(..=wire.to_client.len());
        wire.to_client.truncate(rest);
        let (for_client, for_server) = (self.rng.u64(1..3_000), self.rng.u64(1..20_000));
        self.after(for_client, Act::BreaksForClient(id));
        self.after(for_server, Act::BreaksForServer(id));
    }

    pub(super) fn server_dies(&mut self, server: usize) {
        let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
        for id in ids {
            self.cut(id);
        }
        self.stop_server(server);
    }

    pub(super) fn stop_server(&mut self, server: usize) {
        self.servers[server].connections.clear();
        self.servers[server].up = false;
        let broker = self.servers[server].broker;
        match self.rng.u32(..3) {
            0 => self.brokers[broker].forget(),
            1 => {
                let lost = self.rng.usize(..3);
                self.brokers[broker].crash(lost);
            }
            _ => {}
        }
        let back = self.rng.u64(100..20_000);
        self.after(back, Act::ServerStarts(server));
    }

    pub(super) fn server_restarts_as_planned(&mut self, server: usize) {
        let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
        for id in ids {
            let delay = Duration::from_millis(self.rng.u64(500..8_000));
            let frames = self.servers[server].announce_end(id, delay, self.now);
            self.send_down(id, frames);
        }
    }

    pub(super) fn faults_end(&mut self) {
        self.faults = false;
        for server in &mut self.servers {
            server.up = true;
            server.upstream_down = false;
            server.rules.grumpy = 0;
            for connection in server.connections.values_mut() {
                connection.leaving = None;
            }
        }
        for topic in std::mem::take(&mut self.damaged).into_values() {
            self.publish_on(&topic, 1);
        }
        self.after(1, Act::Shows);
        self.after(1, Act::ComesOnline);
        self.after(5_000, Act::Reconnects);
        // What was told while tokens were bad may have gone unanswered.
        self.after(2_000, Act::GivesToken(true));
    }
}
