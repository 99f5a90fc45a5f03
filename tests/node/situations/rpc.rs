//! An RPC that does not do all that ingest asks.

use bitcoin::hashes::{Hash as _, HashEngine as _, HmacEngine, hmac::Hmac, sha256};
use satscope_kit::clock::unix_ms;

use crate::{
    bitcoind::Bitcoind,
    coins::Purse,
    scene::PRICE_USD,
    situations::link::trouble,
    support::{
        chain::Served,
        grpc::{list_mempool, next, prices},
        part::Folder,
        wait::until,
    },
};

const PASSWORD: &str = "of-this-test";

/// `-rpcauth` of a user. Source: Core, `share/rpcauth/rpcauth.py`.
fn rpcauth(user: &str) -> String {
    let salt = "5a17";
    let mut engine = HmacEngine::<sha256::Hash>::new(salt.as_bytes());
    engine.input(PASSWORD.as_bytes());
    let hash = Hmac::<sha256::Hash>::from_engine(engine);
    format!("-rpcauth={user}:{salt}${hash}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_the_whitelist_lacks_is_named_and_nothing_is_given_up() {
    let lacks = "-rpcwhitelist=few:getblockchaininfo,getbestblockhash,getblockheader,getblock,\
                 getmempoolinfo,getrawmempool,getrawtransaction";
    let flags = [&rpcauth("few"), lacks, "-rpcwhitelistdefault=0"].map(str::to_owned);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let node = Bitcoind::start("whitelist", &flags).await;
    let made = unix_ms() / 1000 - 4 * 3600;
    let mut purse = Purse::fill(&node, 100, 0, made).await;
    node.send(&purse.payments(20, PRICE_USD)).await;
    let folder = Folder::new("whitelist");
    let password = std::path::Path::new(folder.path()).join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let flags = [
        format!("--rpc-url={}", node.rpc.url()),
        "--rpc-user=few".to_owned(),
        format!("--rpc-password-file={}", password.display()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut ingest = Served::ingest(&format!("tcp://{}", node.zmq), &flags).await;
    let analyzer = Served::analyzer(ingest.address).await;
    let why = ingest.part.line("not in step with the node: ").await;
    assert!(why.contains(": getmempoolentry is not allowed"), "{why}");
    let mut client = prices(analyzer.address).await;
    let updates = client.price_updates(satscope_proto::v1::PriceUpdatesRequest::default());
    let mut updates = updates.await.unwrap().into_inner();
    until("a hop with one plain sentence", async || {
        let update = next(&mut updates).await?.update?;
        let node = update.hops.into_iter().find(|hop| hop.name == "node")?;
        (node.detail == "the node refuses to answer").then_some(())
    })
    .await;
    until("a method that operators are told of", async || {
        let trouble = trouble(&ingest).await?;
        trouble.contains("getmempoolentry").then_some(())
    })
    .await;
    // What is sent while it cannot be asked is heard all the same.
    node.send(&purse.payments(5, PRICE_USD)).await;
    until("what came meanwhile", async || {
        (list_mempool(ingest.address).await.len() == 5).then_some(())
    })
    .await;
}
