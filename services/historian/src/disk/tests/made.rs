//! A chain on regtest, its block files, and a node that knows the chain and counts which blocks it is asked for.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bitcoin::{
    Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Transaction, TxOut, Txid,
    consensus::serialize, constants::genesis_block, hashes::Hash as _,
};
use satscope_bitcoin::blk::XorKey;
use satscope_oracle::past::BlockPayments;
use tempfile::TempDir;

use crate::node::{Header, Moment, Node, NodeError, checked_payments};

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// A block on another, whose payment has these satoshi.
pub fn child(of: &Block, sats: u64) -> Block {
    let mut block = genesis_block(Network::Regtest);
    block.header.prev_blockhash = of.block_hash();
    block.header.time = of.header.time + 600;
    let mut payment = block.txdata[0].clone();
    payment.input[0].previous_output = OutPoint::new(Txid::from_byte_array([7; 32]), 1);
    payment.output = vec![output(sats), output(9_876_543)];
    block.txdata.push(payment);
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    while !block.header.target().is_met_by(block.block_hash()) {
        block.header.nonce += 1;
    }
    block
}

fn output(sats: u64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sats),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
    }
}

/// A chain of this many blocks above the first.
pub fn chain(blocks: u64) -> Vec<Block> {
    let mut chain = vec![genesis_block(Network::Regtest)];
    for number in 0..blocks {
        chain.push(child(&chain[chain.len() - 1], 123_457 + 1000 * number));
    }
    chain
}

/// The transactions that a damaged block has in place of its own.
pub fn other_transactions(block: &Block) -> Vec<Transaction> {
    child(block, 765_433).txdata
}

/// A folder of block files, and a folder for the state.
pub struct Files {
    blocks: TempDir,
    pub state: TempDir,
    key: XorKey,
}

impl Files {
    pub fn new(key: [u8; 8]) -> Files {
        let files = Files {
            blocks: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
            key: XorKey::new(key),
        };
        if key != [0; 8] {
            std::fs::write(files.path().join("xor.dat"), key).unwrap();
        }
        files
    }

    pub fn path(&self) -> &Path {
        self.blocks.path()
    }

    pub fn file(&self, number: u32) -> PathBuf {
        self.path().join(format!("blk{number:05}.dat"))
    }

    fn opened(&self, number: u32) -> File {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        options.open(self.file(number)).unwrap()
    }

    /// Appends bytes, with a mask on them, and makes the file look as if it had been written a minute ago.
    pub fn append(&self, number: u32, bytes: &[u8]) {
        let mut file = self.opened(number);
        let length = file.metadata().unwrap().len();
        let mut bytes = bytes.to_vec();
        self.key.apply(length, &mut bytes);
        file.write_all(&bytes).unwrap();
        settle(&file);
    }

    pub fn write(&self, number: u32, blocks: &[&Block]) {
        for block in blocks {
            self.append(number, &framed(block));
        }
    }

    /// Appends zeros that nothing masks.
    pub fn reserve(&self, number: u32, bytes: u64) {
        let file = self.opened(number);
        file.set_len(file.metadata().unwrap().len() + bytes)
            .unwrap();
        settle(&file);
    }
}

fn settle(file: &File) {
    let before = SystemTime::now() - Duration::from_mins(1);
    file.set_modified(before).unwrap();
}

pub fn framed(block: &Block) -> Vec<u8> {
    let bytes = serialize(block);
    [&MAGIC[..], &(bytes.len() as u32).to_le_bytes(), &bytes].concat()
}

/// A node with a chain. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Known(pub Arc<Mutex<Chain>>);

#[derive(Debug, Default)]
pub struct Chain {
    pub blocks: Vec<Block>,
    /// The heights of the blocks that it was asked for.
    pub asked: Vec<u32>,
    /// The times that it was asked for headers.
    pub headers_asked: u32,
}

impl Known {
    pub fn new(blocks: Vec<Block>) -> Known {
        Known(Arc::new(Mutex::new(Chain {
            blocks,
            ..Chain::default()
        })))
    }

    pub fn header(&self, height: u32) -> Header {
        let block = &self.0.lock().unwrap().blocks[height as usize].header;
        Header {
            height,
            hash: block.block_hash(),
            previous: block.prev_blockhash,
            time: block.time.into(),
        }
    }

    pub fn heads(&self) -> Vec<Header> {
        let count = self.0.lock().unwrap().blocks.len() as u32;
        (0..count).map(|height| self.header(height)).collect()
    }

    /// The heights of the blocks that it was asked for since the last call.
    pub fn asked(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    pub fn payments_of(&self, header: &Header) -> BlockPayments {
        let bytes = serialize(&self.0.lock().unwrap().blocks[header.height as usize]);
        checked_payments(header.hash, &bytes).unwrap()
    }
}

impl Node for Known {
    async fn moment(&self) -> Result<Moment, NodeError> {
        let tip = self.heads().pop().unwrap();
        Ok(Moment {
            chain: "regtest".to_owned(),
            height: tip.height,
            hash: tip.hash,
            downloading: None,
            lowest: None,
        })
    }

    async fn genesis(&self) -> Result<BlockHash, NodeError> {
        Ok(self.header(0).hash)
    }

    async fn hash_at(&self, height: u32) -> Result<Option<BlockHash>, NodeError> {
        Ok(self.heads().get(height as usize).map(|header| header.hash))
    }

    async fn headers(&self, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
        self.0.lock().unwrap().headers_asked += 1;
        Ok(heights.map(|height| self.header(height)).collect())
    }

    async fn payments(&self, blocks: &[Header]) -> Result<Vec<BlockPayments>, NodeError> {
        let found = blocks
            .iter()
            .map(|header| self.payments_of(header))
            .collect();
        let asked = blocks.iter().map(|header| header.height);
        self.0.lock().unwrap().asked.extend(asked);
        Ok(found)
    }
}
