//! A client of Bitcoin Core's JSON-RPC: single calls and batches, with cookie or password.
//!
//! Source: Bitcoin Core, `doc/JSON-RPC-interface.md`; the calls' shapes are those of Core 29's `help`.

mod answer;

use std::{fmt, path::PathBuf, time::Duration};

use bitcoin::{BlockHash, Txid};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use thiserror::Error;

use crate::frame::UNIX_SECONDS_END;
pub use answer::Answer;

/// How long one call or batch may take: a busy Core answers slowly.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is taken, in bytes: the txids of three million transactions, or a batch of large ones.
const LONGEST_ANSWER: usize = 256 << 20;

/// How the client identifies itself.
#[derive(Clone)]
pub enum Auth {
    /// Not at all; Core refuses that.
    None,
    /// With the file that Core writes anew at each start (`.cookie` in its data folder).
    CookieFile(PathBuf),
    /// With `-rpcauth`'s user and password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::None => formatter.write_str("None"),
            Auth::CookieFile(path) => write!(formatter, "CookieFile({})", path.display()),
            Auth::Password { user, .. } => write!(formatter, "Password({user})"),
        }
    }
}

/// A call that did not succeed.
#[derive(Debug, Error)]
pub enum RpcError {
    /// No connection, or no answer in time.
    #[error("{url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The cookie file cannot be read.
    #[error("reading the cookie file {0}: {1}")]
    Cookie(PathBuf, std::io::Error),
    /// The credentials were refused.
    #[error(
        "{0} refused the credentials; expected those of its cookie file or of rpcauth in bitcoin.conf"
    )]
    Unauthorized(String),
    /// The node's own error.
    #[error("{method}: {message} (code {code})")]
    Node {
        /// The call.
        method: &'static str,
        /// Core's error code, as in its `src/rpc/protocol.h`.
        code: i64,
        /// Core's words.
        message: String,
    },
    /// An answer of another shape than Core's.
    #[error("{method}: an answer that cannot be read: {reason}")]
    Answer {
        /// The call.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// A client. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Rpc {
    http: reqwest::Client,
    url: String,
    auth: Auth,
}

/// A call of a batch.
pub type Call = (&'static str, Value);

impl Rpc {
    /// A client of the node at `url` (`http://HOST:PORT`).
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(url: &str, auth: Auth) -> Result<Rpc, RpcError> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .no_proxy()
            // A connection that died without a word is noticed, so that a question does not wait for its time-out.
            .tcp_keepalive(Duration::from_secs(1))
            .tcp_keepalive_interval(Duration::from_secs(1))
            .tcp_keepalive_retries(2)
            .tcp_user_timeout(Duration::from_secs(3))
            .build()
            .map_err(|error| unreachable(url, &error))?;
        Ok(Rpc {
            http,
            url: url.to_owned(),
            auth,
        })
    }

    /// One call.
    ///
    /// # Errors
    /// All of [`RpcError`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let body = request(0, &(method, params));
        self.post(&body).await?.single(method)
    }

    /// Many calls in one request; the answers in the order of the calls, each with its own error.
    ///
    /// # Errors
    /// When the request as a whole fails, or an answer is missing.
    pub async fn batch<T: DeserializeOwned>(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let body: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, call)| request(id, call))
            .collect();
        self.post(&json!(body)).await?.batch(calls)
    }

    async fn post(&self, body: &Value) -> Result<Answer, RpcError> {
        let mut request = self.http.post(&self.url).json(body);
        if let Some((user, password)) = self.credentials()? {
            request = request.basic_auth(user, Some(password));
        }
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&self.url, &error))?;
        let status = response.status().as_u16();
        if matches!(status, 401 | 403) {
            return Err(RpcError::Unauthorized(self.url.clone()));
        }
        let body = self.body(response).await?;
        Ok(Answer { status, body })
    }

    /// Piece by piece into its place: that of a large mempool would be held twice otherwise.
    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, RpcError> {
        let length = response.content_length().unwrap_or(0);
        let mut body = Vec::with_capacity((length as usize).min(LONGEST_ANSWER));
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| unreachable(&self.url, &error))?
        {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(RpcError::Unreachable {
                    url: self.url.clone(),
                    reason: format!("an answer of more than {LONGEST_ANSWER} bytes"),
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// The cookie is read anew each time: it changes when the node restarts.
    fn credentials(&self) -> Result<Option<(String, String)>, RpcError> {
        match &self.auth {
            Auth::None => Ok(None),
            Auth::Password { user, password } => Ok(Some((user.clone(), password.clone()))),
            Auth::CookieFile(path) => {
                let cookie = std::fs::read_to_string(path)
                    .map_err(|error| RpcError::Cookie(path.clone(), error))?;
                let (user, password) = cookie.trim().split_once(':').unwrap_or(("", ""));
                Ok(Some((user.to_owned(), password.to_owned())))
            }
        }
    }
}

fn request(id: usize, (method, params): &Call) -> Value {
    json!({ "jsonrpc": "1.0", "id": id, "method": method, "params": params })
}

fn unreachable(url: &str, error: &dyn std::error::Error) -> RpcError {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    RpcError::Unreachable {
        url: url.to_owned(),
        reason: innermost.to_string(),
    }
}

/// A time that milliseconds can be made of.
fn unix_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    match seconds < UNIX_SECONDS_END {
        true => Ok(seconds),
        false => Err(serde::de::Error::custom(format!(
            "time {seconds}; expected Unix seconds before the year 10000"
        ))),
    }
}

/// `getblockchaininfo`, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockchainInfo {
    /// "main", "test", "testnet4", "signet" or "regtest".
    pub chain: String,
    /// Height of the best chain.
    pub blocks: u32,
    /// Its tip.
    #[serde(rename = "bestblockhash")]
    pub best_block_hash: BlockHash,
    /// True while the node has yet to catch up with the network.
    #[serde(rename = "initialblockdownload", default)]
    pub initial_block_download: bool,
    /// How much of the network's chain it has verified, 0 to 1.
    #[serde(rename = "verificationprogress", default)]
    pub verification_progress: f64,
}

/// `getrawmempool` with the mempool sequence.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MempoolListing {
    /// All txids, unordered.
    pub txids: Vec<Txid>,
    /// The number that the next addition or removal will have.
    pub mempool_sequence: u64,
}

/// `getmempoolinfo`, as far as it is used.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MempoolInfo {
    /// How many transactions there are.
    pub size: usize,
    /// Whether the node has loaded its mempool.dat. It turns true before the last `A` of the load has been received.
    #[serde(default = "is_loaded")]
    pub loaded: bool,
}

/// What a node of before Core 0.19 does not say.
fn is_loaded() -> bool {
    true
}

/// `getmempoolentry`, as far as it is used.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct MempoolEntry {
    /// When it entered, Unix seconds.
    #[serde(deserialize_with = "unix_seconds")]
    pub time: u64,
}

/// `getblockheader`, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockHeader {
    /// The block itself.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// The header's time, Unix seconds.
    #[serde(deserialize_with = "unix_seconds")]
    pub time: u64,
    /// Blocks of the best chain from this one on; -1 if it is in another branch.
    #[serde(default)]
    pub confirmations: i64,
    /// The block before; none for the first.
    #[serde(rename = "previousblockhash")]
    pub previous: Option<BlockHash>,
}
