//! The one subscription to the analyzer, resumed where it broke off; while it is silent, clients are sent repeats.

use std::{sync::Arc, time::Instant};

use satscope_kit::{
    Context,
    clock::Steady,
    fault::Fault,
    health::Condition,
    logging::LogLimiter,
    upstream::{Connection, Upstream, UpstreamEvent, follow},
};
use satscope_proto::v1::{
    PriceUpdatesRequest, PriceUpdatesResponse, price_service_client::PriceServiceClient,
};
use tokio::{
    sync::watch,
    time::{Duration, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    metrics,
    state::{
        Newest, assemble::Assembly, freshness::Stale, model::Model, read, sequence::Sequence,
        snapshot::Snapshot,
    },
};

/// Largest update, bytes. The first one holds all points of the window: 100,000 of some 120 bytes are a fifth of this.
const LARGEST_UPDATE: usize = 64 * 1024 * 1024;
/// Silence after which clients are sent the present state again, because the age of the price grows, and because they
/// take ten silent seconds for a dead link. The analyzer sends an update at least every 2 s.
const SILENCE: Duration = Duration::from_secs(3);
/// Interval at which the metrics that change without an update are set.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Follows the analyzer until the process stops, and returns the receiver of the newest snapshot. At most `capacity`
/// points are taken from one update. A difference that may not fit into `largest_message` bytes becomes a reset.
pub async fn start(
    analyzer: Upstream,
    capacity: usize,
    largest_message: usize,
    context: &Context,
) -> Newest {
    let waiting_for = Fault::new(
        "its first update",
        format!("price updates from {}", analyzer.endpoint.uri()),
    );
    show(None, None);
    let link = context.readiness.condition("analyzer", "the analyzer");
    link.unmet(waiting_for);
    let (newest, readers) = watch::channel(Arc::new(Snapshot::new()));
    let newest = Arc::new(newest);
    let stop = context.tasks.stop();
    let tasks = &context.tasks;
    let silence = fill_silence(newest.clone(), stop.clone());
    tasks.spawn("updates for clients in silence", silence).await;
    let look = look(readers.clone(), stop.clone());
    tasks.spawn("the price's age", look).await;
    let taker = Taker {
        newest: newest.clone(),
        model: Model::new(capacity, largest_message),
        assembly: Assembly::new(capacity),
        link,
        limiter: LogLimiter::default(),
    };
    tasks
        .spawn("price updates", async move {
            follow_analyzer(&analyzer, newest, taker, stop).await;
            Ok(())
        })
        .await;
    readers
}

async fn follow_analyzer(
    analyzer: &Upstream,
    newest: Arc<watch::Sender<Arc<Snapshot>>>,
    mut taker: Taker,
    stop: CancellationToken,
) {
    let open = |channel: Connection| {
        let seen = newest.borrow().current().sequence;
        let after_sequence = seen.map_or(0, Sequence::get);
        async move {
            PriceServiceClient::new(channel)
                .max_decoding_message_size(LARGEST_UPDATE)
                .price_updates(PriceUpdatesRequest { after_sequence })
                .await
                .map(tonic::Response::into_inner)
        }
    };
    follow("analyzer", analyzer, stop, open, |event| taker.on(event)).await;
}

/// Repeats the newest snapshot whenever nothing new has come for [`SILENCE`].
async fn fill_silence(
    newest: Arc<watch::Sender<Arc<Snapshot>>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut said = newest.subscribe();
    while let Some(change) = stop
        .run_until_cancelled(timeout(SILENCE, said.changed()))
        .await
    {
        if change.is_err() {
            newest.send_modify(|snapshot| *snapshot = Arc::new(snapshot.repeated()));
        }
    }
    Ok(())
}

/// Keeps the metrics of age and staleness right while the analyzer is silent.
async fn look(newest: Newest, stop: CancellationToken) -> anyhow::Result<()> {
    let mut every = interval(LOOK_EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let snapshot = newest.borrow().judged_at(Steady::now());
        let estimate = snapshot.current().estimate.as_ref();
        show(estimate.map(|estimate| estimate.age.ms()), snapshot.stale());
    }
    Ok(())
}

/// Sets the metric of the price's age, in milliseconds, if there is a price, and the metric of why it is stale or
/// absent.
fn show(age_ms: Option<u64>, stale: Option<Stale>) {
    if let Some(age_ms) = age_ms {
        #[allow(clippy::cast_precision_loss)]
        metrics::PRICE_AGE.get().set(age_ms as f64 / 1000.0);
    }
    for reason in Stale::ALL {
        let holds = u8::from(stale == Some(reason));
        metrics::PRICE_STALE
            .of(&[("reason", reason.as_str())])
            .set(holds);
    }
}

/// Turns events of the subscription into the next snapshot.
struct Taker {
    newest: Arc<watch::Sender<Arc<Snapshot>>>,
    model: Model,
    assembly: Assembly,
    link: Condition,
    limiter: LogLimiter,
}

impl Taker {
    fn on(&mut self, event: UpstreamEvent<PriceUpdatesResponse>) {
        match event {
            UpstreamEvent::Connected => {
                self.assembly.forget();
                metrics::UPSTREAM_CONNECTIONS.get().increment(1);
            }
            UpstreamEvent::Message(response) => self.take(response),
            UpstreamEvent::Lost(fault) => {
                metrics::UPSTREAM_LOSSES.get().increment(1);
                self.newest.send_if_modified(|newest| {
                    let lost = newest.lost(&fault.public);
                    let is_new = lost.is_some();
                    if let Some(lost) = lost {
                        *newest = Arc::new(lost);
                    }
                    is_new
                });
                self.link.unmet(fault);
            }
        }
    }

    fn take(&mut self, response: PriceUpdatesResponse) {
        let Some(part) = response.update else {
            self.reject("update", 1, "a response without an update");
            return;
        };
        let update = match self.assembly.take(part) {
            Ok(Some(update)) => update,
            Ok(None) => return,
            Err(fault) => {
                self.reject("part", 1, &fault);
                return;
            }
        };
        let (update, faults) = read::read(update);
        for (kind, (count, last)) in faults {
            self.reject(kind, count, &last);
        }
        metrics::UPSTREAM_UPDATES.get().increment(1);
        let before = self.newest.borrow().clone();
        let next = self.model.take(&before, update);
        self.newest.send_replace(Arc::new(next));
        self.link.met();
    }

    fn reject(&mut self, kind: &'static str, count: u64, fault: &str) {
        metrics::UPSTREAM_REJECTED
            .of(&[("reason", kind)])
            .increment(count);
        if let Some(held_back) = self.limiter.pass(kind, Instant::now()) {
            warn!(
                kind,
                count, held_back, "left out of the analyzer's update: {fault}"
            );
        }
    }
}
