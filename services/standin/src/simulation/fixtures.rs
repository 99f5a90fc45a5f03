//! The fixtures in `tests/fixtures/`: the data that the whole chain is tested with if there is no recording of a real node.
//!
//! `SATSCOPE_WRITE_FIXTURES=1 cargo test --release --workspace --locked --lib fixtures` writes them anew. Without the variable,
//! each file is compared with a newly made one, so that no file can be changed by hand.

mod blocks;
mod kinds;
mod made_recording;

use std::path::{Path, PathBuf};

/// The price of one BTC in all fixtures, USD.
const PRICE_USD: f64 = 60_000.0;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Compares a file with its newly made content, after `read` has unpacked both; or writes the file.
fn hold(name: &str, made: &[u8], read: impl Fn(&[u8]) -> Vec<u8>) {
    let path = folder().join(name);
    if std::env::var_os("SATSCOPE_WRITE_FIXTURES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let written = std::fs::read(&path).unwrap();
    assert!(
        read(&written) == read(made),
        "{} is not what is made: write it anew with SATSCOPE_WRITE_FIXTURES=1",
        path.display()
    );
}

/// The `read` of a file that is not packed.
fn as_it_is(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}
