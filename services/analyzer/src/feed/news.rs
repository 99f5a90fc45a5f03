//! The news for one subscriber: either the changes that it missed, or all dots in a copy that subscribers
//! share.

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
    /// Whether this copy can answer: it is of update `sequence`, or was made less than `within` before `now`.
    pub fn serves(&self, sequence: u64, now: Steady, within: Duration) -> bool {
        let age = Duration::from_millis(now.since_ms(self.made_at));
        self.update.sequence == sequence || age < within
    }
}

/// The changes after an update, or all dots.
#[derive(Clone, Debug)]
pub enum Told {
    /// The dots that were touched after the update.
    Missed(News),
    /// All dots, because the changes after the update are not known.
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

/// The touched dots in their present state; a dot that is gone counts as removed.
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
