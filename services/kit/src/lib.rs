//! What every part needs to run, once: configuration, clocks, logging, metrics, health, systemd, shutdown,
//! reconnecting.
//!
//! A part is started with a [`Context`]: it binds its ports, hands its tasks to [`tasks::Tasks`], and says
//! through [`health::Readiness`] what it still waits for.

pub mod admin;
pub mod clock;
pub mod config;
pub mod fault;
pub mod grpc;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod systemd;
pub mod tasks;
pub mod token;
pub mod upstream;
pub mod write_timeout;

/// What a part is given at its start.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Where it leaves what it runs in the background, and learns that it is time to stop.
    pub tasks: tasks::Tasks,
    /// Where it says what it waits for.
    pub readiness: health::Readiness,
    /// What the gRPC ports of this process ask for, and what it tells those of others; none where all may ask.
    pub token: Option<config::Secret>,
}
