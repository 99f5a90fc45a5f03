//! Caching: an entity tag with each answer that a client may keep, and 304 for a client that has the answer already
//! (RFC 9110, 13.1.2).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{CacheControl, ETag, HeaderMapExt as _, IfNoneMatch};

use crate::answer::encoded::Encoded;

/// `Cache-Control` of content that never changes: browsers keep it for a year, and do not ask again when they reload
/// (RFC 8246).
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// An answer that a client may keep, and must ask about before each use. `tag` is without quotes.
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

/// The answer for a client that has the answer of this tag.
pub fn unchanged(tag: &str) -> Response {
    tagged(StatusCode::NOT_MODIFIED.into_response(), tag)
}

/// The answer for a client that does not have the answer of this tag.
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
    if let Some(tag) = entity_tag(tag) {
        headers.typed_insert(tag);
    }
    headers.typed_insert(CacheControl::new().with_no_cache());
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    response
}

/// Whether `If-None-Match` names the answer with this tag.
pub fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let known: Option<IfNoneMatch> = request.typed_get();
    let tag = entity_tag(tag);
    known
        .zip(tag)
        .is_some_and(|(known, tag)| !known.precondition_passes(&tag))
}

/// The entity tag; weak, because both encodings of a body have the same tag. `None` if `tag` has characters that an
/// entity tag may not have.
fn entity_tag(tag: &str) -> Option<ETag> {
    format!("W/\"{tag}\"").parse().ok()
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
        for known in [
            "\"abc\"",
            "W/\"abc\"",
            "\"x\", W/\"abc\"",
            "\"a,b\",\"abc\"",
            "*",
        ] {
            assert_eq!(asked(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["\"ab\"", "W/\"abcd\"", "abc", ""] {
            assert_eq!(asked(other), StatusCode::OK, "{other}");
        }
    }
}
