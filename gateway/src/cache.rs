//! Caching: an entity tag with each answer that may be kept, and 304 for who has it already (RFC 9110, 13.1.2).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

/// An answer that a client may keep and must ask about before it uses it again. `tag` is without quotes.
pub fn revalidated(
    request: &HeaderMap,
    tag: &str,
    content_type: &'static str,
    body: impl FnOnce() -> Bytes,
) -> Response {
    let mut response = match known(request, tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, content_type)], Body::from(body())).into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn known(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|listed| listed.trim().trim_start_matches("W/").trim_matches('"'))
        .any(|listed| listed == tag || listed == "*")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(if_none_match: &str) -> StatusCode {
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, if_none_match.parse().unwrap());
        revalidated(&request, "abc", "text/plain", || Bytes::from_static(b"x")).status()
    }

    #[test]
    fn only_who_has_it_is_spared_the_body() {
        for known in ["\"abc\"", "W/\"abc\"", "\"x\", W/\"abc\"", "*"] {
            assert_eq!(asked(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["\"ab\"", "W/\"abcd\"", ""] {
            assert_eq!(asked(other), StatusCode::OK, "{other}");
        }
    }
}
