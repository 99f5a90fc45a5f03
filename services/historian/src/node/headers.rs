//! The headers of many blocks over RPC: hashes by height, then the raw headers, each checked against the one before it.

use std::ops::Range;

use bitcoin::{BlockHash, hashes::Hash as _};
use satscope_bitcoin::rpc::{Call, Rpc, RpcError, patiently};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    Header, NodeError,
    bytes::{HEADER_BYTES, Hex, hash_of},
};

/// Headers asked for in one request.
const BATCH: u32 = 500;

/// The headers of the best chain's blocks at these heights.
pub async fn headers(rpc: &Rpc, heights: Range<u32>) -> Result<Vec<Header>, NodeError> {
    let mut headers: Vec<Header> = Vec::with_capacity(heights.len());
    let mut from = heights.start;
    while from < heights.end {
        let to = from.saturating_add(BATCH).min(heights.end);
        let hashes = hashes(rpc, from..to).await?;
        let calls = hashes
            .iter()
            .map(|hash| ("getblockheader", json!([hash, false])));
        let raw: Vec<Hex> = all(
            rpc,
            &calls.collect::<Vec<_>>(),
            "a block has left the chain",
        )
        .await?;
        for ((height, hash), raw) in (from..to).zip(hashes).zip(raw) {
            let header = read(height, hash, &raw.0)?;
            if headers
                .last()
                .is_some_and(|before| before.hash != header.previous)
            {
                let changed = format!("block {height} is no child of the one before it");
                return Err(NodeError::Changed(changed));
            }
            headers.push(header);
        }
        from = to;
    }
    Ok(headers)
}

async fn hashes(rpc: &Rpc, heights: Range<u32>) -> Result<Vec<BlockHash>, NodeError> {
    let first = heights.start;
    let calls = heights.map(|height| ("getblockhash", json!([height])));
    let hashes = all(rpc, &calls.collect::<Vec<_>>(), "it has become shorter").await;
    hashes.map_err(|error| match error {
        NodeError::Fault(error) if error.may_be_pruned() => NodeError::Gone(first),
        error => error,
    })
}

/// The results of all calls. A call whose block is absent gives [`NodeError::Changed`] with the words `changed`.
async fn all<T: DeserializeOwned>(
    rpc: &Rpc,
    calls: &[Call],
    changed: &str,
) -> Result<Vec<T>, NodeError> {
    let answers = patiently(async || {
        let answers = rpc.batch(calls).await?;
        // A passing fault of one answer counts as a fault of the whole batch.
        let is_passing =
            |answer: &Result<T, RpcError>| answer.as_ref().is_err_and(RpcError::is_passing);
        match answers.iter().position(is_passing) {
            Some(at) => answers
                .into_iter()
                .nth(at)
                .map_or(Ok(Vec::new()), |answer| answer.map(|_| Vec::new())),
            None => Ok(answers),
        }
    })
    .await?;
    let result = |answer: Result<T, RpcError>| {
        answer.map_err(|error| match error.is_absence() || error.is_beyond_tip() {
            true => NodeError::Changed(changed.to_owned()),
            false => NodeError::Fault(error),
        })
    };
    answers.into_iter().map(result).collect()
}

/// Decodes a raw header, which must have this hash. Source: Core, `src/primitives/block.h`.
///
/// # Errors
/// When the length or the hash is another.
pub fn read(height: u32, hash: BlockHash, raw: &[u8]) -> Result<Header, NodeError> {
    let unreadable = |reason: String| RpcError::Answer {
        method: "getblockheader",
        reason,
    };
    let raw: &[u8; HEADER_BYTES] = raw
        .try_into()
        .map_err(|_| unreadable(format!("{} bytes; expected {HEADER_BYTES}", raw.len())))?;
    let found = hash_of(raw);
    if found != hash {
        return Err(unreadable(format!("the header of {found} in place of {hash}")).into());
    }
    let (_, from_previous) = raw.split_at(4);
    let mut previous = [0; 32];
    previous.copy_from_slice(&from_previous[..32]);
    let mut time = [0; 4];
    time.copy_from_slice(&raw[68..72]);
    Ok(Header {
        height,
        hash,
        previous: BlockHash::from_byte_array(previous),
        time: u32::from_le_bytes(time).into(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_header_is_read_and_held_to_its_hash() {
        let header = bitcoin::constants::genesis_block(bitcoin::Network::Bitcoin).header;
        let raw = bitcoin::consensus::serialize(&header);
        let hash = header.block_hash();
        let read_back = read(0, hash, &raw).unwrap();
        assert_eq!(
            read_back,
            Header {
                height: 0,
                hash,
                previous: BlockHash::all_zeros(),
                time: 1_231_006_505
            }
        );
        let other = read(0, BlockHash::all_zeros(), &raw).unwrap_err();
        assert!(
            other.is_fault() && other.to_string().contains("in place of"),
            "{other}"
        );
        assert!(
            read(0, hash, &raw[..79])
                .unwrap_err()
                .to_string()
                .contains("79 bytes")
        );
    }
}
