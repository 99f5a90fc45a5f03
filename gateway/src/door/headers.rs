//! What every answer bears: the security headers; and the count of requests.

use std::time::Instant;

use ::metrics::{counter, histogram};
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use crate::metrics::{REQUEST_SECONDS, REQUESTS};

/// The page loads only what this server gives. `connect-src 'self'` covers `ws:` and `wss:` to the same host and
/// port too (Content Security Policy Level 3, 6.7.2.8).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const SECURITY: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

/// With the security headers.
pub fn dress(mut response: Response) -> Response {
    response.headers_mut().extend(SECURITY);
    response
}

/// Answers, with the security headers, and counts.
pub async fn dress_and_count(request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let begun = Instant::now();
    let response = dress(next.run(request).await);
    histogram!(REQUEST_SECONDS, "path" => path.clone()).record(begun.elapsed().as_secs_f64());
    let status = response.status().as_u16().to_string();
    counter!(REQUESTS, "path" => path, "status" => status).increment(1);
    response
}
