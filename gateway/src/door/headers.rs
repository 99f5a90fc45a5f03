//! The security headers of every answer, and the count of requests.

use std::time::Instant;

use anyhow::Context as _;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use super::origins::Origins;
use crate::metrics::{REQUEST_SECONDS, REQUESTS};

/// The page may load only from this server. `connect-src 'self'` covers `ws:` and `wss:` to the same host and port too
/// (Content Security Policy Level 3, 6.7.2.8).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data: blob:; manifest-src 'self'; worker-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors";

/// The security headers of every answer.
#[derive(Clone, Debug)]
pub struct SecurityHeaders([(HeaderName, HeaderValue); 3]);

impl SecurityHeaders {
    /// The headers, which let the pages of the `embedding` origins show this page in a frame.
    ///
    /// # Errors
    /// If an origin cannot be written in a header.
    pub fn new(embedding: &Origins) -> anyhow::Result<Self> {
        let policy = format!("{CONTENT_SECURITY_POLICY} {}", embedding.frame_ancestors());
        let policy = HeaderValue::try_from(policy).context("gateway_embedding_origins")?;
        Ok(SecurityHeaders([
            (header::CONTENT_SECURITY_POLICY, policy),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ]))
    }

    /// Adds the headers to an answer.
    pub fn dress(&self, mut response: Response) -> Response {
        response.headers_mut().extend(self.0.clone());
        response
    }
}

/// Passes a request on, adds the security headers to its answer, and counts it.
pub async fn dress_and_count(
    State(headers): State<SecurityHeaders>,
    request: Request,
    next: Next,
) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let begun = Instant::now();
    let response = headers.dress(next.run(request).await);
    REQUEST_SECONDS
        .of(&[("path", path.clone())])
        .record(begun.elapsed().as_secs_f64());
    let status = response.status().as_u16().to_string();
    REQUESTS
        .of(&[("path", path), ("status", status)])
        .increment(1);
    response
}
