//! Where the node publishes `rawtx` and `sequence`, what to subscribe to, and whether both can be heard there.
//!
//! The endpoints that operators set win. Where none is set, the node's own list (`getzmqnotifications`) tells them. A topic
//! counts as healthy once a message of it has come, or once the node says that it publishes the topic at an endpoint in use.

mod address;

use satscope_bitcoin::{
    frame::Topic,
    host::{ip, is_loopback},
    rpc::Notification,
    subscriber::{Subscription, subscriptions},
};
use satscope_kit::fault::Fault;

use address::{connectable, host_and_port, may_be_same};

/// The topics that a price needs.
pub const NEEDED: [Topic; 2] = [Topic::RawTx, Topic::Sequence];
/// The port that stands in the documentation's lines for `bitcoin.conf`.
const USUAL_PORT: u16 = 28332;

/// The endpoints that operators have set, and the host of the node's RPC.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// `zmq_endpoint`.
    pub rawtx: Option<String>,
    /// `zmq_sequence_endpoint`.
    pub sequence: Option<String>,
    /// A further topic, subscribed to at the endpoint of `rawtx`.
    pub beside: Option<Topic>,
    /// The host in `rpc_url`; `None` without RPC.
    pub rpc_host: Option<String>,
}

impl Endpoints {
    /// The subscriptions before the node has been asked; `None` if only the node can tell the endpoints.
    pub fn at_first(&self) -> Option<Vec<Subscription>> {
        let is_told = self.rawtx.is_some() || self.rpc_host.is_none();
        is_told.then(|| self.usual())
    }

    /// The subscriptions while the node cannot be asked: the set endpoints, else the usual port of its machine.
    pub fn usual(&self) -> Vec<Subscription> {
        let host = self.rpc_host.as_deref().unwrap_or("127.0.0.1");
        let usual = || format!("tcp://{host}:{USUAL_PORT}");
        let rawtx = self.rawtx.clone().unwrap_or_else(usual);
        self.subscribe(&rawtx, self.sequence.as_deref())
    }

    /// The subscriptions for a node that publishes `published`; empty if a needed topic cannot be reached.
    pub fn of(&self, published: &[Notification]) -> Vec<Subscription> {
        if self.rawtx.is_some() {
            return self.usual();
        }
        let rawtx = self.reachable(published, Topic::RawTx);
        let sequence = match &self.sequence {
            Some(set) => vec![set.clone()],
            None => self.reachable(published, Topic::Sequence),
        };
        // One endpoint for both keeps them in one order, so that a block is known without a question.
        let shared = rawtx.iter().find(|address| sequence.contains(address));
        match (shared, rawtx.first(), sequence.first()) {
            (Some(both), ..) => self.subscribe(both, None),
            (None, Some(rawtx), Some(sequence)) => self.subscribe(rawtx, Some(sequence)),
            _ => Vec::new(),
        }
    }

    /// The subscriptions at these endpoints. `rawtx` comes last, because a stand-in begins to play when it is subscribed to.
    fn subscribe(&self, rawtx: &str, sequence: Option<&str>) -> Vec<Subscription> {
        let mut topics = vec![Topic::Sequence, Topic::RawTx];
        topics.splice(0..0, self.beside);
        subscriptions(rawtx, sequence, topics)
    }

    /// The addresses of a topic to which a subscriber on this machine can connect, in the node's order.
    fn reachable(&self, published: &[Notification], topic: Topic) -> Vec<String> {
        let addresses = of_topic(published, topic);
        addresses
            .filter_map(|address| self.connectable(address))
            .collect()
    }

    fn connectable(&self, address: &str) -> Option<String> {
        connectable(self.rpc_host.as_deref()?, address)
    }
}

/// The node's answer about where it publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// The node has not been asked since the connection began.
    #[default]
    Unasked,
    /// The node could not be asked, or did not tell, for this reason.
    Unknown(Fault),
    /// Its list.
    Known(Vec<Notification>),
}

/// The health of the needed topics.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    heard: Vec<Topic>,
    listing: Listing,
    /// The host of the node's RPC; `None` without RPC.
    rpc_host: Option<String>,
}

impl Topics {
    /// Topics with nothing heard yet, of a node whose RPC is at this host.
    pub fn of_node_at(rpc_host: Option<String>) -> Topics {
        Topics {
            rpc_host,
            ..Topics::default()
        }
    }

    /// Forgets the messages heard and the node's list, because a connection began or ended.
    pub fn forget(&mut self) {
        self.heard.clear();
        self.listing = Listing::Unasked;
    }

    /// Records that a message has come; returns whether it is the first of a needed topic.
    pub fn hear(&mut self, topic: Topic) -> bool {
        let is_whole = self.heard.len() == NEEDED.len();
        let is_new = !is_whole && NEEDED.contains(&topic) && !self.heard.contains(&topic);
        if is_new {
            self.heard.push(topic);
        }
        is_new
    }

    /// Takes the node's list, or why there is none.
    pub fn list(&mut self, listing: Listing) {
        self.listing = listing;
    }

    /// Whether each needed topic has been heard, or is published at an endpoint in use.
    pub fn are_healthy(&self, used: &[Subscription]) -> bool {
        self.unhealthy(used).is_empty()
    }

    /// Whether the node has been asked since the connection began.
    pub fn is_listed(&self) -> bool {
        self.listing != Listing::Unasked
    }

    /// A fault that names the needed topics without a message so far, for a node that cannot be asked; `None` if all are
    /// healthy.
    pub fn unheard(&self, used: &[Subscription]) -> Option<Fault> {
        let unheard = self.unhealthy(used);
        let names = names(&unheard, " and no ");
        (!unheard.is_empty()).then(|| {
            Fault::new(
                format!("no {names} message has come yet"),
                format!("no {names} message has come from {} yet", endpoints(used)),
            )
        })
    }

    /// The needed topics that are neither heard nor listed at an endpoint in use. Empty for a stand-in, which publishes all of
    /// its topics at its one endpoint.
    fn unhealthy(&self, used: &[Subscription]) -> Vec<Topic> {
        if is_standin(used) {
            return Vec::new();
        }
        let is_unhealthy = |topic: &Topic| {
            let is_listed = match &self.listing {
                Listing::Known(published) => is_published_at(published, *topic, used),
                Listing::Unasked | Listing::Unknown(_) => false,
            };
            !is_listed && !self.heard.contains(topic)
        };
        NEEDED.into_iter().filter(is_unhealthy).collect()
    }

    /// Why the needed topics cannot be heard at the endpoints in `used`, and what to do. `None` if they can be heard, or if the
    /// node has not been asked.
    pub fn fault(&self, used: &[Subscription], is_up: bool) -> Option<Fault> {
        let published = match &self.listing {
            Listing::Unasked => return None,
            Listing::Unknown(why) => return Some(self.unknown(why, used, is_up)),
            Listing::Known(published) => published,
        };
        let missing: Vec<Topic> = NEEDED
            .into_iter()
            .filter(|topic| !is_published(published, *topic) && !self.heard.contains(topic))
            .collect();
        if !missing.is_empty() {
            return Some(self.unpublished(&missing, published, used));
        }
        let unheard = self.unhealthy(used);
        Some(match (unheard.is_empty(), is_up) {
            (true, true) => return None,
            (true, false) => Fault::with_remedy(
                "the node publishes, but cannot be heard",
                format!(
                    "the node publishes at {}, but nothing comes through",
                    endpoints(used)
                ),
                "is a firewall in the way?",
            ),
            (false, _) => self.elsewhere(&unheard, published, used),
        })
    }

    fn unknown(&self, why: &Fault, used: &[Subscription], is_up: bool) -> Fault {
        if !is_up {
            return why.clone();
        }
        let unheard = names(&self.unhealthy(used), " and ");
        Fault::new(
            format!("no {unheard} message has come from the node yet"),
            format!(
                "no {unheard} message has come from {} yet, and whether the node publishes it is not known: {}",
                endpoints(used),
                why.operator
            ),
        )
    }

    /// A fault that names the lines that are missing in `bitcoin.conf`.
    fn unpublished(
        &self,
        missing: &[Topic],
        published: &[Notification],
        used: &[Subscription],
    ) -> Fault {
        let lacking = names(missing, " or ");
        let other = NEEDED.into_iter().find(|topic| !missing.contains(topic));
        let beside = other.and_then(|topic| of_topic(published, topic).next().map(str::to_owned));
        let address = beside.unwrap_or_else(|| self.advised(used));
        let lines = |at: &str| {
            let lines: Vec<String> = missing
                .iter()
                .map(|topic| format!("zmqpub{}{at}", topic.name()))
                .collect();
            lines.join(" and ")
        };
        let plain = lines("");
        let exact = lines(&format!("={address}"));
        Fault::with_remedy(
            format!("add {plain} to the node's bitcoin.conf to see every transaction at once"),
            format!("the node does not publish {lacking}"),
            format!(
                "add {exact} to bitcoin.conf and restart the node to see every transaction at once"
            ),
        )
    }

    /// The address to advise for a node that publishes nothing: the endpoint in use if that is an IP address or a socket, else
    /// the usual port. A node on another machine must publish to all addresses, because its loopback is not heard from here.
    fn advised(&self, used: &[Subscription]) -> String {
        let endpoint = used.first().map(|used| used.endpoint.as_str());
        let place = endpoint.and_then(host_and_port);
        match (place, self.rpc_host.as_deref()) {
            (Some((host, port)), _) if ip(host).is_some() => format!("tcp://{host}:{port}"),
            (Some((_, port)), _) => format!("tcp://0.0.0.0:{port}"),
            (None, Some(host)) if !is_loopback(host) => format!("tcp://0.0.0.0:{USUAL_PORT}"),
            (None, _) => match endpoint {
                Some(socket) => socket.to_owned(),
                None => format!("tcp://127.0.0.1:{USUAL_PORT}"),
            },
        }
    }

    /// A fault that says where the node publishes the `unheard` topics, because nothing comes from the endpoints in use.
    fn elsewhere(
        &self,
        unheard: &[Topic],
        published: &[Notification],
        used: &[Subscription],
    ) -> Fault {
        let shown = |address: &str| {
            let host = self.rpc_host.as_deref();
            host.and_then(|host| connectable(host, address))
        };
        let places = unheard.iter().map(|topic| {
            let addresses: Vec<String> = of_topic(published, *topic)
                .map(|address| shown(address).unwrap_or_else(|| address.to_owned()))
                .collect();
            format!("{} at {}", topic.name(), addresses.join(" and "))
        });
        let places = places.collect::<Vec<_>>().join(", ");
        let settings: Option<Vec<String>> = unheard
            .iter()
            .map(|topic| {
                let endpoint = of_topic(published, *topic).find_map(shown)?;
                Some(format!("{} to {endpoint}", setting(*topic)))
            })
            .collect();
        let what_to_do = match settings {
            Some(settings) => format!(
                "the node publishes {places}: remove zmq_endpoint and zmq_sequence_endpoint to take what the node says, or set {}",
                settings.join(" and ")
            ),
            None => format!(
                "the node publishes {places}, which only its own machine reaches: let bitcoin.conf name an address that can be \
                 reached from here"
            ),
        };
        Fault::with_remedy(
            format!(
                "no {} message has come from the node yet",
                names(unheard, " and ")
            ),
            match used.is_empty() {
                true => "no endpoint of the node can be reached from here".to_owned(),
                false => format!("nothing comes from {}", endpoints(used)),
            },
            what_to_do,
        )
    }
}

/// Whether these are subscriptions to a stand-in.
pub fn is_standin(used: &[Subscription]) -> bool {
    used.iter()
        .any(|used| used.topics.contains(&Topic::StandIn))
}

/// The setting with the endpoint of a topic.
fn setting(topic: Topic) -> &'static str {
    match topic {
        Topic::Sequence => "zmq_sequence_endpoint",
        _ => "zmq_endpoint",
    }
}

fn names(topics: &[Topic], between: &str) -> String {
    let names: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
    names.join(between)
}

fn endpoints(used: &[Subscription]) -> String {
    let endpoints: Vec<&str> = used.iter().map(|used| used.endpoint.as_str()).collect();
    endpoints.join(" and ")
}

/// The entries of a topic in the node's list, in its order.
pub fn lines_of(published: &[Notification], topic: Topic) -> impl Iterator<Item = &Notification> {
    let is_of = move |line: &&Notification| line.kind.strip_prefix("pub") == Some(topic.name());
    published.iter().filter(is_of)
}

fn of_topic(published: &[Notification], topic: Topic) -> impl Iterator<Item = &str> {
    lines_of(published, topic).map(|line| line.address.as_str())
}

/// Whether the node publishes a topic anywhere.
pub fn is_published(published: &[Notification], topic: Topic) -> bool {
    of_topic(published, topic).next().is_some()
}

fn is_published_at(published: &[Notification], topic: Topic, used: &[Subscription]) -> bool {
    let mut endpoints = used
        .iter()
        .filter(|used| used.topics.contains(&topic))
        .map(|used| used.endpoint.as_str());
    endpoints.any(|endpoint| of_topic(published, topic).any(|at| may_be_same(at, endpoint)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
