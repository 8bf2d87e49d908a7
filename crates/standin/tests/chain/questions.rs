//! What `POST /` answers, and the other paths.

use serde_json::json;

use crate::support::{Client, ask, id, node, patiently, start};

#[tokio::test]
async fn chains_tips_and_blocks_can_be_asked_for() {
    let node = node().await;
    let truth = node.chains();
    let ids: Vec<&str> = truth.iter().map(|chain| chain.chain_id.as_str()).collect();
    let chains = ask(&node, "query { chains { list default } }", json!({})).await;
    assert_eq!(
        chains,
        json!({"data": {"chains": {"list": ids, "default": ids[0]}}})
    );

    let tip = "query($c: ChainId!) { chain(chainId: $c) { chainId tipState { blockHash nextBlockHeight } } }";
    let answer = ask(&node, tip, json!({"c": ids[1]})).await;
    let expected = json!({"chainId": ids[1], "tipState": {"blockHash": truth[1].blocks[39].hash, "nextBlockHeight": 40}});
    assert_eq!(answer, json!({"data": {"chain": expected}}));

    let fresh = start(nexus_standin::chain::Config {
        blocks: 0,
        ..nexus_standin::chain::Config::still()
    })
    .await;
    let answer = ask(&fresh, tip, json!({"c": id(&fresh, 0)})).await;
    assert_eq!(
        answer["data"]["chain"]["tipState"],
        json!({"blockHash": null, "nextBlockHeight": 0})
    );

    let blocks = "query($h: CryptoHash, $c: ChainId!, $n: Int) { blocks(from: $h, chainId: $c, limit: $n) { hash block { header { height } } } }";
    let heights = async |from: Option<&str>, limit: Option<u64>| {
        let answer = ask(&node, blocks, json!({"h": from, "c": ids[0], "n": limit})).await;
        let blocks = answer["data"]["blocks"].as_array().unwrap().clone();
        let heights = blocks
            .iter()
            .map(|block| block["block"]["header"]["height"].as_u64().unwrap());
        heights.collect::<Vec<_>>()
    };
    assert_eq!(heights(None, Some(3)).await, [39, 38, 37]);
    assert_eq!(heights(Some(&truth[0].blocks[1].hash), Some(9)).await, [1, 0]);
    assert_eq!(heights(None, None).await.len(), 10);
    assert!(heights(Some(&"a".repeat(64)), None).await.is_empty());

    let block = "query($h: CryptoHash, $c: ChainId!) { block(hash: $h, chainId: $c) { hash } }";
    let unknown = ask(&node, block, json!({"h": "a".repeat(64), "c": ids[0]})).await;
    assert_eq!(unknown, json!({"data": {"block": null}}));
}

#[tokio::test]
async fn what_is_wrong_is_answered_with_errors() {
    let node = node().await;
    let chain = id(&node, 0);
    for (query, variables, message) in [
        (
            "query { nope }",
            json!({}),
            r#"Unknown field "nope" on type "QueryRoot"."#,
        ),
        (
            "query($c: ChainId!) { chain(chainId: $c) { nope } }",
            json!({ "c": chain }),
            r#"Unknown field "nope" on type "Chain"."#,
        ),
        (
            "query($c: ChainId!) { chain(chainId: $c) { chainId } }",
            json!({"c": "0x12"}),
            r#"Failed to parse "ChainId": Invalid character 'x' at position 1"#,
        ),
        (
            "mutation($c: ChainId!) { transfer(chainId: $c, owner: \"0x00\", recipient: {chainId: $c, owner: \"0x00\"}, amount: \"1\") }",
            json!({"c": "a".repeat(64)}),
            &format!("chain not found in wallet: {}", "a".repeat(64)),
        ),
    ] {
        let answer = ask(&node, query, variables).await;
        assert_eq!(answer["data"], json!(null));
        assert_eq!(answer["errors"][0]["message"], message, "{query}");
    }
    // Nothing that is sent may bring it down.
    for query in [
        "",
        "{",
        "}",
        "query (",
        "{ a(b: ",
        "{ a(b: \"",
        "{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
        "ä{ö}",
    ] {
        let answer = ask(&node, query, json!(null)).await;
        assert!(answer["errors"][0]["message"].is_string(), "{query}");
    }
}

#[tokio::test]
async fn questions_can_be_asked_over_the_websocket_too() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    client
        .send(r#"{"id":"q","type":"subscribe","payload":{"query":"{ chains { default } }"}}"#)
        .await;
    let answer = client.json().await;
    assert_eq!(answer["payload"]["data"]["chains"]["default"], id(&node, 0));
    assert_eq!(client.text().await, r#"{"type":"complete","id":"q"}"#);
}

#[tokio::test]
async fn readiness_and_truth_can_be_looked_at() {
    let node = node().await;
    let get = async |path: &str| {
        let response = patiently(path, reqwest::get(format!("{}{path}", node.url()))).await;
        response.unwrap().text().await.unwrap()
    };
    assert_eq!(get("/ready").await, "ready!");
    assert!(get("/").await.contains("stand-in"));
    let mut client = Client::greeted(&node).await;
    let chain = id(&node, 1);
    client.follow("1", &chain).await;
    let state: serde_json::Value =
        serde_json::from_str(&get(&format!("/_state?chain={chain}")).await).unwrap();
    assert_eq!(state["connections"][0]["subscriptions"]["1"], chain);
    assert_eq!(state["chains"].as_array().unwrap().len(), 1);
    assert_eq!(
        state["chains"][0]["blocks"][39]["hash"],
        node.chains()[1].blocks[39].hash
    );
}
