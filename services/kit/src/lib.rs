//! The tools that every part needs to run: configuration, clocks, files, logging, metrics, health, systemd, shutdown,
//! reconnecting.
//!
//! A part is started with a [`Context`]: it binds its ports, hands its tasks to [`tasks::Tasks`], and reports through
//! [`health::Readiness`] the conditions that it still waits for.

pub mod admin;
pub mod clock;
pub mod config;
pub mod fault;
pub mod grpc;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod moment;
pub mod net;
pub mod regular;
pub mod systemd;
pub mod tasks;
pub mod token;
pub mod upstream;
pub mod write_timeout;

/// The context that a part is given at its start.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The set for its background tasks, which also tells that it is time to stop.
    pub tasks: tasks::Tasks,
    /// The conditions that it waits for.
    pub readiness: health::Readiness,
    /// The token that this process's gRPC ports demand, and that it sends to those of others; `None` if all may ask.
    pub token: Option<config::Secret>,
}
