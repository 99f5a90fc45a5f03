//! The operator's port of a process: `/healthz`, `/readyz` and `/metrics`.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::error;

use crate::{
    Context,
    health::{Readiness, all_met},
    metrics,
};

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
            readiness.condition("process", "its end: it is draining");
            Ok(())
        })
        .await;
}

/// `/healthz` (alive), `/health` (its other name) and `/readyz` (has what it needs; 503 and the reasons if not).
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
    let (code, status) = match all_met(&conditions) {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "waiting"),
    };
    let waiting_for: serde_json::Map<_, _> = conditions
        .into_iter()
        .filter_map(|(name, waiting)| Some((name.to_owned(), json!(waiting?))))
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
    async fn readiness_says_what_is_waited_for() {
        let readiness = Readiness::default();
        let node = readiness.condition("node", "rawtx on tcp://127.0.0.1:28332");
        let answer = ready(State(readiness.clone())).await.into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(answer.into_body(), 4096)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["waiting_for"]["node"],
            "rawtx on tcp://127.0.0.1:28332"
        );
        node.met();
        let answer = ready(State(readiness)).await.into_response();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
