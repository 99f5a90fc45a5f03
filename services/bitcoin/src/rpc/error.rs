//! The reasons why a call does not succeed, and their meaning for the node's state.

use std::{path::PathBuf, time::Duration};

use thiserror::Error;

use crate::login::CookieError;

/// The longest time for one call or batch: the mempool's txids take a small computer half a minute. A machine that is gone is
/// noticed earlier.
pub(super) const TIMEOUT: Duration = Duration::from_mins(2);

/// A call that did not succeed.
#[derive(Debug, Error)]
pub enum RpcError {
    /// No connection.
    #[error("{url}: {reason}")]
    Unreachable {
        /// The URL of the RPC.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// A connection that ended before the answer.
    #[error("{url}: the connection was cut: {reason}")]
    Cut {
        /// The URL of the RPC.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// An answer that is too long to be taken.
    #[error("{method}: an answer of more than {limit} bytes")]
    TooLong {
        /// The call.
        method: &'static str,
        /// The longest answer that is taken, in bytes.
        limit: usize,
    },
    /// No answer in time.
    #[error("{0}: no answer within {TIMEOUT:?}")]
    Slow(&'static str),
    /// The cookie file cannot be read.
    #[error("reading the cookie file {0}: {1}")]
    Cookie(PathBuf, std::io::Error),
    /// The cookie file that was found cannot be used.
    #[error(transparent)]
    FoundCookie(#[from] CookieError),
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
        /// The fault of the answer.
        reason: String,
    },
}

/// Core's code for a thing that it does not have. Source: `src/rpc/protocol.h`, `RPC_INVALID_ADDRESS_OR_KEY`.
const NOT_FOUND: i64 = -5;
/// Core's error code while it starts. Source: as above, `RPC_IN_WARMUP`.
pub const IN_WARMUP: i64 = -28;
/// Core's code for a height that is not in its chain. Source: as above, `RPC_INVALID_PARAMETER`.
const INVALID: i64 = -8;
/// Core's code for a fault of its own, which proxies use too. Source: as above, `RPC_INTERNAL_ERROR`.
const INTERNAL: i64 = -32603;
/// Core's code for errors without a code of their own, such as a pruned block. Source: as above, `RPC_MISC_ERROR`.
const MISC: i64 = -1;

impl RpcError {
    /// Whether the error says that the node does not have the thing asked for. No other error means absence.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            RpcError::Node {
                code: NOT_FOUND,
                ..
            }
        )
    }

    /// Whether the error says, for a block asked for by height, that the best chain does not reach so high.
    pub fn is_beyond_tip(&self) -> bool {
        matches!(self, RpcError::Node { code: INVALID, .. })
    }

    /// The public text: without an address, user or path, and without words of the node.
    pub fn public(&self) -> &'static str {
        match self {
            RpcError::Unreachable { .. } => "the node's RPC cannot be reached",
            RpcError::Slow(_) => "the node is slow to answer",
            RpcError::Cookie(..) | RpcError::FoundCookie(_) => "the node's login cannot be read",
            RpcError::Unauthorized(_) | RpcError::Forbidden(_) => "the node refuses to answer",
            RpcError::Node {
                code: IN_WARMUP, ..
            } => "the node is starting",
            RpcError::Http { .. } | RpcError::Node { .. } => "the node answers with an error",
            RpcError::Cut { .. } => "the node ended the connection before its answer",
            RpcError::Answer { .. } | RpcError::TooLong { .. } => {
                "the node's answer cannot be read"
            }
        }
    }

    /// Whether the error may mean that a block is pruned; only a block below the node's `pruneheight` is.
    pub fn may_be_pruned(&self) -> bool {
        matches!(self, RpcError::Node { code: MISC, .. })
    }

    /// Whether the same question may be answered in a moment: the node, or a proxy before it, is busy.
    pub fn is_passing(&self) -> bool {
        match self {
            // A status of success came with the page of a proxy.
            RpcError::Http { status, .. } => *status == 429 || *status >= 500 || *status < 300,
            RpcError::Node { code, .. } => *code == INTERNAL,
            RpcError::Answer { .. } | RpcError::Cut { .. } => true,
            RpcError::Unreachable { .. }
            | RpcError::TooLong { .. }
            | RpcError::Slow(_)
            | RpcError::Cookie(..)
            | RpcError::FoundCookie(_)
            | RpcError::Unauthorized(_)
            | RpcError::Forbidden(_) => false,
        }
    }
}
