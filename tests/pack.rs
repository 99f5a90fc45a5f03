//! A history that travels: filled from a stand-in, packed, proved, taken in elsewhere, and written for other programs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

use satscope_historian::{
    pack::PackReader,
    store::{Store, Trust},
};
use satscope_proto::v1::{BlockState, Coverage, HistorianState, PastPrice};
use serde_json::Value;
use support::{
    chain::{Served, StandIn},
    grpc::{block_prices, coverage},
    part::{Folder, reserve_address, satscope},
    wait::{in_time, until},
};

/// Days of a past in which at least one period of 2,016 blocks is whole, with 18 blocks on top; and few payments in each block, so
/// that it is soon read.
const PAST: [&str; 2] = ["--history-days=29", "--history-payments=20"];
/// Time for a historian to read that past, built without optimisation on a busy machine.
const FILLED_WITHIN: Duration = Duration::from_mins(15);

/// Waits until a historian has read all.
async fn is_filled(address: SocketAddr) -> Coverage {
    let began = Instant::now();
    loop {
        let coverage = coverage(address).await;
        if coverage.state() == HistorianState::Following && coverage.final_height.is_some() {
            return coverage;
        }
        assert!(began.elapsed() < FILLED_WITHIN, "not filled: {coverage:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The prices of blocks up to a height.
async fn blocks(address: SocketAddr, highest: u32) -> Vec<PastPrice> {
    let prices = block_prices(address).await.into_iter();
    prices.filter(|price| price.height() <= highest).collect()
}

async fn historian(node: Option<&StandIn>, folder: &Folder) -> Served {
    let analyzer = format!("--analyzer-url=http://{}", reserve_address());
    let node = node.map(StandIn::rpc_url);
    let mut flags = vec!["--node-is-standin", "--state-dir", folder.path(), &analyzer];
    flags.extend(node.as_deref());
    Served::historian_with(&flags).await
}

/// `satscope history` about a stand-in's history in a folder.
fn history(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = satscope();
    command.arg("history").args(arguments);
    command.args(["--state-dir", folder.path()]);
    command.output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The standard output of a command that succeeds.
fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = history(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What follows `label` on its line.
fn after<'a>(text: &'a str, label: &str) -> &'a str {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(label));
    found.unwrap_or_else(|| panic!("no {label:?} in {text}"))
}

fn file_in(folder: &Folder) -> PathBuf {
    Path::new(folder.path()).join(Store::file_name("main", true))
}

/// A folder with the history of a pack in which one price is another, and the height of that block. Only the node's blocks tell.
fn forged(pack: &str) -> (Folder, u32) {
    let folder = Folder::new("pack-forged");
    let mut reader = PackReader::open(Path::new(pack)).unwrap();
    let identity = reader.head().identity.clone();
    let mut sealed = reader.next().unwrap().unwrap();
    let row = sealed
        .rows
        .iter_mut()
        .find(|row| row.price.is_some())
        .unwrap();
    let price = row.price.as_mut().unwrap();
    price.price_cents = price.high_cents;
    let height = row.height;
    let (mut writer, readers) = Store::open(&file_in(&folder), &identity).unwrap();
    writer.put_period(&sealed.row, &sealed.rows).unwrap();
    assert_eq!(readers.periods().unwrap()[0].trust, Trust::Own);
    (folder, height)
}

async fn get(gateway: SocketAddr, path: &str) -> String {
    let asked = reqwest::get(format!("http://{gateway}/api/v1/{path}"));
    let response = in_time(path, asked).await.unwrap();
    assert!(response.status().is_success(), "{path}: {response:?}");
    response.text().await.unwrap()
}

async fn json(gateway: SocketAddr, path: &str) -> Value {
    serde_json::from_str(&get(gateway, path).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_packed_proved_and_used_by_an_operator_without_blocks() {
    let simulated = [&["simulate", "--history=60", "--seed=7"][..], &PAST].concat();
    let node = StandIn::start(&simulated).await;
    let (one, other) = (Folder::new("pack-one"), Folder::new("pack-other"));
    let first = historian(Some(&node), &one).await;
    let second = historian(Some(&node), &other).await;
    let highest = is_filled(first.address).await.final_height.unwrap();
    is_filled(second.address).await;

    // Beside a running historian, and the same for both.
    let rpc = node.rpc_url();
    let of_node = ["--node-is-standin", rpc.as_str()];
    let pack = format!("{}/pack", one.path());
    let packed = said(&one, &[&["pack", &pack][..], &of_node].concat());
    let hash = after(&packed, "hash: ").to_owned();
    let other_pack = format!("{}/pack", other.path());
    let other_packed = said(&other, &[&["pack", &other_pack][..], &of_node].concat());
    assert_eq!(after(&other_packed, "hash: "), hash);
    assert_eq!(
        std::fs::read(&pack).unwrap(),
        std::fs::read(&other_pack).unwrap()
    );
    assert!(said(&one, &["status"]).contains(&hash));
    drop(second);

    proves(&one, &pack, &of_node);
    travels(&pack, &hash, first.address, highest).await;
}

/// The pack and the history are what the node's blocks give, and a forged price is found.
fn proves(one: &Folder, pack: &str, of_node: &[&str]) {
    let verify = |arguments: &[&str]| history(one, &[&["verify"], arguments, of_node].concat());
    let own = verify(&["--periods=1"]);
    assert_eq!(own.status.code(), Some(0), "{}", words(&own));
    assert!(
        words(&own).contains("the same to the byte"),
        "{}",
        words(&own)
    );
    let (folder, height) = forged(pack);
    let forged = format!("{}/forged", folder.path());
    let made = said(&folder, &[&["pack", &forged][..], of_node].concat());
    assert!(made.contains("1 final periods"), "{made}");
    let found = verify(&[&forged, "--periods=all"]);
    assert_eq!(found.status.code(), Some(1), "{}", words(&found));
    let text = words(&found);
    assert!(
        text.contains(&format!("block {height}: price: $")),
        "{text}"
    );
    assert!(text.contains("DIFFERENT there"), "{text}");
    let refused = history(one, &["verify", "--node-is-standin"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        words(&refused).contains("set bitcoin_dir or rpc_url"),
        "{}",
        words(&refused)
    );
}

/// Taken in where no node is, the history answers as it did, and says whether anything vouches for it.
async fn travels(pack: &str, hash: &str, origin: SocketAddr, highest: u32) {
    let third = Folder::new("pack-third");
    let wrong = "0".repeat(64);
    let refused = history(
        &third,
        &["import", pack, "--node-is-standin", "--expect", &wrong],
    );
    assert!(
        !refused.status.success() && words(&refused).contains("nothing was imported"),
        "{}",
        words(&refused)
    );
    assert!(!file_in(&third).exists());
    let imported = said(&third, &["import", pack, "--node-is-standin"]);
    assert!(imported.contains(&format!("--expect {hash}")), "{imported}");
    let mut served = historian(None, &third).await;
    let has = until("the file to be open", async || {
        let coverage = coverage(served.address).await;
        (coverage.blocks > 0).then_some(coverage)
    })
    .await;
    assert_eq!(
        (has.unverified_blocks, has.final_height),
        (has.blocks, None)
    );
    let (was, is) = (
        blocks(origin, highest).await,
        blocks(served.address, highest).await,
    );
    let oldest = is[0].height();
    let was: Vec<PastPrice> = was
        .into_iter()
        .filter(|price| price.height() >= oldest)
        .collect();
    assert!(is.len() > 1000, "{}", is.len());
    for (was, is) in was.iter().zip(&is) {
        assert_eq!(
            (was.state(), is.state()),
            (BlockState::Final, BlockState::Unverified)
        );
        assert_eq!(
            *is,
            PastPrice {
                state: is.state,
                ..*was
            }
        );
    }
    assert_eq!(was.len(), is.len());
    tells_unverified(&third, served.address, &is[7]).await;

    // A historian writes the file, so that the hash can be vouched for only once it has ended.
    let expect = ["import", pack, "--node-is-standin", "--expect", hash];
    let busy = history(&third, &expect);
    assert!(
        !busy.status.success() && words(&busy).contains("stop the historian"),
        "{}",
        words(&busy)
    );
    assert!(served.part.end().await.0.success());
    assert!(said(&third, &expect).contains("as expected"));
    let served = historian(None, &third).await;
    until("final prices", async || {
        let coverage = coverage(served.address).await;
        (coverage.final_height == Some(highest)).then_some(())
    })
    .await;
    assert!(said(&third, &["status"]).contains(hash));
}

/// Every answer of the gateway says that a block is unverified, and an export has the same rows.
async fn tells_unverified(folder: &Folder, historian: SocketAddr, block: &PastPrice) {
    let analyzer = format!("--analyzer-url=http://{}", reserve_address());
    let url = format!("--historian-url=http://{historian}");
    let served = Served::gateway_with(&[&analyzer, &url]).await;
    let gateway = served.address;
    let (height, time) = (block.height(), block.time);
    let of_block = json(
        gateway,
        &format!("history?height={height}&model={}", block.model),
    )
    .await;
    assert_eq!(of_block["state"], "unverified");
    let at = json(
        gateway,
        &format!("historical-price?timestamp={time}&fields=all"),
    )
    .await;
    assert_eq!(at["prices"][0]["state"], "unverified");
    let coverage = json(gateway, "history/coverage").await;
    assert_eq!(coverage["unverified_blocks"], coverage["blocks"]);
    let (from, to) = (time - 7200, time + 7200);
    let (begin, end) = (from.to_string(), to.to_string());
    let ends = ["--from", &begin, "--to", &end];
    let rows = get(
        gateway,
        &format!("history?from={from}&to={to}&source=block&format=csv"),
    )
    .await;
    assert!(rows.contains(",unverified,block,"), "{rows}");
    assert_eq!(
        said(folder, &[&["export", "--step=block"][..], &ends].concat()),
        rows
    );
    let hours = get(
        gateway,
        &format!("candles?step=1h&from={from}&to={to}&format=csv"),
    )
    .await;
    assert!(hours.contains(",unverified\r\n"), "{hours}");
    assert_eq!(
        said(folder, &[&["export", "--step=hour"][..], &ends].concat()),
        hours
    );
    for (rest, step) in [
        ("history?source=block&", "--step=block"),
        ("candles?step=1h&", "--step=hour"),
    ] {
        let told = json(gateway, &format!("{rest}from={from}&to={to}&format=json")).await;
        let export = said(
            folder,
            &[&["export", step, "--format=json"][..], &ends].concat(),
        );
        assert_eq!(serde_json::from_str::<Value>(&export).unwrap(), told);
    }
    let ledger = said(
        folder,
        &[&["export", "--step=hour", "--format=ledger"][..], &ends].concat(),
    );
    assert!(ledger.starts_with("; unverified\nP 20"), "{ledger}");
}
