//! Why the node's ZMQ stays silent, in words that say what to change: asked over RPC while there is no connection.

use satscope_bitcoin::{
    frame::Topic,
    rpc::{Rpc, RpcError},
};
use serde::Deserialize;
use serde_json::json;

/// One line of `getzmqnotifications`.
#[derive(Debug, Deserialize)]
struct Notification {
    /// "pubrawtx", "pubsequence", …
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

/// One line for a person.
pub async fn why_silent(rpc: &Rpc, endpoint: &str) -> String {
    match rpc.call("getzmqnotifications", json!([])).await {
        Ok(published) => unpublished(published, endpoint),
        Err(error) => explain(&error),
    }
}

/// What an RPC error means for somebody who has just set up a node.
pub fn explain(error: &RpcError) -> String {
    match error {
        RpcError::Unreachable { url, reason } => {
            format!(
                "no RPC at {url} ({reason}): is the node running, with server=1 in bitcoin.conf?"
            )
        }
        other => other.to_string(),
    }
}

fn unpublished(published: Vec<Notification>, endpoint: &str) -> String {
    let missing: Vec<String> = [Topic::RawTx, Topic::Sequence]
        .map(Topic::name)
        .into_iter()
        .filter(|topic| {
            let kind = format!("pub{topic}");
            !published.iter().any(|line| line.kind == kind)
        })
        .map(|topic| format!("zmqpub{topic}={endpoint}"))
        .collect();
    if !missing.is_empty() {
        let lines = missing.join(" and ");
        return format!(
            "the node does not publish what is needed: add {lines} to bitcoin.conf and restart it"
        );
    }
    if published.iter().any(|line| line.address == endpoint) {
        return format!(
            "the node publishes at {endpoint}, but nothing comes through: is a firewall in the way?"
        );
    }
    let mut addresses: Vec<&str> = published.iter().map(|line| line.address.as_str()).collect();
    addresses.dedup();
    format!(
        "nothing at {endpoint}, while the node publishes at {}: set zmq_endpoint to that",
        addresses.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str) -> Notification {
        Notification {
            kind: kind.to_owned(),
            address: "tcp://127.0.0.1:29000".to_owned(),
        }
    }

    #[test]
    fn what_is_missing_in_bitcoin_conf_is_named() {
        let endpoint = "tcp://127.0.0.1:28332";
        assert_eq!(
            unpublished(vec![line("pubrawtx")], endpoint),
            "the node does not publish what is needed: add zmqpubsequence=tcp://127.0.0.1:28332 to bitcoin.conf \
             and restart it"
        );
        assert_eq!(
            unpublished(vec![line("pubrawtx"), line("pubsequence")], endpoint),
            "nothing at tcp://127.0.0.1:28332, while the node publishes at tcp://127.0.0.1:29000: set zmq_endpoint \
             to that"
        );
    }
}
