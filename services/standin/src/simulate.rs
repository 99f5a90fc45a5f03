//! `satscope simulate`: plays a simulation in its own time, with its history behind it from the first moment.
//!
//! With days before the history, the stand-in is up at once. It answers as Core does while it loads (error -28), until the
//! headers of these days are made.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context as _;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network};
use tokio_util::sync::CancellationToken;

use crate::chain::{Block, Chain, PastChain};
use crate::clock::{PlayClock, unix_seconds};
use crate::node::State;
use crate::player::{Go, Player};
use crate::settings::{SimulateSettings, Speed};
use crate::simulation::past::Maker;
use crate::simulation::{START_HEIGHT, Simulation};
use crate::standin::{Running, Sockets};

/// A simulation that has come to the present.
struct Ready {
    simulation: Simulation,
    chain: Chain,
    /// Unix seconds.
    now: f64,
}

/// Starts a stand-in node on a simulation. Its RPC has the history from the first moment, or says that it is loading while the
/// days before the history are made.
///
/// # Errors
/// A taken address, or settings that do not go together; the error names the setting.
pub async fn start_simulation(
    settings: &SimulateSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<Running> {
    let sockets = Sockets::bind(&settings.listen).await?;
    let speed = Speed::Times(settings.speed);
    if settings.history_days == 0 {
        let ready = make_ready(settings.clone(), None).await?;
        let clock = PlayClock::new(ready.now, speed);
        return Ok(
            sockets.start(ready.chain, clock, true, shutdown, |player, _| {
                play(player, ready.simulation)
            }),
        );
    }
    let clock = PlayClock::new(unix_seconds()?, speed);
    let settings = settings.clone();
    let loading = Block::unseen(BlockHash::all_zeros(), START_HEIGHT, 0);
    let chain = Chain::new(Network::Bitcoin, loading);
    Ok(sockets.start(chain, clock, true, shutdown, |player, _| {
        player.enter(State::Down);
        load_and_play(player, settings)
    }))
}

/// Runs a stand-in node on a simulation until told to stop.
///
/// # Errors
/// As [`start_simulation`], and the fault that brought it down early.
pub async fn simulate(
    settings: SimulateSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    start_simulation(&settings, shutdown).await?.wait().await
}

/// Makes the past while the RPC answers nothing, then plays.
async fn load_and_play(mut player: Player, settings: SimulateSettings) -> anyhow::Result<()> {
    let (began, stop) = (Instant::now(), player.shutdown.clone());
    let days = settings.history_days;
    tracing::info!(days, "the days before the history are being made");
    let of_maker = settings.clone();
    let made = tokio::task::spawn_blocking(move || {
        let maker = Maker::new(of_maker.past());
        let roots = maker.roots(|| stop.is_cancelled())?;
        Some((maker, roots))
    });
    let Some((maker, roots)) = made.await? else {
        return Ok(());
    };
    tracing::info!(
        days,
        blocks = roots.len(),
        took_ms = began.elapsed().as_millis() as u64,
        "the days before the history are made"
    );
    let ready = make_ready(settings, Some((maker, roots))).await?;
    *player.node.chain() = ready.chain;
    player.clock.set(ready.now);
    play(player, ready.simulation).await
}

/// Plays the history on a thread of its own, up to the present.
async fn make_ready(
    settings: SimulateSettings,
    past: Option<(Maker, Vec<bitcoin::TxMerkleNode>)>,
) -> anyhow::Result<Ready> {
    let (began, seed) = (Instant::now(), settings.seed);
    let ready = tokio::task::spawn_blocking(move || {
        let now = unix_seconds()?;
        let start = now - settings.history;
        let past = match past {
            None => None,
            Some((maker, roots)) => Some(stand_on(&settings, maker, &roots, start as u32)?),
        };
        let (mut simulation, mut chain) = Simulation::upon(past, settings.parameters(), start);
        while simulation.next_time() < now {
            simulation.step(&mut chain);
        }
        anyhow::Ok(Ready {
            simulation,
            chain,
            now,
        })
    })
    .await??;
    tracing::info!(
        seed,
        height = ready.chain.tip().height,
        mempool = ready.chain.mempool.len(),
        took_ms = began.elapsed().as_millis() as u64,
        "the history is simulated"
    );
    Ok(ready)
}

/// The past before `start` (Unix seconds), whose prices are written down if a file is named for them.
fn stand_on(
    settings: &SimulateSettings,
    maker: Maker,
    roots: &[bitcoin::TxMerkleNode],
    start: u32,
) -> anyhow::Result<PastChain> {
    let headers = maker.headers(roots, start);
    if let Some(file) = &settings.history_prices {
        let times = headers.iter().map(|header| header.time);
        write_prices(file, &maker, times).with_context(|| {
            let file = file.display();
            format!("history_prices: {file} cannot be written; expected a file that can be made")
        })?;
    }
    let first_height = maker.first_height();
    let lowest_whole = settings.history_pruned;
    Ok(PastChain::new(
        first_height,
        headers,
        Arc::new(maker),
        lowest_whole,
    ))
}

/// Writes a line for each block of the past: height, its header's time in Unix seconds, and USD for one BTC.
fn write_prices(
    file: &Path,
    maker: &Maker,
    times: impl Iterator<Item = u32>,
) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    writeln!(file, "height,time,price_usd")?;
    for ((height, price), time) in maker.prices().zip(times) {
        writeln!(file, "{height},{time},{price:.4}")?;
    }
    file.flush()
}

async fn play(mut player: Player, mut simulation: Simulation) -> anyhow::Result<()> {
    player.hidden_price_usd = Some(simulation.price_usd());
    player.enter(State::Playing);
    loop {
        if player.node.hold.swap(false, Ordering::Relaxed) {
            let held = player.hold(player.clock.now()).await?;
            simulation.postpone(held);
        }
        let time = simulation.next_time();
        if player.wait_until(time).await? == Go::Down {
            return Ok(());
        }
        let frames = step(&player, &mut simulation);
        player.hidden_price_usd = Some(simulation.price_usd());
        player.publish(time, frames).await?;
    }
}

fn step(player: &Player, simulation: &mut Simulation) -> crate::chain::Frames {
    let chain: &mut Chain = &mut player.node.chain();
    simulation.step(chain)
}
