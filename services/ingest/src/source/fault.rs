//! What an RPC error means, in both texts.

use satscope_bitcoin::rpc::RpcError;
use satscope_kit::fault::Fault;

/// What an RPC error of the node at `url` tells each audience.
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

/// Why nothing is asked where there is no RPC.
pub fn no_rpc() -> Fault {
    Fault::plain("no RPC: what came before the connection is not known")
}
