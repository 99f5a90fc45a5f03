//! A pack of a history: whatever its bytes are, it is refused and changes nothing, or its rows are taken in as unverified.
//!
//! The packs are written here byte by byte from the table in `docs/history.md`, so that the table and the reader agree.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bitcoin::constants::genesis_block;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{BlockHash, Network};
use flate2::{Compression, write::GzEncoder};
use satscope_historian::node::CoreNode;
use satscope_historian::pack::{MOST_UNPACKED, PackReader, Taken, import};
use satscope_historian::store::{
    Identity, PeriodRow, PeriodState, ROW_BYTES, Store, StoredPeriod, Trust, digest, row_of_bytes,
};
use tempfile::TempDir;

/// The model of the history and of the packs.
const MODEL: u32 = 1;
/// Blocks of a period.
const BLOCKS: usize = 2016;
const CHAIN: &str = "regtest";
/// Bytes before the first period: magic, format, name with its length, kind, first block, and model.
const HEAD: usize = 8 + 2 + 1 + CHAIN.len() + 1 + 32 + 4;
/// Bytes of a period before its rows, of which the lock is empty: number, digest, and length of the lock.
const PERIOD_HEAD: usize = 4 + 32 + 2;
/// Bytes of a period with an empty lock.
const PERIOD: usize = PERIOD_HEAD + BLOCKS * ROW_BYTES;
/// The periods of a sound pack.
const PERIODS: [u32; 2] = [0, 1];
/// The one of them that the history has from the node's blocks.
const OWN: u32 = 1;

/// The bit of an input's first byte by which each period gets the digest of its changed rows.
pub const TRUE_DIGESTS: u8 = 1;
/// The bit by which the unpacked bytes are cut off, or filled up with zeros.
pub const RESIZED: u8 = 2;

/// The history that packs are taken into; `None` before the first, and after one was taken.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// A pack. If the first byte is 0, the rest is the file. Otherwise the file is a sound pack with changes: after 4 bytes with the
/// new length, if [`RESIZED`] is set, each 5 bytes are a place and the value of the byte there.
pub fn pack(input: &[u8]) {
    let file = match input {
        [] => return,
        [0, file @ ..] => file.to_vec(),
        [kind, changes @ ..] => changed(*kind, changes),
    };
    read(&file);
    take(&file);
}

/// Reads a pack to its end, or to the first error.
fn read(file: &[u8]) {
    let Ok(mut pack) = PackReader::new(file) else {
        return;
    };
    let head = pack.head().clone();
    let (mut before, mut unpacked) = (None, 0);
    while let Some(Ok(sealed)) = pack.next() {
        assert!(before < Some(sealed.row.period), "periods out of order");
        before = Some(sealed.row.period);
        assert_eq!(sealed.rows.len(), BLOCKS);
        let first = sealed.row.first_height();
        let found = digest(head.identity.genesis, head.model, first, &sealed.rows);
        assert_eq!(found, sealed.digest);
        unpacked += PERIOD + sealed.row.lock.len();
        assert!(unpacked as u64 <= MOST_UNPACKED, "{unpacked} bytes");
    }
    assert!(pack.next().is_none(), "nothing follows an error or the end");
}

/// Takes a pack into the history without an expected hash.
fn take(file: &[u8]) {
    let mut held = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = held.take().unwrap_or_else(Kept::new);
    let pack = kept.folder.path().join("pack");
    fs::write(&pack, file).unwrap();
    let before = kept.files();
    let node = Err::<CoreNode, _>("there is none".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let taken =
        runtime
            .unwrap()
            .block_on(import(&pack, &kept.state(), None, node, MODEL, u64::MAX));
    match taken {
        Ok(taken) => kept.has(&taken),
        Err(refused) => {
            assert!(kept.files() == before, "changed, and refused: {refused}");
            *held = Some(kept);
        }
    }
}

/// A folder with a history of a stand-in, of which one period was read from blocks.
struct Kept {
    folder: TempDir,
    own: StoredPeriod,
}

impl Kept {
    fn new() -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let path = history(folder.path());
        let (mut writer, readers) = Store::open(&path, &identity()).unwrap();
        let row = PeriodRow {
            period: OWN,
            state: PeriodState::Final,
            model: MODEL,
            lock: Vec::new(),
            disputed: false,
        };
        let block = |height| row_of_bytes(height, MODEL, &row_bytes()).unwrap();
        let rows: Vec<_> = (row.first_height()..=row.last_height())
            .map(block)
            .collect();
        writer.put_period(&row, &rows).unwrap();
        let own = readers.period(OWN).unwrap().unwrap();
        Kept { folder, own }
    }

    fn state(&self) -> PathBuf {
        state(self.folder.path())
    }

    /// The files in the folder of the history, with their bytes. SQLite's locks are no content, and neither is an empty log, both of
    /// which each reader makes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let listed = fs::read_dir(self.state()).unwrap();
        let files = listed.map(|entry| {
            let path = entry.unwrap().path();
            (path.clone(), fs::read(path).unwrap())
        });
        let is_content = |(path, bytes): &(PathBuf, Vec<u8>)| {
            let name = path.to_string_lossy();
            let is_made_by_readers =
                name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty();
            !is_made_by_readers
        };
        files.filter(is_content).collect()
    }

    /// Asserts what must hold after a pack was taken: rows that nothing vouches for say so, and own rows stay.
    fn has(&self, taken: &Taken) {
        assert_eq!(taken.trust, Trust::Unverified);
        let imported = taken.imported;
        let all = imported.written + imported.same + imported.kept;
        assert_eq!(all, taken.periods);
        let readers = Store::read(&history(self.folder.path())).unwrap();
        readers.check().unwrap();
        for stored in readers.periods().unwrap() {
            match stored.row.period {
                OWN => assert_eq!(stored, self.own),
                _ => assert_eq!(stored.trust, Trust::Unverified),
            }
        }
    }
}

fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

fn history(folder: &Path) -> PathBuf {
    state(folder).join(Store::file_name(CHAIN, true))
}

fn identity() -> Identity {
    Identity {
        chain: CHAIN.to_owned(),
        genesis: genesis(),
        simulated: true,
    }
}

fn genesis() -> BlockHash {
    genesis_block(Network::Regtest).block_hash()
}

/// The unpacked bytes of a sound pack of `PERIODS`.
pub fn sound() -> Vec<u8> {
    let mut bytes = b"SATSPACK".to_vec();
    bytes.extend(1_u16.to_le_bytes());
    bytes.push(u8::try_from(CHAIN.len()).unwrap());
    bytes.extend(CHAIN.as_bytes());
    bytes.push(1);
    bytes.extend(genesis().as_byte_array());
    bytes.extend(MODEL.to_le_bytes());
    assert_eq!(bytes.len(), HEAD);
    for (nth, number) in PERIODS.into_iter().enumerate() {
        bytes.extend(number.to_le_bytes());
        bytes.extend([0; 32 + 2]);
        assert_eq!(bytes.len(), rows_of(nth));
        bytes.extend(row_bytes().repeat(BLOCKS));
    }
    give_digests(&mut bytes);
    bytes
}

/// A block with a price, the same at each height.
fn row_bytes() -> [u8; ROW_BYTES] {
    let mut bytes = genesis().as_byte_array().to_vec();
    for number in [1_600_000_000_u64, 6_000_000, 5_990_000, 6_010_000] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(900_u16.to_le_bytes());
    bytes.extend(312_u32.to_le_bytes());
    bytes.try_into().unwrap()
}

/// Gives each whole period of a pack with empty locks the digest of its rows.
fn give_digests(bytes: &mut [u8]) {
    let Some((head, periods)) = bytes.split_at_mut_checked(HEAD) else {
        return;
    };
    // The chain's first block and the model stand at the end of the head.
    let context = &head[HEAD - 36..];
    for period in periods.chunks_exact_mut(PERIOD) {
        let (number, rest) = period.split_first_chunk_mut::<4>().unwrap();
        let first = u32::from_le_bytes(*number).wrapping_mul(2016);
        let rows = &rest[PERIOD_HEAD - 4..];
        let all = [context, &first.to_le_bytes(), rows].concat();
        rest[..32].copy_from_slice(sha256::Hash::hash(&all).as_byte_array());
    }
}

/// A sound pack with changes, compressed.
fn changed(kind: u8, mut changes: &[u8]) -> Vec<u8> {
    let mut bytes = sound();
    if kind & RESIZED != 0
        && let Some((length, rest)) = changes.split_first_chunk::<4>()
    {
        bytes.resize(place(*length, 2 * bytes.len()), 0);
        changes = rest;
    }
    while let Some((at, [value, rest @ ..])) = changes.split_first_chunk::<4>() {
        let at = place(*at, bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *value;
        }
        changes = rest;
    }
    if kind & TRUE_DIGESTS != 0 {
        give_digests(&mut bytes);
    }
    gzip(&bytes)
}

/// A number below `length`, or 0.
fn place(number: [u8; 4], length: usize) -> usize {
    let number = u32::from_le_bytes(number) as usize;
    number.checked_rem(length).unwrap_or(0)
}

/// One gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Where the rows of the sound pack's period number `nth`, counted from 0, begin among its unpacked bytes.
pub fn rows_of(nth: usize) -> usize {
    HEAD + nth * PERIOD + PERIOD_HEAD
}
