//! What followers of a chain are told: consistent with what HTTP answers, in the shapes of both versions.

use std::time::Duration;

use nexus_standin::chain::{Config, Fault, Shape};
use serde_json::{Value, json};

use crate::support::{Client, ask, id, node, start};

const BLOCK: &str = "query($h: CryptoHash, $c: ChainId!) { block(hash: $h, chainId: $c) { status hash block { header { chainId epoch height timestamp previousBlockHash } } } }";

#[tokio::test]
async fn blocks_are_told_as_they_can_be_asked_for() {
    let node = node().await;
    let chain = id(&node, 0);
    let mut client = Client::greeted(&node).await;
    client.follow("7", &chain).await;
    node.grow(0, 50);
    let mut before = json!(node.chains()[0].blocks[39].hash);
    for height in 40..90 {
        let executed = client.until("7", "BlockExecuted").await;
        let block = client.notice("7").await["NewBlock"].clone();
        assert_eq!(
            (&block["height"], &block["hash"]),
            (&json!(height), &executed["hash"])
        );
        let asked = ask(&node, BLOCK, json!({"h": block["hash"], "c": chain})).await;
        let asked = &asked["data"]["block"];
        assert_eq!(asked["status"], "confirmed");
        let header = &asked["block"]["header"];
        assert_eq!(
            (&header["height"], &header["chainId"]),
            (&json!(height), &json!(chain))
        );
        assert_eq!(header["epoch"], "0");
        assert_eq!(header["previousBlockHash"], before);
        before = block["hash"].clone();
    }
}

#[tokio::test]
async fn the_versions_differ_as_they_do() {
    for shape in [Shape::V015, Shape::V016] {
        let node = start(Config {
            shape,
            ..Config::still()
        })
        .await;
        let mut client = Client::greeted(&node).await;
        client.follow("1", &id(&node, 0)).await;
        node.grow(0, 20);
        let block = client.until("1", "NewBlock").await;
        let events = client.until("1", "NewEvents").await;
        let is_old = shape == Shape::V015;
        assert_eq!(block["event_streams"].is_array(), is_old);
        assert_eq!(events["hash"].is_string(), is_old);
        assert_eq!(events["block_hash"].is_string(), !is_old);
        assert!(!events["event_streams"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn rounds_come_in_all_four_forms() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    client.follow("1", &id(&node, 0)).await;
    node.grow(0, 200);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 4 {
        let round = client.until("1", "NewRound").await["round"].clone();
        seen.insert(match &round {
            Value::String(name) => name.clone(),
            Value::Object(object) => object.keys().next().unwrap().clone(),
            other => panic!("{other}"),
        });
    }
    assert_eq!(
        Vec::from_iter(seen),
        ["Fast", "MultiLeader", "SingleLeader", "Validator"]
    );
}

#[tokio::test]
async fn nothing_is_replayed_and_other_chains_are_silent() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    node.grow(0, 3);
    client.follow("1", &id(&node, 0)).await;
    client.follow("2", &"a".repeat(64)).await;
    node.grow(1, 3);
    client.settle().await;
}

#[tokio::test]
async fn a_transfer_makes_a_block_here_and_a_bundle_and_a_block_there() {
    let node = node().await;
    let (from, to) = (id(&node, 0), id(&node, 1));
    let mut sender = Client::greeted(&node).await;
    sender.follow("1", &from).await;
    let mut receiver = Client::greeted(&node).await;
    receiver.follow("1", &to).await;
    let mutation = "mutation($chainId: ChainId!, $owner: AccountOwner!, $recipient: Account!, $amount: Amount!) { transfer(chainId: $chainId, owner: $owner, recipient: $recipient, amount: $amount) }";
    let variables = json!({"chainId": from, "owner": "0x00", "recipient": {"chainId": to, "owner": "0x00"}, "amount": "1.5"});
    let answer = ask(&node, mutation, variables).await;
    let hash = &answer["data"]["transfer"];
    assert_eq!(sender.until("1", "NewBlock").await["hash"], *hash);
    let bundle = receiver.notice("1").await;
    assert_eq!(
        bundle,
        json!({"NewIncomingBundle": {"origin": from, "height": 40}})
    );
    assert!(receiver.notice("1").await.get("BlockExecuted").is_some());
    assert_eq!(receiver.until("1", "NewBlock").await["height"], 40);
}

#[tokio::test]
async fn chains_grow_by_themselves_and_also_while_the_node_is_away() {
    let node = start(Config {
        block_every: Some(Duration::from_millis(15)),
        ..Config::default()
    })
    .await;
    let mut client = Client::greeted(&node).await;
    client.subscribe("1", &id(&node, 2)).await;
    client.until("1", "NewBlock").await;
    node.kill().await;
    let tip = |node: &nexus_standin::chain::ChainHandle| node.chains()[2].blocks.len();
    let at_the_end = tip(&node);
    let grows = async {
        while tip(&node) < at_the_end + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    crate::support::patiently("blocks that nobody sees", grows).await;
    node.restart().await.unwrap();
    let query = "query($c: ChainId!) { chain(chainId: $c) { tipState { nextBlockHeight } } }";
    let answer = ask(&node, query, json!({"c": id(&node, 2)})).await;
    let next = answer["data"]["chain"]["tipState"]["nextBlockHeight"]
        .as_u64()
        .unwrap();
    assert!(next >= at_the_end as u64 + 3, "{next}");
}

#[tokio::test]
async fn equal_seeds_give_equal_chains() {
    let hashes = async |seed| {
        let node = start(Config {
            seed,
            ..Config::still()
        })
        .await;
        let chains = node.chains();
        let all = chains.iter().flat_map(|chain| &chain.blocks);
        all.map(|block| block.hash.clone()).collect::<Vec<_>>()
    };
    assert_eq!(hashes(5).await, hashes(5).await);
    assert_ne!(hashes(5).await, hashes(6).await);
    let mut all = hashes(5).await;
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[tokio::test]
async fn heights_near_the_largest_are_whole_numbers() {
    let node = start(Config {
        first_height: u64::MAX - 50,
        ..Config::still()
    })
    .await;
    let mut client = Client::greeted(&node).await;
    client.follow("1", &id(&node, 0)).await;
    node.grow(0, 1);
    assert_eq!(client.until("1", "NewBlock").await["height"], u64::MAX - 10);
    node.fault(Fault::HugeHeight);
    assert_eq!(client.until("1", "NewIncomingBundle").await["height"], u64::MAX);
}
