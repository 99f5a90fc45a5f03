//! A client of Bitcoin Core's JSON-RPC: single calls and batches, with cookie or password.
//!
//! Source: Bitcoin Core, `doc/JSON-RPC-interface.md`; the calls' shapes are those of Core 29's `help`.

mod answer;

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bitcoin::{BlockHash, Txid};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use thiserror::Error;

use crate::frame::UNIX_SECONDS_END;
pub use answer::Answer;

/// How long one call or batch may take: the mempool's txids take a small computer half a minute. That the node's machine is gone
/// is noticed earlier.
const TIMEOUT: Duration = Duration::from_secs(120);
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
    /// No connection.
    #[error("{url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// No answer in time.
    #[error("{0}: no answer within {TIMEOUT:?}")]
    Slow(&'static str),
    /// The cookie file cannot be read.
    #[error("reading the cookie file {0}: {1}")]
    Cookie(PathBuf, std::io::Error),
    /// The credentials were refused.
    #[error(
        "{0} refused the credentials; expected those of its cookie file or of rpcauth in bitcoin.conf"
    )]
    Unauthorized(String),
    /// This user may not make the call.
    #[error("{0} is not allowed: add it to this user's rpcwhitelist in bitcoin.conf")]
    Forbidden(&'static str),
    /// The HTTP server, or something before it, answered in words of its own.
    #[error("{method}: HTTP status {status}: {words}")]
    Http {
        /// The call.
        method: &'static str,
        /// The HTTP status.
        status: u16,
        /// The beginning of the body, in one line.
        words: String,
    },
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

/// Core's code for what it does not have. Source: `src/rpc/protocol.h`, `RPC_INVALID_ADDRESS_OR_KEY`.
const NOT_FOUND: i64 = -5;
/// Core's code for a fault of its own, which proxies use too. Source: as above, `RPC_INTERNAL_ERROR`.
const INTERNAL: i64 = -32603;
/// Core's code for what no other code tells, such as a pruned block. Source: as above, `RPC_MISC_ERROR`.
const MISC: i64 = -1;

impl RpcError {
    /// Whether it says that the node does not have what was asked for. Nothing else is absence.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            RpcError::Node {
                code: NOT_FOUND,
                ..
            }
        )
    }

    /// Whether it may say that a block is pruned; only one below the node's `pruneheight` is.
    pub fn may_be_pruned(&self) -> bool {
        matches!(self, RpcError::Node { code: MISC, .. })
    }

    /// Whether the same question may be answered in a moment: the node, or what stands before it, is busy.
    pub fn is_passing(&self) -> bool {
        match self {
            RpcError::Http { status, .. } => *status == 429 || *status >= 500,
            RpcError::Node { code, .. } => *code == INTERNAL,
            RpcError::Answer { .. } => true,
            RpcError::Unreachable { .. }
            | RpcError::Slow(_)
            | RpcError::Cookie(..)
            | RpcError::Unauthorized(_)
            | RpcError::Forbidden(_) => false,
        }
    }
}

/// A client. Clones share its connections.
#[derive(Clone)]
pub struct Rpc {
    http: reqwest::Client,
    /// As it was given, perhaps with a login.
    target: String,
    /// As it is shown.
    url: String,
    auth: Auth,
    /// The login that the node refused last, as a hash of this key.
    refused: Arc<Mutex<Option<u64>>>,
    key: RandomState,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rpc({}, {:?})", self.url, self.auth)
    }
}

/// A call of a batch.
pub type Call = (&'static str, Value);

impl Rpc {
    /// A client of the node at `target` (`http://HOST:PORT`, perhaps with a login), which errors show as `url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(target: &str, url: &str, auth: Auth) -> Result<Rpc, RpcError> {
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
            target: target.to_owned(),
            url: url.to_owned(),
            auth,
            refused: Arc::default(),
            key: RandomState::new(),
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
        self.post(method, &body).await?.single(method)
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
        self.post(calls[0].0, &json!(body)).await?.batch(calls)
    }

    async fn post(&self, method: &'static str, body: &Value) -> Result<Answer, RpcError> {
        let mut request = self.http.post(&self.target).json(body);
        let login = self.credentials()?;
        let used = self.key.hash_one(&login);
        if let Some((user, password)) = login {
            request = request.basic_auth(user, Some(password));
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.failed(method, &error))?;
        let status = response.status().as_u16();
        // Core refuses a call that is not on the whitelist so, and a batch that has such a call, without a word.
        match status {
            401 => {
                *self.refused() = Some(used);
                return Err(RpcError::Unauthorized(self.url.clone()));
            }
            403 => return Err(RpcError::Forbidden(method)),
            _ => {}
        }
        let body = self.body(method, response).await?;
        Ok(Answer { status, body })
    }

    /// Whether there is another login now than the one that the node refused last: it has been started again.
    pub fn has_new_login(&self) -> bool {
        let refused = *self.refused();
        let login = self.credentials().map(|login| self.key.hash_one(&login));
        refused.is_some_and(|refused| login.is_ok_and(|login| login != refused))
    }

    fn refused(&self) -> MutexGuard<'_, Option<u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Piece by piece into its place: that of a large mempool would be held twice otherwise.
    async fn body(
        &self,
        method: &'static str,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, RpcError> {
        let length = response.content_length().unwrap_or(0);
        let mut body = Vec::with_capacity((length as usize).min(LONGEST_ANSWER));
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(method, &error))?
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

    fn failed(&self, method: &'static str, error: &reqwest::Error) -> RpcError {
        match error.is_timeout() && !error.is_connect() {
            true => RpcError::Slow(method),
            false => unreachable(&self.url, error),
        }
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
    /// The lowest block that a node that prunes still has.
    #[serde(rename = "pruneheight", default)]
    pub prune_height: Option<u32>,
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
    /// Its weight, which is no less than its bytes.
    #[serde(default = "largest")]
    pub weight: u32,
}

impl MempoolEntry {
    /// The weight of the largest transaction that enters a mempool. Source: Core, `src/policy/policy.h`,
    /// `MAX_STANDARD_TX_WEIGHT`.
    pub const LARGEST_WEIGHT: u32 = 400_000;
}

fn largest() -> u32 {
    MempoolEntry::LARGEST_WEIGHT
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
