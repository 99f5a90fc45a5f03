//! JSON text, and the form of stamps in it.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use tracing::error;

/// The value as JSON text. Our types have string keys and no serialiser that fails, so an error is a bug.
pub fn json(value: &impl Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(mut text) => {
            // The text may be kept for long, and its buffer may be up to twice its length.
            text.shrink_to_fit();
            text.into()
        }
        Err(fault) => {
            error!("a message could not be serialised: {fault}");
            Bytes::from_static(b"{}")
        }
    }
}

/// Serialises milliseconds as seconds.
#[allow(clippy::cast_precision_loss)]
pub fn seconds<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*ms as f64 / 1000.0)
}
