//! Answers to requests: problems, encodings, entity tags, and answers made once for all clients that ask.

pub mod accept;
pub mod encoded;
pub mod etag;
pub mod json;
pub mod made_once;
pub mod problem;

use axum::http::HeaderName;

/// Header with the age of the newest payment that the price rests on, in whole seconds.
pub const AGE: HeaderName = HeaderName::from_static("x-satscope-age-seconds");
/// Header with the reason why the price is stale; absent if it is not stale.
pub const STALE: HeaderName = HeaderName::from_static("x-satscope-stale");
/// Header with the word `unverified` if a price of the past in the answer is unverified; absent if none is.
pub const STATE: HeaderName = HeaderName::from_static("x-satscope-state");
