//! The gateway's description of itself: the OpenAPI document of its REST answers, and the schema of its messages.

use std::sync::LazyLock;

use axum::{http::HeaderMap, response::Response};
use bytes::Bytes;

use crate::{
    answer::{encoded::Encoded, etag::revalidated},
    files::hash_of,
};

/// The path of the OpenAPI document.
pub const OPENAPI: &str = "/api/v1/openapi.yaml";
/// The path of the schema, to which the OpenAPI document refers.
pub const MESSAGES: &str = "/api/v1/websocket-message.schema.json";

/// A document, and the hash of its content.
struct Document {
    tag: String,
    body: Encoded,
}

impl Document {
    fn new(text: &'static str) -> Self {
        Document {
            tag: hash_of([text.as_bytes()]),
            body: Encoded::best(Bytes::from_static(text.as_bytes())),
        }
    }
}

static OPENAPI_YAML: LazyLock<Document> =
    LazyLock::new(|| Document::new(include_str!("../../openapi.yaml")));
static MESSAGE_SCHEMA: LazyLock<Document> =
    LazyLock::new(|| Document::new(include_str!("../../websocket-message.schema.json")));

/// `/api/v1/openapi.yaml`
pub async fn openapi(headers: HeaderMap) -> Response {
    let Document { tag, body } = &*OPENAPI_YAML;
    revalidated(&headers, tag, "application/yaml", body)
}

/// `/api/v1/websocket-message.schema.json`
pub async fn messages(headers: HeaderMap) -> Response {
    let Document { tag, body } = &*MESSAGE_SCHEMA;
    revalidated(&headers, tag, "application/schema+json", body)
}
