//! Caching: an entity tag with each answer that may be kept, and 304 for who has it already (RFC 9110, 13.1.2).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::answer::encoded::Encoded;

/// An answer that a client may keep and must ask about before it uses it again. `tag` is without quotes.
pub fn revalidated(
    request: &HeaderMap,
    tag: &str,
    content_type: &'static str,
    body: &Encoded,
) -> Response {
    match is_known(request, tag) {
        true => unchanged(tag),
        false => fresh(request, tag, content_type, body),
    }
}

/// For who has it already.
pub fn unchanged(tag: &str) -> Response {
    tagged(StatusCode::NOT_MODIFIED.into_response(), tag)
}

/// For who has it not yet, or not any more.
pub fn fresh(
    request: &HeaderMap,
    tag: &str,
    content_type: &'static str,
    body: &Encoded,
) -> Response {
    let (bytes, encoding) = body.for_request(request);
    let mut response = ([(header::CONTENT_TYPE, content_type)], Body::from(bytes)).into_response();
    if let Some(encoding) = encoding {
        let encoding = HeaderValue::from_static(encoding);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, encoding);
    }
    tagged(response, tag)
}

fn tagged(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    response
}

/// Whether the client says that it has the answer of this tag.
pub fn is_known(request: &HeaderMap, tag: &str) -> bool {
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
    use bytes::Bytes;

    use super::*;

    fn asked(if_none_match: &str) -> StatusCode {
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, if_none_match.parse().unwrap());
        let body = Encoded::best(Bytes::from_static(b"x"));
        revalidated(&request, "abc", "text/plain", &body).status()
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
