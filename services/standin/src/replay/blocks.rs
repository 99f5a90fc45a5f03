//! Raw block files as a node would have seen them: each transaction enters the mempool, then the block is connected.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network};
use satscope_bitcoin::blockfile::read_block;

use crate::chain::{Block, Chain, Frames};
use crate::player::{Go, Player};
use crate::tx::Tx;

/// Seconds before a block's time over which its transactions enter the mempool.
const SPREAD_SECONDS: f64 = 600.0;
/// Longer silences between blocks are skipped, in seconds.
const LONGEST_GAP_SECONDS: f64 = 3600.0;

/// Block files that were all found to be good, in the order of their blocks' times.
pub struct Blocks {
    files: Vec<PathBuf>,
    start_time: f64,
    /// Hash and height of the first block's parent.
    start: (BlockHash, u32),
}

impl Blocks {
    /// Looks through all files.
    ///
    /// # Errors
    /// The first file that cannot be read or holds no block, and where in it.
    pub fn open(files: Vec<PathBuf>) -> anyhow::Result<Blocks> {
        let mut found = Vec::with_capacity(files.len());
        for file in files {
            let block = load(&file)?;
            found.push((block.time, block.height, block.previous, file));
        }
        found.sort_by_key(|(time, ..)| *time);
        let first = found.first();
        let (time, height, previous) = first.map_or(
            (0, 1, BlockHash::all_zeros()),
            |(time, height, previous, _)| (*time, *height, *previous),
        );
        Ok(Blocks {
            start_time: f64::from(time) - SPREAD_SECONDS,
            start: (previous, height.saturating_sub(1)),
            files: found.into_iter().map(|(.., file)| file).collect(),
        })
    }

    /// When the first transaction enters the mempool, Unix seconds.
    pub fn start_time(&self) -> f64 {
        self.start_time
    }

    /// The chain before the first block.
    pub fn chain(&self) -> Chain {
        let (hash, height) = self.start;
        Chain::new(
            Network::Bitcoin,
            Block::unseen(hash, height, self.start_time as u32),
        )
    }

    /// Plays all blocks.
    ///
    /// # Errors
    /// A file that has changed since it was looked through, or a publisher that has ended.
    pub async fn play(self, mut player: Player) -> anyhow::Result<(Player, Go)> {
        let mut time = self.start_time;
        for file in self.files {
            let block = tokio::task::spawn_blocking(move || load(&file)).await??;
            let block_time = f64::from(block.time).max(time);
            let begin = (block_time - SPREAD_SECONDS).max(time);
            if begin - time > LONGEST_GAP_SECONDS {
                player.clock.set(begin);
            }
            if play_block(&mut player, block, begin, block_time).await? == Go::Down {
                return Ok((player, Go::Down));
            }
            time = block_time;
        }
        Ok((player, Go::On))
    }
}

async fn play_block(player: &mut Player, block: Block, begin: f64, end: f64) -> anyhow::Result<Go> {
    let payments = block.txs.iter().flatten().skip(1);
    let step = (end - begin) / payments.clone().count().max(1) as f64;
    for (number, tx) in payments.enumerate() {
        let time = begin + step * number as f64;
        if player.wait_until(time).await? == Go::Down {
            return Ok(Go::Down);
        }
        let frames = player.node.chain().accept(Arc::clone(tx), time);
        player.publish(time, frames).await?;
    }
    if player.wait_until(end).await? == Go::Down {
        return Ok(Go::Down);
    }
    tracing::info!(height = block.height, hash = %block.hash, "block");
    let frames = connect(player, block);
    player.publish(end, frames).await?;
    Ok(Go::On)
}

fn connect(player: &Player, block: Block) -> Frames {
    let mut frames = player.node.chain().connect(block.clone());
    frames.extend(block.connected_frames(true));
    frames
}

fn load(file: &Path) -> anyhow::Result<Block> {
    let block = read_block(file)?;
    let height = block.bip34_block_height().with_context(|| {
        format!(
            "{}: the coinbase names no height; expected a block of version 2 or later",
            file.display()
        )
    })?;
    let height = u32::try_from(height)?;
    let txs = block.txdata.iter().map(|tx| Tx::new(tx, None)).collect();
    Ok(Block::new(block.header, height, txs))
}
