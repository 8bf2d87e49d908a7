//! The servers' side: what reaches them, what they send, and what becomes of it on the way.

use nexus_protocol::{FromServer, Push, decode_server};

use crate::world::*;

impl World {
    pub(super) fn reaches_server(&mut self, id: u64) {
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        if now < wire.stalled_until {
            let at = wire.stalled_until;
            return self.at(at, Act::ReachesServer(id));
        }
        let Some(text) = wire.to_server.pop_front() else {
            return;
        };
        let lot = self.rng.u32(..1_000);
        let server = &mut self.servers[wire.server];
        let broker = &mut self.brokers[server.broker];
        let frames = server.receive(id, &text, broker, now, lot);
        self.send_down(id, frames);
    }

    /// Puts frames on the wire; some are damaged, while there are faults.
    pub(super) fn send_down(&mut self, id: u64, frames: Vec<Frame>) {
        for frame in frames {
            let is_push = matches!(&frame, Frame::Text(text) if is_ordered(text));
            match self.rng.u32(..400) {
                0 if self.faults && is_push => self.put(id, frame.clone()),
                1 if self.faults && is_push => {
                    // A publication is left out, against all rules.
                    if let Frame::Text(text) = &frame
                        && let Ok(FromServer::Push(Push::Publication(publication))) = decode_server(text)
                    {
                        self.damaged
                            .insert(publication.topic.to_string(), publication.topic);
                    }
                    continue;
                }
                2 if self.faults => {
                    let odd = [
                        Frame::Binary,
                        Frame::Text(r#"{"type":"weather","payload":{"rain":true}}"#.to_owned()),
                        Frame::Text(r#"{"type":"message","channel":"room:0""#.to_owned()),
                        Frame::Text(String::new()),
                        Frame::Text(
                            r#"{"type":"error","error":{"code":"INTERNAL","message":"?"}}"#.to_owned(),
                        ),
                        Frame::Text(r#"{"type":"pong","id":"99999999"}"#.to_owned()),
                    ];
                    let frame = self.rng.choice(&odd).expect("one of six").clone();
                    self.put(id, frame);
                }
                _ => {}
            }
            self.put(id, frame);
        }
    }

    pub(super) fn put(&mut self, id: u64, frame: Frame) {
        let jitter = Duration::from_micros(self.rng.u64(..50_000));
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        wire.to_client.push_back(frame);
        let at = (self.now + wire.latency + jitter).max(wire.stalled_until);
        self.at(at, Act::ReachesClient(id));
    }

    pub(super) fn server_forgets(&mut self, id: u64) {
        if let Some(wire) = self.wires.get(&id) {
            self.servers[wire.server].connections.remove(&id);
        }
    }

    pub(super) fn publish(&mut self) {
        if self.now > FAULTS + SETTLING - LAST_WORDS {
            return;
        }
        let number = self.rng.usize(..self.topics);
        let topic = topic(number);
        let burst = if self.rng.u32(..20) == 0 { 30 } else { 1 };
        let times = self.rng.usize(1..=burst);
        self.publish_on(&topic, times);
        let pause = if self.faults { 1_200 } else { 6_000 };
        let pause = self.rng.u64(1..pause);
        self.after(pause, Act::Publish);
    }

    pub(super) fn publish_on(&mut self, topic: &Topic, times: usize) {
        for _ in 0..times {
            for broker in 0..self.brokers.len() {
                self.brokers[broker].publish(topic, self.now);
            }
            for server in 0..self.servers.len() {
                let server = &mut self.servers[server];
                let broker = &mut self.brokers[server.broker];
                let out = server.fan_out(topic, broker, self.now);
                for (id, frames) in out {
                    self.send_down(id, frames);
                }
            }
        }
    }

    /// Someone else comes to a room or leaves it.
    pub(super) fn someone_moves(&mut self) {
        if self.now > FAULTS + SETTLING - LAST_WORDS {
            return;
        }
        let topic = topic(self.rng.usize(..self.topics));
        let other = ["bob", "eve", "kim"][self.rng.usize(..3)];
        for broker in 0..self.brokers.len() {
            let others = self.brokers[broker].others.entry(topic.to_string()).or_default();
            let came = others.insert(other.to_owned());
            if !came {
                others.remove(other);
            }
            for server in 0..self.servers.len() {
                if self.servers[server].broker != broker {
                    continue;
                }
                let out = self.servers[server].someone_moved(&topic, (other, came), self.now);
                for (id, frames) in out {
                    self.send_down(id, frames);
                }
            }
        }
        let pause = if self.faults { 4_000 } else { 20_000 };
        let pause = self.rng.u64(1..pause);
        self.after(pause, Act::SomeoneMoves);
    }

    pub(super) fn server_checks(&mut self) {
        for server in 0..self.servers.len() {
            let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
            for id in ids {
                let late = {
                    let server = &mut self.servers[server];
                    server.catch_up(id, &mut self.brokers[server.broker], self.now)
                };
                self.send_down(id, late);
                let leaving = self.servers[server].connections[&id].leaving;
                let code = match leaving {
                    Some(at) if at <= self.now => Some(1012),
                    _ => self.servers[server].check(id, self.now),
                };
                if let Some(code) = code {
                    self.server_closes(server, id, code);
                }
            }
        }
        self.after(1_000, Act::ServerChecks);
    }

    pub(super) fn server_closes(&mut self, server: usize, id: u64, code: u16) {
        self.servers[server].connections.remove(&id);
        self.put(id, Frame::Close(code));
    }

    pub(super) fn unblocks(&mut self, server: usize, id: u64) {
        if let Some(connection) = self.servers[server].connections.get_mut(&id) {
            connection.blocked = false;
        }
    }
}

/// Whether a frame has a place in an order, so that it is noticed if it comes twice or not at all.
fn is_ordered(text: &str) -> bool {
    let has_keys =
        text.starts_with(r#"{"type":"telemetry.update""#) || text.starts_with(r#"{"type":"tasks.update""#);
    text.starts_with(r#"{"type":"message""#) || (has_keys && !text.contains(r#""snapshot":true"#))
}
