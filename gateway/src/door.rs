//! Who comes in, and how: connections and their limits, addresses, origins, and the headers that every answer bears.

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

/// The door of this gateway.
#[derive(Clone, Debug)]
pub struct Door {
    permits: Arc<Permits>,
    limits: Arc<DoorSettings>,
    headers: SecurityHeaders,
    /// The pages that may read here.
    pub origins: Origins,
    /// What goes on: connections, and watchers on them. Waited for at the end.
    pub connections: TaskTracker,
    stop: CancellationToken,
}

impl Door {
    /// As the settings say, until `stop` is cancelled.
    ///
    /// # Errors
    /// If an origin cannot stand in a header.
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

    /// For what is sent to be taken, and for a ping to be answered.
    pub fn stuck_after(&self) -> Duration {
        self.limits.stuck_after()
    }

    /// Puts the door before what is answered.
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
