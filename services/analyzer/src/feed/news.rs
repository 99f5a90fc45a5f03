//! What a subscriber is told: what it has missed, or all dots, of which subscribers share a copy.

use std::{collections::HashMap, ops::Deref, sync::Arc, time::Duration};

use satscope_kit::clock::Steady;
use satscope_log::Missed;
use satscope_proto::v1::PriceUpdate;

use crate::points::{Dot, DotId, News};

/// All dots as of an update.
#[derive(Debug)]
pub struct Whole {
    /// The update, without points.
    pub update: PriceUpdate,
    /// When the update was made.
    pub made_at: Steady,
    /// The dots.
    pub news: News,
}

impl Whole {
    /// Whether the dots are those of update `sequence`, or were at most `within` before `now`.
    pub fn serves(&self, sequence: u64, now: Steady, within: Duration) -> bool {
        let age = Duration::from_millis(now.since_ms(self.made_at));
        self.update.sequence == sequence || age < within
    }
}

/// What came after an update.
#[derive(Clone, Debug)]
pub enum Told {
    /// What was touched since.
    Missed(News),
    /// All dots, because it is not known what was.
    All(Arc<Whole>),
}

impl Deref for Told {
    type Target = News;

    fn deref(&self) -> &News {
        match self {
            Told::Missed(news) => news,
            Told::All(whole) => &whole.news,
        }
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Told) -> bool {
        **self == **other
    }
}

impl PartialEq<News> for Told {
    fn eq(&self, other: &News) -> bool {
        **self == *other
    }
}

/// What was touched, as it is now: a dot that is gone was removed.
pub fn as_they_are(missed: &Missed<DotId>, points: &HashMap<DotId, Dot>) -> News {
    let (there, gone): (Vec<&DotId>, Vec<&DotId>) =
        missed.added.iter().partition(|id| points.contains_key(*id));
    let dots = there
        .into_iter()
        .filter_map(|id| Some((*id, *points.get(id)?)));
    let changed = missed.changed.iter().chain(gone);
    let changed = changed.map(|id| (*id, points.get(id).map(|dot| dot.state)));
    News {
        reset: false,
        points: oldest_first(dots.collect()),
        changes: changed.collect(),
    }
}

pub fn oldest_first(mut dots: Vec<(DotId, Dot)>) -> Vec<(DotId, Dot)> {
    dots.sort_unstable_by_key(|(id, dot)| (dot.time_ms, *id));
    dots
}
