//! The last three hours as a recording has them, and the times that it does not cover.

use std::{collections::VecDeque, path::Path};

use satscope_bitcoin::{
    frame::Frame,
    recording::{CONNECTED, LineContent, RecordingError, Series, began_ms, files},
};
use satscope_log::WINDOW_MS;
use tracing::warn;

/// Gaps that lie closer together than this count as one, milliseconds.
const TOGETHER_MS: u64 = 60_000;

/// The recording in `folder` from three hours before `now_ms` on. `now_ms` is `None` before a stand-in has said the time; then
/// the start of the last file counts instead.
///
/// # Errors
/// When the folder cannot be read.
pub fn past(folder: &Path, now_ms: Option<u64>) -> Result<PastMessages, RecordingError> {
    let mut chosen = VecDeque::new();
    let mut from_ms = now_ms.map(|now_ms| now_ms.saturating_sub(WINDOW_MS));
    let mut later_ms = u64::MAX;
    for file in files(folder)?.into_iter().rev() {
        let Some(began_ms) = began(&file) else {
            continue;
        };
        // The clock was set back after this file was begun, so its times are of no use here.
        if began_ms > later_ms {
            break;
        }
        later_ms = began_ms;
        chosen.push_front(file);
        let from_ms = *from_ms.get_or_insert(began_ms.saturating_sub(WINDOW_MS));
        if began_ms <= from_ms {
            break;
        }
    }
    Ok(PastMessages {
        series: Series::new(chosen.into()),
        from_ms: from_ms.unwrap_or_default(),
        known: None,
    })
}

fn began(file: &Path) -> Option<u64> {
    began_ms(file).unwrap_or_else(|error| {
        warn!("left out of the recording: {error}");
        None
    })
}

/// The messages of the last three hours, each with its stamp in Unix milliseconds.
pub struct PastMessages {
    series: Series,
    from_ms: u64,
    known: Option<Known>,
}

impl PastMessages {
    /// The times covered by the records taken so far; `None` if there was no record.
    pub fn known(self) -> Option<Known> {
        self.known
    }

    fn take(&mut self, stamp_ms: u64, event: LineContent) -> Option<Frame> {
        let known = self.known.get_or_insert(Known {
            source: "recording",
            from_ms: self.from_ms,
            gaps_ms: vec![(self.from_ms, stamp_ms)],
            until_ms: stamp_ms,
        });
        match event {
            LineContent::Frame(frame) => {
                known.until_ms = stamp_ms;
                Some(frame)
            }
            LineContent::Note { text, .. } if text == CONNECTED => {
                known.gap_until(stamp_ms);
                None
            }
            LineContent::Note { .. } | LineContent::Checkpoint(_) => None,
        }
    }
}

impl Iterator for PastMessages {
    type Item = (u64, Frame);

    fn next(&mut self) -> Option<(u64, Frame)> {
        loop {
            let record = match self.series.next() {
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    warn!("the rest of this file is left out: {error}");
                    self.series.skip_file();
                    continue;
                }
                None => {
                    for torn in self.series.take_torn() {
                        warn!("{torn}");
                    }
                    return None;
                }
            };
            let began_ms = self.series.began_ms().unwrap_or_default() as f64;
            let stamp_ms = (began_ms + record.t * 1000.0).round() as u64;
            if stamp_ms < self.from_ms {
                continue;
            }
            if let Some(frame) = self.take(stamp_ms, record.event) {
                return Some((stamp_ms, frame));
            }
        }
    }
}

/// The times of the window that a journal or a recording covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    source: &'static str,
    from_ms: u64,
    /// The stretches that are not covered, from and to, Unix milliseconds.
    gaps_ms: Vec<(u64, u64)>,
    /// The stamp of the last message.
    until_ms: u64,
}

impl Known {
    /// The times covered by a journal whose newest stamp is `until_ms`, Unix milliseconds.
    pub fn of_journal(until_ms: u64) -> Known {
        Known {
            source: "journal",
            from_ms: until_ms.saturating_sub(WINDOW_MS),
            gaps_ms: Vec::new(),
            until_ms,
        }
    }

    /// Why the picture may be incomplete, now that messages come again.
    pub fn words(mut self, now_ms: u64) -> String {
        self.gap_until(now_ms);
        let gaps = self
            .gaps_ms
            .iter()
            .filter(|(from, to)| from / 60_000 < to / 60_000);
        let gaps: Vec<String> = gaps
            .map(|(from, to)| match *from <= self.from_ms {
                true => format!("before {}", clock(*to)),
                false => format!("from {} to {}", clock(*from), clock(*to)),
            })
            .collect();
        match gaps.as_slice() {
            [] => format!(
                "from the {}; what came in the seconds before now is not known",
                self.source
            ),
            gaps => format!(
                "from the {}; nothing is known {} (UTC)",
                self.source,
                gaps.join(" and ")
            ),
        }
    }

    /// The stamp of the last message, Unix milliseconds.
    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }

    fn gap_until(&mut self, stamp_ms: u64) {
        let gap = (self.until_ms, stamp_ms.max(self.until_ms));
        match self.gaps_ms.last_mut() {
            Some((_, to)) if *to + TOGETHER_MS >= gap.0 => *to = gap.1,
            _ => self.gaps_ms.push(gap),
        }
        self.until_ms = gap.1;
    }
}

/// Hour and minute of the day, UTC.
fn clock(unix_ms: u64) -> String {
    let minutes = unix_ms / 60_000 % (24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_bitcoin::{
        frame::Topic,
        recording::{RecordingLimits, Writer},
    };
    use serde_json::Map;
    use tempfile::TempDir;

    use super::*;

    /// 12:00 UTC of some day.
    const NOON: u64 = 1_700_049_600_000;
    const MINUTE: u64 = 60_000;

    fn frame(counter: u32) -> Frame {
        Frame {
            topic: Topic::RawTx,
            body: vec![1, 2, 3],
            counter,
        }
    }

    /// A recording with a message each minute of these stretches (minutes from noon), each after a connection.
    fn recorded(stretches: &[(u64, u64)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let limits = RecordingLimits::new(2000, 1 << 30);
        let mut writer = Writer::open(folder.path(), limits).unwrap();
        for (start, end) in stretches.iter().copied() {
            let began = NOON + start * MINUTE;
            writer.note(began, CONNECTED, &Map::new()).unwrap();
            for minute in start..end {
                writer
                    .frame(NOON + minute * MINUTE, &frame(minute as u32))
                    .unwrap();
                writer.flush().unwrap();
            }
        }
        writer.finish().unwrap();
        folder
    }

    fn told(folder: &TempDir, now_minute: u64) -> (Vec<u64>, String) {
        let now_ms = NOON + now_minute * MINUTE;
        let mut past = past(folder.path(), Some(now_ms)).unwrap();
        let minutes = past.by_ref().map(|(stamp_ms, frame)| {
            assert_eq!(stamp_ms, NOON + u64::from(frame.counter) * MINUTE);
            u64::from(frame.counter)
        });
        let minutes = minutes.collect();
        let words = past.known().map(|known| known.words(now_ms));
        (minutes, words.unwrap_or_default())
    }

    #[test]
    fn the_last_three_hours_come_with_their_stamps_and_the_gap_up_to_now() {
        let folder = recorded(&[(0, 250)]);
        assert!(files(folder.path()).unwrap().len() > 3, "several files");
        let (minutes, words) = told(&folder, 258);
        assert_eq!(minutes, (78..250).collect::<Vec<_>>());
        let expected = "from the recording; nothing is known from 16:09 to 16:18 (UTC)";
        assert_eq!(words, expected);
    }

    #[test]
    fn gaps_inside_the_recording_are_told_too() {
        let folder = recorded(&[(0, 20), (30, 40)]);
        let (minutes, words) = told(&folder, 40);
        assert_eq!(minutes.len(), 30);
        assert_eq!(
            words,
            "from the recording; nothing is known before 12:00 and from 12:19 to 12:30 and from 12:39 to 12:40 (UTC)"
        );
    }

    #[test]
    fn a_recording_that_is_older_than_the_window_tells_nothing() {
        let folder = recorded(&[(0, 5)]);
        assert_eq!(told(&folder, 300), (vec![], String::new()));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(told(&empty, 0), (vec![], String::new()));
    }

    #[test]
    fn without_a_clock_the_last_file_is_the_measure() {
        let folder = recorded(&[(0, 400)]);
        let first = past(folder.path(), None).unwrap().next().unwrap().0;
        assert!((NOON + 150 * MINUTE..NOON + 220 * MINUTE).contains(&first));
    }

    #[test]
    fn a_damaged_or_torn_file_costs_no_other() {
        let folder = recorded(&[(0, 170)]);
        let files = files(folder.path()).unwrap();
        let bytes = std::fs::read(&files[1]).unwrap();
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 20].fill(0xff);
        std::fs::write(&files[1], damaged).unwrap();
        let last = files.last().unwrap();
        let bytes = std::fs::read(last).unwrap();
        std::fs::write(last, &bytes[..bytes.len() - 3]).unwrap();
        let (minutes, _) = told(&folder, 170);
        assert_eq!((minutes[0], *minutes.last().unwrap()), (0, 169));
        assert!((100..170).contains(&minutes.len()), "{}", minutes.len());
    }
}
