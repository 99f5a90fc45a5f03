//! The model's answers to a reading.

use bitcoin::{BlockHash, Txid};
use satscope_bitcoin::rpc::{BlockHeader, BlockchainInfo, MempoolListing};
use satscope_log::WINDOW_MS;

use super::node::{Mined, ModelNode};
use crate::resync::ask::{Branch, EntryTime, Moment, Question, Step};

/// The answer of the node, in its state now, to a question of a reading.
pub fn answer_of(question: Question, node: &ModelNode) -> Step {
    match question {
        Question::Moment { .. } => Step::Moment(Moment {
            info: BlockchainInfo {
                chain: "main".to_owned(),
                blocks: node.chain.len() as u32,
                headers: None,
                best_block_hash: node.tip(),
                initial_block_download: node.is_downloading,
                prune_height: None,
                verification_progress: 0.5,
            },
            listing: MempoolListing {
                txids: node.mempool.keys().copied().collect(),
                mempool_sequence: node.number,
            },
            is_loaded: !node.is_loading,
            standin_ms: None,
        }),
        Question::Branch { tip, known, now_ms } => Step::Branch(branch(tip, &known, now_ms, node)),
        Question::Block(header, _) => {
            Step::Block(node.blocks.get(&header.hash).map(Mined::fetched))
        }
        Question::EntryTimes(txids) => {
            let entered = |txid: Txid| {
                let (_, entered_ms) = node.mempool.get(&txid)?;
                Some(EntryTime {
                    txid,
                    entered_ms: *entered_ms,
                    weight: 400_000,
                })
            };
            Step::EntryTimes(txids.into_iter().filter_map(entered).collect())
        }
        Question::Contents(txids) => {
            let content = |txid: Txid| Some(node.mempool.get(&txid)?.0.clone());
            Step::Contents(txids.into_iter().filter_map(content).collect())
        }
    }
}

fn branch(tip: BlockHash, known: &[BlockHash], now_ms: u64, node: &ModelNode) -> Branch {
    let mut missing = Vec::new();
    let mut next = node.blocks.get(&tip);
    let mut meeting = None;
    while let Some(block) = next {
        meeting = known.iter().position(|held| *held == block.hash);
        if meeting.is_some() || block.time * 1000 + WINDOW_MS <= now_ms {
            break;
        }
        missing.push(BlockHeader {
            hash: block.hash,
            height: block.height,
            time: block.time,
            confirmations: 1,
            previous: block.previous,
        });
        next = block
            .previous
            .and_then(|previous| node.blocks.get(&previous));
    }
    missing.reverse();
    let in_chain = |hash: &BlockHash| node.chain.iter().any(|block| block.hash == *hash);
    let met = meeting.map_or_else(
        || known.iter().rposition(in_chain).map_or(0, |at| at + 1),
        |at| at + 1,
    );
    Branch {
        missing,
        abandoned: Some(known[met..].to_vec()),
    }
}
