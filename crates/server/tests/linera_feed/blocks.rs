//! Every block once and in order, or named as missing, whatever becomes of the notifications.

use std::time::Duration;

use nexus_protocol::{ChainUpdate, FeedState};
use nexus_standin::chain::{BlockMode, Config, Fault, Shape};

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_begins_with_the_last_blocks_and_goes_on_in_both_versions() {
    for shape in [Shape::V015, Shape::V016] {
        let world = World::at_ease(Config {
            shape,
            ..Config::still()
        })
        .await;
        let mut viewer = world.watch_live(0).await;
        assert_eq!(viewer.blocks().len(), 20);
        assert_eq!(viewer.fetched(), 20);
        let has_times = |update: &ChainUpdate| {
            matches!(
                update,
                ChainUpdate::NewBlock {
                    timestamp_us: Some(_),
                    previous_hash: Some(_),
                    ..
                }
            )
        };
        assert!(viewer.updates.iter().all(has_times));
        world.node.grow(0, 30);
        world.settle(&mut viewer).await;
        assert_eq!(viewer.blocks().len(), 50);
        assert_eq!(viewer.fetched(), 20, "the others were told");
        for (kind, is_kind) in [
            (
                "executed",
                (|it| matches!(it, ChainUpdate::BlockExecuted { .. })) as fn(&ChainUpdate) -> bool,
            ),
            (
                "events",
                |it| matches!(it, ChainUpdate::NewEvents { event_streams, .. } if !event_streams.is_empty()),
            ),
            ("bundles", |it| {
                matches!(it, ChainUpdate::NewIncomingBundle { .. })
            }),
            ("rounds", |it| matches!(it, ChainUpdate::NewRound { .. })),
        ] {
            assert!(
                viewer.updates.iter().any(is_kind),
                "{kind} come through in {shape:?}"
            );
        }
        assert!(viewer.statuses.iter().all(|status| status.simulated));
        assert!(viewer.gaps().is_empty());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_without_a_block_is_live_and_gets_its_first() {
    let world = World::with(Config {
        blocks: 0,
        ..Config::still()
    })
    .await;
    let mut viewer = world.watch_live(0).await;
    assert!(viewer.updates.is_empty());
    world.node.grow(0, 1);
    world.settle(&mut viewer).await;
    assert_eq!(viewer.blocks()[0].0, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_nobody_told_of_are_fetched_at_the_next_one() {
    let world = World::at_ease(Config::still()).await;
    let mut viewer = world.watch_live(0).await;
    world.node.fault(Fault::Grow {
        chain: 0,
        blocks: 5,
        quietly: true,
    });
    world.node.grow(0, 1);
    world.settle(&mut viewer).await;
    assert_eq!(viewer.fetched(), 25, "the five, and not the one that was told");
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_nobody_told_of_are_found_though_nothing_follows() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    world.node.fault(Fault::Grow {
        chain: 0,
        blocks: 120,
        quietly: true,
    });
    world.settle(&mut viewer).await;
    assert_eq!(viewer.fetched(), 140);
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_missing_blocks_are_named_and_the_latest_fetched() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    world.node.fault(Fault::Grow {
        chain: 0,
        blocks: 300,
        quietly: true,
    });
    world.settle(&mut viewer).await;
    let gap = viewer.updates.iter().find_map(|update| match update {
        ChainUpdate::Gap { from, to } => Some((from.0, to.0)),
        _ => None,
    });
    assert_eq!(gap, Some((40, 139)));
    assert_eq!(viewer.gaps(), ["the blocks 40 to 139 are missing"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_may_be_lost_late_and_repeated() {
    let world = World::with(Config {
        block_every: Some(Duration::from_millis(60)),
        ..Config::default()
    })
    .await;
    let mut viewers = [world.watch(0).await, world.watch(1).await];
    for fault in [
        Fault::Duplicate { on: true },
        Fault::Drop { on: true },
        Fault::Drop { on: false },
        Fault::Delay { ms: 300 },
        Fault::Delay { ms: 0 },
        Fault::Malformed,
        Fault::HugeHeight,
        Fault::UnknownVariant,
        Fault::Cut { connection: None },
        Fault::Clear,
    ] {
        let reached = world.truth(0).len() + 8;
        world.node.fault(fault);
        let node = &world;
        viewers[0]
            .until("the chain grew", |_| node.truth(0).len() >= reached)
            .await;
    }
    for viewer in &mut viewers {
        // It grows all the while, so the tip is only ever met for a moment.
        let enough = world.truth(0).len() as u64;
        viewer
            .until("goes on", |viewer| {
                viewer
                    .blocks()
                    .last()
                    .is_some_and(|(height, _)| *height >= enough)
            })
            .await;
        let blocks = viewer.blocks();
        assert!(
            blocks.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0),
            "{blocks:?}"
        );
        assert!(viewer.gaps().is_empty(), "{:?}", viewer.gaps());
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_cannot_be_fetched_are_named_after_a_while() {
    for mode in [BlockMode::Null, BlockMode::Error] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        world.node.fault(Fault::Blocks { mode, times: None });
        world.node.fault(Fault::Grow {
            chain: 0,
            blocks: 3,
            quietly: true,
        });
        world.node.grow(0, 2);
        viewer
            .until("the gap is named", |viewer| !viewer.gaps().is_empty())
            .await;
        assert_eq!(viewer.gaps(), ["the blocks 40 to 42 are missing"]);
        world.settle(&mut viewer).await;
        assert_eq!(viewer.fetched(), 20, "{mode:?}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_for_blocks_that_fail_for_a_moment_cost_nothing() {
    for mode in [BlockMode::Null, BlockMode::Error] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        world.node.fault(Fault::Blocks { mode, times: Some(4) });
        world.node.fault(Fault::Grow {
            chain: 0,
            blocks: 3,
            quietly: true,
        });
        world.node.grow(0, 1);
        world.settle(&mut viewer).await;
        assert!(viewer.gaps().is_empty(), "{mode:?}: {:?}", viewer.gaps());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_question_for_many_blocks_is_asked_one_by_one() {
    let world = World::still().await;
    world.node.fault(Fault::Blocks {
        mode: BlockMode::Single,
        times: None,
    });
    let mut viewer = world.watch_live(0).await;
    assert_eq!(viewer.blocks().len(), 20);
    world.node.fault(Fault::Grow {
        chain: 0,
        blocks: 7,
        quietly: true,
    });
    world.settle(&mut viewer).await;
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_set_up_anew_is_declared_and_followed() {
    for (left, then) in [(3, 2), (0, 1), (40, 0), (90, 0)] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        let told = viewer.statuses.len();
        world.node.fault(Fault::Reset { blocks: left });
        world.node.grow(0, then);
        viewer
            .until("the chain begins anew", |viewer| {
                viewer
                    .updates
                    .iter()
                    .any(|update| matches!(update, ChainUpdate::Reset { .. }))
            })
            .await;
        assert!(
            viewer.statuses[told..]
                .iter()
                .any(|it| it.state == FeedState::Resyncing)
        );
        world.settle(&mut viewer).await;
        assert!(viewer.was_told("begins anew"), "{left}");
        let history = world.history(0).await;
        assert!(
            matches!(history[0], ChainUpdate::Reset { .. }),
            "nothing of the old chain is kept: {history:?}"
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heights_beyond_what_browsers_count_are_exact() {
    let world = World::with(Config {
        first_height: u64::MAX - 60,
        ..Config::still()
    })
    .await;
    let mut viewer = world.watch_live(0).await;
    world.node.grow(0, 10);
    world.settle(&mut viewer).await;
    assert_eq!(viewer.blocks().last().unwrap().0, u64::MAX - 60 + 49);
    world.end().await;
}
