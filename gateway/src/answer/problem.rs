//! Errors in the form of RFC 9457: `application/problem+json`.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;

use crate::answer::json::json;

/// An error that a client is told.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem; `detail` names the fault of this request, and the expected form.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    /// The problem with one more header.
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// A problem of something that will be available later (503, retry after 5 s).
    pub fn later(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(header::RETRY_AFTER, "5")
    }

    /// A problem of a client that asks for more at a time than one client may have (429, retry after 5 s).
    pub fn too_many(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with(header::RETRY_AFTER, "5")
    }

    /// A problem of a request that did not come whole in time (408).
    pub fn slow() -> Self {
        let detail = "the request did not come in the time that there is for it";
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    /// A problem of a known path with a method other than GET or HEAD (405).
    pub fn read_only() -> Self {
        let detail = "only GET and HEAD are answered here";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).with(header::ALLOW, "GET,HEAD")
    }

    /// The problem as a JSON object.
    pub fn body(&self) -> Bytes {
        #[derive(Serialize)]
        struct Body9457<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'a str,
        }
        json(&Body9457 {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.header);
        response
    }
}
