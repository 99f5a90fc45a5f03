//! The historian's report on itself, checked: its state, its prices and its progress.

use satscope_proto::v1;
use serde::Serialize;

use super::Refusal;
use crate::rest::cents::LARGEST;

/// The most characters of the historian's own words that are shown.
const LONGEST_WORDS: usize = 200;

/// The state of the historian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// The historian waits for the node.
    Waiting,
    /// It reads the past.
    Filling,
    /// It has all blocks and follows the tip.
    Following,
    /// The historian cannot write the blocks that it reads.
    Stuck,
    /// It does not answer; the gateway says so in its place.
    Away,
}

/// The historian's prices and its progress. A field is `None` if it is unknown, or if there is no such block or price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    state: Doing,
    /// One line for the public.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    chain: String,
    simulated: bool,
    model: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tip_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_height: Option<u32>,
    /// Unix seconds, as all times here.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_minute: Option<u64>,
    blocks: u64,
    #[serde(skip_serializing_if = "is_none")]
    unverified_blocks: u64,
    minutes: u64,
    read_blocks: u64,
    wanted_blocks: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_seconds: Option<u64>,
}

impl Coverage {
    /// The times of the oldest and the newest block with a price, Unix seconds; `None` if there is none.
    pub fn blocks(&self) -> Option<(u64, u64)> {
        self.first_time.zip(self.last_time)
    }

    /// The times of the oldest and the newest minute with a price, Unix seconds; `None` if there is none.
    pub fn minutes(&self) -> Option<(u64, u64)> {
        self.first_minute.zip(self.last_minute)
    }

    /// The times of the oldest and the newest price, Unix seconds; `None` if there is none.
    pub fn ends(&self) -> Option<(u64, u64)> {
        let both = [self.blocks(), self.minutes()].into_iter().flatten();
        both.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    /// The last known coverage of a historian that does not answer any more; `detail` says so in one line for the public.
    #[must_use]
    pub fn away(&self, detail: &str) -> Coverage {
        Coverage {
            state: Doing::Away,
            detail: detail.to_owned(),
            left_seconds: None,
            ..self.clone()
        }
    }

    /// Whether a block at or shortly before `time`, Unix seconds, may still have to be read. Only a historian that follows the
    /// node has read all that there is. Any other has read the blocks between `since_time` and its newest price. If it fills in
    /// the past and that price is of the node's best block, it has read the newer ones too.
    pub fn may_be_unread_at(&self, time: u64) -> bool {
        let is_at_tip = self.last_height.is_some() && self.last_height == self.tip_height;
        let is_newest_read = self.state == Doing::Filling && is_at_tip;
        let is_since = self.since_time.is_some_and(|since| since <= time);
        let is_until = is_newest_read || self.last_time.is_some_and(|last| time <= last);
        self.state != Doing::Following && !(is_since && is_until)
    }

    /// Whether the chain is Bitcoin's: a test network may be begun anew, and a simulated chain is another at each start.
    pub fn is_of_bitcoin(&self) -> bool {
        self.chain == "main" && !self.simulated
    }
}

/// Reads the historian's report on itself.
///
/// # Errors
/// If the report has no state, or its numbers contradict one another.
pub fn coverage(told: v1::Coverage) -> Result<Coverage, Refusal> {
    let state = match told.state() {
        v1::HistorianState::Unspecified => return Err("a coverage without a state"),
        v1::HistorianState::Waiting => Doing::Waiting,
        v1::HistorianState::Filling => Doing::Filling,
        v1::HistorianState::Following => Doing::Following,
        v1::HistorianState::Stuck => Doing::Stuck,
    };
    let times = [
        told.first_time,
        told.last_time,
        told.since_time,
        told.first_minute,
        told.last_minute,
    ];
    if times.into_iter().flatten().any(|time| time >= LARGEST) {
        return Err("a coverage of times that are too large");
    }
    let is_reversed = |first: Option<u64>, last: Option<u64>| first > last && last.is_some();
    let heights = is_reversed(
        told.first_height.map(u64::from),
        told.last_height.map(u64::from),
    );
    if heights
        || is_reversed(told.first_time, told.last_time)
        || is_reversed(told.first_minute, told.last_minute)
    {
        return Err("a coverage that ends before it begins");
    }
    if told.unverified_blocks > told.blocks {
        return Err("more blocks unverified than there are");
    }
    if told.read_blocks > told.wanted_blocks {
        return Err("more blocks read than are to be read");
    }
    Ok(Coverage {
        state,
        detail: words(&told.detail),
        chain: words(&told.chain),
        simulated: told.simulated,
        model: told.model,
        tip_height: told.tip_height,
        first_height: told.first_height,
        last_height: told.last_height,
        settled_height: told.settled_height,
        final_height: told.final_height,
        first_time: told.first_time,
        last_time: told.last_time,
        since_time: told.since_time,
        first_minute: told.first_minute,
        last_minute: told.last_minute,
        blocks: told.blocks,
        unverified_blocks: told.unverified_blocks,
        minutes: told.minutes,
        read_blocks: told.read_blocks,
        wanted_blocks: told.wanted_blocks,
        left_seconds: told.left_seconds,
    })
}

/// Whether a number of blocks is 0.
fn is_none(blocks: &u64) -> bool {
    *blocks == 0
}

/// One line of at most [`LONGEST_WORDS`] characters.
fn words(told: &str) -> String {
    let printable = told.chars().filter(|character| !character.is_control());
    printable.take(LONGEST_WORDS).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_coverage_that_contradicts_itself_is_refused() {
        let good = || v1::Coverage {
            chain: "main".to_owned(),
            state: v1::HistorianState::Filling.into(),
            detail: "line\none \u{1b}[0m".to_owned() + &"x".repeat(1000),
            first_time: Some(5),
            last_time: Some(9),
            first_minute: Some(7),
            last_minute: Some(60),
            since_time: Some(6),
            read_blocks: 61,
            wanted_blocks: 100,
            ..v1::Coverage::default()
        };
        let read = coverage(good()).unwrap();
        assert_eq!(read.ends(), Some((5, 60)));
        assert!(read.detail.starts_with("lineone [0mx"));
        assert_eq!(read.detail.chars().count(), LONGEST_WORDS);
        let at_tip = v1::Coverage {
            last_height: Some(9),
            tip_height: Some(9),
            ..good()
        };
        let unread = |coverage: &Coverage, times: [u64; 4]| {
            times.map(|time| coverage.may_be_unread_at(time))
        };
        assert_eq!(unread(&read, [5, 6, 9, 10]), [true, false, false, true]);
        let waits = v1::Coverage {
            state: v1::HistorianState::Waiting.into(),
            ..at_tip.clone()
        };
        let at_tip = coverage(at_tip).unwrap();
        assert_eq!(unread(&at_tip, [5, 6, 9, 10]), [true, false, false, false]);
        let waits = coverage(waits).unwrap();
        assert_eq!(unread(&waits, [5, 6, 9, 10]), [true, false, false, true]);
        let spoilt: [fn(&mut v1::Coverage); 7] = [
            |c| c.unverified_blocks = 1,
            |c| c.state = 0,
            |c| c.state = 99,
            |c| c.first_time = Some(10),
            |c| c.last_minute = Some(6),
            |c| c.since_time = Some(u64::MAX),
            |c| c.read_blocks = 101,
        ];
        for spoil in spoilt {
            let mut told = good();
            spoil(&mut told);
            assert!(coverage(told.clone()).is_err(), "{told:?}");
        }
        let done = v1::Coverage {
            read_blocks: 100,
            ..good()
        };
        let done = coverage(done).unwrap();
        assert_eq!(unread(&done, [5, 6, 9, 10]), [true, false, false, true]);
        let follows = v1::Coverage {
            state: v1::HistorianState::Following.into(),
            ..good()
        };
        let follows = coverage(follows).unwrap();
        assert_eq!(unread(&follows, [5, 6, 9, 10]), [false; 4]);
        // What is wanted is not known before the node has answered.
        let empty = v1::Coverage {
            state: v1::HistorianState::Waiting.into(),
            ..v1::Coverage::default()
        };
        let empty = coverage(empty).unwrap();
        assert_eq!(empty.ends(), None);
        assert_eq!(unread(&empty, [0, 6, 9, 10]), [true; 4]);
    }
}
