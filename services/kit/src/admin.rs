//! The operator's port of a process: `/healthz`, `/readyz` and `/metrics`.

mod serve;

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{Context, fault::Fault, health::Readiness, metrics};

pub use serve::describe as describe_metrics;

/// Serves the operator's port as long as the process lives: while it drains too, when it says that it is not ready.
pub async fn serve(listener: TcpListener, handle: PrometheusHandle, context: &Context) {
    let app = health_routes(context.readiness.clone(), Audience::Operators).route(
        "/metrics",
        get(move || std::future::ready(metrics::render(&handle))),
    );
    tokio::spawn(serve::serve(listener, app, serve::Limits::default()));
    let (readiness, stop) = (context.readiness.clone(), context.tasks.stop());
    context
        .tasks
        .spawn("readiness", async move {
            stop.cancelled().await;
            readiness.drain();
            Ok(())
        })
        .await;
}

/// Which text `/readyz` gives.
#[derive(Clone, Copy, Debug)]
pub enum Audience {
    /// The operator's, on a port of operators.
    Operators,
    /// The public's.
    Public,
}

/// `/healthz` (alive), `/health` (its other name) and `/readyz` (can serve; 503 while it drains). `/readyz` also names what
/// is waited for and what is impaired, which does not keep a part from serving.
pub fn health_routes(readiness: Readiness, audience: Audience) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/health", get(alive))
        .route("/readyz", get(ready).with_state((readiness, audience)))
}

async fn alive() -> impl IntoResponse {
    Json(json!({ "status": "alive" }))
}

async fn ready(State((readiness, audience)): State<(Readiness, Audience)>) -> impl IntoResponse {
    let conditions = readiness.watch().borrow().clone();
    let (code, status) = match conditions.can_serve() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let text = |wait: &Fault| match audience {
        Audience::Operators => json!(wait.operator),
        Audience::Public => json!(wait.public),
    };
    let named = |(name, fault): (&str, _)| (name.to_owned(), text(fault));
    let waiting_for: serde_json::Map<_, _> = conditions.unmet().map(named).collect();
    let impaired: serde_json::Map<_, _> = conditions.impaired().map(named).collect();
    (
        code,
        Json(json!({ "status": status, "waiting_for": waiting_for, "impaired": impaired })),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The status of `/readyz`, and what it says the node is waited for.
    async fn asked(readiness: &Readiness, audience: Audience) -> (StatusCode, String) {
        let answer = ready(State((readiness.clone(), audience)))
            .await
            .into_response();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 4096)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (
            status,
            body["waiting_for"]["node"].as_str().unwrap().to_owned(),
        )
    }

    #[tokio::test]
    async fn a_part_that_waits_is_ready_and_says_what_it_waits_for() {
        let readiness = Readiness::default();
        let fault = Fault::new("the node is silent", "rawtx on tcp://127.0.0.1:28332");
        let node = readiness.condition("node", "the node");
        node.unmet(fault.clone());
        let (status, said) = asked(&readiness, Audience::Operators).await;
        assert_eq!((status, said), (StatusCode::OK, fault.operator));
        let (_, said) = asked(&readiness, Audience::Public).await;
        assert_eq!(said, fault.public);
        readiness.drain();
        let (status, _) = asked(&readiness, Audience::Operators).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
