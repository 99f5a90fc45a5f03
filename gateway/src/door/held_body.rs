//! The body of an answer, which holds its request's permit until the client has taken it or has gone.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    response::Response,
};
use hyper::body::{Frame, SizeHint};

use super::permits::RequestPermit;

/// A body with the permit of its request.
struct HeldBody {
    body: Body,
    _permit: RequestPermit,
}

/// The answer, whose body holds the permit until the connection has written it or is closed.
pub fn hold(response: Response, permit: RequestPermit) -> Response {
    if response.body().is_end_stream() {
        return response;
    }
    response.map(|body| {
        Body::new(HeldBody {
            body,
            _permit: permit,
        })
    })
}

impl hyper::body::Body for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    /// Always false. A connection drops a body that reports its end together with its last piece, before it has written
    /// that piece. After `false` it asks for one more piece, once its buffer has room again, and only then drops the
    /// body.
    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
