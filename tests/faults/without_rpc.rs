//! A node that cannot be asked: what was missed is missing, the end of the chain says so, and all else is as it should be.

use crate::{
    scene::{Plagued, Scene, hop},
    support::{
        grpc::{Window, list_window},
        proxy::Mode,
        wait::until,
    },
};

/// The window once it has a transaction that came after the node's `now_ms`.
async fn window_after(chain: &Plagued, now_ms: u64) -> Window {
    until("the newest transactions", async || {
        let window = list_window(chain.analyzer.address).await?;
        let mut stamps = window.transactions.values().map(|held| held.first_seen_ms);
        stamps.any(|stamp_ms| stamp_ms > now_ms).then_some(window)
    })
    .await
}

/// Waits until the end of the chain says that the picture may be incomplete: what came before the connection, or since the
/// journal's end, is not known.
async fn admits_a_gap(chain: &Plagued) {
    until("word of a gap", async || {
        let (state, detail) = hop(chain, "node").await?;
        (state == "degraded" && detail.contains("known")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rpc_a_gap_is_shown_and_what_comes_after_it_counts() {
    let scene = Scene::set().await;
    let mut chain = Plagued::start_without_rpc(&scene, "no RPC").await;
    scene.begin(&[]).await;
    admits_a_gap(&chain).await;

    let before_ms = scene.now_ms().await;
    let before = window_after(&chain, before_ms).await;
    chain.to_zmq.set(Mode::Refuse);
    chain.notices().await;
    let back_ms = scene.now_ms().await;
    chain.to_zmq.set(Mode::Pass);
    let after = window_after(&chain, back_ms).await;
    admits_a_gap(&chain).await;
    assert_same_stamps(&before, &after);

    chain.ingest.part.kill().await;
    let killed_ms = scene.now_ms().await;
    chain.restart_ingest().await;
    let again = window_after(&chain, killed_ms).await;
    admits_a_gap(&chain).await;
    assert_same_stamps(&after, &again);
}

/// Whatever both hold came when it came: a fault changes no stamp. Most of it is still there.
fn assert_same_stamps(before: &Window, after: &Window) {
    let held = before.transactions.iter().filter_map(|(txid, one)| {
        let other = after.transactions.get(txid)?;
        Some((one.first_seen_ms, other.first_seen_ms))
    });
    let held: Vec<(u64, u64)> = held.collect();
    assert!(held.len() > before.transactions.len() / 2, "{}", held.len());
    assert!(held.iter().all(|(one, other)| one == other));
}
