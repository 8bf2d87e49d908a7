//! What must hold: always, and in the end.

use crate::world::*;

impl World {
    /// Never called live while the link is not known to be, not even by a session that was not woken for long.
    pub(super) fn check_now(&mut self) {
        let silent = self.now.saturating_sub(self.heard);
        for topic in self.wanted.values().chain(self.joined.values()) {
            let freshness = self.session.freshness(topic, self.now).expect("it is wanted");
            if freshness.is_live() {
                assert!(self.current.is_some(), "{topic} is called live without a link");
                assert!(
                    silent < self.heartbeat * 2,
                    "{topic} is called live after {silent:?} of silence"
                );
            }
        }
        let woken = self.asleep_until + Duration::from_secs(1);
        let awake = self.now >= woken && !self.hidden && self.reading;
        if awake && self.session.link_state() == LinkState::Live {
            let late = Duration::from_secs(1);
            assert!(
                silent < self.heartbeat * 2 + late,
                "the link is called live after {silent:?} of silence"
            );
        }
        for (id, deadline) in &self.asks {
            let late = self.now.saturating_sub(*deadline);
            assert!(
                !awake || late < Duration::from_secs(62),
                "{id:?} was not answered in time"
            );
        }
    }

    pub(super) fn check_the_end(&mut self) {
        assert_eq!(
            self.session.link_state(),
            LinkState::Live,
            "the link is live in the end"
        );
        assert!(self.asks.is_empty(), "every ask was answered");
        let (_, id) = self.current.expect("there is a link");
        let server = &self.servers[self.wires[&id].server];
        let broker = &mut self.brokers[server.broker];
        for (name, topic) in &self.wanted {
            let freshness = self.session.freshness(topic, self.now).expect("it is wanted");
            if self.unknown.contains(name) {
                assert_eq!(freshness, Freshness::Refused, "{name}");
                continue;
            }
            assert!(
                freshness.is_live(),
                "{name} is live in the end, not {freshness:?}"
            );
            let had = self.ledger.position(topic).expect("it is known");
            let log = broker.log(topic);
            assert_eq!(had.epoch, log.position.epoch, "{name} is in the order of now");
            assert_eq!(
                had.offset, log.position.offset,
                "{name} has what was published last"
            );
            if topic.has_keys() {
                let standing = self.ledger.standing(topic).expect("it is known");
                let newest = log.standing();
                for (key, offset) in standing {
                    assert_eq!(
                        newest.get(key),
                        Some(offset),
                        "{name}: the newest of each key stands"
                    );
                }
            }
        }
        self.check_the_rooms(id);
        let told: u64 = self.servers.iter().map(|server| server.losses_told).sum();
        assert!(
            self.ledger.losses <= told,
            "{} losses, though only {told} were told",
            self.ledger.losses
        );
    }

    /// What the session, the server and the application hold to be subscribed and joined is the same, and who is there.
    fn check_the_rooms(&self, id: u64) {
        let server = &self.servers[self.wires[&id].server];
        let connection = &server.connections[&id];
        let known = |name: &&String| !self.unknown.contains(*name);
        let both: BTreeSet<&String> = self.wanted.keys().chain(self.joined.keys()).collect();
        assert_eq!(
            connection.topics().collect::<BTreeSet<_>>(),
            both.into_iter().filter(known).collect(),
            "exactly what is wanted is subscribed"
        );
        assert_eq!(
            connection.rooms.iter().collect::<BTreeSet<_>>(),
            self.joined.keys().filter(known).collect(),
            "exactly what is wanted is joined"
        );
        let nobody = BTreeSet::new();
        for name in self.joined.keys().filter(known) {
            assert!(self.session.is_member(&self.joined[name]), "{name}");
            let others = self.brokers[server.broker].others.get(name);
            let mut everyone = others.unwrap_or(&nobody).clone();
            everyone.insert("ann".to_owned());
            assert_eq!(
                self.ledger.people.get(name),
                Some(&everyone),
                "{name}: who is there is known"
            );
        }
    }
}
