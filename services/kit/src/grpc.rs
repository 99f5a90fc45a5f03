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

/// Calls that one connection may have open at a time, streams too. A gateway has one stream and a few questions; an
/// honest client that has as many open waits with its next call (RFC 9113, 5.1.2).
const MAX_CALLS: u32 = 64;

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
        // Not `concurrency_limit_per_connection`: that counts a stream only until it begins.
        .max_concurrent_streams(MAX_CALLS)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tonic::transport::Channel;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn connect(address: std::net::SocketAddr) -> HealthClient<Channel> {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        HealthClient::new(channel.connect().await.unwrap())
    }

    #[tokio::test]
    async fn the_streams_of_a_connection_are_bounded() {
        let context = Context::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let descriptors = tonic_health::pb::FILE_DESCRIPTOR_SET;
        serve(listener, "test", Routes::default(), descriptors, &context)
            .await
            .unwrap();
        let (greedy, mut other) = (connect(address).await, connect(address).await);
        let mut watching = JoinSet::new();
        for _ in 0..=MAX_CALLS {
            let mut greedy = greedy.clone();
            let watch = async move { greedy.watch(HealthCheckRequest::default()).await };
            watching.spawn(watch);
        }
        let mut open = Vec::new();
        for _ in 0..MAX_CALLS {
            let next = tokio::time::timeout(PATIENCE, watching.join_next());
            open.push(next.await.unwrap().unwrap().unwrap().unwrap());
        }
        // Time enough for one more to begin.
        for _ in 0..100 {
            other.check(HealthCheckRequest::default()).await.unwrap();
        }
        assert!(
            watching.try_join_next().is_none(),
            "one more than there may be"
        );
        open.pop();
        let last = tokio::time::timeout(PATIENCE, watching.join_next());
        last.await.unwrap().unwrap().unwrap().unwrap();
    }
}
