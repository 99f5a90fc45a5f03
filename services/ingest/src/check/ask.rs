//! The questions of `check` to the node. Each has a time limit of its own, and none changes anything.

use std::{collections::BTreeMap, io::ErrorKind, time::Duration};

use satscope_bitcoin::rpc::{
    BlockchainInfo, MempoolInfo, NetworkInfo, Notification, Rpc, RpcError,
};
use satscope_kit::fault::Fault;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use thiserror::Error;

use crate::source::fault;

/// How long one question may take. Ingest itself waits longer, and for larger answers.
pub const LIMIT: Duration = Duration::from_secs(10);
/// A hash that no block or transaction has.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Core's error code for a method that it does not have. Source: `src/rpc/protocol.h`, `RPC_METHOD_NOT_FOUND`.
pub const NO_METHOD: i64 = -32601;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// No answer to this method came within `LIMIT`.
    #[error("{0}: no answer within {LIMIT:?}")]
    Silent(&'static str),
    /// The answer was an error, or could not be had.
    #[error(transparent)]
    Rpc(RpcError),
}

impl Failure {
    /// The failure as a fault, with what to do.
    pub fn fault(&self, url: &str) -> Fault {
        match self {
            Failure::Silent(_) => Fault::with_remedy(
                "the node is slow to answer",
                format!("{url}: {self}"),
                "look how busy the node is, and ask again",
            ),
            Failure::Rpc(error) => fault::of_rpc(error, url),
        }
    }

    /// Whether the node's whitelist lacks the method, or the node does not let this machine in.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Failure::Rpc(RpcError::Forbidden(_)))
    }

    /// Whether the login has failed.
    pub fn is_of_login(&self) -> bool {
        matches!(
            self,
            Failure::Rpc(
                RpcError::Cookie(..) | RpcError::FoundCookie(_) | RpcError::Unauthorized(_)
            )
        )
    }

    /// Whether it looks as if the node did not run: nothing answers, or the cookie that it writes is not there.
    pub fn is_of_stopped_node(&self) -> bool {
        match self {
            Failure::Rpc(RpcError::Unreachable { .. }) => true,
            Failure::Rpc(RpcError::FoundCookie(cookie)) => cookie.is_missing(),
            Failure::Rpc(RpcError::Cookie(_, error)) => error.kind() == ErrorKind::NotFound,
            Failure::Silent(_) | Failure::Rpc(_) => false,
        }
    }

    /// Core's code of the node's own error.
    pub fn code(&self) -> Option<i64> {
        match self {
            Failure::Rpc(RpcError::Node { code, .. }) => Some(*code),
            Failure::Silent(_) | Failure::Rpc(_) => None,
        }
    }
}

/// An answer, or why there is none.
pub type Answer<T> = Result<T, Failure>;

/// The node's answers.
#[derive(Debug)]
pub struct Answers {
    /// `getblockchaininfo`.
    pub chain: Answer<BlockchainInfo>,
    /// `getnetworkinfo`, which ingest itself never asks.
    pub network: Answer<NetworkInfo>,
    /// `getmempoolinfo`.
    pub mempool: Answer<MempoolInfo>,
    /// `getzmqnotifications`.
    pub published: Answer<Vec<Notification>>,
    /// Whether the node lets the other methods be called; their calls cost it nothing.
    pub others: BTreeMap<&'static str, Answer<()>>,
}

/// Ingest's methods whose answers would be large or need an id. Their parameters make Core give a short answer or error once it
/// has let the call in.
fn probes() -> [(&'static str, Value); 6] {
    [
        ("getbestblockhash", json!([])),
        ("getblockheader", json!([NO_HASH])),
        ("getblock", json!([NO_HASH, 0])),
        // Core refuses a verbose listing with a sequence.
        ("getrawmempool", json!([true, true])),
        ("getmempoolentry", json!([NO_HASH])),
        ("getrawtransaction", json!([NO_HASH])),
    ]
}

impl Answers {
    /// Asks the node. The first question goes alone; if it fails for another reason than a whitelist, nothing else is asked.
    ///
    /// # Errors
    /// The first question's.
    pub async fn of(rpc: &Rpc) -> Answer<Answers> {
        let chain = match ask(rpc, "getblockchaininfo", json!([])).await {
            Err(failure) if !failure.is_forbidden() => return Err(failure),
            answer => answer,
        };
        let others = probes().map(async |(method, params)| {
            let answer = ask::<IgnoredAny>(rpc, method, params).await;
            (method, let_in(answer))
        });
        let (network, mempool, published, others) = tokio::join!(
            ask(rpc, "getnetworkinfo", json!([])),
            ask(rpc, "getmempoolinfo", json!([])),
            ask(rpc, "getzmqnotifications", json!([])),
            futures_util::future::join_all(others),
        );
        Ok(Answers {
            chain,
            network,
            mempool,
            published,
            others: others.into_iter().collect(),
        })
    }

    /// The name of the node's chain; `None` if the node did not tell it.
    pub fn chain_name(&self) -> Option<String> {
        self.chain.as_ref().ok().map(|info| info.chain.clone())
    }

    /// The methods that ingest calls, each with its failure if it has one.
    pub fn methods(&self) -> Vec<(&'static str, Option<&Failure>)> {
        let mut methods = vec![
            ("getblockchaininfo", self.chain.as_ref().err()),
            ("getmempoolinfo", self.mempool.as_ref().err()),
            ("getzmqnotifications", self.published.as_ref().err()),
        ];
        let others = self.others.iter();
        methods.extend(others.map(|(method, answer)| (*method, answer.as_ref().err())));
        methods
    }
}

/// The node's own error about the parameters means that the method was let in.
fn let_in(answer: Answer<IgnoredAny>) -> Answer<()> {
    match answer {
        Err(failure) if failure.code().is_some_and(|code| code != NO_METHOD) => Ok(()),
        answer => answer.map(|_| ()),
    }
}

async fn ask<T: DeserializeOwned>(rpc: &Rpc, method: &'static str, params: Value) -> Answer<T> {
    match tokio::time::timeout(LIMIT, rpc.call(method, params)).await {
        Ok(answer) => answer.map_err(Failure::Rpc),
        Err(_) => Err(Failure::Silent(method)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source of all that ingest asks.
    const ASKED: &str = include_str!("../resync/ask.rs");

    #[test]
    fn each_method_that_ingest_calls_is_asked() {
        let answers = Answers {
            chain: Err(Failure::Silent("getblockchaininfo")),
            network: Err(Failure::Silent("getnetworkinfo")),
            mempool: Err(Failure::Silent("getmempoolinfo")),
            published: Err(Failure::Silent("getzmqnotifications")),
            others: probes()
                .into_iter()
                .map(|(method, _)| (method, Ok(())))
                .collect(),
        };
        let mut asked: Vec<&str> = answers
            .methods()
            .iter()
            .map(|(method, _)| *method)
            .collect();
        let mut called: Vec<&str> = ASKED
            .split('"')
            .filter(|text| text.starts_with("get") && text.chars().all(char::is_alphanumeric))
            .collect();
        called.sort_unstable();
        called.dedup();
        asked.sort_unstable();
        assert_eq!(asked, called);
    }

    #[test]
    fn the_nodes_own_error_means_that_a_method_is_let_in() {
        let node = |code| {
            Failure::Rpc(RpcError::Node {
                method: "getblock",
                code,
                message: String::new(),
            })
        };
        assert!(let_in(Err(node(-5))).is_ok());
        assert!(let_in(Ok(IgnoredAny)).is_ok());
        assert!(let_in(Err(node(NO_METHOD))).is_err());
        let forbidden = Failure::Rpc(RpcError::Forbidden("getblock"));
        assert!(let_in(Err(forbidden)).is_err());
        assert!(let_in(Err(Failure::Silent("getblock"))).is_err());
    }
}
