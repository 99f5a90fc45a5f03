//! The historian as a process: what it serves of a file that is there, the minutes that it keeps, and what it says of a file that
//! it cannot use. `tests/history.rs` has what it reads from a node.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{net::SocketAddr, path::PathBuf};

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_historian::store::{BlockRow, Identity, PeriodRow, PeriodState, Store, Tip};
use satscope_oracle::past::BlockPrice;
use satscope_proto::v1::{
    Coverage, GetCoverageRequest, GetPriceAtRequest, HistorySource, PastPrice,
    get_price_at_request::At, history_service_client::HistoryServiceClient,
};
use support::{
    chain::{Served, StandIn},
    grpc::channel,
    metrics::{Scrape, get},
    part::{Folder, reserve_address, satscope},
    wait::{in_time, until},
};
use tonic::{Code, Status};

/// As the simulated node names its chain.
const CHAIN: &str = "main";

fn hash(seed: u32) -> BlockHash {
    BlockHash::hash(&seed.to_le_bytes())
}

/// The file of a stand-in's history, with blocks 0 to 40, as an earlier historian left it.
fn left_by_an_earlier_one(folder: &Folder, genesis: BlockHash) -> PathBuf {
    let path = PathBuf::from(folder.path()).join(Store::file_name(CHAIN, true));
    let identity = Identity {
        chain: CHAIN.to_owned(),
        genesis,
        simulated: true,
    };
    let (mut writer, _readers) = Store::open(&path, &identity).unwrap();
    let rows: Vec<BlockRow> = (0..=40).map(block).collect();
    let period = PeriodRow {
        period: 0,
        state: PeriodState::Open,
        model: 1,
        lock: Vec::new(),
        disputed: false,
    };
    let tip = Tip {
        height: 40,
        hash: hash(40),
    };
    writer.put_tail(0, &rows, &[period], tip).unwrap();
    path
}

fn block(height: u32) -> BlockRow {
    BlockRow {
        height,
        time: 1_600_000_000 + u64::from(height) * 600,
        hash: hash(height),
        price: Some(BlockPrice {
            price_cents: 1_000_000,
            low_cents: 999_000,
            high_cents: 1_001_000,
            confidence_thousandths: 900,
        }),
        payments: 50,
        model: 1,
    }
}

/// A historian of a stand-in that no node can be asked by.
async fn historian(folder: &Folder, analyzer: SocketAddr) -> Served {
    let url = format!("http://{analyzer}");
    let flags = [
        "--node-is-standin",
        "--state-dir",
        folder.path(),
        "--analyzer-url",
        &url,
    ];
    Served::historian_with(&flags).await
}

async fn price_at(
    address: SocketAddr,
    time: u64,
    source: HistorySource,
) -> Result<PastPrice, Status> {
    let mut client = HistoryServiceClient::new(channel(address).await);
    let request = GetPriceAtRequest {
        at: Some(At::Time(time)),
        source: source.into(),
    };
    let answer = in_time("GetPriceAt", client.get_price_at(request)).await?;
    Ok(answer.into_inner().price.unwrap())
}

async fn coverage(address: SocketAddr) -> Coverage {
    let mut client = HistoryServiceClient::new(channel(address).await);
    let answer = in_time("GetCoverage", client.get_coverage(GetCoverageRequest {})).await;
    answer.unwrap().into_inner().coverage.unwrap()
}

async fn has_opened(address: SocketAddr) -> Coverage {
    until("the file to be open", async || {
        let coverage = coverage(address).await;
        (!coverage.chain.is_empty()).then_some(coverage)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_served_while_node_and_analyzer_are_away() {
    let folder = Folder::new("historian-alone");
    left_by_an_earlier_one(&folder, hash(0));
    let served = historian(&folder, reserve_address()).await;
    let coverage = has_opened(served.address).await;
    assert_eq!((coverage.chain.as_str(), coverage.simulated), (CHAIN, true));
    assert_eq!((coverage.blocks, coverage.last_height), (41, Some(40)));
    let price = price_at(served.address, 1_600_000_700, HistorySource::Unspecified).await;
    let price = price.unwrap();
    assert_eq!((price.height, price.price_cents), (Some(1), 1_000_000));
    let none = price_at(served.address, 5, HistorySource::Unspecified).await;
    assert_eq!(none.unwrap_err().code(), Code::NotFound);
    until("its figures", async || {
        let scrape = Scrape::of(served.metrics).await;
        (scrape.sum("satscope_historian_blocks", "") == 41.0).then_some(())
    })
    .await;
    let status = satscope()
        .args([
            "history",
            "status",
            "--format",
            "json",
            "--state-dir",
            folder.path(),
        ])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (&told[0]["blocks"], &told[0]["chain"]),
        (&41.into(), &CHAIN.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_read_that_no_blocks_come() {
    let folder = Folder::new("historian-no-rpc");
    left_by_an_earlier_one(&folder, hash(0));
    let served = historian(&folder, reserve_address()).await;
    until("word of the blocks", async || {
        let (status, said) = get(&format!("http://{}/readyz", served.metrics)).await;
        assert_eq!(status, 200, "the past is served");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let why = &said["impaired"]["blocks"];
        (why == "the node has no RPC to read blocks from").then_some(())
    })
    .await;
}

#[test]
fn status_tells_of_each_file_before_it_fails_for_a_bad_one() {
    let folder = Folder::new("historian-status");
    left_by_an_earlier_one(&folder, hash(0));
    for name in ["history-a.sqlite", "recent-a.sqlite"] {
        let path = PathBuf::from(folder.path()).join(name);
        std::fs::write(path, "no database".repeat(500)).unwrap();
    }
    let status = |format: &str| {
        let asked = ["history", "status", "--format", format, "--state-dir"];
        let status = satscope().args(asked).arg(folder.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            status.status.code(),
            text(&status.stdout),
            text(&status.stderr),
        )
    };
    let (code, told, faults) = status("text");
    assert_eq!(code, Some(1), "{faults}");
    assert!(told.contains("41 with a price of 41 read"), "{told}");
    for name in ["history-a.sqlite", "recent-a.sqlite"] {
        assert!(faults.contains(name), "{faults}");
    }
    let (code, told, _) = status("json");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told[0]["blocks"]), (Some(1), &41.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_it_says_that_it_waits() {
    let folder = Folder::new("historian-empty");
    let served = historian(&folder, reserve_address()).await;
    let none = price_at(served.address, 5, HistorySource::Unspecified).await;
    assert_eq!(none.unwrap_err().code(), Code::Unavailable);
    assert_eq!(coverage(served.address).await.blocks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_are_kept_over_a_kill_and_none_is_there_twice() {
    // A minute of the event clock is a second.
    let node = StandIn::start(&["simulate", "--history=1800", "--speed=60"]).await;
    let ingest = Served::ingest_with_rpc(&node).await;
    let analyzer = Served::analyzer(ingest.address).await;
    let folder = Folder::new("historian-minutes");
    left_by_an_earlier_one(&folder, hash(0));
    let mut served = historian(&folder, analyzer.address).await;
    let minutes = async |address, enough: u64| {
        until("minutes", async || {
            let coverage = coverage(address).await;
            (coverage.minutes >= enough).then_some(coverage)
        })
        .await
    };
    let before = minutes(served.address, 3).await;
    served.part.kill().await;
    let served = historian(&folder, analyzer.address).await;
    let after = minutes(served.address, before.minutes + 3).await;
    assert_eq!(after.first_minute, before.first_minute);
    let last = after.last_minute.unwrap();
    let price = price_at(served.address, last, HistorySource::Minute)
        .await
        .unwrap();
    assert_eq!((price.time, price.source()), (last, HistorySource::Minute));
    assert!(price.price_cents > 0 && price.count > 0);
    assert!((price.low_cents..=price.high_cents).contains(&price.price_cents));
    // Beside the last settled block, the live minute is what is given now.
    let newest = price_at(served.address, u64::MAX, HistorySource::Unspecified)
        .await
        .unwrap();
    assert_eq!(newest.source(), HistorySource::Minute);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_named_and_the_historian_goes_on() {
    let folder = Folder::new("historian-damaged");
    let path = left_by_an_earlier_one(&folder, hash(0));
    std::fs::write(
        &path,
        b"no database at all, and long enough to be looked at".repeat(50),
    )
    .unwrap();
    let mut served = historian(&folder, reserve_address()).await;
    let line = served.part.line("the file is no history of Satscope").await;
    assert!(line.contains("state_dir"), "{line}");
    until("its word for the public", async || {
        let coverage = coverage(served.address).await;
        (coverage.detail == "the history's file is none").then_some(())
    })
    .await;
    let failures = async || {
        let scrape = Scrape::of(served.metrics).await;
        scrape.sum("satscope_historian_store_failures_total", "not_ours")
    };
    assert!(failures().await > 0.0);
    let (status, _) = served.part.end().await;
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_historians_do_not_write_one_file() {
    let folder = Folder::new("historian-twice");
    left_by_an_earlier_one(&folder, hash(0));
    let first = historian(&folder, reserve_address()).await;
    has_opened(first.address).await;
    let mut second = historian(&folder, reserve_address()).await;
    second
        .part
        .line("another process writes this history")
        .await;
    assert!(
        price_at(first.address, u64::MAX, HistorySource::Block)
            .await
            .is_ok()
    );
}
