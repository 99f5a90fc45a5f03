use satscope_bitcoin::rpc::{BlockchainInfo, MempoolInfo, NetworkInfo, RpcError};
use serde_json::{Value, json};

use super::*;
use crate::{check::State, node::Login};

const URL: &str = "http://127.0.0.1:8332";

/// What a node answers that is as it should be, changed by what a test has to say.
fn answers(change: impl FnOnce(&mut Answers)) -> Answers {
    let read = |value: Value| serde_json::from_value(value).unwrap();
    let chain: BlockchainInfo = serde_json::from_value(json!({
        "chain": "main", "blocks": 900_000, "headers": 900_001, "bestblockhash": "00".repeat(32),
        "initialblockdownload": false, "verificationprogress": 1,
    }))
    .unwrap();
    let network: NetworkInfo = serde_json::from_value(json!({
        "version": 290_100, "subversion": "/Satoshi:29.1.0/", "localrelay": true,
    }))
    .unwrap();
    let mut answers = Answers {
        chain: Ok(chain),
        network: Ok(network),
        mempool: Ok(MempoolInfo {
            size: 45_123,
            loaded: true,
        }),
        published: Ok(read(json!([{
            "type": "pubsequence", "address": "tcp://127.0.0.1:28332", "hwm": 1000,
        }]))),
        others: ["getblock", "getmempoolentry"]
            .map(|method| (method, Ok(())))
            .into(),
    };
    change(&mut answers);
    answers
}

fn forbidden(method: &'static str) -> Failure {
    Failure::Rpc(RpcError::Forbidden(method))
}

fn node_says(code: i64) -> Failure {
    Failure::Rpc(RpcError::Node {
        method: "getblockchaininfo",
        code,
        message: "Loading block index…".to_owned(),
    })
}

fn refuse_all(answers: &mut Answers) {
    answers.chain = Err(forbidden("getblockchaininfo"));
    answers.mempool = Err(forbidden("getmempoolinfo"));
    answers.published = Err(forbidden("getzmqnotifications"));
    for (method, answer) in &mut answers.others {
        *answer = Err(forbidden(method));
    }
}

fn warning(finding: &Finding) -> &str {
    match finding.state() {
        State::Warning { what_to_do } => what_to_do,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_that_is_as_it_should_be() {
    let answers = answers(|_| {});
    assert_eq!(
        rpc(&answers, URL),
        Finding::ok(RPC, format!("{URL} answers: Satoshi:29.1.0 (290100)"))
    );
    assert_eq!(
        chain(&answers),
        Finding::ok(CHAIN, "chain main, block 900,000 of 900,001")
    );
    assert_eq!(
        mempool(&answers),
        Finding::ok(MEMPOOL, "loaded, 45,123 transactions")
    );
    assert_eq!(
        methods(&answers),
        Finding::ok(METHODS, "all 5 that are called are allowed")
    );
    assert_eq!(blocks(&answers), Finding::ok(BLOCKS, "the node keeps all"));
}

#[test]
fn an_old_version_is_a_warning_only_where_it_lacks_the_topic() {
    let old = |answers: &mut Answers| {
        answers.network.as_mut().unwrap().version = 200_100;
    };
    assert_eq!(rpc(&answers(old), URL).state(), &State::Ok);
    let lacking = answers(|answers| {
        old(answers);
        answers.published = Ok(Vec::new());
    });
    assert!(warning(&rpc(&lacking, URL)).contains("0.21"));
}

#[test]
fn a_version_that_may_not_be_asked_for_is_no_fault() {
    let answers = answers(|answers| answers.network = Err(forbidden("getnetworkinfo")));
    assert_eq!(rpc(&answers, URL).state(), &State::Ok);
    assert_eq!(methods(&answers).state(), &State::Ok);
}

#[test]
fn all_methods_that_are_refused_are_named_in_one_line_to_add() {
    let some = answers(|answers| {
        answers
            .others
            .insert("getblock", Err(forbidden("getblock")));
        answers.mempool = Err(forbidden("getmempoolinfo"));
    });
    let finding = methods(&some);
    assert_eq!(finding.said(), "not allowed: getmempoolinfo, getblock");
    assert!(
        finding
            .to_fix()
            .unwrap()
            .starts_with("add getmempoolinfo,getblock to this user's rpcwhitelist"),
    );
    assert_eq!(mempool(&some), Finding::unknown(MEMPOOL, "see methods"));
}

#[test]
fn the_list_of_topics_alone_may_be_refused() {
    let answers = answers(|answers| answers.published = Err(forbidden(LISTING)));
    assert!(warning(&methods(&answers)).contains(LISTING));
}

#[test]
fn a_node_that_refuses_every_method_lets_this_machine_not_in() {
    let answers = answers(refuse_all);
    assert!(rpc(&answers, URL).to_fix().unwrap().contains("rpcallowip"));
    assert_eq!(methods(&answers), Finding::unknown(METHODS, "see rpc"));
}

#[test]
fn a_method_that_is_not_there_or_not_answered_is_named() {
    let lacking = answers(|answers| {
        answers.others.insert("getblock", Err(node_says(NO_METHOD)));
    });
    assert_eq!(methods(&lacking).said(), "not there: getblock");
    let silent = answers(|answers| {
        answers
            .others
            .insert("getblock", Err(Failure::Silent("getblock")));
    });
    assert_eq!(methods(&silent).said(), "no answer within 10s to getblock");
    assert_eq!(methods(&silent).to_fix(), None);
}

#[test]
fn a_node_in_its_download_is_waited_for() {
    let answers = answers(|answers| {
        let chain = answers.chain.as_mut().unwrap();
        (chain.blocks, chain.verification_progress) = (123_456, 0.1234);
        chain.initial_block_download = true;
        answers.mempool.as_mut().unwrap().loaded = false;
    });
    let finding = chain(&answers);
    assert_eq!(
        finding.said(),
        "chain main, block 123,456 of 900,001, 12.34 %"
    );
    assert!(warning(&finding).starts_with("wait"));
    assert_eq!(
        mempool(&answers),
        Finding::unknown(MEMPOOL, "comes after the download; see synchronisation")
    );
}

#[test]
fn a_mempool_that_is_loaded_or_not_asked_for_is_a_warning() {
    let loading = answers(|answers| answers.mempool.as_mut().unwrap().loaded = false);
    assert!(warning(&mempool(&loading)).starts_with("wait"));
    let blocks_only = answers(|answers| answers.network.as_mut().unwrap().local_relay = false);
    assert!(warning(&mempool(&blocks_only)).contains("blocksonly"));
}

#[test]
fn another_chain_has_no_price_and_a_pruned_one_is_enough() {
    let answers = answers(|answers| {
        let chain = answers.chain.as_mut().unwrap();
        chain.chain = "regtest".to_owned();
        chain.prune_height = Some(899_000);
    });
    assert!(chain(&answers).said().starts_with("chain regtest"));
    assert!(warning(&chain(&answers)).contains("main"));
    assert_eq!(
        blocks(&answers),
        Finding::ok(BLOCKS, "the node prunes, and keeps those from 899,000 on")
    );
}

#[test]
fn why_the_rpc_gives_no_answer_is_said_with_what_to_do() {
    let choice = Choice {
        rpc: None,
        files: Files::NotWanted,
        login: Login::None,
    };
    let of = |failure: &Failure| {
        let finding = no_answer(&choice, failure, URL);
        (
            finding.said().to_owned(),
            finding.to_fix().unwrap().to_owned(),
        )
    };
    let (said, what_to_do) = of(&Failure::Silent("getblockchaininfo"));
    assert!(said.ends_with("getblockchaininfo: no answer within 10s"));
    assert!(what_to_do.contains("busy"));
    let (said, what_to_do) = of(&Failure::Rpc(RpcError::Unreachable {
        url: URL.to_owned(),
        reason: "Connection refused".to_owned(),
    }));
    assert_eq!(said, format!("no RPC at {URL} (Connection refused)"));
    assert_eq!(what_to_do, START);
    let (said, what_to_do) = of(&node_says(IN_WARMUP));
    assert!(said.contains("Loading block index"), "{said}");
    assert!(what_to_do.starts_with("wait"), "{what_to_do}");
    let (_, what_to_do) = of(&node_says(-1));
    assert!(what_to_do.contains("Bitcoin Core"), "{what_to_do}");
}
