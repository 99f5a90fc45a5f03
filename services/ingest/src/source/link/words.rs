//! The link in words: the node's hop, for the public and for operators.

use satscope_kit::fault::Fault;
use satscope_log::{Hop, HopState};

use super::{Caveat, NodeLink, Sync, Zmq};

const LOADING: &str =
    "the node is loading its mempool.dat: each transaction's entry time is asked until it is done";

impl NodeLink {
    /// The node's hop, and ingest's own, as the public reads them.
    pub fn hops(&self) -> Vec<Hop> {
        let (state, fault) = self.node();
        let hop = |name: &str, state, detail| Hop {
            name: name.to_owned(),
            state,
            detail,
        };
        let detail = fault.map_or(String::new(), |fault| fault.public);
        vec![
            hop("node", state, detail),
            hop("ingest", HopState::Connected, String::new()),
        ]
    }

    /// The state of the node's hop, and its fault, if there is one.
    pub fn node(&self) -> (HopState, Option<Fault>) {
        let (state, fault) = match self.zmq {
            Zmq::Up => return self.connected(),
            Zmq::Awaited => (
                HopState::Connecting,
                Fault::plain("waiting for the node's ZMQ"),
            ),
            Zmq::Lost => (
                HopState::Disconnected,
                Fault::plain("the node's ZMQ is gone; trying again"),
            ),
        };
        self.unheard(state, fault)
    }

    /// The state of the node's hop while it cannot be heard: `state`, or degraded while it is polled. `otherwise` is its fault
    /// if the topics show none.
    fn unheard(&self, state: HopState, otherwise: Fault) -> (HopState, Option<Fault>) {
        let fault = self.topics_fault().unwrap_or(otherwise);
        match self.poll.succeeded {
            true => (HopState::Degraded, Some(polling(&fault))),
            false => (state, Some(fault)),
        }
    }

    /// The state of the node's hop while all endpoints are connected.
    fn connected(&self) -> (HopState, Option<Fault>) {
        match &self.sync {
            Sync::Reading { progress } => (HopState::Resyncing, Some(progress.clone())),
            Sync::Downloading { how_far, .. } => {
                (HopState::Resyncing, Some(Fault::plain(how_far.as_str())))
            }
            Sync::Wanted { .. } => (
                HopState::Resyncing,
                Some(Fault::plain("something was missed: about to ask the node")),
            ),
            Sync::Failed { why, .. } => (HopState::Degraded, Some(why.clone())),
            Sync::Alone { why } => (HopState::Degraded, Some(self.with_topics(why))),
            Sync::InStep { .. } if !self.is_healthy() => self.unheard(
                HopState::Resyncing,
                Fault::plain("waiting for the first word of the node's ZMQ"),
            ),
            Sync::InStep { caveat: Some(why) } => (HopState::Degraded, Some(why.fault())),
            Sync::InStep { caveat: None } => (HopState::Connected, None),
        }
    }

    /// The fault together with the topics that have not been heard, if there is no RPC to ask about them.
    fn with_topics(&self, why: &Fault) -> Fault {
        match self.topics.unheard(&self.used) {
            Some(unheard) => Fault::new(
                format!("{}; {}", why.public, unheard.public),
                format!("{}; {}", why.operator, unheard.operator),
            ),
            None => why.clone(),
        }
    }
}

fn polling(fault: &Fault) -> Fault {
    Fault::new(
        format!("polling: {}", fault.public),
        format!("polling: {}", fault.operator),
    )
}

impl Caveat {
    fn fault(&self) -> Fault {
        match self {
            Caveat::Loading => Fault::plain(LOADING),
            Caveat::Uncompared(why) => why.clone(),
        }
    }
}
