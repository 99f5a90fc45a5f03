//! Whether a process has what it needs, and what it still waits for.

use std::{collections::BTreeMap, sync::Arc};

use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

const CONDITION_MET: &str = "satscope_condition_met";

/// Says what the metric means.
pub fn describe_metrics() {
    describe_gauge!(
        CONDITION_MET,
        "1 while the process has what it needs to be ready, else 0, by condition."
    );
}

/// The conditions of being ready, by name: `None` when met, else what is waited for.
pub type Conditions = BTreeMap<&'static str, Option<String>>;

/// All conditions of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Conditions>>);

impl Default for Readiness {
    fn default() -> Self {
        Readiness(Arc::new(watch::Sender::new(Conditions::new())))
    }
}

impl Readiness {
    /// Adds a condition, not yet met.
    pub fn condition(&self, name: &'static str, waiting_for: &str) -> Condition {
        let condition = Condition {
            name,
            all: self.0.clone(),
        };
        condition.unmet(waiting_for);
        condition
    }

    /// The conditions as they stand, and each change.
    pub fn watch(&self) -> watch::Receiver<Conditions> {
        self.0.subscribe()
    }
}

/// True when every condition is met.
pub fn all_met(conditions: &Conditions) -> bool {
    conditions.values().all(Option::is_none)
}

/// One thing that a part needs, and only that part reports.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    all: Arc<watch::Sender<Conditions>>,
}

impl Condition {
    /// It is there.
    pub fn met(&self) {
        self.set(None);
    }

    /// It is not there (any more); says what is waited for.
    pub fn unmet(&self, waiting_for: &str) {
        self.set(Some(waiting_for.to_owned()));
    }

    fn set(&self, waiting_for: Option<String>) {
        gauge!(CONDITION_MET, "condition" => self.name).set(u8::from(waiting_for.is_none()));
        self.all.send_if_modified(|all| {
            let changed = all.get(self.name) != Some(&waiting_for);
            all.insert(self.name, waiting_for);
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_every_condition_is_met() {
        let readiness = Readiness::default();
        let node = readiness.condition("node", "the node");
        let window = readiness.condition("window", "payments");
        node.met();
        assert!(!all_met(&readiness.watch().borrow()));
        window.met();
        assert!(all_met(&readiness.watch().borrow()));
        node.unmet("the node again");
        assert_eq!(
            readiness.watch().borrow()["node"].as_deref(),
            Some("the node again")
        );
    }
}
