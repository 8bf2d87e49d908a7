//! Subscribers with equal settings share a throttle: they get the same at the same time, never sooner after the push before
//! than the throttle says, and the last value always; who has other settings is not disturbed.

use serde_json::{Value, json};

use super::super::*;
use super::harness::{CLASSES, Caller, World, settings, topic};
use crate::encoded::WireText;

const THROTTLE: Duration = Duration::from_millis(200);

/// A push: when it came, and its offset.
type Heard = (Instant, u64);

/// A subscriber of `room:a`, and what it heard.
struct Listener {
    caller: Caller,
    is_packed: bool,
    heard: Vec<Heard>,
}

impl Listener {
    async fn join(world: &mut World, class: usize, payload: Value) -> Self {
        let class = CLASSES[class];
        let mut listener = Listener {
            caller: world.connect(0, class).await,
            is_packed: class.text == WireText::Msgpack,
            heard: Vec::new(),
        };
        listener.ask(world, "subscribe", &payload);
        listener
    }

    /// Asks, and hears all that comes up to the answer.
    fn ask(&mut self, world: &mut World, kind: &str, payload: &Value) {
        let id = self.caller.ask(self.is_packed, kind, payload);
        let begun = std::time::Instant::now();
        let mut is_answered = false;
        while !is_answered {
            assert!(begun.elapsed() < Duration::from_secs(20), "no answer to {kind}");
            world.turn();
            for message in self.caller.read().expect("it stays connected") {
                if message["id"] == id.as_str() {
                    assert_ne!(message["type"], "error", "{message}");
                    is_answered = true;
                }
                if let Some(offset) = message["offset"].as_u64() {
                    self.heard.push((Instant::now(), offset));
                }
            }
        }
    }

    fn listen(&mut self, world: &mut World) {
        self.ask(world, "ping", &Value::Null);
    }

    fn assert_paced(&self, throttle: Duration) {
        for pair in self.heard.windows(2) {
            let between = pair[1].0.duration_since(pair[0].0);
            assert!(between >= throttle, "{between:?} before {}", pair[1].1);
        }
    }
}

fn wants(throttle: u64) -> Value {
    json!({"channel": "room:a", "mode": "latest", "throttle": throttle})
}

#[tokio::test(start_paused = true)]
async fn equal_settings_share_a_throttle_that_is_exact_and_others_are_not_disturbed() {
    let mut world = World::start(settings(), 1).await;
    let every = json!({"channel": "room:a"});
    let mut listeners = Vec::new();
    for (class, payload) in [
        (0, wants(200)),
        (1, wants(200)),
        (2, wants(200)),
        (0, wants(70)),
        (3, json!({"channel": "room:a", "mode": "latest"})),
        (0, every),
    ] {
        listeners.push(Listener::join(&mut world, class, payload).await);
    }
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut published = Vec::new();
    for round in 0..300 {
        // After half of the time it is quiet, and then lively again.
        if !(140..180).contains(&round) && dice.u8(0..3) == 0 {
            let n = published.len() as u64 + 1;
            published.push((Instant::now(), n));
            world.publish(&topic("room:a"), &json!({"n": n})).await;
        }
        for listener in &mut listeners {
            listener.listen(&mut world);
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    for _ in 0..20 {
        for listener in &mut listeners {
            listener.listen(&mut world);
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert_eq!(world.members(&topic("room:a")), listeners.len());
    for (listener, throttle) in listeners.iter().zip([200, 200, 200, 70, 0, 0]) {
        let throttle = Duration::from_millis(throttle);
        listener.assert_paced(throttle);
        assert_eq!(
            listener.heard.last().unwrap().1,
            published.len() as u64,
            "the last value"
        );
        for (at, offset) in &published {
            // The clock is moved by steps, so what is due between two of them comes with the next.
            let due = *at + throttle + Duration::from_millis(10);
            let (came, _) = listener.heard.iter().find(|(_, heard)| heard >= offset).unwrap();
            assert!(*came <= due || *came - *at <= THROTTLE, "{offset} came late");
        }
    }
    assert_eq!(listeners[0].heard, listeners[1].heard);
    assert_eq!(listeners[0].heard, listeners[2].heard);
    assert!(listeners[3].heard.len() > listeners[0].heard.len());
    let all: Vec<u64> = listeners[5].heard.iter().map(|(_, offset)| *offset).collect();
    assert_eq!(all, (1..=published.len() as u64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_joins_others_gets_the_next_push_when_they_do_and_keeps_their_pace() {
    let mut world = World::start(settings(), 1).await;
    let mut first = Listener::join(&mut world, 0, wants(200)).await;
    let begun = Instant::now();
    world.publish(&topic("room:a"), &json!(1)).await;
    first.listen(&mut world);
    tokio::time::advance(Duration::from_millis(150)).await;
    let mut second = Listener::join(&mut world, 1, wants(200)).await;
    second.listen(&mut world);
    assert_eq!(world.members(&topic("room:a")), 2);
    for n in 2..80 {
        world.publish(&topic("room:a"), &json!(n)).await;
        for listener in [&mut first, &mut second] {
            listener.listen(&mut world);
        }
        tokio::time::advance(Duration::from_millis(25)).await;
    }
    first.assert_paced(THROTTLE);
    let came = |listener: &Listener, push: usize| listener.heard[push].0 - begun;
    assert_eq!(came(&second, 0), Duration::from_millis(150), "what is known now");
    assert_eq!(came(&second, 1), THROTTLE, "once sooner: with the others");
    assert_eq!(second.heard[1..], first.heard[1..]);
}

/// Who steps out because its link is slow, and in again, is no exception.
#[tokio::test(start_paused = true)]
async fn who_was_slow_is_never_sent_more_than_its_throttle_allows_while_it_is_apart() {
    let mut world = World::start(settings(), 1).await;
    let mut quick = Listener::join(&mut world, 0, wants(200)).await;
    let mut slow = Listener::join(&mut world, 0, wants(200)).await;
    let pad = "x".repeat(3_000);
    for n in 1..200 {
        world
            .publish(&topic("room:a"), &json!({"n": n, "pad": pad}))
            .await;
        quick.listen(&mut world);
        if n > 120 {
            slow.listen(&mut world);
        }
        tokio::time::advance(Duration::from_millis(25)).await;
    }
    tokio::time::advance(THROTTLE).await;
    for listener in [&mut quick, &mut slow] {
        // The first time is when the throttle ends.
        listener.listen(&mut world);
        listener.listen(&mut world);
    }
    assert_eq!(
        quick.heard.len(),
        199_usize.div_ceil(8) + 1,
        "every 200 ms, whoever is slow"
    );
    quick.assert_paced(THROTTLE);
    assert_eq!(quick.heard.last().unwrap().1, 199);
    assert_eq!(slow.heard.last().unwrap().1, 199);
    assert_eq!(world.members(&topic("room:a")), 2);
}
