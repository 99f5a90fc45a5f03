//! Prometheus metrics: one recorder a process, kept from growing, rendered for scraping.

mod named;

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::tasks::Tasks;
pub use named::{Counter, Gauge, Histogram};

/// Upper bounds of the histograms' buckets, in seconds.
const SECONDS: [f64; 12] = [
    0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0,
];

/// Installs the recorder that the `metrics` macros write to, and its upkeep, without which histograms grow for ever.
///
/// # Errors
/// When a recorder is there already.
pub async fn install(tasks: &Tasks) -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("setting the histogram buckets")?
        .install_recorder()
        .context("installing the metrics recorder")?;
    let (upkeep, stop) = (handle.clone(), tasks.stop());
    tasks
        .spawn("metrics upkeep", async move {
            let mut every = tokio::time::interval(Duration::from_secs(5));
            while stop.run_until_cancelled(every.tick()).await.is_some() {
                upkeep.run_upkeep();
            }
            Ok(())
        })
        .await;
    describe();
    Ok(handle)
}

/// Registers the meanings of the metrics of every process.
pub fn describe() {
    metrics::describe_gauge!(
        "satscope_build_info",
        "Always 1; version and commit are in its labels."
    );
    Collector::default().describe();
    crate::admin::describe_metrics();
    crate::grpc::describe_metrics();
    crate::health::describe_metrics();
}

/// Sets the metric of the running program: the package's version, and the commit that it was built from.
pub fn set_build(version: &'static str, commit: &'static str) {
    metrics::gauge!("satscope_build_info", "version" => version, "commit" => commit).set(1.0);
}
