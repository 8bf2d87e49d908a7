//! Whatever comes in whichever order: nothing is answered twice or never, no command ends twice, and all end.

use proptest::prelude::*;

use super::*;
use crate::command_desk::links::MOST_UNCONFIRMED;

/// Something that happens. Small numbers, so that things meet.
#[derive(Clone, Debug)]
enum Move {
    Order {
        device: u8,
        key: Option<u8>,
        now_only: bool,
        ttl: u64,
    },
    Received(u8),
    Result {
        command: u8,
        outcome: u8,
    },
    Attach {
        device: u8,
        line: Line,
    },
    Detach(u8),
    Pass(u64),
    Disk(bool),
    Restart,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0..3u8, proptest::option::of(0..4u8), proptest::bool::weighted(0.2), 1..50u64)
            .prop_map(|(device, key, now_only, ttl)| Move::Order { device, key, now_only, ttl }),
        4 => (0..30u8).prop_map(Move::Received),
        4 => (0..30u8, 0..3u8).prop_map(|(command, outcome)| Move::Result { command, outcome }),
        3 => (0..3u8, 0..4u32).prop_map(|(device, line)| Move::Attach { device, line }),
        2 => (0..3u8).prop_map(Move::Detach),
        3 => (0..30u64).prop_map(Move::Pass),
        1 => any::<bool>().prop_map(Move::Disk),
        1 => Just(Move::Restart),
    ];
    proptest::collection::vec(one, 1..120)
}

proptest! {
    #[test]
    fn every_command_has_one_life(moves in moves()) {
        let mut world = World::new();
        let mut lines: HashMap<u8, Line> = HashMap::new();
        let mut ordered = 0;
        for step in moves {
            let handed = world.handed.len();
            match step {
                Move::Order { device, key: name, now_only, ttl } => {
                    let id = format!("c{ordered}");
                    ordered += 1;
                    // `order` panics if it is not answered.
                    let _ = world.order(&id, &format!("d{device}"), |order| {
                        order.key = name.and_then(|name| key(&format!("k{name}")));
                        order.now_only = now_only;
                        order.ttl = Duration::from_secs(ttl);
                    });
                }
                Move::Received(command) => drop(world.received(&format!("c{command}"))),
                Move::Result { command, outcome } => {
                    let outcome = match outcome {
                        0 => done("1"),
                        1 => done("2"),
                        _ => failed("no"),
                    };
                    drop(world.result(&format!("c{command}"), outcome));
                }
                Move::Attach { device, line } => {
                    lines.insert(device, line);
                    world.attach(&format!("d{device}"), line);
                }
                Move::Detach(device) => {
                    lines.remove(&device);
                    world.detach(&format!("d{device}"));
                }
                Move::Pass(secs) => world.pass(Duration::from_secs(secs)),
                Move::Disk(works) => world.disk_works = works,
                Move::Restart => {
                    lines.clear();
                    world.restart();
                    continue;
                }
            }
            for (line, order) in &world.handed[handed..] {
                let device = order.device_id.as_str().as_bytes()[1] - b'0';
                prop_assert_eq!(lines.get(&device), Some(line), "only to the connection that stands for it");
                prop_assert!(order.expires_at > world.now, "nothing is handed over that is too late");
            }
            for line in 0..4 {
                prop_assert!(world.machine.unconfirmed(line) <= MOST_UNCONFIRMED);
            }
        }
        world.disk_works = true;
        world.pass(Duration::from_secs(100));
        prop_assert_eq!(world.machine.open(), 0, "all end");
        prop_assert_eq!(world.machine.next_deadline(), None);
        for number in 0..ordered {
            let stages = world.stages(&format!("c{number}"));
            let end = stages.iter().position(|stage| stage.is_final());
            if let Some(end) = end {
                prop_assert!(
                    stages[end..].iter().all(|stage| *stage == stages[end]),
                    "what is over stays as it is: {:?}", stages
                );
            }
            let told = world.told(&format!("c{number}"));
            let is_end = |word: &&String| matches!(word.as_str(), "done" | "COMMAND_FAILED" | "DEVICE_OFFLINE");
            prop_assert!(told.iter().filter(is_end).count() <= 1, "{:?}", told);
            prop_assert!(told.iter().filter(|word| *word == "ack").count() <= 1, "{:?}", told);
            if let Some(first) = told.first() {
                prop_assert_eq!(first, "ack");
            }
        }
    }
}
