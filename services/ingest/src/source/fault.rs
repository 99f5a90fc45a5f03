//! What an RPC error means, in both texts.

use satscope_bitcoin::rpc::RpcError;
use satscope_kit::fault::Fault;

/// Core's error code while it starts. Source: `src/rpc/protocol.h`, `RPC_IN_WARMUP`.
pub const IN_WARMUP: i64 = -28;

/// What an RPC error of the node at `url` tells each audience.
pub fn of_rpc(error: &RpcError, url: &str) -> Fault {
    let public = match error {
        RpcError::Unreachable { .. } => "the node's RPC cannot be reached",
        RpcError::Slow(_) => "the node is slow to answer",
        RpcError::Cookie(..) | RpcError::FoundCookie(_) => "the node's login cannot be read",
        RpcError::Unauthorized(_) | RpcError::Forbidden(_) => "the node refuses to answer",
        RpcError::Node {
            code: IN_WARMUP, ..
        } => "the node is starting",
        RpcError::Http { .. } | RpcError::Node { .. } => "the node answers with an error",
        RpcError::Cut { .. } => "the node ended the connection before its answer",
        RpcError::Answer { .. } | RpcError::TooLong { .. } => "the node's answer cannot be read",
    };
    match error {
        RpcError::Unreachable { url, reason } => Fault::with_remedy(
            public,
            format!("no RPC at {url} ({reason})"),
            "is the node running, with server=1 in bitcoin.conf?",
        ),
        RpcError::Cookie(..) => Fault::with_remedy(
            public,
            error.to_string(),
            "is the node running, and may this user read the file?",
        ),
        RpcError::FoundCookie(cookie) if cookie.is_missing() => Fault::with_remedy(
            public,
            format!("no RPC at {url}: {cookie}"),
            "is the node running?",
        ),
        RpcError::FoundCookie(cookie) => Fault::new(public, cookie.to_string()),
        RpcError::Unauthorized(_) | RpcError::Cut { .. } => Fault::new(public, error.to_string()),
        other => Fault::new(public, format!("{url}: {other}")),
    }
}

/// Why nothing is asked where there is no RPC.
pub fn no_rpc() -> Fault {
    Fault::plain("no RPC: what came before the connection is not known")
}
