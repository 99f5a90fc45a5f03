//! The fixtures in `tests/fixtures/`: what the whole chain is tested with where no recording of a real node is at hand.
//!
//! `SATSCOPE_WRITE_FIXTURES=1 cargo test --release --workspace --locked --lib fixtures` writes them anew. Without the variable, each
//! is held against what is made here, so that they cannot be changed by hand.

mod blocks;
mod kinds;
mod recording;

use std::path::{Path, PathBuf};

/// What one BTC costs in all of them, USD.
const PRICE_USD: f64 = 60_000.0;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Holds a file against what it should be, or writes it.
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

/// For a file that is what it is.
fn as_it_is(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}
