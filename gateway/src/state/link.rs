//! The state of the links upstream: the analyzer reports those before it, and the gateway judges its own link to the
//! analyzer.

use std::time::Duration;

use satscope_kit::{clock::Steady, upstream::SILENCE};

use super::{
    freshness::Stale,
    message::{Hop, HopState},
};

const ANALYZER: &str = "analyzer";
const GATEWAY: &str = "gateway";

/// The links, and whether they make the price stale.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// The hops as the analyzer reported them.
    told_hops: Vec<Hop>,
    /// Why the price is stale, as the analyzer reported it.
    told_stale: Option<Stale>,
    analyzer: Analyzer,
}

#[derive(Clone, Debug, PartialEq)]
enum Analyzer {
    Heard {
        at: Steady,
    },
    /// It has sent nothing yet, or nothing since it was lost.
    Unheard {
        state: HopState,
        reason: String,
    },
}

impl Links {
    /// A link over which nothing has come yet.
    pub fn new() -> Self {
        Links {
            told_hops: Vec::new(),
            told_stale: None,
            analyzer: Analyzer::Unheard {
                state: HopState::Connecting,
                reason: String::new(),
            },
        }
    }

    /// The link just after this report of the analyzer.
    pub fn told(hops: Vec<Hop>, stale: Option<Stale>) -> Self {
        Links {
            told_hops: hops,
            told_stale: stale,
            analyzer: Analyzer::Heard { at: Steady::now() },
        }
    }

    /// The link when the analyzer cannot be heard, for the reason `reason`; `has_spoken` tells whether it was ever
    /// heard.
    pub fn lost(&self, has_spoken: bool, reason: &str) -> Self {
        let state = match has_spoken {
            true => HopState::Disconnected,
            false => HopState::Connecting,
        };
        Links {
            analyzer: Analyzer::Unheard {
                state,
                reason: reason.to_owned(),
            },
            ..self.clone()
        }
    }

    /// Why the analyzer counts as lost at `now` although no loss was noticed; `None` if it does not count as lost.
    /// Its last update is old and nothing has followed, because this process or the machine stood still.
    pub fn silent(&self, now: Steady) -> Option<String> {
        let Analyzer::Heard { at } = self.analyzer else {
            return None;
        };
        let silent_ms = now.since_ms(at);
        let is_long = Duration::from_millis(silent_ms) > SILENCE;
        is_long.then(|| format!("not heard for {} s", silent_ms / 1000))
    }

    /// Why the price is stale; `None` if it is not.
    pub fn stale(&self) -> Option<Stale> {
        match self.analyzer {
            Analyzer::Heard { .. } => self.told_stale,
            Analyzer::Unheard { .. } => Some(Stale::UpstreamLost),
        }
    }

    /// The hops from the node to this gateway. The analyzer's report on itself holds while it can be heard. While it
    /// cannot, the state of the hops before it is unknown.
    pub fn hops(&self) -> Vec<Hop> {
        let hop = |name: &str, state, detail: &str| Hop {
            name: name.to_owned(),
            state,
            detail: detail.to_owned(),
        };
        let told = self.told_hops.iter().find(|hop| hop.name == ANALYZER);
        let analyzer = match (&self.analyzer, told) {
            (Analyzer::Unheard { state, reason }, _) => hop(ANALYZER, *state, reason),
            (Analyzer::Heard { .. }, Some(told)) => told.clone(),
            (Analyzer::Heard { .. }, None) => hop(ANALYZER, HopState::Connected, ""),
        };
        let is_before = |hop: &&Hop| hop.name != ANALYZER && hop.name != GATEWAY;
        let before = self.told_hops.iter().filter(is_before);
        let before = before.map(|told| match &self.analyzer {
            Analyzer::Heard { .. } => told.clone(),
            Analyzer::Unheard { state, .. } => {
                hop(&told.name, *state, "not known without the analyzer")
            }
        });
        let gateway = hop(GATEWAY, HopState::Connected, "");
        before.chain([analyzer, gateway]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analyzer_that_was_not_heard_for_too_long_is_silent_although_nobody_noticed() {
        let (link, now) = (Links::told(Vec::new(), None), Steady::now());
        assert_eq!(link.silent(now.after(SILENCE)), None);
        let later = now.after(SILENCE + Duration::from_mins(1));
        assert!(
            link.silent(later)
                .is_some_and(|reason| reason.contains("65 s"))
        );
        let lost = link.lost(true, "closed");
        assert_eq!(lost.silent(later), None, "that is known");
        assert_eq!(lost.stale(), Some(Stale::UpstreamLost));
    }
}
