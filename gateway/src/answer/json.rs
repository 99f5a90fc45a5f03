//! JSON text, and how stamps are written in it.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use tracing::error;

/// As JSON text. What is ours has string keys and no failing serialiser, so an error is a fault of ours.
pub fn json(value: &impl Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            // A text may be kept for long, and has grown into room for up to twice as much.
            text.shrink_to_fit();
            text.into()
        }
        Err(fault) => {
            error!("a message could not be serialised: {fault}");
            Bytes::from_static(b"{}")
        }
    }
}

/// Milliseconds as seconds.
#[allow(clippy::cast_precision_loss)]
pub fn seconds<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*ms as f64 / 1000.0)
}
