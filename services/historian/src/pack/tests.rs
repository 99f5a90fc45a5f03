//! Packs of made-up histories: made, verified and taken in, and refused when they are bad.
#![allow(clippy::unwrap_used)]

mod bad;
mod began;
mod imports;
mod places;
mod proofs;
mod times;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU32},
};

use tempfile::TempDir;

use super::{
    PackError, Packed, Taken,
    format::{Head, PackReader, PackWriter},
    import, make,
};
use crate::{
    cpu::Cpu,
    fill::{
        Reread,
        tests::fake::{FakeNode, Sums},
    },
    filler::Means,
    node::Node as _,
    store::{BlockRow, Identity, Readers, SealedPeriod, Store, Tip, Trust, Writer, digest},
};

/// The clock of the tests: years after the last block of the tests' chains, Unix seconds.
const NOW: u64 = 1_800_000_000;
/// The model that the tests read with.
const MODEL: u32 = 1;
/// Blocks of a chain with three final periods: 18 follow the last one.
const TIP: u32 = 3 * 2016 + 17;

fn means(node: &FakeNode) -> Means<FakeNode> {
    let estimator = Sums {
        model: MODEL,
        place: 900,
    };
    Means {
        node: node.clone(),
        cpu: Cpu::new(2).unwrap(),
        estimator: Arc::new(estimator),
        workers: 2,
    }
}

async fn identity(node: &FakeNode) -> Identity {
    Identity {
        chain: "regtest".to_owned(),
        genesis: node.genesis().await.unwrap(),
        simulated: true,
    }
}

/// A folder with a history.
struct Kept {
    folder: TempDir,
    writer: Writer,
    readers: Readers,
}

impl Kept {
    async fn empty(node: &FakeNode) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        let (writer, readers) = Store::open(&path, &identity(node).await).unwrap();
        Kept {
            folder,
            writer,
            readers,
        }
    }

    /// A history with these periods, read from the node one after the other, as a filler reads them.
    async fn filled(node: &FakeNode, periods: &[u32]) -> Kept {
        let mut kept = Kept::empty(node).await;
        let Means {
            node,
            cpu,
            estimator,
            ..
        } = means(node);
        let moment = node.moment().await.unwrap();
        let reread = Reread::new(node, &moment, true, cpu, estimator).unwrap();
        for &period in periods {
            let read = reread
                .read(period, &Arc::new(AtomicU32::new(0)))
                .await
                .unwrap();
            kept.writer.put_period(&read.row, &read.rows).unwrap();
        }
        kept
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn pack(&self, node: &FakeNode) -> (PathBuf, Packed) {
        let file = self.file("pack");
        let packed = make(&self.readers, node, MODEL, &file).await.unwrap();
        (file, packed)
    }
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join(Store::file_name("regtest", true))
}

/// Takes a pack into a folder where no historian writes.
async fn take(
    file: &Path,
    folder: &Path,
    expected: Option<[u8; 32]>,
    node: Option<&FakeNode>,
) -> Result<Taken, PackError> {
    let node = node.cloned().ok_or_else(|| "there is none".to_owned());
    import(file, folder, expected, node, MODEL, NOW).await
}

/// The periods of a pack.
fn periods_of(file: &Path) -> (Head, Vec<SealedPeriod>) {
    let pack = PackReader::open(file).unwrap();
    (pack.head().clone(), pack.map(Result::unwrap).collect())
}

/// Writes a pack of periods, whatever they are.
fn write(file: &Path, head: &Head, periods: &[SealedPeriod]) {
    let mut writer = PackWriter::new(Vec::new(), head).unwrap();
    for sealed in periods {
        writer.add(sealed).unwrap();
    }
    std::fs::write(file, writer.finish().unwrap()).unwrap();
}

/// Changes a block of a period, and gives the period the digest of what it then is.
fn forge(head: &Head, sealed: &mut SealedPeriod, at: usize, change: impl FnOnce(&mut BlockRow)) {
    change(&mut sealed.rows[at]);
    let first = sealed.row.first_height();
    sealed.digest = digest(head.identity.genesis, head.model, first, &sealed.rows);
}

/// All that a history holds of its periods and blocks.
fn contents(path: &Path) -> Vec<String> {
    let readers = Store::read(path).unwrap();
    let mut all: Vec<String> = Vec::new();
    for stored in readers.periods().unwrap() {
        all.push(format!("{stored:?}"));
        let first = stored.row.first_height();
        all.extend(
            (first..first + 2016)
                .map(|height| format!("{:?}", readers.price_of_height(height).unwrap())),
        );
    }
    all
}

fn tip(node: &FakeNode) -> Tip {
    let tip = node.tip();
    Tip {
        height: tip.height,
        hash: tip.hash,
    }
}

fn trusts(readers: &Readers) -> Vec<(u32, Trust)> {
    let stored = readers.periods().unwrap().into_iter();
    stored
        .map(|stored| (stored.row.period, stored.trust))
        .collect()
}
