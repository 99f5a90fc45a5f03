//! JSON-RPC over HTTP with the status codes, bodies and error codes of Bitcoin Core 29.
//!
//! Source: Bitcoin Core, `doc/JSON-RPC-interface.md` and `src/httprpc.cpp`. Requests that say `"jsonrpc": "2.0"` are
//! answered by that specification, all others by Core's older habits. Paths below `/rest/` are Core's REST interface.

mod auth;
mod methods;
mod params;
mod rest;
mod shapes;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::auth::Login;
use self::methods::call;
use crate::node::NodeState;

/// The largest request taken, in bytes; Core's limit.
const MAX_REQUEST_BYTES: usize = 0x0200_0000;

/// A JSON-RPC error.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RpcError {
    code: i32,
    message: String,
}

impl RpcError {
    const MISC: i32 = -1;
    const TYPE: i32 = -3;
    const NOT_FOUND: i32 = -5;
    const INVALID_PARAMETER: i32 = -8;
    const IN_WARMUP: i32 = -28;
    const INVALID_REQUEST: i32 = -32600;
    const METHOD_NOT_FOUND: i32 = -32601;
    const PARSE: i32 = -32700;

    fn new(code: i32, message: impl Into<String>) -> RpcError {
        RpcError {
            code,
            message: message.into(),
        }
    }

    fn http_status(&self) -> StatusCode {
        match self.code {
            RpcError::INVALID_REQUEST => StatusCode::BAD_REQUEST,
            RpcError::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[derive(Clone)]
struct Server {
    node: Arc<NodeState>,
    login: Arc<Login>,
    rest: bool,
}

/// Binds the RPC's address.
///
/// # Errors
/// When the address is taken, or is not this machine's.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            anyhow!("standin_rpc_listen: {address} is in use already; expected a free address")
        } else {
            anyhow!("standin_rpc_listen: {address} cannot be bound: {error}")
        }
    })
}

/// Answers until told to stop; REST too if `rest` says so.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    node: Arc<NodeState>,
    login: Arc<Login>,
    rest: bool,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Server { node, login, rest });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await?;
    Ok(())
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    if uri.path().starts_with("/rest/") {
        return match (server.rest, method) {
            (true, Method::GET) => aside(move || rest::answer(&server.node, &uri)).await,
            (true, _) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            (false, _) => StatusCode::NOT_FOUND.into_response(),
        };
    }
    if method != Method::POST {
        let text = "JSONRPC server handles only POST requests";
        return (StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    }
    if !server.login.admits(&headers) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    match body {
        Ok(body) => aside(move || respond(&server.node, &body)).await,
        Err(rejection) => rejection.into_response(),
    }
}

/// Answers on a thread of its own, because blocks of the past are made for the answer.
async fn aside(answer: impl FnOnce() -> Response + Send + 'static) -> Response {
    let answered = tokio::task::spawn_blocking(answer).await;
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer was not finished");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

fn respond(node: &NodeState, body: &[u8]) -> Response {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(_) => {
            let error = RpcError::new(RpcError::PARSE, "Parse error");
            return reply(error.http_status(), &legacy(Err(error), Value::Null));
        }
    };
    match request {
        Value::Array(requests) => {
            let answers: Vec<Value> = requests
                .iter()
                .filter_map(|request| single(node, request).1)
                .collect();
            if answers.is_empty() && !requests.is_empty() {
                return StatusCode::NO_CONTENT.into_response();
            }
            reply(StatusCode::OK, &Value::Array(answers))
        }
        request @ Value::Object(_) => match single(node, &request) {
            (status, Some(answer)) => reply(status, &answer),
            (status, None) => status.into_response(),
        },
        _ => {
            let error = RpcError::new(RpcError::PARSE, "Top-level object parse error");
            reply(error.http_status(), &legacy(Err(error), Value::Null))
        }
    }
}

/// One request's answer, and its HTTP status if it comes alone. `None` for a notification, which has no answer.
fn single(node: &NodeState, request: &Value) -> (StatusCode, Option<Value>) {
    let id = request.get("id").cloned();
    let result = read_request(request).and_then(|(name, params)| call(node, name, params));
    if request.get("jsonrpc").and_then(Value::as_str) == Some("2.0") {
        return match id {
            Some(id) => (StatusCode::OK, Some(version_2(result, id))),
            None => (StatusCode::NO_CONTENT, None),
        };
    }
    let status = match &result {
        Ok(_) => StatusCode::OK,
        Err(error) => error.http_status(),
    };
    (status, Some(legacy(result, id.unwrap_or(Value::Null))))
}

fn read_request(request: &Value) -> Result<(&str, &Value), RpcError> {
    let invalid = |message| RpcError::new(RpcError::INVALID_REQUEST, message);
    if !request.is_object() {
        return Err(invalid("Invalid Request object"));
    }
    let method = match request.get("method") {
        None | Some(Value::Null) => return Err(invalid("Missing method")),
        Some(Value::String(method)) => method,
        Some(_) => return Err(invalid("Method must be a string")),
    };
    match request.get("params") {
        None => Ok((method, &Value::Null)),
        Some(params @ (Value::Null | Value::Array(_) | Value::Object(_))) => Ok((method, params)),
        Some(_) => Err(invalid("Params must be an array or object")),
    }
}

fn legacy(result: Result<Value, RpcError>, id: Value) -> Value {
    match result {
        Ok(result) => json!({"result": result, "error": null, "id": id}),
        Err(error) => json!({"result": null, "error": error_object(&error), "id": id}),
    }
}

fn version_2(result: Result<Value, RpcError>, id: Value) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(error) => json!({"jsonrpc": "2.0", "error": error_object(&error), "id": id}),
    }
}

fn error_object(error: &RpcError) -> Value {
    json!({"code": error.code, "message": error.message})
}

fn reply(status: StatusCode, answer: &Value) -> Response {
    let body = format!("{answer}\n");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
