//! Simulations: their past, their hold, and the clock that they tell.

use std::time::Instant;

use bitcoin::{Transaction, Txid};
use satscope_bitcoin::frame::{StandInLabels, Topic};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::listener::Listener;
use crate::running::{call, finish, receive, simulation, subscribe, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_has_a_past_and_goes_on() {
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let running = simulation(&["--speed=200", "--block-interval=60"], &shutdown).await;
    println!("up with three hours of history after {:?}", began.elapsed());
    let info = call(&running, "getblockchaininfo", json!([]))
        .await
        .unwrap();
    assert_eq!(info["chain"], "main");
    assert!(info["blocks"].as_u64().unwrap() > 930_100, "{info}");
    let socket = subscribe(&running);
    let mut listener = Listener::default();
    while listener.blocks.len() < 3 || listener.blocks[2].1.is_none() {
        listener.take(receive(&socket));
    }
    let labels = listener.labels.unwrap();
    assert!(labels.simulated && labels.hidden_price_usd.unwrap() > 50_000.0);
    let (run, block) = &listener.blocks[2];
    let block = block.as_ref().unwrap();
    assert!(block.check_merkle_root() && block.check_witness_commitment());
    let of_block: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
    assert_eq!(*run, of_block);
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_holds_while_its_clock_goes_on_and_then_continues() {
    let shutdown = CancellationToken::new();
    // Without a block, whose transactions would be numbered too.
    let flags = [
        "--rate=50",
        "--speed=20",
        "--history=100",
        "--block-interval=1000000",
    ];
    let running = simulation(&flags, &shutdown).await;
    let listing = async || {
        call(&running, "getrawmempool", json!([false, true]))
            .await
            .unwrap()
    };
    assert_eq!(
        call(&running, "standincontinue", json!([])).await.unwrap(),
        false
    );
    assert_eq!(
        call(&running, "standinhold", json!([])).await.unwrap(),
        true
    );
    let held = until(&running, |status| status["state"] == "held").await;
    let before = listing().await;
    let time = |status: &Value| status["time"].as_f64().unwrap();
    until(&running, |status| time(status) > time(&held) + 1.0).await;
    assert_eq!(listing().await, before, "nothing happens while it holds");
    assert_eq!(
        call(&running, "standincontinue", json!([])).await.unwrap(),
        true
    );
    let later = until(&running, |status| time(status) > time(&held) + 20.0).await;
    let number = |listing: &Value| listing["mempool_sequence"].as_u64().unwrap();
    // Fifty a second of its own time, and no flood of what the hold kept back.
    let more = (number(&listing().await) - number(&before)) as f64;
    let rate = more / (time(&later) - time(&held));
    assert!((10.0..150.0).contains(&rate), "{more}, {rate} a second");
    finish(running, shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_simulation_says_its_time_every_half_second() {
    let shutdown = CancellationToken::new();
    let running = simulation(&["--rate=0.01", "--history=100"], &shutdown).await;
    let socket = subscribe(&running);
    let mut last: Option<(Instant, f64)> = None;
    let mut labels = 0;
    while labels < 5 {
        let frame = receive(&socket);
        if frame.topic == Topic::StandIn {
            let time = StandInLabels::decode(&frame.body).unwrap().time;
            if let Some((before, time_before)) = last.replace((Instant::now(), time)) {
                let waited = before.elapsed().as_secs_f64();
                assert!(
                    (time - time_before - waited).abs() < 0.3,
                    "{time} {time_before} {waited}"
                );
            }
            labels += 1;
        }
    }
    finish(running, shutdown).await;
}
