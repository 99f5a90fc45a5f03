//! The messages that bring clients up to one snapshot, each written once for all clients that need the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;

use crate::{
    answer::json::json,
    state::{
        message::{Change, Current, News, Point, message},
        sequence::Sequence,
        snapshot::{Snapshot, Step},
    },
};

/// Number of points in a greeting.
const GREETING: usize = 500;
/// Lower bound for the bytes of a change: a message is not put together if its changes cannot fit.
const CHANGE_BYTES: usize = 24;
/// Most catch-up messages of one snapshot that hold exactly the missed updates. Further clients get one of a few
/// messages that go back a little further, because a repeated point does no harm. So the number of messages stays
/// small, however many sequences clients return with.
const EXACT: usize = 64;

/// A snapshot, and the messages written of it.
#[derive(Debug)]
pub struct Shared {
    snapshot: Arc<Snapshot>,
    /// The largest message, bytes.
    largest: usize,
    /// The message for clients that have the snapshot before this one, with that snapshot's sequence.
    news: Option<(Sequence, Outgoing)>,
    /// The message for clients that have seen nothing; written when the first one asks.
    greeting: OnceLock<Outgoing>,
    /// The messages for clients that have missed some updates, by the number of these updates; `None` if a greeting is
    /// shorter.
    catch_ups: Mutex<BTreeMap<usize, CatchUp>>,
}

type CatchUp = Arc<OnceLock<Option<Outgoing>>>;

/// The messages for one client.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The messages, in order.
    pub messages: Arc<[Written]>,
    /// "news", "`catch_up`" or "greeting".
    pub kind: &'static str,
}

/// One message.
#[derive(Debug)]
pub struct Written {
    /// The JSON text.
    pub text: Bytes,
    /// The newest update that the client has completely after this message; `None` before the first update.
    pub sequence: Option<Sequence>,
}

impl Outgoing {
    fn one(kind: &'static str, text: Bytes, sequence: Option<Sequence>) -> Self {
        Outgoing {
            messages: Arc::new([Written { text, sequence }]),
            kind,
        }
    }
}

impl Shared {
    /// Writes the message for all clients that are up to date. No message is larger than `largest` bytes, if a greeting
    /// fits into that.
    pub fn new(snapshot: Arc<Snapshot>, largest: usize) -> Self {
        let news = snapshot
            .step()
            .map(|step| (step.after, news(&snapshot, step, largest)));
        Shared {
            snapshot,
            largest,
            news,
            greeting: OnceLock::new(),
            catch_ups: Mutex::default(),
        }
    }

    /// The messages for a client that has everything up to `after`, or, if `None`, nothing.
    pub fn message(&self, after: Option<Sequence>) -> Outgoing {
        match (&self.news, after) {
            (Some((from, news)), Some(after)) if *from == after => news.clone(),
            (_, Some(after)) => self.catch_up(after).unwrap_or_else(|| self.greeting()),
            (_, None) => self.greeting(),
        }
    }

    fn greeting(&self) -> Outgoing {
        let write = || {
            let current = self.snapshot.current();
            let news = News {
                reset: current.sequence.is_some(),
                points: self.snapshot.points().newest(GREETING),
                changes: &[],
                blocks: current.sequence.map(|_| self.snapshot.blocks()),
            };
            Outgoing::one("greeting", message(current, &news), current.sequence)
        };
        self.greeting.get_or_init(write).clone()
    }

    fn catch_up(&self, after: Sequence) -> Option<Outgoing> {
        let mut updates = self.snapshot.missed(after)?;
        let written = {
            let all = self.catch_ups.lock();
            let mut all = all.unwrap_or_else(PoisonError::into_inner);
            if all.len() >= EXACT && !all.contains_key(&updates) {
                updates = rounded(updates);
            }
            all.entry(updates).or_default().clone()
        };
        written.get_or_init(|| self.missed(updates)).clone()
    }

    /// The message for a client that missed this number of updates: all that they touched, in its present state. `None`
    /// if it would be too large.
    fn missed(&self, updates: usize) -> Option<Outgoing> {
        let most = self.largest / CHANGE_BYTES;
        let (points, changes) = self.snapshot.touched(updates, most)?;
        let news = News {
            reset: false,
            points,
            changes: &changes,
            blocks: Some(self.snapshot.blocks()),
        };
        let current = self.snapshot.current();
        let text = message(current, &news);
        (text.len() <= self.largest).then(|| Outgoing::one("catch_up", text, current.sequence))
    }
}

/// Rounds a number of updates up, by at most a quarter, so that few different numbers remain.
fn rounded(updates: usize) -> usize {
    match updates {
        0..8 => updates,
        _ => updates.next_multiple_of(1 << (updates.ilog2() - 2)),
    }
}

/// The messages about what is new: one, if it is not too large. Otherwise the changes are spread over several, and the
/// last one holds as many of the newest points as fit.
fn news(snapshot: &Snapshot, step: &Step, largest: usize) -> Outgoing {
    let current = snapshot.current();
    let blocks = step.has_new_blocks.then(|| snapshot.blocks());
    let whole = News {
        reset: false,
        points: step.points.iter().collect(),
        changes: &step.changes,
        blocks,
    };
    let text = message(current, &whole);
    if text.len() <= largest {
        return Outgoing::one("news", text, current.sequence);
    }
    let empty = News {
        blocks,
        ..News::default()
    };
    let room = largest.saturating_sub(message(current, &empty).len());
    // Until the last message, the client has everything only up to the snapshot before.
    let meanwhile = Current {
        sequence: Some(step.after),
        ..current.clone()
    };
    let mut parts = in_parts(&step.changes, room);
    let last = parts.pop().unwrap_or_default();
    let mut messages: Vec<Written> = Vec::with_capacity(parts.len() + 1);
    for changes in parts {
        let news = News {
            changes,
            ..News::default()
        };
        messages.push(Written {
            text: message(&meanwhile, &news),
            sequence: meanwhile.sequence,
        });
    }
    let left = room.saturating_sub(bytes(last));
    let news = News {
        points: newest_within(&step.points, left),
        changes: last,
        ..empty
    };
    messages.push(Written {
        text: message(current, &news),
        sequence: current.sequence,
    });
    Outgoing {
        messages: messages.into(),
        kind: "news",
    }
}

/// Splits changes into slices of at most `room` bytes; a slice of one change may be larger.
fn in_parts(changes: &[Change], room: usize) -> Vec<&[Change]> {
    let (mut parts, mut from, mut size) = (Vec::new(), 0, 0);
    for (at, change) in changes.iter().enumerate() {
        let more = bytes(std::slice::from_ref(change));
        if size + more > room && at > from {
            parts.push(&changes[from..at]);
            (from, size) = (at, 0);
        }
        size += more;
    }
    parts.push(&changes[from..]);
    parts
}

/// The newest points that take at most `room` bytes, oldest first.
fn newest_within(points: &[Point], room: usize) -> Vec<&Point> {
    let mut left = room;
    let fits = |point: &&Point| {
        let size = json(point).len() + 1;
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    };
    let mut newest: Vec<&Point> = points.iter().rev().take_while(fits).collect();
    newest.reverse();
    newest
}

/// Bytes that changes take in a message.
fn bytes(changes: &[Change]) -> usize {
    changes.iter().map(|change| json(change).len() + 1).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
