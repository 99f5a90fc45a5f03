//! The settings of the historian.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use satscope_kit::config::{NodeSettings, socket_address, whole};

/// The most workers that can be set.
const MOST_WORKERS: u32 = 64;

/// Where the historian serves, and how much of the machine it takes.
#[derive(Args, Clone, Debug)]
pub struct HistorianSettings {
    /// Where the historian serves gRPC
    #[arg(
        long,
        env = "SATSCOPE_HISTORIAN_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:50053", value_parser = socket_address
    )]
    pub historian_listen: SocketAddr,

    /// How many periods of 2,016 blocks the historian reads at a time [default: by cores and memory]
    #[arg(
        long,
        env = "SATSCOPE_HISTORIAN_WORKERS",
        value_name = "COUNT",
        value_parser = whole(1..=MOST_WORKERS)
    )]
    pub historian_workers: Option<u32>,

    /// The node's folder of block files (`blk*.dat`), which the historian only reads; `none` to ask the node for all blocks [default: as
    /// the node's files say, if they are found]
    #[arg(
        long,
        env = "SATSCOPE_BLOCKS_DIR",
        value_name = "FOLDER",
        value_parser = blocks_dir
    )]
    pub blocks_dir: Option<BlocksDir>,
}

impl HistorianSettings {
    /// The folder of the node's block files: as it is set, else `found`, as the node's files say; `None` if the files are not to be
    /// read. A stand-in has no such files.
    pub fn blocks_folder<'a>(
        &'a self,
        node: &NodeSettings,
        found: Option<&'a Path>,
    ) -> Option<&'a Path> {
        match &self.blocks_dir {
            _ if node.node_is_standin => None,
            Some(BlocksDir::Folder(folder)) => Some(folder),
            Some(BlocksDir::None) => None,
            None => found,
        }
    }
}

/// The setting of the node's block files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocksDir {
    /// They are not read.
    None,
    /// They lie in this folder.
    Folder(PathBuf),
}

/// Parses the folder of the block files.
fn blocks_dir(text: &str) -> Result<BlocksDir, String> {
    match text {
        "" => Err("expected the node's folder of block files, or none".to_owned()),
        "none" => Ok(BlocksDir::None),
        folder => Ok(BlocksDir::Folder(folder.into())),
    }
}

/// The parts around the historian, and the settings that it shares with other parts of the same process.
#[derive(Clone, Debug)]
pub struct Around {
    /// The node.
    pub node: NodeSettings,
    /// Whether another setting, such as `zmq_endpoint`, says where the node is, so that its files are not looked for.
    pub is_node_set_elsewhere: bool,
    /// Where the analyzer serves gRPC.
    pub analyzer_url: String,
    /// The folder of the history's files; `None` to keep them for the life of this process.
    pub state_dir: Option<PathBuf>,
}
