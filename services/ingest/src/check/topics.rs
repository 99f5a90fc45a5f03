//! Whether `rawtx` and `sequence` can be heard from here, and how many messages the node keeps for a slow subscriber.

use std::{collections::BTreeSet, fmt::Display, time::Duration};

use satscope_bitcoin::{
    discovery::ZmqPublisher,
    frame::Topic,
    rpc::Notification,
    subscriber::{Incoming, Subscription, fixed, receive},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{answers::has_no_method, ask::Answer, finding::Finding};
use crate::source::topics::{Endpoints, Listing, NEEDED, Topics, is_published, lines_of};

/// The finding about the topics.
pub const TOPICS: &str = "topics";
/// The finding about the node's queues.
pub const QUEUES: &str = "queues";

/// How long a handshake with one endpoint may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Messages that may wait between the ZMQ thread and this check, which looks at handshakes only.
const QUEUE: usize = 64;
/// A high-water mark below this, in messages, is less than a block may have transactions. Core publishes them all at once when
/// it connects the block, and drops those beyond the mark (1000 by default). Source: Core, `doc/zmq.md`.
const LEAST_MARK: i64 = 10_000;
/// The mark that the README advises.
const ADVISED_MARK: i64 = 100_000;

/// The endpoints of these subscriptions that answer as a ZMQ publisher does. Nothing is subscribed to, because a stand-in
/// begins to play for its first subscriber.
pub async fn reach(used: &[Subscription]) -> BTreeSet<String> {
    let silent: Vec<Subscription> = used
        .iter()
        .map(|used| Subscription {
            endpoint: used.endpoint.clone(),
            topics: Vec::new(),
        })
        .collect();
    let (queue, mut incoming) = mpsc::channel(QUEUE);
    let stop = CancellationToken::new();
    let ending = stop.clone().drop_guard();
    let mut up = BTreeSet::new();
    // The thread ends by itself once `stop` is cancelled, or at once if libzmq cannot use an endpoint.
    drop(tokio::task::spawn_blocking(move || {
        receive(fixed(silent), &queue, &stop)
    }));
    let all = async {
        while up.len() < used.len() {
            match incoming.recv().await {
                Some(Incoming::Up(endpoint)) => up.insert(endpoint),
                Some(Incoming::Down(endpoint)) => up.remove(&endpoint),
                Some(Incoming::Message(..)) => continue,
                None => return,
            };
        }
    };
    // If the time runs out, the endpoints that are up by then are the answer.
    tokio::time::timeout(PATIENCE, all).await.ok();
    drop(ending);
    up
}

/// The finding about the topics, from the node's list if there is one.
pub async fn published(
    endpoints: &Endpoints,
    answer: &Answer<Vec<Notification>>,
    in_files: &[ZmqPublisher],
) -> Finding {
    match answer {
        Ok(published) => {
            let used = endpoints.of(published);
            let up = reach(&used).await;
            judge(endpoints, published, up.len() == used.len(), in_files)
        }
        Err(_) if has_no_method(answer) => polled(
            "the node's program is built without ZMQ",
            "replace it by one with ZMQ, such as those of bitcoincore.org",
        ),
        Err(_) => unlisted(endpoints, in_files).await,
    }
}

/// The finding about the topics without the node's list.
pub async fn unlisted(endpoints: &Endpoints, in_files: &[ZmqPublisher]) -> Finding {
    let used = endpoints.usual();
    let up = reach(&used).await;
    let places: Vec<&str> = used.iter().map(|used| used.endpoint.as_str()).collect();
    let places = places.join(" and ");
    let in_files = listed(in_files);
    match (up.len() == used.len(), endpoints.rpc_host.is_some()) {
        (true, _) => Finding::unknown(
            TOPICS,
            format!("{places} answers; which topics come from there only the RPC tells"),
        ),
        (false, true) if in_files.is_empty() => {
            Finding::unknown(TOPICS, format!("nothing answers at {places}"))
        }
        (false, true) => Finding::unknown(
            TOPICS,
            format!("nothing answers at {places}; the node's files say {in_files}"),
        ),
        (false, false) => Finding::wrong(
            TOPICS,
            format!("nothing answers at {places}"),
            "set zmq_endpoint to the address of zmqpubrawtx in the node's bitcoin.conf",
        ),
    }
}

/// A warning about the topics. It is only a warning, because ingest asks for the mempool over RPC meanwhile.
fn polled(what: impl Display, what_to_do: impl AsRef<str>) -> Finding {
    Finding::warning(
        TOPICS,
        format!("{what}; satscope run works by polling the mempool, which is slower"),
        what_to_do,
    )
}

fn judge(
    endpoints: &Endpoints,
    published: &[Notification],
    is_up: bool,
    in_files: &[ZmqPublisher],
) -> Finding {
    let used = endpoints.of(published);
    let mut topics = Topics::of_node_at(endpoints.rpc_host.clone());
    topics.list(Listing::Known(published.to_vec()));
    let Some(fault) = topics.fault(&used, is_up) else {
        return Finding::ok(TOPICS, heard(&used));
    };
    let is_unpublished = |name: &str| {
        let mut needed = NEEDED.into_iter().filter(|topic| topic.name() == name);
        needed.any(|topic| !is_published(published, topic))
    };
    let in_files: Vec<ZmqPublisher> = in_files
        .iter()
        .filter(|line| is_unpublished(line.topic.name()))
        .cloned()
        .collect();
    match in_files.is_empty() {
        false => polled(
            fault.what(),
            format!("restart the node: its files say {}", listed(&in_files)),
        ),
        true => polled(
            fault.what(),
            fault
                .remedy()
                .unwrap_or("look at getzmqnotifications of the node"),
        ),
    }
}

/// Each needed topic and its endpoint.
fn heard(used: &[Subscription]) -> String {
    let places = used.iter().map(|used| {
        let topics = used.topics.iter().filter(|topic| NEEDED.contains(topic));
        let mut names: Vec<&str> = topics.map(|topic| topic.name()).collect();
        names.sort_unstable();
        format!("{} at {}", names.join(" and "), used.endpoint)
    });
    let places: Vec<String> = places.collect();
    format!("{}, reached from here", places.join(", "))
}

/// The `zmqpub` lines of the node's files, as one text.
fn listed(lines: &[ZmqPublisher]) -> String {
    let lines = lines
        .iter()
        .map(|line| format!("zmqpub{}={}", line.topic.name(), line.address));
    lines.collect::<Vec<String>>().join(", ")
}

/// How many messages the node keeps for a subscriber that is slow; `None` if neither topic is published.
pub fn queues(published: &[Notification]) -> Option<Finding> {
    NEEDED
        .into_iter()
        .find(|topic| is_published(published, *topic))?;
    let marks: Vec<(&str, i64)> = NEEDED
        .into_iter()
        .filter_map(|topic| Some((topic.name(), mark(published, topic)?)))
        .collect();
    let is_low = marks.iter().any(|(_, mark)| *mark < LEAST_MARK);
    let is_enough = |topic: &Topic| {
        is_published(published, *topic)
            && mark(published, *topic).is_none_or(|mark| mark >= LEAST_MARK)
    };
    // A topic that is yet to be published needs its line too.
    let lines: Vec<String> = NEEDED
        .into_iter()
        .filter(|topic| is_low && !is_enough(topic))
        .map(|topic| format!("zmqpub{}hwm={ADVISED_MARK}", topic.name()))
        .collect();
    let said: Vec<String> = marks
        .iter()
        .map(|(topic, mark)| format!("{topic} {mark}"))
        .collect();
    let said = format!("high-water marks: {}", said.join(", "));
    Some(match (marks.is_empty(), lines.is_empty()) {
        (true, _) => Finding::ok(QUEUES, "without a limit, or the node does not tell"),
        (false, true) => Finding::ok(QUEUES, said),
        (false, false) => Finding::warning(
            QUEUES,
            format!("{said}; a block has more transactions, and the node drops those beyond"),
            format!(
                "add {} to bitcoin.conf and restart the node",
                lines.join(" and ")
            ),
        ),
    })
}

/// The lowest high-water mark of a topic, because a subscriber may be at any of its addresses; `None` if there is no limit.
fn mark(published: &[Notification], topic: Topic) -> Option<i64> {
    let marks = lines_of(published, topic).filter_map(|line| line.hwm);
    marks.filter(|mark| *mark != 0).min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
