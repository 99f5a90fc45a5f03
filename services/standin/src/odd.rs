//! Messages that no node should send, for tests of subscribers.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Witness};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use satscope_bitcoin::frame::MAX_BODY_BYTES;

/// Multipart messages to put between good ones: parts missing or too many, a wrong topic, a counter of the wrong size,
/// truncated transactions, trailing bytes, random bytes, a transaction of almost 4 MB and one longer than any block.
/// The same seed gives the same messages.
pub fn odd_frames(seed: u64) -> Vec<Vec<Vec<u8>>> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let good = serialize(&transaction(rng, 107));
    let mut frames = vec![
        vec![b"rawtx".to_vec()],
        vec![b"rawtx".to_vec(), good.clone()],
        vec![b"rawtx".to_vec(), good.clone(), vec![0; 4], vec![0]],
        vec![Vec::new(), Vec::new(), Vec::new()],
        message(b"rawtxt", good.clone()),
        message(b"rawt", good.clone()),
        vec![b"rawtx".to_vec(), good.clone(), vec![0; 3]],
        message(b"rawtx", Vec::new()),
        message(b"rawtx", [good.clone(), vec![0]].concat()),
        message(
            b"rawtx",
            serialize(&transaction(rng, MAX_BODY_BYTES - 1000)),
        ),
        message(b"rawtx", vec![0; MAX_BODY_BYTES + 1]),
        message(b"rawblock", good.clone()),
        message(b"sequence", vec![0; 32]),
        message(b"sequence", vec![b'X'; 41]),
        message(b"sequence", vec![b'A'; 40]),
    ];
    for _ in 0..20 {
        let length = rng.random_range(1..good.len());
        frames.push(message(b"rawtx", good[..length].to_vec()));
        let mut noise = vec![0; rng.random_range(0..600)];
        rng.fill_bytes(&mut noise);
        let topic: &[u8] = if rng.random_bool(0.5) {
            b"rawtx"
        } else {
            b"sequence"
        };
        frames.push(message(topic, noise));
    }
    frames
}

fn message(topic: &[u8], body: Vec<u8>) -> Vec<Vec<u8>> {
    vec![topic.to_vec(), body, vec![0; 4]]
}

/// One input, whose witness has that many bytes, and one output.
fn transaction(rng: &mut ChaCha8Rng, witness_bytes: usize) -> Transaction {
    let mut txid = [0; 32];
    rng.fill_bytes(&mut txid);
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(bitcoin::hashes::Hash::from_byte_array(txid), 0),
            witness: Witness::from_slice(&[vec![7; witness_bytes]]),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(51_234),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_bitcoin::frame::{Frame, SequenceEvent, Topic};

    use super::*;
    use crate::tx::Tx;

    /// What a reader makes of a message: nothing, or what it cannot make sense of, or a whole transaction.
    fn readable(parts: Vec<Vec<u8>>) -> bool {
        match Frame::from_parts(parts) {
            Ok(frame) if frame.topic == Topic::RawTx => Tx::decode(frame.body).is_ok(),
            Ok(frame) if frame.topic == Topic::Sequence => {
                SequenceEvent::decode(&frame.body).is_ok()
            }
            Ok(frame) => bitcoin::consensus::deserialize::<bitcoin::Block>(&frame.body).is_ok(),
            Err(_) => false,
        }
    }

    #[test]
    fn all_but_the_large_transaction_are_unreadable() {
        for seed in 0..5 {
            let good: Vec<_> = odd_frames(seed)
                .into_iter()
                .filter(|parts| readable(parts.clone()))
                .collect();
            assert_eq!(good.len(), 1, "seed {seed}");
            assert!(good[0][1].len() > 3_998_000);
        }
        assert_eq!(odd_frames(3), odd_frames(3));
    }
}
