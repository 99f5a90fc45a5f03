//! The accuracy that was reached, as floors: a lower accuracy fails the tests. `docs/ACCURACY.md` has the figures
//! themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use crate::blocks::{BlocksArgs, parsed};
use crate::history::{HistoryArgs, Summaries};
use crate::input::Progress;
use crate::outputs::OutputsArgs;
use crate::periods::PeriodsArgs;
use crate::report::{Format, Report};
use crate::summary::Summary;
use crate::{blocks, history, outputs, periods};

/// The folder of shared data; `None`, after printing SKIPPED, if it is missing.
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

/// The accuracy with which the blocks of a folder are read under these options.
fn blocks_of(data: &Path, folder: &str, arguments: &[&str]) -> Summary {
    let args = BlocksArgs {
        dirs: vec![data.join(folder)],
        options: parsed(arguments).unwrap(),
        format: Format::Csv,
    };
    let (summary, unread) = blocks::summarise(&args, silent(), &Progress::new()).unwrap();
    println!("{folder} {arguments:?}: {summary}");
    assert_eq!(unread, 0);
    summary
}

const TRUSTED: &str = "of the prices, confidence 0.5 or more";
const WRONG: &str = "of those, wrong by more than 2 %";
const INSIDE: &str = "of the prices, in the 90 % interval";

#[test]
fn single_blocks_cold() {
    let Some(data) = data() else { return };
    let summary = blocks_of(&data, "blocks", &[]);
    within(&summary, "within 2 %", 97.0, 100.0);
    within(&summary, "within 0.5 %", 95.0, 100.0);
    within(&summary, "absolute error, median", 0.0, 0.10);
    within(&summary, WRONG, 0.0, 0.0);
    within(&summary, TRUSTED, 77.0, 100.0);
    within(&summary, INSIDE, 86.0, 97.0);
    within(&summary, "bias (median of the errors)", -0.05, 0.05);
}

#[test]
fn blocks_spread_over_ten_minutes_and_in_parts() {
    let Some(data) = data() else { return };
    let summary = blocks_of(&data, "blocks", &["--spread", "10"]);
    within(&summary, "within 0.5 %", 90.0, 100.0);
    within(&summary, WRONG, 0.0, 0.0);
    within(&summary, INSIDE, 85.0, 95.0);
    let halves = blocks_of(&data, "blocks", &["--halves", "2"]);
    within(&halves, WRONG, 0.0, 0.0);
    within(&halves, INSIDE, 85.0, 95.0);
}

#[test]
fn payments_less_or_plus_a_fee_are_read_or_doubted() {
    let Some(data) = data() else { return };
    for share in ["0.1", "0.4"] {
        for percent in ["-3.5", "-2.35", "-1.2", "1.2", "2.35", "3.5"] {
            let moved = format!("--move={share},{percent}");
            let summary = blocks_of(&data, "blocks", &[&moved]);
            let wrong = summary.figure(WRONG).unwrap_or(0.0);
            assert!(wrong < f64::EPSILON, "{moved}: {wrong} %");
        }
    }
}

#[test]
fn early_blocks_are_never_trusted_alone_and_read_four_at_a_time() {
    let Some(data) = data() else { return };
    within(&blocks_of(&data, "blocks-2015", &[]), TRUSTED, 0.0, 0.0);
    let four = blocks_of(&data, "blocks-2015", &["--pool", "4"]);
    within(&four, "within 2 %", 95.0, 100.0);
    within(&four, TRUSTED, 40.0, 100.0);
    within(&four, WRONG, 0.0, 0.0);
    within(&four, INSIDE, 85.0, 97.0);
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
    within(&summary, WRONG, 0.0, 0.2);
    within(&summary, INSIDE, 87.0, 95.0);
    within(&summary, "bias (median of the errors)", -0.05, 0.05);
}

/// The days turned into blocks.
#[test]
fn blocks_of_the_past_by_days() {
    let Some(data) = data() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("days"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "gz"));
    files.sort();
    let args = HistoryArgs {
        files,
        prices: Some(data.join("prices/btcusdt_binance_30m_2020-09_2025-09.csv.gz")),
        live: false,
        from_hour: 0,
        format: Format::Csv,
    };
    let (Summaries { past, .. }, unread) = history::summarise(&args, silent()).unwrap();
    assert_eq!(unread, 0);
    within(&past, "absolute error, median", 0.0, 0.075);
    within(&past, "… p99", 0.0, 0.6);
    within(&past, WRONG, 0.0, 0.2);
    within(&past, INSIDE, 90.0, 98.0);
}

/// A period of each year made of labelled blocks.
#[test]
fn periods_from_nothing() {
    let Some(data) = data() else { return };
    for (years, median, wrong) in [("2016-2017", 0.35, 0.2), ("2023-2024", 0.12, 0.0)] {
        let args = PeriodsArgs {
            dirs: vec![data.join("blocks"), data.join("blocks-2015")],
            seed: 1,
            years: Some(years.parse().unwrap()),
            format: Format::Csv,
        };
        let (summaries, unread) = periods::summarise(&args, silent(), &Progress::new()).unwrap();
        println!("{summaries}");
        assert_eq!(unread, 0);
        assert!(
            summaries.years.values().all(|year| year.locked),
            "{summaries}"
        );
        within(&summaries.all, "absolute error, median", 0.0, median);
        within(&summaries.all, WRONG, 0.0, wrong);
        within(&summaries.all, INSIDE, 82.0, 98.0);
    }
}
