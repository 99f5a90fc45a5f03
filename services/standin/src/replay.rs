//! `satscope replay`: plays raw block files or a recording, once there is a subscriber.

mod blocks;
mod follow;
mod played_recording;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use satscope_bitcoin::blockfile;
use satscope_bitcoin::recording::{files as recording_files, is_recording};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::PlayClock;
use crate::node::State;
use crate::player::{Go, Player};
use crate::settings::ReplaySettings;
use crate::standin::{Running, Sockets};

/// Starts a stand-in node on the files to be replayed. It plays from the first subscription to `rawtx` on.
///
/// # Errors
/// Paths that hold nothing to replay, content that cannot be read (the file, and where in it), a taken address, settings
/// that do not go together.
pub async fn start_replay(
    settings: &ReplaySettings,
    shutdown: CancellationToken,
) -> anyhow::Result<Running> {
    let (speed, exit) = (settings.speed, settings.exit);
    match sort_paths(&settings.replay_paths)? {
        Source::Blocks(files) => {
            if let Some(name) = &settings.stop_at {
                bail!("stop_at: {name}, but block files have no checkpoints; expected a recording");
            }
            let blocks = tokio::task::spawn_blocking(|| blocks::Blocks::open(files)).await??;
            let sockets = Sockets::bind(&settings.listen).await?;
            let clock = PlayClock::new(blocks.start_time(), speed);
            let chain = blocks.chain();
            Ok(
                sockets.start(chain, clock, false, shutdown, |player, listeners| {
                    run(player, listeners, exit, |player| blocks.play(player))
                }),
            )
        }
        Source::Recording(files) => {
            let stop_at = settings.stop_at.clone();
            let scan = move || played_recording::Recording::open(files, stop_at);
            let recording = tokio::task::spawn_blocking(scan).await??;
            let sockets = Sockets::bind(&settings.listen).await?;
            let clock = PlayClock::new(recording.start_time(), speed);
            let chain = recording.chain();
            Ok(
                sockets.start(chain, clock, false, shutdown, |player, listeners| {
                    run(player, listeners, exit, |player| recording.play(player))
                }),
            )
        }
    }
}

/// Runs a stand-in node on the files to be replayed until told to stop, or with `exit` until all is played.
///
/// # Errors
/// As [`start_replay`], and the fault that brought it down early.
pub async fn replay(settings: ReplaySettings, shutdown: CancellationToken) -> anyhow::Result<()> {
    start_replay(&settings, shutdown).await?.wait().await
}

/// The content of the paths.
#[derive(Debug, PartialEq)]
enum Source {
    Blocks(Vec<PathBuf>),
    /// The files of one recording.
    Recording(Vec<PathBuf>),
}

fn sort_paths(paths: &[PathBuf]) -> anyhow::Result<Source> {
    let (mut blocks, mut recordings) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            match recording_files(path)? {
                recorded if recorded.is_empty() => blocks.extend(blockfile::block_files(path)?),
                recorded => recordings.push(recorded),
            }
        } else if is_recording(path) {
            recordings.push(vec![path.clone()]);
        } else if path
            .extension()
            .is_some_and(|end| end == blockfile::EXTENSION)
        {
            blocks.push(path.clone());
        } else {
            bail!(
                "{}: expected a .blk file or a recording (.jsonl or .jsonl.gz), or a folder of either",
                path.display()
            );
        }
    }
    match (blocks.is_empty(), recordings.as_slice()) {
        (false, []) => Ok(Source::Blocks(blocks)),
        (true, [recording]) => Ok(Source::Recording(recording.clone())),
        _ => bail!("expected either block files or one recording"),
    }
}

/// Waits for a subscriber, plays, and then stays up unless `exit` is set.
async fn run<P, F>(
    player: Player,
    mut listeners: watch::Receiver<bool>,
    exit: bool,
    play: P,
) -> anyhow::Result<()>
where
    P: FnOnce(Player) -> F,
    F: Future<Output = anyhow::Result<(Player, Go)>>,
{
    tracing::info!("waiting for a subscriber to rawtx");
    let shutdown = player.shutdown.clone();
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        subscribed = listeners.wait_for(|subscribed| *subscribed) => {
            subscribed.context("the ZMQ publisher has ended")?;
        }
    }
    player.enter(State::Playing);
    let (mut player, go) = play(player).await?;
    if go == Go::Down || exit {
        return Ok(());
    }
    player.enter(State::Ended);
    tracing::info!("all is played; the stand-in stays up");
    let time = player.node.status().time;
    player.rest(time, std::future::pending()).await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let blocks = paths(&["a.blk", "b.blk"]);
        assert_eq!(sort_paths(&blocks).unwrap(), Source::Blocks(blocks));
        let recording = sort_paths(&paths(&["x.jsonl.gz"])).unwrap();
        assert_eq!(recording, Source::Recording(vec!["x.jsonl.gz".into()]));
        for names in [
            &["a.blk", "x.jsonl"][..],
            &["x.jsonl", "y.jsonl"],
            &["z.txt"],
        ] {
            let error = sort_paths(&paths(names)).unwrap_err().to_string();
            assert!(error.contains("expected"), "{error}");
        }
    }
}
