//! RPC errors as faults, with a text for the public and one for operators.

use satscope_bitcoin::rpc::RpcError;
use satscope_kit::fault::Fault;

/// The fault of an RPC error of the node at `url`.
pub fn of_rpc(error: &RpcError, url: &str) -> Fault {
    let public = error.public();
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

/// The fault of a node without RPC.
pub fn no_rpc() -> Fault {
    Fault::plain("no RPC: what came before the connection is not known")
}
