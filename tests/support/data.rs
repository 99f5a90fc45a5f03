//! The public data that some tests need: `$SATSCOPE_DATA`, else `../shared/data` from the project's root.

use std::path::{Path, PathBuf};

/// A file of the data folder; without it the test says that it is skipped and why, and fails under CI.
pub fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SATSCOPE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    found(folder.join(name))
}

/// A file of `tests/fixtures/`, which every clone has.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The contract that the specification fixes for WebSocket messages; it lies beside the data.
pub fn contract() -> Option<PathBuf> {
    found(data("")?.join("../contract/websocket-message.schema.json"))
}

fn found(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    let missing = format!("there is no {}", path.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}, and CI is set");
    println!("SKIPPED: {missing} (SATSCOPE_DATA says where the data is)");
    None
}

/// A block whose price is known.
#[derive(Clone, Debug)]
pub struct LabelledBlock {
    pub file: PathBuf,
    pub height: u64,
    /// Of its header, by UTC.
    pub year: u32,
    /// The exchange price at its time, USD for one BTC.
    pub reference_price_usd: f64,
}

/// All of `blocks/blocks.csv`, oldest first.
pub fn labelled_blocks() -> Option<Vec<LabelledBlock>> {
    let table = data("blocks/blocks.csv")?;
    let folder = table.parent().unwrap().to_owned();
    let text = std::fs::read_to_string(&table).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (file, height, utc, price) = (
        column("file"),
        column("height"),
        column("utc"),
        column("reference_price_usd"),
    );
    let blocks = lines.map(|line| LabelledBlock {
        file: folder.join(line[file]),
        height: line[height].parse().unwrap(),
        year: line[utc][..4].parse().unwrap(),
        reference_price_usd: line[price].parse().unwrap(),
    });
    Some(blocks.collect())
}
