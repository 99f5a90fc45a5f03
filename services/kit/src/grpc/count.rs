//! Counts gRPC calls: how many began, how each ended, and how long it took until its answer began.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use anyhow::Context as _;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use metrics::{counter, describe_counter, describe_histogram, histogram};
use pin_project_lite::pin_project;
use prost::Message as _;
use tonic::Code;
use tower::{Layer, Service};

const STARTED: &str = "satscope_grpc_requests_total";
const ENDED: &str = "satscope_grpc_responses_total";
const SECONDS: &str = "satscope_grpc_response_seconds";
/// The label of every method that no service has, so that callers cannot make labels.
const OTHER: &str = "other";

/// Registers the meaning of each metric.
pub fn describe() {
    describe_counter!(STARTED, "gRPC calls begun, by method.");
    describe_counter!(
        ENDED,
        "gRPC calls ended, by method and code; \"Gone\" is a caller that left before the end."
    );
    describe_histogram!(
        SECONDS,
        "Time until the answer to a gRPC call began, by method."
    );
}

/// The methods that have labels of their own.
#[derive(Clone, Debug)]
pub struct Methods(Arc<BTreeSet<String>>);

impl Methods {
    /// The methods of all services in these encoded `FileDescriptorSet`s.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(descriptors: &[&[u8]]) -> anyhow::Result<Methods> {
        let mut methods = BTreeSet::new();
        for encoded in descriptors {
            let set = prost_types::FileDescriptorSet::decode(*encoded)
                .context("the services' descriptors")?;
            for file in &set.file {
                for service in &file.service {
                    methods.extend(service.method.iter().map(|method| {
                        format!("{}.{}/{}", file.package(), service.name(), method.name())
                    }));
                }
            }
        }
        Ok(Methods(Arc::new(methods)))
    }

    /// The label for a request's path.
    fn label(&self, path: &str) -> String {
        let method = path.strip_prefix('/').unwrap_or(path);
        match self.0.contains(method) {
            true => method.to_owned(),
            false => OTHER.to_owned(),
        }
    }
}

impl<S> Layer<S> for Methods {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            methods: self.clone(),
        }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    methods: Methods,
}

impl<S, Asked, Answered> Service<Request<Asked>> for Counted<S>
where
    S: Service<Request<Asked>, Response = Response<Answered>>,
    S::Future: Send + 'static,
{
    type Response = Response<CountedBody<Answered>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Asked>) -> Self::Future {
        let call = Call::begin(self.methods.label(request.uri().path()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut call = call;
            let answer = answer.await?;
            histogram!(SECONDS, "method" => call.method.clone())
                .record(call.begun.elapsed().as_secs_f64());
            // An answer that is an error and nothing else bears its code in the headers.
            call.learn(answer.headers());
            Ok(answer.map(|body| CountedBody { body, call }))
        })
    }
}

/// One call; counted as ended when dropped.
#[derive(Debug)]
struct Call {
    method: String,
    begun: Instant,
    code: Option<Code>,
}

impl Call {
    fn begin(method: String) -> Call {
        counter!(STARTED, "method" => method.clone()).increment(1);
        Call {
            method,
            begun: Instant::now(),
            code: None,
        }
    }

    fn learn(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self
            .code
            .map_or_else(|| "Gone".to_owned(), |code| format!("{code:?}"));
        counter!(ENDED, "method" => self.method.clone(), "code" => code).increment(1);
    }
}

pin_project! {
    /// An answer's body, watched for the trailers that say how the call ended.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        body: B,
        call: Call,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let counted = self.project();
        let frame = ready!(counted.body.poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            counted.call.learn(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_there_are_become_labels() {
        let methods = Methods::of(&[tonic_health::pb::FILE_DESCRIPTOR_SET]).unwrap();
        let check = "grpc.health.v1.Health/Check";
        assert_eq!(methods.label(&format!("/{check}")), check);
        assert_eq!(methods.label("/grpc.health.v1.Health/Made-up"), OTHER);
        assert_eq!(methods.label("/"), OTHER);
    }

    #[test]
    fn the_code_is_the_one_that_the_headers_or_trailers_bear() {
        let mut call = Call::begin("a.B/C".to_owned());
        call.learn(&HeaderMap::new());
        assert_eq!(call.code, None);
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static("14"),
        )]);
        call.learn(&trailers);
        assert_eq!(call.code, Some(Code::Unavailable));
    }
}
