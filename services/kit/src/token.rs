//! The bearer token of the gRPC ports (RFC 6750): demanded from every caller apart from health checks, and sent to other ports.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use metrics::{counter, describe_counter};
use subtle::ConstantTimeEq as _;
use tonic::{
    Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

use crate::config::Secret;

/// Calls that were refused, by `service`.
const REFUSED: &str = "satscope_grpc_calls_refused_total";
/// Container health probes cannot send a token.
const OPEN_TO_ALL: &str = "/grpc.health.v1.Health/";

#[derive(Clone)]
struct Door {
    service: &'static str,
    token: Secret,
}

/// Lets only callers in that send the token; the health service is open to all.
pub fn guard(routes: Router, service: &'static str, token: Secret) -> Router {
    describe_counter!(
        REFUSED,
        "gRPC calls without the token, or with a wrong one."
    );
    routes.layer(from_fn_with_state(Door { service, token }, check))
}

async fn check(State(door): State<Door>, request: Request, next: Next) -> Response {
    let is_open = request.uri().path().starts_with(OPEN_TO_ALL);
    if is_open || knows(request.headers(), &door.token) {
        return next.run(request).await;
    }
    counter!(REFUSED, "service" => door.service).increment(1);
    let expected = "expected the header \"authorization: Bearer TOKEN\" with this port's token";
    Status::unauthenticated(expected).into_http()
}

fn knows(headers: &HeaderMap, token: &Secret) -> bool {
    let told = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    let parts = told.and_then(|told| told.split_at_checked(b"Bearer ".len()));
    let Some((scheme, told)) = parts else {
        return false;
    };
    // Compared in constant time, so that no caller can measure how much of a guess was right.
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(told.ct_eq(token.expose().as_bytes()))
}

/// An interceptor that sends the token, if there is one, with each call.
#[derive(Clone, Debug, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// # Errors
    /// When the token has characters that a header cannot hold.
    pub fn new(token: Option<&Secret>) -> anyhow::Result<Self> {
        let Some(token) = token else {
            return Ok(Bearer::default());
        };
        let mut header: MetadataValue<Ascii> = format!("Bearer {}", token.expose())
            .parse()
            .map_err(|_| anyhow::anyhow!("grpc_token_file: expected a token of printable ASCII"))?;
        header.set_sensitive(true);
        Ok(Bearer(Some(header)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(header) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", header.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn let_in(told: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(told) = told {
            headers.insert(header::AUTHORIZATION, told.parse().unwrap());
        }
        knows(&headers, &Secret::new("open sesame"))
    }

    #[test]
    fn only_the_token_itself_opens() {
        assert!(let_in(Some("Bearer open sesame")));
        assert!(let_in(Some("bearer open sesame")));
        for told in [
            "Bearer open sesam",
            "Bearer open sesame!",
            "Bearer ",
            "Bearer",
            "Basic open sesame",
            "open sesame",
            "",
        ] {
            assert!(!let_in(Some(told)), "{told}");
        }
        assert!(!let_in(None));
    }

    #[test]
    fn what_is_told_is_what_is_asked_for() {
        let token = Secret::new("open sesame");
        let mut bearer = Bearer::new(Some(&token)).unwrap();
        let request = bearer.call(tonic::Request::new(())).unwrap();
        assert!(knows(&request.into_parts().0.into_headers(), &token));
        assert!(Bearer::new(Some(&Secret::new("naïve\u{7}"))).is_err());
        let silent = Bearer::new(None).unwrap().call(tonic::Request::new(()));
        assert!(silent.unwrap().metadata().is_empty());
    }
}
