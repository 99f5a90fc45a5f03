//! The link to ingest, and the state of the hops upstream of the analyzer.

use std::time::Duration;

use satscope_kit::{clock::Steady, upstream::SILENCE};
use satscope_log::{Event, Hop, HopState, NodeStatus};

/// The link to ingest.
#[derive(Debug)]
pub struct IngestLink {
    state: HopState,
    detail: String,
    /// When ingest's newest message came; `None` before the first.
    heard_at: Option<Steady>,
}

impl IngestLink {
    /// A link over which nothing has been heard yet.
    pub fn new() -> IngestLink {
        IngestLink {
            state: HopState::Connecting,
            detail: "waiting for ingest".to_owned(),
            heard_at: None,
        }
    }

    /// Records a message of ingest at `now`.
    pub fn heard(&mut self, now: Steady) {
        self.state = HopState::Connected;
        self.detail.clear();
        self.heard_at = Some(now);
    }

    /// Records that ingest cannot be heard, with the reason.
    pub fn lose(&mut self, reason: String) {
        self.detail = reason;
        if self.state != HopState::Connecting {
            self.state = HopState::Disconnected;
        }
    }

    /// Whether ingest can be heard.
    pub fn is_up(&self) -> bool {
        self.state == HopState::Connected
    }

    /// The hops upstream of the analyzer as ingest last `told` them. While the link is lost, all of them are given as
    /// not known.
    pub fn hops(&self, told: &[Hop], now: Steady) -> Vec<Hop> {
        let mut hops = told.to_vec();
        if hops.is_empty() {
            let unknown = |name: &str| Hop {
                name: name.to_owned(),
                state: HopState::Connecting,
                detail: String::new(),
            };
            hops = vec![unknown("node"), unknown("ingest")];
        }
        if let Some((state, reason)) = self.lost(now) {
            for hop in &mut hops {
                hop.state = state;
                hop.detail = match hop.name.as_str() {
                    "ingest" => reason.clone(),
                    _ => "not known without ingest".to_owned(),
                };
            }
        }
        hops
    }

    /// State and reason of the link; `None` while ingest can be heard. A connected link with an old last message counts
    /// as lost, because this process or the machine stood still and has not read it since.
    fn lost(&self, now: Steady) -> Option<(HopState, String)> {
        let silent_ms = self.heard_at.map_or(0, |at| now.since_ms(at));
        match self.state {
            HopState::Connected if Duration::from_millis(silent_ms) <= SILENCE => None,
            HopState::Connected => Some((
                HopState::Disconnected,
                format!("not heard for {} s", silent_ms / 1000),
            )),
            state => Some((state, self.detail.clone())),
        }
    }
}

/// The analyzer's own hop.
pub fn analyzer(is_receiving: bool) -> Hop {
    let (state, detail) = match is_receiving {
        true => (HopState::Resyncing, "the window is being received"),
        false => (HopState::Connected, ""),
    };
    Hop {
        name: "analyzer".to_owned(),
        state,
        detail: detail.to_owned(),
    }
}

/// Whether the node is a stand-in that ingest hears at present.
pub fn is_heard_standin(status: &NodeStatus) -> bool {
    let is_heard = |hop: &Hop| {
        matches!(
            hop.state,
            HopState::Connected | HopState::Degraded | HopState::Resyncing
        )
    };
    status.simulation.is_some() && status.hops.first().is_some_and(is_heard)
}

/// Whether an event changes anything. A status that differs from `before` by its uptime alone does not.
pub fn is_news(before: &NodeStatus, event: &Event) -> bool {
    let Event::Status(status) = event else {
        return true;
    };
    let mut before = before.clone();
    before.counters.uptime_ms = status.counters.uptime_ms;
    before != **status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(link: &IngestLink, now: Steady) -> Vec<HopState> {
        let told = [
            ("node", HopState::Connected),
            ("ingest", HopState::Connected),
        ];
        let told = told.map(|(name, state)| Hop {
            name: name.to_owned(),
            state,
            detail: String::new(),
        });
        let hops = link.hops(&told, now);
        hops.into_iter().map(|hop| hop.state).collect()
    }

    #[test]
    fn a_link_that_was_not_read_for_too_long_is_lost_until_ingest_speaks() {
        let (mut link, began) = (IngestLink::new(), Steady::now());
        assert_eq!(states(&link, began), [HopState::Connecting; 2]);
        link.heard(began);
        assert_eq!(
            states(&link, began.after(SILENCE)),
            [HopState::Connected; 2]
        );
        let later = began.after(SILENCE + Duration::from_secs(1));
        assert_eq!(states(&link, later), [HopState::Disconnected; 2]);
        link.heard(later);
        assert_eq!(states(&link, later), [HopState::Connected; 2]);
        link.lose("cut".to_owned());
        assert_eq!(states(&link, later), [HopState::Disconnected; 2]);
    }
}
