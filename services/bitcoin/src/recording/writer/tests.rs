//! What is in the folder after each thing that can happen to a writer.
#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;
use crate::{
    frame::Topic,
    recording::{LineContent, Series, files},
};

const NOW: u64 = 1_700_000_000_000;
const ROOMY: RecordingLimits = RecordingLimits {
    file_bytes: 1 << 20,
    total_bytes: 1 << 30,
};

fn frame(counter: u32) -> Frame {
    Frame {
        topic: Topic::RawTx,
        body: counter.to_le_bytes().repeat(20),
        counter,
    }
}

fn writer(folder: &TempDir, limits: RecordingLimits) -> Writer {
    Writer::open(folder.path(), limits).unwrap()
}

/// Counter and stamp of each frame in the folder.
fn frames(folder: &Path) -> Vec<(u32, u64)> {
    let mut series = Series::new(files(folder).unwrap());
    let mut frames = Vec::new();
    while let Some(record) = series.next() {
        let record = record.unwrap();
        if let LineContent::Frame(frame) = record.event {
            let stamp_ms = series.began_ms().unwrap() as f64 + record.t * 1000.0;
            frames.push((frame.counter, stamp_ms.round() as u64));
        }
    }
    frames
}

fn expected(counters: std::ops::Range<u32>) -> Vec<(u32, u64)> {
    counters
        .map(|counter| (counter, NOW + u64::from(counter) * 100))
        .collect()
}

fn add(writer: &mut Writer, counters: std::ops::Range<u32>) {
    for (counter, stamp_ms) in expected(counters) {
        writer.frame(stamp_ms, &frame(counter)).unwrap();
    }
}

#[test]
fn what_was_flushed_is_there_and_the_next_writer_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = writer(&folder, ROOMY);
    add(&mut killed, 0..5);
    assert!(killed.flush().unwrap() > 0);
    assert_eq!(killed.flush().unwrap(), 0);
    add(&mut killed, 5..9);
    drop(killed);
    assert_eq!(frames(folder.path()), expected(0..5));
    let mut next = writer(&folder, ROOMY);
    add(&mut next, 5..9);
    next.finish().unwrap();
    assert_eq!(frames(folder.path()), expected(0..9));
    assert_eq!(files(folder.path()).unwrap().len(), 1);
}

#[test]
fn a_file_cut_at_any_byte_is_gone_on_with_and_loses_no_whole_line() {
    let made = tempfile::tempdir().unwrap();
    let mut whole = writer(&made, ROOMY);
    for counters in [0..3, 3..5, 5..6] {
        add(&mut whole, counters);
        whole.flush().unwrap();
    }
    let file = files(made.path()).unwrap().remove(0);
    let bytes = fs::read(&file).unwrap();
    for length in 0..=bytes.len() {
        let folder = tempfile::tempdir().unwrap();
        let cut = folder.path().join(file.file_name().unwrap());
        fs::write(&cut, &bytes[..length]).unwrap();
        let before = frames(folder.path());
        assert!(expected(0..6).starts_with(&before), "{length}");
        let mut next = writer(&folder, ROOMY);
        add(&mut next, 6..8);
        next.finish().unwrap();
        let after = frames(folder.path());
        assert_eq!(after, [before, expected(6..8)].concat(), "{length}");
        let ending = inspect(BufReader::new(File::open(&cut).unwrap())).unwrap();
        let was_new = files(folder.path()).unwrap().len() == 2;
        assert!(ending == Ending::Whole || was_new, "{length}: {ending:?}");
    }
}

#[test]
fn files_are_bounded_and_so_are_all_together() {
    let folder = tempfile::tempdir().unwrap();
    let limits = RecordingLimits {
        file_bytes: 300,
        total_bytes: 2000,
    };
    fs::write(folder.path().join("not-ours.jsonl"), "").unwrap();
    let mut writer = writer(&folder, limits);
    for counter in 0..200 {
        add(&mut writer, counter..counter + 1);
        writer.flush().unwrap();
    }
    let kept = files(folder.path()).unwrap();
    assert_eq!(kept.len(), writer.files() + 1);
    assert!(kept.len() > 3, "{kept:?}");
    let lengths = kept.iter().map(|file| fs::metadata(file).unwrap().len());
    let lengths: Vec<u64> = lengths.collect();
    // A file is closed behind the member that fills it.
    assert!(lengths.iter().all(|length| *length < 600), "{lengths:?}");
    assert!(lengths.iter().sum::<u64>() <= 2000, "{lengths:?}");
    assert!(folder.path().join("not-ours.jsonl").exists());
    let left = frames(folder.path());
    let first = left[0].0;
    assert!(first > 100);
    assert_eq!(left, expected(first..200));
}

#[test]
fn a_clock_that_was_set_back_begins_a_file_that_sorts_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder, ROOMY);
    writer.frame(NOW, &frame(1)).unwrap();
    writer.frame(NOW - 5000, &frame(2)).unwrap();
    writer.flush().unwrap();
    writer.frame(NOW - 6000, &frame(3)).unwrap();
    writer.finish().unwrap();
    // What was not yet written stays in its file, and is as old as that.
    assert_eq!(frames(folder.path()), [(1, NOW), (2, NOW), (3, NOW - 6000)]);
}

#[test]
fn what_the_disk_did_not_take_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder, ROOMY);
    add(&mut writer, 0..3);
    // Something else stands where the file would be.
    let taken = writer.path.clone();
    fs::create_dir(&taken).unwrap();
    assert!(writer.flush().is_err());
    add(&mut writer, 3..6);
    let error = writer.flush().unwrap_err().to_string();
    assert!(
        error.contains("recording-1700000000000.jsonl.gz: "),
        "{error}"
    );
    fs::remove_dir(&taken).unwrap();
    writer.finish().unwrap();
    assert_eq!(frames(folder.path()), expected(0..6));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _first = writer(&folder, ROOMY);
    let error = Writer::open(folder.path(), ROOMY).unwrap_err().to_string();
    assert!(error.contains("another process records"), "{error}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Writer::open(&file, ROOMY).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}: ", file.display())),
        "{error}"
    );
}

#[test]
fn a_damaged_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("recording-1700000000000.jsonl.gz");
    fs::write(&damaged, "no gzip").unwrap();
    let mut writer = writer(&folder, ROOMY);
    add(&mut writer, 0..1);
    writer.finish().unwrap();
    assert_eq!(fs::read(&damaged).unwrap(), b"no gzip");
    assert_eq!(files(folder.path()).unwrap().len(), 2);
}
