//! Blocks that join and leave the best chain slowly, or whose messages are cut off in the middle.

use bitcoin::{BlockHash, Transaction, Txid, hashes::Hash as _};
use satscope_proto::v1::HopState;

use crate::{
    ear::Ear,
    support::{
        chain::Served,
        grpc::list_mempool,
        metrics::Scrape,
        proxy::{Mode, Proxy},
        publisher::{Publisher, coinbase, payment},
        wait::until,
    },
};

const NOW_MS: u64 = 1_763_800_000_000;
const HALF_SECOND_MS: u64 = 500;
/// Longer than ingest waits for what is missing of a block.
const PATIENCE_MS: u64 = 120_000;
const HEIGHT: u32 = 900_000;

fn hash(number: u8) -> BlockHash {
    BlockHash::from_byte_array([number; 32])
}

/// The transactions of a block of this height with these payments.
fn block(height: u32, payments: &[Transaction]) -> Vec<Transaction> {
    [&[coinbase(height)][..], payments].concat()
}

fn payments(numbers: std::ops::Range<u32>) -> Vec<Transaction> {
    numbers.map(payment).collect()
}

fn txids(payments: &[Transaction]) -> Vec<Txid> {
    payments.iter().map(Transaction::compute_txid).collect()
}

/// Says the time, lets these enter, and subscribes once ingest has them: before the first word of the time there is no log to
/// follow.
async fn hear_entered(node: &mut Publisher, ingest: &Served, payments: &[Transaction]) -> Ear {
    node.say_time(NOW_MS);
    for payment in payments {
        node.enter(payment);
    }
    until("all in the mempool", async || {
        let mempool = list_mempool(ingest.address).await;
        (mempool.len() == payments.len()).then_some(())
    })
    .await;
    Ear::of(ingest.address).await
}

/// What a subscriber heard of a connected block: its hash's first byte, its height, and its accepted transactions.
fn told(ear: &Ear) -> Vec<(u8, Option<u32>, Vec<Txid>)> {
    let told = ear.connected().into_iter().map(|connected| {
        let block = connected.block.as_ref().unwrap();
        let txids = connected.txids.iter();
        let txids = txids.map(|txid| Txid::from_slice(txid).unwrap()).collect();
        (block.hash[0], block.height, txids)
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_whose_blocks_lie_four_seconds_apart_takes_no_transaction_out() {
    let mut node = Publisher::bind();
    let ingest = Served::ingest(&node.endpoint, &["--node-is-standin"]).await;
    node.wait_for_subscriber();
    let paid = payments(0..20);
    let mut time_ms = NOW_MS;
    let mut ear = hear_entered(&mut node, &ingest, &paid).await;
    node.connect(hash(1), &block(HEIGHT, &paid));
    node.disconnect(hash(1), &block(HEIGHT, &paid));
    while time_ms < NOW_MS + 4000 {
        time_ms += HALF_SECOND_MS;
        node.say_time(time_ms);
    }
    node.connect(hash(2), &block(HEIGHT, &paid));
    // What a re-org leaves open is settled by then.
    time_ms += PATIENCE_MS;
    node.say_time(time_ms);
    ear.until_accepted(node.enter(&payment(20))).await;
    assert_eq!(ear.removals(), []);
    let paid = txids(&paid);
    assert_eq!(
        told(&ear),
        [
            (1, Some(HEIGHT), paid.clone()),
            (2, Some(HEIGHT), paid.clone())
        ]
    );
    assert_eq!(list_mempool(ingest.address).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rpc_a_cut_in_a_blocks_run_leaves_the_next_block_whole() {
    let mut node = Publisher::bind();
    let to_node = Proxy::before(
        node.endpoint
            .strip_prefix("tcp://")
            .unwrap()
            .parse()
            .unwrap(),
    );
    let to_node = to_node.await;
    let zmq = format!("tcp://{}", to_node.address);
    let ingest = Served::ingest(&zmq, &["--node-is-standin"]).await;
    node.wait_for_subscriber();
    let (first, second, third) = (payments(0..10), payments(10..20), payments(20..30));
    let entered = [&first[..], &second[..]].concat();
    let mut ear = hear_entered(&mut node, &ingest, &entered).await;
    let cut = block(HEIGHT, &first);
    node.run(&cut[..5]);
    node.say_time(NOW_MS + HALF_SECOND_MS);
    let is_later = |event: &satscope_proto::v1::Event| {
        (event.time_ms >= NOW_MS + HALF_SECOND_MS).then_some(())
    };
    ear.until("the first half of the block's run", is_later)
        .await;
    to_node.set(Mode::Refuse);
    ear.until_node("word of the cut", |node| {
        node.state() == HopState::Disconnected
    })
    .await;
    // Nobody hears this.
    node.run(&cut[5..]);
    node.lose(0, 1);
    to_node.set(Mode::Pass);
    node.wait_for_subscriber();
    node.say_time(NOW_MS + 2 * HALF_SECOND_MS);
    node.connect(hash(2), &block(HEIGHT + 1, &second));
    // A node that cannot be asked never tells what the second block had. The chain goes on without it.
    node.say_time(NOW_MS + PATIENCE_MS);
    node.connect(hash(3), &block(HEIGHT + 2, &third));
    ear.until_accepted(node.enter(&payment(30))).await;

    assert_eq!(told(&ear), [(3, Some(HEIGHT + 2), txids(&third))]);
    until("each payment once, and no coinbase", async || {
        let scrape = Scrape::of(ingest.metrics).await;
        assert_eq!(scrape.sum("satscope_ingest_unread_blocks_total", ""), 1.0);
        let received = scrape.sum("satscope_ingest_transactions_total", "");
        (received == 31.0).then_some(())
    })
    .await;
    let coinbases = [HEIGHT, HEIGHT + 1, HEIGHT + 2].map(|height| coinbase(height).compute_txid());
    let mempool = list_mempool(ingest.address).await;
    assert!(coinbases.iter().all(|txid| !mempool.contains(txid)));
}
