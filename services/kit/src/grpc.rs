//! gRPC serving: health and reflection (v1 and v1alpha) beside a part's own service, the token that callers must know
//! where there is one, and a stop that ends.

mod count;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

pub use count::describe as describe_metrics;

use crate::{Context, health::Readiness, net::warn_if_open, token};

/// Serves `service` with health and reflection until the process stops.
///
/// `name` is the service's full name; `descriptors` its encoded `FileDescriptorSet`.
///
/// # Errors
/// When the descriptors cannot be read.
pub async fn serve(
    listener: TcpListener,
    name: &'static str,
    service: Routes,
    descriptors: &'static [u8],
    context: &Context,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    // Before the first question: a service that is not known is another answer than one that is not ready.
    for service in ["", name] {
        reporter
            .set_service_status(service, ServingStatus::NotServing)
            .await;
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = service
        .add_service(health)
        .add_service(reflection().build_v1().context("reflection v1")?)
        .add_service(reflection().build_v1alpha().context("reflection v1alpha")?);
    let methods = count::Methods::of(&[
        descriptors,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ])?;
    let routes = match context.token.clone() {
        Some(token) => token::guard(routes.into_axum_router(), name, token).into(),
        None => {
            let remedy =
                "anybody there can ask; grpc_token_file names a token that callers must know";
            warn_if_open(name, &listener, remedy);
            routes
        }
    };
    let stop = context.tasks.stop();
    let server = Server::builder()
        .layer(methods)
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(std::time::Duration::from_secs(10)))
        .concurrency_limit_per_connection(64)
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stop.clone().cancelled_owned(),
        );
    context
        .tasks
        .spawn(name, async move { server.await.context(name) })
        .await;
    let readiness = context.readiness.clone();
    context
        .tasks
        .spawn("gRPC health", async move {
            stop.run_until_cancelled(report(readiness, reporter, name))
                .await;
            Ok(())
        })
        .await;
    Ok(())
}

/// Keeps the health service's answer in step with readiness, for the process ("") and the service.
async fn report(readiness: Readiness, reporter: HealthReporter, name: &'static str) {
    let mut conditions = readiness.watch();
    loop {
        let status = match conditions.borrow_and_update().can_serve() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for service in ["", name] {
            reporter.set_service_status(service, status).await;
        }
        if conditions.changed().await.is_err() {
            return;
        }
    }
}
