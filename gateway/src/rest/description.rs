//! What the gateway says of itself: the description of its REST answers, and the schema of its messages.

use std::sync::LazyLock;

use axum::{http::HeaderMap, response::Response};
use bytes::Bytes;

use crate::answer::{encoded::Encoded, etag::revalidated};

/// Where the description is.
pub const OPENAPI: &str = "/api/v1/openapi.yaml";
/// Where the schema is; the description refers to it by its name.
pub const MESSAGES: &str = "/api/v1/websocket-message.schema.json";

/// The version is the tag: neither changes while the program runs.
const TAG: &str = env!("CARGO_PKG_VERSION");

static OPENAPI_YAML: LazyLock<Encoded> =
    LazyLock::new(|| Encoded::best(Bytes::from_static(include_bytes!("../../openapi.yaml"))));
static MESSAGE_SCHEMA: LazyLock<Encoded> = LazyLock::new(|| {
    Encoded::best(Bytes::from_static(include_bytes!(
        "../../websocket-message.schema.json"
    )))
});

/// `/api/v1/openapi.yaml`
pub async fn openapi(headers: HeaderMap) -> Response {
    revalidated(&headers, TAG, "application/yaml", &OPENAPI_YAML)
}

/// `/api/v1/websocket-message.schema.json`
pub async fn messages(headers: HeaderMap) -> Response {
    revalidated(&headers, TAG, "application/schema+json", &MESSAGE_SCHEMA)
}
