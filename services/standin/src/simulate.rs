//! `satscope simulate`: plays a simulation in its own time, with its history behind it from the first moment.

use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::clock::Clock;
use crate::node::State;
use crate::player::{Go, Player};
use crate::settings::{SimulateSettings, Speed};
use crate::simulation::Simulation;
use crate::standin::{Running, Sockets};

/// Starts a stand-in node on a simulation; its RPC has the history from the first moment.
///
/// # Errors
/// A taken address, or settings that do not go together; the error names the setting.
pub async fn start_simulation(
    settings: &SimulateSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<Running> {
    let sockets = Sockets::bind(&settings.listen).await?;
    let began = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let (parameters, history) = (settings.parameters(), settings.history);
    let (simulation, chain) = tokio::task::spawn_blocking(move || {
        let (mut simulation, mut chain) = Simulation::new(parameters, now - history);
        while simulation.next_time() < now {
            simulation.step(&mut chain);
        }
        (simulation, chain)
    })
    .await?;
    tracing::info!(
        seed = settings.seed,
        height = chain.tip().height,
        mempool = chain.mempool.len(),
        took_ms = began.elapsed().as_millis() as u64,
        "the history is simulated"
    );
    let clock = Clock::new(now, Speed::Times(settings.speed));
    Ok(sockets.start(chain, clock, true, shutdown, |player, _| {
        play(player, simulation)
    }))
}

/// Runs a stand-in node on a simulation until told to stop.
///
/// # Errors
/// As [`start_simulation`], and what brought it down early.
pub async fn simulate(
    settings: SimulateSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    start_simulation(&settings, shutdown).await?.wait().await
}

async fn play(mut player: Player, mut simulation: Simulation) -> anyhow::Result<()> {
    player.enter(State::Playing);
    player.hidden_price_usd = Some(simulation.price_usd());
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
