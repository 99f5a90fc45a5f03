//! Whether a process can serve, and the conditions that it waits for meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

use crate::{clock::Steady, fault::Fault};

const CONDITION_MET: &str = "satscope_condition_met";

/// Registers the meaning of the metric.
pub fn describe_metrics() {
    describe_gauge!(
        CONDITION_MET,
        "1 while the process has this part of what it needs for a fresh price, else 0; it serves in any case."
    );
}

/// The state of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Met,
    /// Met, but not as well as it could be.
    Impaired(Fault),
    Unmet {
        /// The thing that is waited for, for whatever reason.
        waiting_for: &'static str,
        /// The reason why it is missing.
        why: Fault,
    },
}

/// The conditions that a process waits for, and whether it takes requests.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    states: BTreeMap<&'static str, State>,
    is_draining: bool,
}

impl Conditions {
    /// True from the start until the process drains. Unmet conditions do not matter, because a held price is served too.
    pub fn can_serve(&self) -> bool {
        !self.is_draining
    }

    /// The names of the things that are waited for.
    pub fn waiting_for(&self) -> impl Iterator<Item = &'static str> {
        self.states.values().filter_map(|state| match state {
            State::Unmet { waiting_for, .. } => Some(*waiting_for),
            State::Met | State::Impaired(_) => None,
        })
    }

    /// The conditions that are not met: the name of each, and why.
    pub fn unmet(&self) -> impl Iterator<Item = (&'static str, &Fault)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Unmet { why, .. } => Some((*name, why)),
            State::Met | State::Impaired(_) => None,
        })
    }

    /// The conditions that are met, but not as well as they could be: the name of each, and why.
    pub fn impaired(&self) -> impl Iterator<Item = (&'static str, &Fault)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Impaired(why) => Some((*name, why)),
            State::Met | State::Unmet { .. } => None,
        })
    }
}

/// All conditions of a process, and when it was started. Clones share the conditions.
#[derive(Clone, Debug)]
pub struct Readiness {
    conditions: Arc<watch::Sender<Conditions>>,
    started: Steady,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness {
            conditions: Arc::new(watch::Sender::new(Conditions::default())),
            started: Steady::now(),
        }
    }
}

impl Readiness {
    /// Adds a condition, not yet met. The process can serve without it.
    pub fn condition(&self, name: &'static str, waiting_for: &'static str) -> Condition {
        let condition = Condition {
            name,
            waiting_for,
            all: self.conditions.clone(),
        };
        condition.unmet(Fault::plain(waiting_for));
        condition
    }

    /// Marks the process as draining: it takes no new requests from now on.
    pub fn drain(&self) {
        self.conditions.send_modify(|all| all.is_draining = true);
    }

    /// The conditions as they stand, and each change.
    pub fn watch(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }

    /// Whether the process takes requests: true from its start until it drains.
    pub fn can_serve(&self) -> bool {
        self.conditions.borrow().can_serve()
    }

    /// Seconds since the process was started.
    pub fn uptime_seconds(&self) -> u64 {
        self.started.elapsed_ms() / 1000
    }
}

/// One thing that a part waits for, reported by that part alone.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    waiting_for: &'static str,
    all: Arc<watch::Sender<Conditions>>,
}

impl Condition {
    /// Marks the condition as met.
    pub fn met(&self) {
        self.set(State::Met);
    }

    /// Marks the condition as met, but not as well as it could be, for the reason `why`.
    pub fn impaired(&self, why: Fault) {
        self.set(State::Impaired(why));
    }

    /// Marks the condition as not met (any more), for the reason `why`.
    pub fn unmet(&self, why: Fault) {
        let waiting_for = self.waiting_for;
        self.set(State::Unmet { waiting_for, why });
    }

    fn set(&self, state: State) {
        let is_met = !matches!(state, State::Unmet { .. });
        gauge!(CONDITION_MET, "condition" => self.name).set(u8::from(is_met));
        self.all.send_if_modified(|all| {
            let changed = all.states.get(self.name) != Some(&state);
            all.states.insert(self.name, state);
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_waits_can_serve_and_names_what_it_waits_for() {
        let readiness = Readiness::default();
        let node = readiness.condition("node", "the node");
        let payments = Fault::new("payments", "payments from http://ingest:1");
        let window = readiness.condition("window", "payments");
        window.unmet(payments.clone());
        node.met();
        let conditions = readiness.watch().borrow().clone();
        assert!(conditions.can_serve());
        assert_eq!(
            conditions.unmet().collect::<Vec<_>>(),
            [("window", &payments)]
        );
        window.met();
        node.unmet(Fault::plain("the node again"));
        let conditions = readiness.watch().borrow().clone();
        assert_eq!(
            conditions.unmet().collect::<Vec<_>>(),
            [("node", &Fault::plain("the node again"))]
        );
    }

    #[test]
    fn a_process_that_drains_cannot_serve() {
        let readiness = Readiness::default();
        readiness.condition("node", "the node").met();
        readiness.drain();
        assert!(!readiness.watch().borrow().can_serve());
    }
}
