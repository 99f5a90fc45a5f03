//! The limits of a gRPC port, and the places of its long calls.

use std::{sync::Arc, time::Duration};

use metrics::{counter, describe_counter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// The time for a client to send the 24 bytes with which an HTTP/2 connection begins. After that, pings find one that stops in
/// the middle of a frame.
pub const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// The time for a caller to send its question, and for the answer to begin; after it, the call ends.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The time for a client to take the next 32 kB of an answer; after it, the connection is cut.
pub const READ_WITHIN: Duration = Duration::from_secs(30);
/// The time for a client to take a whole window, or all points of the plot; after it, the stream ends.
pub const WHOLE_WITHIN: Duration = Duration::from_mins(5);
/// The most connections of a gRPC port at a time.
pub const MAX_CONNECTIONS: usize = 512;

pub(super) const CUT: &str = "satscope_grpc_cut_connections_total";
const REFUSED: &str = "satscope_grpc_refused_total";

/// Limits that tests set shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct GrpcLimits {
    pub begin: Duration,
    pub answer: Duration,
    pub read: Duration,
    pub connections: usize,
}

impl Default for GrpcLimits {
    fn default() -> GrpcLimits {
        GrpcLimits {
            begin: BEGIN_WITHIN,
            answer: ANSWER_WITHIN,
            read: READ_WITHIN,
            connections: MAX_CONNECTIONS,
        }
    }
}

/// Registers the meaning of each metric.
pub(super) fn describe() {
    describe_counter!(
        CUT,
        "gRPC connections that were cut, by reason: an answer was left unread, the client did not begin, or there were too many."
    );
    describe_counter!(
        REFUSED,
        "gRPC calls refused because as many were open as may be, by method."
    );
}

/// Registers the counters of cut connections at 0.
pub(super) fn begin_at_zero() {
    for reason in ["unread", "no_preface", "too_many"] {
        counter!(CUT, "reason" => reason).increment(0);
    }
}

/// Places for open calls of one method. Clones share them.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    method: &'static str,
    limit: (&'static str, usize),
}

/// The place of one call; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    #[allow(dead_code, reason = "it is held until it is dropped")]
    permit: OwnedSemaphorePermit,
}

impl Places {
    /// As many places as `limit` says; a call that is refused gets the limit's name and size.
    pub fn new(method: &'static str, limit: (&'static str, usize)) -> Places {
        counter!(REFUSED, "method" => method).increment(0);
        Places {
            free: Arc::new(Semaphore::new(limit.1)),
            method,
            limit,
        }
    }

    /// A place for one more call.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when all places are taken.
    pub fn enter(&self) -> Result<Place, Status> {
        let permit = self.free.clone().try_acquire_owned();
        permit.map(|permit| Place { permit }).map_err(|_| {
            counter!(REFUSED, "method" => self.method).increment(1);
            let (method, (name, most)) = (self.method, self.limit);
            Status::resource_exhausted(format!(
                "{method}: {most} calls are open, as many as {name} allows; end one of them, or ask again later"
            ))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_call_beyond_the_limit_is_told_its_name_until_another_ends() {
        let places = Places::new("ListMempool", ("MAX_LISTINGS", 2));
        let (first, _second) = (places.enter().unwrap(), places.enter().unwrap());
        let refused = places.enter().unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("MAX_LISTINGS"), "{refused}");
        assert!(refused.message().contains("2 calls"), "{refused}");
        drop(first);
        places.enter().unwrap();
    }
}
