//! gRPC serving: health and reflection (v1 and v1alpha) beside a part's own service, the token that callers must send if one is
//! set, and a stop that ends.

mod connection;
mod count;
mod limits;
#[cfg(test)]
mod tests;
mod unread;

use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tonic::{codec::CompressionEncoding, service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

use limits::GrpcLimits;
pub use limits::{Place, Places, WHOLE_WITHIN};

use crate::{Context, health::Readiness, net::warn_if_open, token};

/// The most calls, streams too, that one connection may have open at a time. A gateway has one stream and a few questions. A
/// client at the limit waits with its next call (RFC 9113, 5.1.2).
const MAX_CALLS: u32 = 64;
/// The interval between pings, and the time that a client has to answer one. A client that is gone, or stops in the middle of a
/// frame, is cut.
const PING: Duration = Duration::from_secs(10);
/// The compression that callers may send in, and get answers in if they ask for it. A message is at most 4 MB unpacked.
pub const COMPRESSION: CompressionEncoding = CompressionEncoding::Gzip;

/// Registers the meaning of each metric of a gRPC port.
pub fn describe_metrics() {
    count::describe();
    limits::describe();
}

/// A generated server that takes and gives messages in [`COMPRESSION`], if the caller asks for it.
#[macro_export]
macro_rules! compressed {
    ($server:expr) => {
        $server
            .accept_compressed($crate::grpc::COMPRESSION)
            .send_compressed($crate::grpc::COMPRESSION)
    };
}
pub use compressed;

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
    let limits = GrpcLimits::default();
    serve_within(limits, listener, name, service, descriptors, context).await
}

async fn serve_within(
    limits: GrpcLimits,
    listener: TcpListener,
    name: &'static str,
    service: Routes,
    descriptors: &'static [u8],
    context: &Context,
) -> anyhow::Result<()> {
    limits::begin_at_zero();
    let (reporter, health) = tonic_health::server::health_reporter();
    // Set before the first question, because an unknown service gets another answer than one that is not ready.
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
    let v1 = reflection().build_v1().context("reflection v1")?;
    let v1alpha = reflection().build_v1alpha();
    let v1alpha = v1alpha.context("reflection v1alpha")?;
    let routes = service
        .add_service(compressed!(health))
        .add_service(compressed!(v1))
        .add_service(compressed!(v1alpha));
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
        .layer(unread::ReadWithin(limits.read))
        .timeout(limits.answer)
        .http2_keepalive_interval(Some(PING))
        .http2_keepalive_timeout(Some(PING))
        // Not `concurrency_limit_per_connection`: that counts a stream only until it begins.
        .max_concurrent_streams(MAX_CALLS)
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            connection::incoming(listener, limits),
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

/// Sets the health service's answer to the readiness, now and at each change, for the process ("") and the service.
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
