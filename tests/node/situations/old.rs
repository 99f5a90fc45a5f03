//! Old transactions that come as if they were new: by initial download, by `importmempool`, and from mempool.dat.
//!
//! One node makes an old chain and a mempool of 50,000, most of it paid at a price of three days ago. A second node gets
//! them in all three ways, with new watchers each time.

use std::path::{Path, PathBuf};

use satscope_proto::v1::HopState;
use serde_json::json;

use crate::{
    bitcoind::Bitcoind,
    checks::{Outcome, Price, settled},
    coins::Purse,
    mempool_dat,
    scene::{OLD_PRICE_USD, PRICE_USD, Scene},
    support::wait::until,
    watcher::Watcher,
};
use satscope_kit::clock::unix_ms;

/// Seconds before now of the old chain and of the old payments.
const LONG_AGO_SECONDS: u64 = 3 * 24 * 3600;
/// Seconds before now of the payments that are in the window.
const LATELY_SECONDS: u64 = 2 * 3600;
const MINED: usize = 10_000;
const OLD: usize = 45_000;
const RECENT: usize = 5_000;
/// A journal that grows with the blocks of an initial download is larger than this.
const JOURNAL_BYTES: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn old_transactions_make_no_price_however_they_come() {
    let now = unix_ms() / 1000;
    let source = Bitcoind::start("old-source", &[]).await;
    let mut purse = Purse::fill(&source, RECENT + 200, MINED + OLD, now - LONG_AGO_SECONDS).await;
    let mined = purse.small_payments(MINED, OLD_PRICE_USD);
    source.set_time(now - LONG_AGO_SECONDS + 3600).await;
    for part in mined.chunks(MINED / 2) {
        source.generate_with(part).await;
    }
    source.set_time(0).await;
    let node = Bitcoind::prepare("old", &["-maxmempool=300"]);
    let mut scene = Scene::on("old", node, purse);
    scene.judge(&mined);
    download(&mut scene, &source).await;
    let file = make_mempool(&mut scene, now);
    import(&mut scene, &source, &file).await;
    load(&mut scene).await;
    scene.end();
}

/// A node in initial download tells of three-day-old blocks as of new ones.
async fn download(scene: &mut Scene, source: &Bitcoind) {
    scene.watch().await;
    scene.node.run(&[]).await;
    scene.price = Price::Absent;
    scene.counters = false;
    scene.node.connect(source).await;
    until("the first blocks", async || {
        (scene.node.height().await > 20).then_some(())
    })
    .await;
    scene.watchers[1].kill().await;
    scene.node.meet(source).await;
    scene.watchers[1].restart().await;
    for number in 0..scene.watchers.len() {
        let watcher = &scene.watchers[number];
        let said = says_synchronised(watcher).await;
        let bytes = watcher.journal_bytes();
        let is_small = (bytes < JOURNAL_BYTES)
            .then_some(())
            .ok_or(format!("{bytes} bytes"));
        scene.hold("initial download", number, "hop", said);
        scene.hold("initial download", number, "journal", is_small);
    }
    scene.check("initial download").await;
}

async fn says_synchronised(watcher: &Watcher) -> Outcome {
    settled(async || {
        let hop = watcher.node_hop().await.ok_or("no hop")?;
        let is_said = hop.state() == HopState::Resyncing && hop.detail.contains("synchronised");
        is_said
            .then_some(())
            .ok_or(format!("{:?}: {:?}", hop.state(), hop.detail))
    })
    .await
}

/// A mempool.dat of which most entered three days ago.
fn make_mempool(scene: &mut Scene, now: u64) -> PathBuf {
    let old = scene.purse.small_payments(OLD, OLD_PRICE_USD);
    let recent = scene.purse.payments(RECENT, PRICE_USD);
    scene.judge(&old);
    scene.judge(&recent);
    // Spread over an hour, as payments are.
    let entered = |before: u64| (0..).map(move |number| now - before + number % 3600);
    let mut entries: Vec<_> = old
        .into_iter()
        .zip(entered(LONG_AGO_SECONDS - 7200))
        .collect();
    entries.extend(recent.into_iter().zip(entered(LATELY_SECONDS)));
    let file = scene.node.path("made-mempool.dat");
    mempool_dat::write(&file, &entries);
    file
}

/// `importmempool` with the entry times of the file, to a node that is in step.
async fn import(scene: &mut Scene, source: &Bitcoind, file: &Path) {
    source.generate_with(&[]).await;
    scene.node.meet(source).await;
    source.order("setnetworkactive", json!([false])).await;
    scene.are_in_step().await;
    scene.price = Price::Near(PRICE_USD);
    let Scene { node, watchers, .. } = scene;
    let options = json!([file, {"use_current_time": false}]);
    let importing = node.rpc.call("importmempool", options);
    let killing = async {
        half_has_come(node).await;
        watchers[1].kill().await;
    };
    tokio::join!(importing, killing);
    scene.learn().await;
    scene.restart().await;
    scene.check("importmempool").await;
    scene.pay(50).await;
    scene.check("payments after importmempool").await;
}

/// A node that loads mempool.dat beside watchers that start for the first time.
async fn load(scene: &mut Scene) {
    scene.node.stop().await;
    scene.watch().await;
    scene.node.launch(&[]);
    half_has_come(&scene.node).await;
    scene.watchers[1].kill().await;
    until("the loaded mempool", async || {
        let info = scene.node.rpc.call("getmempoolinfo", json!([])).await;
        (info["loaded"] == true).then_some(())
    })
    .await;
    scene.learn().await;
    scene.restart().await;
    scene.counters = true;
    scene.check("mempool.dat of 50,000").await;
    scene.pay(50).await;
    scene.check("payments after mempool.dat").await;
}

async fn half_has_come(node: &Bitcoind) {
    until("half of the mempool", async || {
        let info = node.rpc.ask("getmempoolinfo", json!([])).await.ok()?;
        (info["size"].as_u64()? as usize > usize::midpoint(OLD, RECENT)).then_some(())
    })
    .await;
}
