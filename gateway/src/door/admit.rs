//! The entrance of a request: it checks the URL's length, takes a place for the client, and names the client in the
//! logs.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument as _, debug, debug_span};

use super::{
    Door,
    client::{address_class, user_agent},
    held_body,
    permits::ConnectionPermit,
};
use crate::answer::problem::Problem;

/// Passes a request on, or answers with the reason why not.
pub async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let longest = door.limits.gateway_max_url_bytes as usize;
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, |query| query.len() + 1) > longest {
        let detail = format!("a path with its query may have {longest} bytes");
        return Problem::new(StatusCode::URI_TOO_LONG, detail).into_response();
    }
    let Some(connection) = request.extensions_mut().remove::<Arc<ConnectionPermit>>() else {
        return next.run(request).await;
    };
    let headers = request.headers();
    let behind_proxy = door.permits.behind_proxy(&connection, headers);
    let address = behind_proxy.unwrap_or(connection.from);
    let span = debug_span!(
        "request",
        address = address_class(address),
        agent = user_agent(headers)
    );
    match door.permits.request(connection, behind_proxy) {
        Ok(permit) => {
            request.extensions_mut().insert(permit.clone());
            held_body::hold(next.run(request).instrument(span).await, permit)
        }
        Err(refusal) => {
            span.in_scope(|| debug!("refused: {refusal}"));
            refusal.problem().into_response()
        }
    }
}
