//! A node whose blocks are read from its files as far as the files have them.

use std::{ops::Range, sync::Arc};

use bitcoin::BlockHash;
use satscope_oracle::past::BlockPayments;

use super::{
    Disk,
    folder::BlockFolder,
    reader::{Run, read_headers, read_run},
};
use crate::{
    fill_metrics::{BLOCKS_READ, BYTES_READ, FROM_FILES},
    node::{Header, Moment, Node, NodeError},
};

/// Blocks that one thread reads in a row.
const ROW: usize = 16;
/// Fewer headers than this are asked of the node: one question is as quick as their places.
const FEW_HEADERS: u32 = 32;

/// The node, and its block files if they are to be read.
#[derive(Clone, Debug)]
pub struct WithDisk<N> {
    /// The node.
    pub node: N,
    /// Its block files; `None` to ask the node for all blocks.
    pub disk: Option<Disk>,
}

impl<N> WithDisk<N> {
    /// The block files, once they were scanned; `None` if they are not to be read, or cannot be.
    async fn open(&self) -> Option<(&Disk, Arc<BlockFolder>)> {
        let disk = self.disk.as_ref()?;
        disk.first_pass().await;
        Some((disk, disk.folder()?))
    }
}

impl<N: Node> Node for WithDisk<N> {
    async fn moment(&self) -> Result<Moment, NodeError> {
        let moment = self.node.moment().await?;
        if let Some(disk) = &self.disk {
            disk.told(&moment);
        }
        Ok(moment)
    }

    async fn genesis(&self) -> Result<BlockHash, NodeError> {
        self.node.genesis().await
    }

    async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, NodeError> {
        self.node.hash_at(height).await
    }

    /// The headers. The node names the last one, and each header names the one before it, so those of the files are the node's.
    async fn headers(&self, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
        if heights.len() as u32 >= FEW_HEADERS
            && let Some((disk, folder)) = self.open().await
            && folder.best().len() >= heights.end as usize
            && let Some(last) = self.node.hash_at(heights.end - 1).await?
        {
            let wanted = heights.clone();
            let read = move || read_headers(&folder, wanted, last);
            if let Some(headers) = disk.0.cpu.run(read).await {
                return Ok(headers);
            }
        }
        self.node.headers(heights).await
    }

    async fn payments(&self, blocks: &[Header]) -> Result<Vec<BlockPayments>, NodeError> {
        let Some((disk, folder)) = self.open().await else {
            return self.node.payments(blocks).await;
        };
        let row = blocks[..blocks.len().min(ROW)].to_vec();
        match disk.0.cpu.run(move || read_run(&folder, &row)).await {
            Run::Found(found, bytes) => {
                BLOCKS_READ.of(&FROM_FILES).increment(found.len() as u64);
                BYTES_READ.of(&FROM_FILES).increment(bytes);
                Ok(found)
            }
            Run::Missing(count) => self.node.payments(&blocks[..count.min(blocks.len())]).await,
        }
    }
}
