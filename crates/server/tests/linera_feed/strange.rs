//! What the protocol does not have, or nobody has seen yet: counted, survived, and never believed too easily.

use nexus_protocol::{ChainUpdate, FeedState};
use nexus_standin::chain::{Config, Fault, Shape};

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_no_link_and_no_block() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    for fault in [Fault::Malformed, Fault::UnknownType, Fault::Binary, Fault::Ping] {
        world.node.fault(fault);
    }
    world.node.grow(0, 3);
    world
        .report_until("everything strange was counted", |report| {
            let counts = report.counts;
            (counts.garbled_frames, counts.unknown_frames, counts.binary_frames) == (1, 1, 1)
        })
        .await;
    world
        .node_until("the node's ping is answered", |node| {
            let said = node.connections.iter().flat_map(|it| &it.messages);
            said.clone().any(|message| message.contains("pong"))
        })
        .await;
    world.settle(&mut viewer).await;
    assert_eq!(world.node.observe().opened, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_of_an_unknown_kind_is_passed_on() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    world.node.fault(Fault::UnknownVariant);
    viewer
        .until("it comes through", |viewer| {
            viewer.updates.iter().any(|update| {
                matches!(update, ChainUpdate::Other { name, body } if name == "SomethingNew" && body["extra"][1] == 2)
            })
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_the_node_does_not_have_is_not_believed() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    world.node.fault(Fault::HugeHeight);
    viewer
        .until("the bundle comes through", |viewer| {
            viewer.updates.iter().any(
                |update| matches!(update, ChainUpdate::NewIncomingBundle { height, .. } if height.0 == u64::MAX),
            )
        })
        .await;
    world
        .report_until("the block was counted as untrue", |report| {
            report.counts.stray_frames >= 1
        })
        .await;
    world.node.grow(0, 2);
    world.settle(&mut viewer).await;
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_may_be_upgraded_under_a_running_link() {
    let world = World::at_ease(Config {
        shape: Shape::V015,
        ..Config::still()
    })
    .await;
    let mut viewer = world.watch_live(0).await;
    world.node.grow(0, 10);
    world.node.fault(Fault::Speak { shape: Shape::V016 });
    world.node.grow(0, 10);
    world.settle(&mut viewer).await;
    assert_eq!(viewer.fetched(), 20);
    assert_eq!(viewer.state(), Some(FeedState::Live));
    world.end().await;
}
