//! The operator's port of a process: `/healthz`, `/readyz` and `/metrics`.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::error;

use crate::{Context, health::Readiness, metrics};

/// Serves the operator's port as long as the process lives: while it drains too, when it says that it is not ready.
pub async fn serve(listener: TcpListener, handle: PrometheusHandle, context: &Context) {
    let app = health_routes(context.readiness.clone()).route(
        "/metrics",
        get(move || std::future::ready(metrics::render(&handle))),
    );
    tokio::spawn(async move {
        if let Err(fault) = axum::serve(listener, app).await {
            error!("the operator's port: {fault}");
        }
    });
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

/// `/healthz` (alive), `/health` (its other name) and `/readyz` (can serve; 503 while it drains). `/readyz` also names what
/// is waited for, which does not keep a part from serving.
pub fn health_routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/health", get(alive))
        .route("/readyz", get(ready).with_state(readiness))
}

async fn alive() -> impl IntoResponse {
    Json(json!({ "status": "alive" }))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let conditions = readiness.watch().borrow().clone();
    let (code, status) = match conditions.can_serve() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let waiting_for: serde_json::Map<_, _> = conditions
        .unmet()
        .map(|(name, wait)| (name.to_owned(), json!(wait)))
        .collect();
    (
        code,
        Json(json!({ "status": status, "waiting_for": waiting_for })),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_waits_is_ready_and_says_what_it_waits_for() {
        let readiness = Readiness::default();
        let _node = readiness.condition("node", "rawtx on tcp://127.0.0.1:28332");
        let answer = ready(State(readiness.clone())).await.into_response();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = axum::body::to_bytes(answer.into_body(), 4096)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["waiting_for"]["node"],
            "rawtx on tcp://127.0.0.1:28332"
        );
        readiness.drain();
        let answer = ready(State(readiness)).await.into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
