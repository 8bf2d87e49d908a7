//! Links that break in every way: told at once, mended, and what was missed is fetched.

use nexus_protocol::FeedState;
use nexus_server::feeds::LinkReport;
use nexus_standin::chain::{Fault, HttpMode};

use crate::world::{Viewer, World};

/// Makes something go wrong while the chain grows unheard, and waits until the viewer was told.
async fn disturb(world: &World, viewer: &mut Viewer, fault: Fault, states: &[FeedState]) {
    let told = viewer.statuses.len();
    world.node.fault(fault);
    viewer.until_told_since(told, states).await;
    world.node.grow(0, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_or_closed_link_is_old_at_once_and_mended() {
    let close = |code, reason: &str| Fault::Close {
        code,
        reason: reason.to_owned(),
        connection: None,
    };
    for (fault, words) in [
        (Fault::Cut { connection: None }, "connection"),
        (close(1_011, "The handshake is not completed."), "1011"),
        (close(4_429, "Too many initialisation requests."), "4429"),
        (close(1_002, "expected value"), "1002"),
        (close(1_000, ""), "1000"),
        (Fault::BrokenFrame, "broke the WebSocket protocol"),
    ] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        disturb(&world, &mut viewer, fault, &[FeedState::Stale]).await;
        assert!(viewer.was_told(words), "{words}: {:?}", viewer.statuses);
        world.settle(&mut viewer).await;
        assert!(viewer.gaps().is_empty());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_is_down_and_what_it_did_meanwhile_is_fetched() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    let told = viewer.statuses.len();
    world.node.kill().await;
    viewer.until_told_since(told, &[FeedState::Down]).await;
    world
        .report_until("down", |report| report.state == LinkReport::Down)
        .await;
    world.node.grow(0, 30);
    world.node.restart().await.unwrap();
    world.settle(&mut viewer).await;
    assert_eq!(viewer.fetched(), 50);
    assert!(viewer.gaps().is_empty());
    world
        .report_until("up", |report| report.state == LinkReport::Up)
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_stalled_without_an_end_is_found_out_and_replaced() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    disturb(
        &world,
        &mut viewer,
        Fault::StallAll { on: true },
        &[FeedState::Stale],
    )
    .await;
    assert!(viewer.was_told("nothing comes from the node"));
    let told = viewer.statuses.len();
    viewer
        .until_told_since(told, &[FeedState::Stale, FeedState::Down])
        .await;
    assert!(
        viewer.was_told("does not answer any more"),
        "{:?}",
        viewer.statuses
    );
    world.node.fault(Fault::Clear);
    world.settle(&mut viewer).await;
    assert!(viewer.gaps().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_let_us_in_is_down_with_its_reason() {
    for (fault, words) in [
        (
            Fault::RefuseUpgrades {
                status: 502,
                on: true,
            },
            "502",
        ),
        (Fault::HangUpgrades { on: true }, "did not answer in time"),
        (Fault::NoAck { on: true }, "does not take part"),
    ] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        world.node.fault(fault);
        disturb(
            &world,
            &mut viewer,
            Fault::Cut { connection: None },
            &[FeedState::Down],
        )
        .await;
        viewer.until(words, |viewer| viewer.was_told(words)).await;
        world.node.fault(Fault::Clear);
        world.settle(&mut viewer).await;
        assert!(viewer.gaps().is_empty());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_ends_is_made_again_on_the_same_link() {
    let refusal = || Some("wallet error: chain not found".to_owned());
    for (as_error, message) in [(false, None), (false, refusal()), (true, refusal())] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        let mut other = world.watch_live(1).await;
        let fault = Fault::EndStreams {
            as_error,
            message: message.clone(),
        };
        disturb(&world, &mut viewer, fault, &[FeedState::Stale]).await;
        if message.is_some() {
            assert!(viewer.was_told("chain not found"));
        }
        world.settle(&mut viewer).await;
        world.settle(&mut other).await;
        assert_eq!(world.node.observe().opened, 1, "the link was not at fault");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_cannot_be_asked_about_is_not_live() {
    for mode in [HttpMode::Html500, HttpMode::Garbage, HttpMode::Hang] {
        let world = World::still().await;
        let mut viewer = world.watch_live(0).await;
        let fault = Fault::Http { mode, times: None };
        disturb(&world, &mut viewer, fault, &[FeedState::Stale]).await;
        world.node.fault(Fault::Clear);
        world.settle(&mut viewer).await;
        assert!(viewer.gaps().is_empty());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_chain_is_live_as_long_as_the_node_answers() {
    let world = World::still().await;
    let mut viewer = world.watch_live(0).await;
    let told = viewer.statuses.len();
    let asked = world.node.observe().requests;
    // Three rounds of asking where the chain is.
    world
        .node_until("the chain is looked at", |node| node.requests >= asked + 3)
        .await;
    world
        .node_until("the link is asked", |node| {
            let said = node.connections.iter().flat_map(|it| &it.messages);
            said.filter(|message| message.contains("ping")).count() >= 2
        })
        .await;
    viewer.note();
    assert_eq!(viewer.statuses.len(), told, "{:?}", viewer.statuses);
    assert_eq!(world.node.observe().opened, 1);
    world.end().await;
}
