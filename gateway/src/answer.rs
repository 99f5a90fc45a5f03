//! How anything is answered: problems, encodings, entity tags, and answers that are made once for all who ask.

pub mod accept;
pub mod encoded;
pub mod etag;
pub mod json;
pub mod made_once;
pub mod problem;

use axum::http::HeaderName;

/// Age of the newest payment that the price rests on, whole seconds.
pub const AGE: HeaderName = HeaderName::from_static("x-satscope-age-seconds");
/// Why the price is stale; absent where it is not.
pub const STALE: HeaderName = HeaderName::from_static("x-satscope-stale");
