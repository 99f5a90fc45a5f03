//! Scripts, signatures and witnesses that look like the real ones: right shapes and sizes, random content.

use bitcoin::opcodes::all::{OP_CHECKSIG, OP_ENDIF, OP_IF, OP_RETURN};
use bitcoin::opcodes::{OP_0, OP_FALSE};
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{ScriptBuf, Witness};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// A kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Pay to witness public key hash (BIP 141).
    P2wpkh,
    /// Pay to taproot (BIP 341).
    P2tr,
    /// Pay to public key hash.
    P2pkh,
    /// Pay to script hash (BIP 16).
    P2sh,
}

/// How many of 100 addresses are of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Mix(pub [(Address, u32); 4]);

impl Mix {
    /// The mix in the outputs of recent blocks.
    pub const NOW: Mix = Mix([
        (Address::P2wpkh, 56),
        (Address::P2tr, 16),
        (Address::P2pkh, 15),
        (Address::P2sh, 13),
    ]);

    /// Draws a kind with the probability of its share.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Address {
        let mut left: u32 = rng.random_range(0..100);
        for (address, share) in self.0 {
            if left < share {
                return address;
            }
            left -= share;
        }
        Address::P2sh
    }
}

impl Address {
    /// The script that an output to a new address of this kind carries.
    pub fn script(self, rng: &mut ChaCha8Rng) -> ScriptBuf {
        let (begin, hash_bytes, end) = self.around_hash();
        let mut script = Vec::with_capacity(begin.len() + hash_bytes + end.len());
        script.extend(begin);
        match hash_bytes {
            32 => script.extend(bytes::<32>(rng)),
            _ => script.extend(bytes::<20>(rng)),
        }
        script.extend(end);
        ScriptBuf::from_bytes(script)
    }

    /// The script's bytes before the hash or key, the length of that, and the bytes after it. They are written out here,
    /// because allocating small scripts would take most of the time of making a long past.
    fn around_hash(self) -> (&'static [u8], usize, &'static [u8]) {
        match self {
            // OP_0, push of 20.
            Address::P2wpkh => (&[0x00, 0x14], 20, &[]),
            // OP_1, push of 32.
            Address::P2tr => (&[0x51, 0x20], 32, &[]),
            // OP_DUP, OP_HASH160, push of 20; OP_EQUALVERIFY, OP_CHECKSIG.
            Address::P2pkh => (&[0x76, 0xa9, 0x14], 20, &[0x88, 0xac]),
            // OP_HASH160, push of 20; OP_EQUAL.
            Address::P2sh => (&[0xa9, 0x14], 20, &[0x87]),
        }
    }

    /// The script and witness of an input that spends such an output. Script hashes hide a P2WPKH.
    pub fn unlock(self, rng: &mut ChaCha8Rng) -> (ScriptBuf, Witness) {
        match self {
            Address::P2wpkh => (ScriptBuf::new(), key_witness(rng)),
            Address::P2tr => (ScriptBuf::new(), Witness::from_slice(&[bytes::<64>(rng)])),
            Address::P2pkh => {
                let signature = signature(rng);
                let mut script = Vec::with_capacity(signature.len() + 35);
                script.push(signature.len() as u8);
                script.extend(signature);
                script.push(33);
                script.extend(public_key(rng));
                (ScriptBuf::from_bytes(script), Witness::new())
            }
            Address::P2sh => {
                let program = Address::P2wpkh.script(rng);
                let script = Builder::new().push_slice(push(program.as_bytes()));
                (script.into_script(), key_witness(rng))
            }
        }
    }
}

/// An output script that carries `length` bytes of data, at most 80.
pub fn op_return(rng: &mut ChaCha8Rng, length: usize) -> ScriptBuf {
    Builder::new()
        .push_opcode(OP_RETURN)
        .push_slice(push(&data(rng, length.min(80))))
        .into_script()
}

/// The witness of an input that reveals an inscription of `length` bytes by a taproot script path.
pub fn inscription_witness(rng: &mut ChaCha8Rng, length: usize) -> Witness {
    let mut script = Builder::new()
        .push_slice(bytes::<32>(rng))
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_FALSE)
        .push_opcode(OP_IF)
        .push_slice(*b"ord")
        .push_slice([1])
        .push_slice(*b"text/plain;charset=utf-8")
        .push_opcode(OP_0);
    for chunk in data(rng, length).chunks(520) {
        script = script.push_slice(push(chunk));
    }
    let script = script.push_opcode(OP_ENDIF).into_script();
    let mut control = bytes::<33>(rng);
    control[0] = 0xc0 | (control[0] & 1);
    Witness::from_slice(&[&bytes::<64>(rng)[..], script.as_bytes(), &control])
}

/// Random bytes.
pub fn bytes<const N: usize>(rng: &mut ChaCha8Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn data(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn key_witness(rng: &mut ChaCha8Rng) -> Witness {
    let signature = signature(rng);
    Witness::from_slice(&[&signature[..], &public_key(rng)])
}

fn public_key(rng: &mut ChaCha8Rng) -> [u8; 33] {
    let mut key = bytes::<33>(rng);
    key[0] = 2 + (key[0] & 1);
    key
}

/// An ECDSA signature in DER (BIP 66) with a low S (BIP 146) and the byte SIGHASH_ALL: 71 or 72 bytes.
fn signature(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let r = bytes::<32>(rng);
    let mut s = bytes::<32>(rng);
    s[0] = s[0] & 0x3f | 0x01;
    let sign_byte: &[u8] = if r[0] >= 0x80 { &[0] } else { &[] };
    let (r_length, length) = (32 + sign_byte.len(), 68 + sign_byte.len());
    let mut signature = Vec::with_capacity(length + 3);
    signature.extend([0x30, length as u8, 0x02, r_length as u8]);
    signature.extend(sign_byte);
    signature.extend(r);
    signature.extend([0x02, 32]);
    signature.extend(s);
    signature.push(0x01);
    signature
}

/// Bytes to push; those made here are far shorter than the longest that a script can push (4 GiB).
fn push(bytes: &[u8]) -> PushBytesBuf {
    PushBytesBuf::try_from(bytes.to_vec()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::PublicKey;
    use bitcoin::ecdsa::Signature;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn scripts_are_of_their_kind() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        assert!(Address::P2wpkh.script(rng).is_p2wpkh());
        assert!(Address::P2tr.script(rng).is_p2tr());
        assert!(Address::P2pkh.script(rng).is_p2pkh());
        assert!(Address::P2sh.script(rng).is_p2sh());
        assert!(op_return(rng, 30).is_op_return());
    }

    #[test]
    fn signatures_are_der() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let (_, witness) = Address::P2wpkh.unlock(rng);
            assert!(Signature::from_slice(&witness[0]).is_ok());
            assert!(witness[1].len() == 33 && matches!(witness[1][0], 2 | 3));
        }
        let key = PublicKey::from_slice(&public_key(rng));
        assert!(key.is_ok() || key.is_err_and(|error| error.to_string().contains("secp256k1")));
    }

    #[test]
    fn inscriptions_have_the_size_asked_for() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let size = inscription_witness(rng, 5000).size();
        assert!((5000..5300).contains(&size), "{size}");
        assert!(inscription_witness(rng, 100).size() < 500);
    }
}
