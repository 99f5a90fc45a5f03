//! The accuracy that was reached, as floors: what falls below them fails. `ACCURACY.md` has the figures themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use crate::blocks::{BlocksArgs, Options};
use crate::input::Progress;
use crate::outputs::OutputsArgs;
use crate::report::{Format, Report};
use crate::summary::Summary;
use crate::{blocks, outputs};

/// The folder of shared data; none, and said so, where it is missing.
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SATSCOPE_DATA").map_or(beside, PathBuf::from);
    if folder.join("blocks").is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no data in {}",
        folder.display()
    );
    println!("SKIPPED: no data in {}", folder.display());
    None
}

fn silent() -> Report {
    Report::new(Format::Csv, Box::new(std::io::sink()))
}

#[track_caller]
fn within(summary: &Summary, name: &str, least: f64, most: f64) {
    let figure = summary.figure(name).expect("the figure is there");
    assert!(
        (least..=most).contains(&figure),
        "{name}: {figure:.3} %, expected {least} to {most}\n{summary}"
    );
}

#[test]
fn single_blocks_cold() {
    let Some(data) = data() else { return };
    let args = BlocksArgs {
        dirs: vec![data.join("blocks")],
        options: Options::default(),
        format: Format::Csv,
    };
    let (summary, unread) = blocks::summarise(&args, silent(), &Progress::new()).unwrap();
    println!("blocks: {summary}");
    assert_eq!(unread, 0);
    within(&summary, "within 2 %", 97.0, 100.0);
    within(&summary, "absolute error, median", 0.0, 0.12);
    within(&summary, "of those, wrong by more than 2 %", 0.0, 1.0);
    within(
        &summary,
        "of the prices, confidence 0.5 or more",
        80.0,
        100.0,
    );
    within(&summary, "of the prices, in the 90 % interval", 84.0, 97.0);
    within(&summary, "bias (median of the errors)", -0.05, 0.05);
}

#[test]
fn days_hourly_from_four() {
    let Some(data) = data() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("days"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".csv.gz"))
        .collect();
    files.sort();
    let args = OutputsArgs {
        files,
        prices: Some(data.join("prices/btcusdt_binance_1h_2021-06_2026-06.csv.gz")),
        every: 3600,
        from_hour: 4,
        format: Format::Csv,
    };
    let (summary, unread) = outputs::summarise(&args, silent()).unwrap();
    println!("days: {summary}");
    assert_eq!(unread, 0);
    within(&summary, "with a price", 100.0, 100.0);
    within(&summary, "absolute error, median", 0.0, 0.08);
    within(&summary, "… p99", 0.0, 0.75);
    within(&summary, "… max", 0.0, 2.4);
    within(&summary, "of those, wrong by more than 2 %", 0.0, 0.2);
    within(&summary, "of the prices, in the 90 % interval", 87.0, 93.0);
    within(&summary, "bias (median of the errors)", -0.05, 0.05);
}
