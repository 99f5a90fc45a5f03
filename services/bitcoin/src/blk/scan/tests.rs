//! Files as Core writes them, and as crashes leave them.
#![allow(clippy::unwrap_used)]

use bitcoin::{Block, consensus::serialize, constants::genesis_block, hashes::Hash as _};
use proptest::prelude::*;

use super::*;
use crate::blk::{block_at, header_at};

const KEYS: [[u8; 8]; 2] = [[0; 8], [0x5a, 1, 0, 0xff, 7, 0xfa, 0xbf, 0xb5]];

fn format(key: [u8; 8]) -> BlkFormat {
    BlkFormat {
        magic: Magic::of_chain("regtest").unwrap(),
        key: XorKey::new(key),
    }
}

/// Blocks in a row on regtest's first one, with that much data in each.
fn blocks(count: usize, data: usize) -> Vec<Block> {
    let mut block = genesis_block(Network::Regtest);
    let mut blocks = Vec::new();
    for number in 0..count {
        block.header.prev_blockhash = block.block_hash();
        block.txdata[0].input[0].script_sig = vec![number as u8; data].into();
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        let target = block.header.target();
        while !target.is_met_by(block.block_hash()) {
            block.header.nonce += 1;
        }
        blocks.push(block.clone());
    }
    blocks
}

/// A file: blocks as Core writes them, or other bytes.
struct Made {
    bytes: Vec<u8>,
    format: BlkFormat,
    /// Offset and hash of each block.
    expected: Vec<(u32, BlockHash)>,
}

impl Made {
    fn new(key: [u8; 8]) -> Made {
        Made {
            bytes: Vec::new(),
            format: format(key),
            expected: Vec::new(),
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Made {
        self.bytes.extend(bytes);
        self
    }

    fn masked(&mut self, bytes: &[u8]) -> &mut Made {
        let mut bytes = bytes.to_vec();
        self.format.key.apply(self.bytes.len() as u64, &mut bytes);
        self.raw(&bytes)
    }

    fn block(&mut self, block: &Block) -> &mut Made {
        let found = (self.bytes.len() as u32, block.block_hash());
        self.expected.push(found);
        self.masked(&framed(block))
    }

    fn scan(&self) -> Scanned {
        let scanned = scan(&self.bytes[..], self.bytes.len() as u64, self.format).unwrap();
        let found: Vec<_> = scanned
            .blocks
            .iter()
            .map(|block| (block.offset, block.hash))
            .collect();
        assert_eq!(found, self.expected);
        scanned
    }
}

fn framed(block: &Block) -> Vec<u8> {
    let bytes = serialize(block);
    let Magic(magic) = format([0; 8]).magic;
    [&magic[..], &(bytes.len() as u32).to_le_bytes(), &bytes].concat()
}

#[test]
fn blocks_are_found_up_to_the_zeros_that_core_reserves() {
    for key in KEYS {
        let mut file = Made::new(key);
        for block in blocks(20, 70) {
            file.block(&block);
        }
        for block in blocks(3, 90_000) {
            file.block(&block);
        }
        file.raw(&vec![0; 20_001]);
        let scanned = file.scan();
        assert_eq!(scanned.foreign, None);
        let previous = scanned.blocks.iter().skip(1).map(|block| block.previous);
        let hashes = file.expected.iter().map(|(_, hash)| *hash);
        assert!(previous.take(19).eq(hashes.take(19)));
    }
}

#[test]
fn a_file_that_only_has_reserved_room_has_no_block_and_is_of_no_other_chain() {
    for key in KEYS {
        for length in [0, 3, 8, 9, 100_000] {
            let scanned = Made::new(key).raw(&vec![0; length]).scan();
            assert_eq!(scanned, Scanned::default(), "{length}");
        }
    }
}

#[test]
fn a_torn_end_is_passed_over() {
    for key in KEYS {
        let made = blocks(2, 5000);
        let torn = framed(&made[1]);
        for cut in [1, 4, 7, 8, 50, 88, 89, torn.len() - 1] {
            let mut file = Made::new(key);
            file.block(&made[0]).masked(&torn[..cut]).scan();
            // Behind a whole header, reserved room looks like the rest of the block, so the reader has to find out.
            if cut < 88 {
                file.raw(&vec![0; 20_000]).scan();
            }
        }
    }
}

#[test]
fn blocks_behind_damaged_bytes_are_found_again() {
    for key in KEYS {
        let made = blocks(3, 6000);
        let mut file = Made::new(key);
        let overwritten = framed(&made[1]);
        // What a newer block has overwritten, and a hole of zeros as a power cut leaves it.
        file.block(&made[0]).masked(&overwritten[300..]);
        file.raw(&[0; 4095]).block(&made[2]);
        file.scan();
    }
}

#[test]
fn blocks_that_begin_within_a_torn_one_are_found() {
    for key in KEYS {
        let mut file = Made::new(key);
        file.block(&blocks(1, 6000)[0]);
        file.bytes.truncate(700);
        for block in &blocks(40, 100) {
            file.block(block);
        }
        assert!(file.bytes.len() > 8000);
        file.scan();
    }
}

#[test]
fn a_header_without_its_work_or_with_an_impossible_length_is_damage() {
    let made = blocks(1, 100);
    let mut other = made[0].clone();
    while other.header.target().is_met_by(other.block_hash()) {
        other.header.nonce += 1;
    }
    let mut easier = made[0].clone();
    easier.header.bits = CompactTarget::from_consensus(0x00ff_ffff);
    let mut longer = framed(&made[0]);
    longer[4..8].copy_from_slice(&4_000_001u32.to_le_bytes());
    for wrong in [framed(&other), framed(&easier), longer] {
        let mut file = Made::new(KEYS[1]);
        file.masked(&wrong).block(&made[0]).scan();
    }
}

#[test]
fn another_chains_file_says_what_it_begins_with() {
    let main = Magic::of_chain("main").unwrap();
    let mut file = Made::new(KEYS[0]);
    let scanned = file.raw(&main.0).raw(&[7; 200]).scan();
    assert_eq!(scanned.foreign, Some(main.0));
    assert_eq!(
        (main.to_string().as_str(), Magic::name_of(main.0)),
        ("f9beb4d9", Some("main"))
    );
    assert_eq!(Magic::of_chain("another"), None);
}

#[test]
fn a_block_and_its_header_are_read_where_they_were_found() {
    for key in KEYS {
        let made = blocks(3, 5000);
        let mut file = Made::new(key);
        for block in &made {
            file.block(block);
        }
        let mut buffer = Vec::new();
        for (block, (offset, _)) in made.iter().zip(file.expected.clone()) {
            let offset = u64::from(offset);
            let found = block_at(&file.bytes[..], offset, file.format, &mut buffer);
            assert_eq!(found.unwrap(), Some(&serialize(block)[..]));
            let header = header_at(&file.bytes[..], offset, file.format).unwrap();
            assert_eq!(header.unwrap().to_vec(), serialize(&block.header));
        }
        let last = u64::from(file.expected[2].0);
        file.bytes.pop();
        for offset in [last, 1, 1 << 30, u64::MAX - 90] {
            let found = block_at(&file.bytes[..], offset, file.format, &mut buffer);
            assert_eq!(found.unwrap(), None, "{offset}");
        }
        assert_eq!(header_at(&file.bytes[..], 1, file.format).unwrap(), None);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail_or_find_what_is_not_there(
        pieces in prop::collection::vec((0..5u8, 1..300usize), 0..20),
        key in any::<[u8; 8]>(),
    ) {
        let made = blocks(1, 10);
        let whole = framed(&made[0]);
        let mut file = Made::new(key);
        for (kind, length) in pieces {
            match kind {
                0 => file.raw(&vec![0; length * 40]),
                1 => file.masked(&whole[..length.min(whole.len())]),
                2 => file.masked(&whole),
                3 => file.masked(&whole[whole.len() - length.min(whole.len())..]),
                _ => file.raw(&vec![0x5a; length]),
            };
        }
        let scanned = scan(&file.bytes[..], file.bytes.len() as u64, file.format).unwrap();
        let mut end = 0;
        let mut buffer = Vec::new();
        for block in &scanned.blocks {
            prop_assert!(block.hash != BlockHash::all_zeros());
            let found = block_at(&file.bytes[..], block.offset.into(), file.format, &mut buffer);
            let found = found.unwrap().map(<[u8]>::len);
            prop_assert!(found.is_some());
            end = u64::from(block.offset) + 8 + found.unwrap() as u64;
        }
        prop_assert!(end <= file.bytes.len() as u64);
    }
}
