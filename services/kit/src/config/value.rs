//! Parsers of values whose errors say what was expected.

use std::{net::SocketAddr, ops::RangeInclusive};

use tonic::transport::Uri;
use tracing_subscriber::EnvFilter;

use super::Secret;

/// Parses a socket address to listen on.
///
/// # Errors
/// When `text` is not of that kind.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected a socket address, ADDRESS:PORT, such as 127.0.0.1:8000".to_owned())
}

/// Parses a log filter: a level, or a list of `target=level`.
///
/// # Errors
/// When it is neither.
pub fn log_filter(text: &str) -> Result<String, String> {
    // An empty list would log nothing, not even errors.
    let is_empty = text.split(',').all(|one| one.trim().is_empty());
    match EnvFilter::try_new(text) {
        Ok(_) if !is_empty => Ok(text.to_owned()),
        _ => Err("expected error, warn, info, debug, trace, or a list of target=level".to_owned()),
    }
}

/// Parses a finite number.
///
/// # Errors
/// When `text` is not of that kind.
pub fn finite(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "expected a number".to_owned())
}

/// Parses a finite number above 0.
///
/// # Errors
/// When `text` is not of that kind.
pub fn positive(text: &str) -> Result<f64, String> {
    finite(text)
        .ok()
        .filter(|number| *number > 0.0)
        .ok_or_else(|| "expected a number above 0".to_owned())
}

/// Parses a number of seconds above 0 and of at most an hour.
///
/// # Errors
/// When `text` is not of that kind.
pub fn seconds(text: &str) -> Result<f64, String> {
    positive(text)
        .ok()
        .filter(|seconds| *seconds <= 3600.0)
        .ok_or_else(|| "expected seconds, above 0 and at most 3600".to_owned())
}

/// A parser of whole numbers in `range`, which its error names.
pub fn whole(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text: &str| {
        let number = text.parse().ok();
        let number = number.filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

/// Parses a size of 1000 bytes or more.
///
/// # Errors
/// When `text` is not of that kind.
pub fn bytes(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= 1000)
        .ok_or_else(|| "expected bytes, a whole number from 1000".to_owned())
}

/// Parses a URL of the form `http://HOST:PORT`.
///
/// # Errors
/// When it has another scheme, no host, or a login, for which there is no use.
pub fn http_url(text: &str) -> Result<String, String> {
    match node_url(text)? {
        url if url.contains('@') => Err("expected http://HOST:PORT without a login".to_owned()),
        url => Ok(url),
    }
}

/// Parses a URL as [`http_url`] does, perhaps with a login (`http://USER:PASSWORD@HOST:PORT`). It may be shown through
/// [`without_login`] only.
///
/// # Errors
/// When it has another scheme or no host.
pub fn node_url(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>().ok();
    match uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some()) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("expected http://HOST:PORT".to_owned()),
    }
}

/// The text with a possible login in a URL masked, so that it can be shown.
pub fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may have a slash that was not written as %2F: the last @ ends it.
    match rest.rfind('@').or_else(|| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{}@{}", Secret::MASK, &rest[at + 1..]),
        None => text.to_owned(),
    }
}

/// Parses a ZMQ endpoint to connect to: `tcp://HOST:PORT`, or `ipc://PATH`, which Core writes as `unix:PATH`.
///
/// # Errors
/// When `text` is neither of them, or is an address to listen at (`tcp://*:PORT`).
pub fn zmq_endpoint(text: &str) -> Result<String, String> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(format!("ipc://{path}"));
    }
    if text.starts_with("tcp://*:") {
        return Err(
            "expected the node's own address, such as tcp://127.0.0.1:28332: * is what the node listens at".to_owned(),
        );
    }
    let tcp = || {
        let (host, port) = text.strip_prefix("tcp://")?.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok()).then_some(())
    };
    let ipc = || text.strip_prefix("ipc://").filter(|path| !path.is_empty());
    match tcp().is_some() || ipc().is_some() {
        true => Ok(text.to_owned()),
        false => Err("expected tcp://HOST:PORT or ipc://PATH".to_owned()),
    }
}
