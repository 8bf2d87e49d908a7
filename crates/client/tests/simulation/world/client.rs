//! The client's side: its session, its driver, its machine.

use crate::world::*;

impl World {
    /// Something for the session; later, while its machine sleeps.
    pub(super) fn reach(&mut self, act: Act, act_on: impl FnOnce(&mut Self)) {
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, act);
        }
        act_on(self);
        self.drain();
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        self.trace(|| format!("wishes {wish:?}"));
        self.session.handle_wish(self.now, wish);
        self.drain();
    }

    pub(super) fn subscribe(&mut self, number: usize) {
        let topic = topic(number);
        let mut subscribe = Subscribe::to(topic.clone());
        subscribe.mode = *self
            .rng
            .choice(&[None, None, Some(Mode::Latest)])
            .expect("one of three");
        subscribe.throttle_ms = *self.rng.choice(&[None, None, Some(2_000)]).expect("one of three");
        if topic.has_keys() {
            (subscribe.mode, subscribe.throttle_ms) = (None, None);
        }
        self.wanted.insert(topic.to_string(), topic);
        self.wish(Wish::Subscribe(subscribe));
    }

    pub(super) fn unsubscribe(&mut self, number: usize) {
        let topic = topic(number);
        let name = topic.to_string();
        self.wanted.remove(&name);
        if !self.joined.contains_key(&name) {
            self.ledger.close(&topic);
        }
        self.wish(Wish::Unsubscribe(topic));
    }

    pub(super) fn join(&mut self, number: usize) {
        let topic = topic(number);
        if let Topic::Named(_) = topic {
            self.joined.insert(topic.to_string(), topic.clone());
            self.wish(Wish::Join(topic));
        }
    }

    pub(super) fn leave(&mut self, number: usize) {
        let topic = topic(number);
        let name = topic.to_string();
        self.joined.remove(&name);
        self.ledger.people.remove(&name);
        if !self.wanted.contains_key(&name) {
            self.ledger.close(&topic);
        }
        self.wish(Wish::Leave(topic));
    }

    pub(super) fn give_token(&mut self, good: bool) {
        let token = if good {
            format!("made at {}", self.now.as_millis())
        } else {
            "forged".to_owned()
        };
        self.wish(Wish::SetToken(token));
    }

    /// Does what the session says, and writes the books.
    pub(super) fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Connect { link, url, .. } => self.connects(link, url.as_str()),
                Output::Send { link, text } => self.sends(link, text),
                Output::Close { link, code, reason } => {
                    self.trace(|| format!("closes {link:?} {code} {reason}"));
                    let (current, wire) = self.current.take().expect("closes what is open");
                    assert_eq!(current, link);
                    self.client_lets_go(wire);
                }
                Output::Event(event) => self.told(event),
                Output::Wait(wake) => {
                    self.wake += 1;
                    if let Some(wake) = wake {
                        // Timers are a little late; in hidden pages, a lot.
                        let late = match self.hidden {
                            true => self.rng.u64(..60_000),
                            false => self.rng.u64(..20),
                        };
                        self.at(
                            wake.at.max(self.now) + Duration::from_millis(late),
                            Act::Timer(self.wake),
                        );
                    }
                    return;
                }
            }
        }
    }

    pub(super) fn told(&mut self, event: Event) {
        self.trace(|| format!("told {event:?}"));
        self.ledger.enter(&event, &self.session, self.now);
        match event {
            Event::TokenNeeded(_) => {
                let good = !self.faults || self.rng.u32(..4) != 0;
                // In the end nobody is so late that the token ends, which with many topics takes a minute to mend.
                let most = if self.faults { 4_000 } else { 1_500 };
                let delay = self.rng.u64(100..most);
                self.after(delay, Act::GivesToken(good));
            }
            Event::Link(LinkState::Stopped(Stop::NeedsPerson { .. })) => {
                let delay = self.rng.u64(100..5_000);
                self.after(delay, Act::Reconnects);
            }
            Event::Answer { id, .. } => {
                assert!(
                    self.asks.remove(&id).is_some(),
                    "one answer, to what was asked: {id:?}"
                );
            }
            _ => {}
        }
    }

    pub(super) fn connects(&mut self, link: LinkId, url: &str) {
        self.trace(|| format!("connects {link:?} to {url}"));
        assert!(self.current.is_none(), "never two connections");
        self.attempts.push_back(self.now);
        while self
            .attempts
            .front()
            .is_some_and(|at| *at + Duration::from_secs(60) <= self.now)
        {
            self.attempts.pop_front();
        }
        assert!(self.attempts.len() <= 10, "no more than ten attempts a minute");
        let server = url
            .rsplit('/')
            .next()
            .and_then(|number| number.parse().ok())
            .expect("a server of ours");
        let id = self.next_wire;
        self.next_wire += 1;
        self.current = Some((link, id));
        let latency = Duration::from_micros(self.rng.u64(200..300_000));
        self.wires.insert(
            id,
            Wire {
                link,
                server,
                latency,
                to_server: VecDeque::new(),
                to_client: VecDeque::new(),
                stalled_until: Duration::ZERO,
                black: false,
                client_has_it: true,
            },
        );
        let soon = latency.as_millis() as u64 * 2;
        let unlucky = self.faults && self.rng.u32(..8) == 0;
        if unlucky && self.rng.bool() {
            // The handshake hangs: nothing ever comes of it.
        } else if unlucky || !self.servers[server].up {
            self.after(soon, Act::Fails(id));
        } else {
            self.after(soon, Act::Opens(id));
        }
    }

    pub(super) fn opens(&mut self, id: u64) {
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, Act::Opens(id));
        }
        let Some(wire) = self.wires.get(&id).filter(|wire| wire.client_has_it) else {
            return;
        };
        let (link, server) = (wire.link, wire.server);
        if !self.servers[server].up {
            self.closed(id, 1006);
            return self.drain();
        }
        self.heard = self.now;
        self.session.handle_opened(self.now, link);
        self.drain();
        let greeting = self.servers[server].open(id, self.now);
        let mute = self.faults && self.rng.u32(..20) == 0;
        if !mute {
            self.send_down(id, greeting);
        }
    }

    pub(super) fn sends(&mut self, link: LinkId, text: String) {
        self.trace(|| format!("sends {text}"));
        let (current, id) = self.current.expect("sends on what is open");
        assert_eq!(current, link);
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        wire.to_server.push_back(text);
        let jitter = Duration::from_micros(self.rng.u64(..50_000));
        let at = (now + wire.latency + jitter).max(wire.stalled_until);
        self.at(at, Act::ReachesServer(id));
    }

    pub(super) fn reaches_client(&mut self, id: u64) {
        if !self.reading {
            return self.after(200, Act::ReachesClient(id));
        }
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, Act::ReachesClient(id));
        }
        let Some(wire) = self
            .wires
            .get_mut(&id)
            .filter(|wire| wire.client_has_it && !wire.black)
        else {
            return;
        };
        if self.now < wire.stalled_until {
            let at = wire.stalled_until;
            return self.at(at, Act::ReachesClient(id));
        }
        let link = wire.link;
        match wire.to_client.pop_front() {
            Some(Frame::Text(text)) => {
                self.heard = self.now;
                self.session.handle_text(self.now, link, &text);
            }
            Some(Frame::Binary) => {
                self.heard = self.now;
                self.session.handle_unreadable(self.now, link);
            }
            Some(Frame::Close(code)) => self.closed(id, code),
            None => {}
        }
        self.drain();
    }

    pub(super) fn closed(&mut self, id: u64, code: u16) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.client_has_it) else {
            return;
        };
        wire.client_has_it = false;
        let link = wire.link;
        self.current.take_if(|(current, _)| *current == link);
        self.session.handle_closed(self.now, link, code, "");
    }

    pub(super) fn client_lets_go(&mut self, id: u64) {
        let now = self.now;
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.client_has_it = false;
            if !wire.black {
                let at = (now + wire.latency).max(wire.stalled_until);
                self.at(at, Act::BreaksForServer(id));
            }
        }
    }
}
