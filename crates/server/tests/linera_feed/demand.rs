//! One subscription at the node for all viewers, kept some seconds, and only for chains that the node follows.

use nexus_protocol::{ErrorCode, FeedState};
use nexus_server::feeds::LinkReport;
use nexus_standin::chain::{Config, Fault, HttpMode};

use crate::world::{World, topic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_viewers_of_a_chain_share_one_subscription() {
    let world = World::still().await;
    assert_eq!(world.node.observe().opened, 0, "nobody wants anything yet");
    let mut viewers = [
        world.watch_live(0).await,
        world.watch_live(0).await,
        world.watch_live(1).await,
    ];
    let node = world.node.observe();
    assert_eq!(node.connections.len(), 1);
    assert_eq!(node.connections[0].subscriptions.len(), 2);
    world.node.grow(0, 3);
    viewers[0]
        .until("three more", |viewer| viewer.blocks().len() == 23)
        .await;
    viewers[1]
        .until("three more", |viewer| viewer.blocks().len() >= 3)
        .await;
    let report = world.feeds.report().remove(0);
    assert_eq!(
        (report.name, report.subscriptions, report.topics),
        ("linera", 2, 2)
    );
    assert!(report.simulated);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_to_leave_ends_it_and_who_comes_back_goes_on() {
    let world = World::still().await;
    let stays = world.watch_live(1).await;
    let viewer = world.watch_live(0).await;
    drop(viewer);
    world
        .node_until("it is unsubscribed after a while", |node| {
            node.connections[0].subscriptions.len() == 1
        })
        .await;
    world.node.grow(0, 5);
    // Before anybody comes back: then it may be live again at once.
    assert_eq!(world.standing(0).await, Some(FeedState::Stale));
    let mut viewer = world.watch(0).await;
    world.settle(&mut viewer).await;
    let heights: Vec<u64> = viewer.blocks().iter().map(|(height, _)| *height).collect();
    assert_eq!(
        heights,
        (20..45).collect::<Vec<u64>>(),
        "the history goes on where it ended"
    );
    drop((viewer, stays));
    world
        .node_until("nobody is left", |node| node.connections.is_empty())
        .await;
    world
        .report_until("idle", |report| report.state == LinkReport::Idle)
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_that_nobody_came_back_to_is_forgotten() {
    let world = World::still().await;
    drop(world.watch_live(0).await);
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !world.history(0).await.is_empty() {
        assert!(tokio::time::Instant::now() < end, "it is forgotten in the end");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let viewer = world.watch_live(0).await;
    assert_eq!(viewer.blocks().len(), 20, "it begins anew");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_chains_that_the_node_follows_are_let_through() {
    let world = World::still().await;
    let known = world.topic(0);
    world.feeds.check(&known).await.unwrap();
    for (id, words) in [
        ("aa".to_owned(), "64 hexadecimal digits"),
        ("A".repeat(64), "64 hexadecimal digits"),
        ("z".repeat(64), "64 hexadecimal digits"),
        ("a".repeat(64), "this node does not follow that chain"),
    ] {
        let refusal = world.feeds.check(&topic(&id)).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidParams, "{id}");
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
    let chains = world.feeds.chains().await.unwrap();
    let listed: Vec<String> = chains.iter().map(|(chain, _)| chain.to_string()).collect();
    let real: Vec<String> = world.node.chains().into_iter().map(|it| it.chain_id).collect();
    assert_eq!(listed, real);
    let defaults: Vec<bool> = chains.iter().map(|(_, is_default)| *is_default).collect();
    assert_eq!(defaults, [true, false, false]);
    // What was found out once holds, also while the node is away.
    world.node.fault(Fault::Http {
        mode: HttpMode::Html500,
        times: None,
    });
    world.feeds.check(&known).await.unwrap();
    assert_eq!(world.feeds.chains().await.unwrap().len(), 3);
    assert!(
        world.node.observe().connections.is_empty(),
        "asking opens no link"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_node_cannot_be_asked_nothing_is_claimed() {
    for mode in [HttpMode::Html500, HttpMode::Garbage, HttpMode::Hang] {
        let world = World::with(Config::still()).await;
        world.node.fault(Fault::Http { mode, times: None });
        let refusal = world.feeds.check(&world.topic(0)).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::UpstreamDown, "{mode:?}");
        assert!(refusal.retry_after_ms.is_some());
        let refusal = world.feeds.chains().await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::UpstreamDown, "{mode:?}");
        world.end().await;
    }
}
