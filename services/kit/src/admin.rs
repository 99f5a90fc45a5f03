//! The operator's port of a process: `/health`, `/healthz`, `/readyz` and `/metrics`.

mod serve;

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_process::Collector;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    Context,
    fault::Fault,
    health::{Conditions, Readiness},
};

pub use serve::describe as describe_metrics;

/// Serves the operator's port as long as the process lives. While the process drains, `/readyz` says that it is not ready.
pub async fn serve(listener: TcpListener, handle: PrometheusHandle, context: &Context) {
    let readiness = context.readiness.clone();
    let app = health_routes(readiness.clone(), Audience::Operators)
        .route("/health", get(health).with_state(readiness))
        .route(
            "/metrics",
            get(move || std::future::ready(scraped(&handle))),
        );
    tokio::spawn(serve::serve(listener, app, serve::PortLimits::default()));
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

/// The audience of the texts in `/readyz`.
#[derive(Clone, Copy, Debug)]
pub enum Audience {
    /// Operators, on a port of their own.
    Operators,
    /// The public.
    Public,
}

/// `/healthz` (alive) and `/readyz` (can serve; 503 while it drains). `/readyz` also names the unmet and the impaired
/// conditions, which do not keep a part from serving.
pub fn health_routes(readiness: Readiness, audience: Audience) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready).with_state((readiness, audience)))
}

async fn alive() -> impl IntoResponse {
    Json(json!({ "status": "alive" }))
}

/// The whole process in one object, always 200: the operator's counterpart of the gateway's `/health`, which is about the
/// price.
async fn health(State(readiness): State<Readiness>) -> impl IntoResponse {
    let conditions = readiness.watch().borrow().clone();
    let (waiting_for, impaired) = named(&conditions, Audience::Operators);
    let state = match conditions.can_serve() {
        false => "draining",
        true if !waiting_for.is_empty() => "waiting",
        true if !impaired.is_empty() => "degraded",
        true => "ok",
    };
    let uptime_seconds = readiness.uptime_seconds();
    Json(json!({
        "state": state,
        "uptime_seconds": uptime_seconds,
        "waiting_for": waiting_for,
        "impaired": impaired,
    }))
}

/// The metrics as text. The process's own figures are read for each scrape.
fn scraped(handle: &PrometheusHandle) -> String {
    Collector::default().collect();
    handle.render()
}

async fn ready(State((readiness, audience)): State<(Readiness, Audience)>) -> impl IntoResponse {
    let conditions = readiness.watch().borrow().clone();
    let (code, status) = match conditions.can_serve() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let (waiting_for, impaired) = named(&conditions, audience);
    (
        code,
        Json(json!({ "status": status, "waiting_for": waiting_for, "impaired": impaired })),
    )
}

type Named = serde_json::Map<String, serde_json::Value>;

/// The unmet and the impaired conditions: the text of each by its name.
fn named(conditions: &Conditions, audience: Audience) -> (Named, Named) {
    let text = |fault: &Fault| match audience {
        Audience::Operators => json!(fault.operator),
        Audience::Public => json!(fault.public),
    };
    let named = |(name, fault): (&str, _)| (name.to_owned(), text(fault));
    (
        conditions.unmet().map(named).collect(),
        conditions.impaired().map(named).collect(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn health_is_one_word_the_uptime_and_what_is_missing() {
        let readiness = Readiness::default();
        let asked = async || {
            let answer = health(State(readiness.clone())).await.into_response();
            assert_eq!(answer.status(), StatusCode::OK);
            let body = axum::body::to_bytes(answer.into_body(), 4096).await;
            serde_json::from_slice::<serde_json::Value>(&body.unwrap()).unwrap()
        };
        let node = readiness.condition("node", "the node");
        let fault = Fault::new("the node is silent", "rawtx on tcp://127.0.0.1:28332");
        node.unmet(fault.clone());
        let waiting = asked().await;
        assert_eq!(waiting["state"], "waiting");
        assert_eq!(waiting["waiting_for"]["node"], fault.operator);
        assert!(waiting["uptime_seconds"].is_u64(), "{waiting}");
        node.impaired(fault.clone());
        let degraded = asked().await;
        assert_eq!(degraded["state"], "degraded");
        assert_eq!(degraded["impaired"]["node"], fault.operator);
        node.met();
        assert_eq!(asked().await["state"], "ok");
        readiness.drain();
        assert_eq!(asked().await["state"], "draining");
    }

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
