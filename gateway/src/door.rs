//! The entrance for clients: connections and their limits, addresses, origins, and the headers of every answer.

pub mod addresses;
mod admit;
pub mod client;
mod connection;
mod headers;
mod held_body;
pub mod listener;
pub mod origins;
mod pace;
pub mod permits;
pub mod rate_limit;
pub mod settings;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::util::option_layer;

pub use connection::CLOSING;
use headers::SecurityHeaders;
use origins::Origins;
use permits::Permits;
use settings::DoorSettings;

use crate::answer::problem::Problem;

/// The limits, permits and headers that stand before every answer.
#[derive(Clone, Debug)]
pub struct Door {
    permits: Arc<Permits>,
    limits: Arc<DoorSettings>,
    headers: SecurityHeaders,
    /// The origins whose pages may read the answers.
    pub origins: Origins,
    /// The running connections, and the watchers on them; the gateway waits for them when it stops.
    pub connections: TaskTracker,
    stop: CancellationToken,
}

impl Door {
    /// A door with these settings, open until `stop` is cancelled.
    ///
    /// # Errors
    /// If an origin cannot be written in a header.
    pub fn new(settings: DoorSettings, stop: CancellationToken) -> anyhow::Result<Self> {
        Ok(Door {
            headers: SecurityHeaders::new(&settings.gateway_embedding_origins)?,
            permits: Arc::new(Permits::new(&settings)),
            origins: settings.gateway_allowed_origins.clone(),
            limits: Arc::new(settings),
            connections: TaskTracker::new(),
            stop,
        })
    }

    /// Time for a client to take the next data, and to answer a ping.
    pub fn stuck_after(&self) -> Duration {
        self.limits.stuck_after()
    }

    /// Puts the limits, the origins' rules and the security headers before the routes of `answers`.
    pub fn before(&self, answers: Router) -> Router {
        answers
            .method_not_allowed_fallback(async || Problem::read_only())
            .layer(middleware::from_fn_with_state(self.clone(), admit::admit))
            .layer(option_layer(self.origins.cors()))
            .layer(middleware::from_fn_with_state(
                self.headers.clone(),
                headers::dress_and_count,
            ))
    }
}
