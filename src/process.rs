//! The work that every process does around its part: logging, metrics, the operator's port, and an orderly end.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use satscope_ingest::check::Finding;
use satscope_kit::{
    Context, admin,
    config::{Secret, log_filter, seconds, socket_address},
    logging::{self, LogFormat},
    metrics, net, systemd,
    tasks::Tasks,
};
use tokio_util::sync::CancellationToken;

/// Where settings come from, and how the process logs.
#[derive(Args, Debug)]
pub struct LogSettings {
    /// The file with settings [default: satscope.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How log lines look
    #[arg(
        long,
        env = "SATSCOPE_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Which events are logged: error, warn, info, debug, trace, or a list of target=level
    #[arg(
        long,
        env = "SATSCOPE_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info", value_parser = log_filter
    )]
    pub log_level: String,
}

/// What every part can be told.
#[derive(Args, Debug)]
pub struct ProcessSettings {
    #[command(flatten)]
    pub log: LogSettings,

    /// Where operators find /health, /healthz, /readyz and /metrics
    #[arg(long, env = "SATSCOPE_METRICS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9101", value_parser = socket_address)]
    pub metrics_listen: SocketAddr,

    /// How long the process may take to end in order after SIGTERM, in seconds
    #[arg(long, env = "SATSCOPE_DRAIN_SECONDS", value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    pub drain_seconds: f64,

    /// A file whose first line every caller of this process's gRPC ports must know, and that it tells those of others
    #[arg(long, env = "SATSCOPE_GRPC_TOKEN_FILE", value_name = "FILE")]
    pub grpc_token_file: Option<PathBuf>,
}

/// Runs the part that `start` starts until a signal comes or a task fails.
pub fn run(
    settings: &ProcessSettings,
    start: impl AsyncFnOnce(&Context) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    start_logging(&settings.log)?;
    to_its_end(async {
        let drain = Duration::from_secs_f64(settings.drain_seconds);
        let context = Context {
            tasks: Tasks::with_drain(drain),
            token: token(settings)?,
            ..Context::default()
        };
        let listener = net::listen("metrics_listen", settings.metrics_listen).await?;
        net::warn_if_open("metrics_listen", &listener, "anybody there can read it");
        let handle = metrics::install(&context.tasks).await?;
        metrics::set_build(env!("CARGO_PKG_VERSION"), env!("BUILD_COMMIT"));
        if let Err(error) = start(&context).await {
            // Tasks that were started already must end, because a thread that still ran would hold the process.
            context.tasks.stop().cancel();
            return Err(error);
        }
        admin::serve(listener, handle, &context).await;
        systemd::notify(&context).await;
        context.tasks.run().await
    })
}

fn token(settings: &ProcessSettings) -> anyhow::Result<Option<Secret>> {
    let file = settings.grpc_token_file.as_deref();
    let token = file.map(Secret::from_file).transpose();
    token.context("grpc_token_file")
}

/// Whether the file with the token of the gRPC ports can be read; `None` if no token is set.
pub fn check_token(settings: &ProcessSettings) -> Option<Finding> {
    let file = settings.grpc_token_file.as_ref()?;
    Some(match token(settings) {
        Ok(_) => Finding::ok("grpc_token", format!("the file {}", file.display())),
        Err(error) => Finding::wrong(
            "grpc_token",
            format!("{error:#}"),
            "set grpc_token_file to a file with the token in its first line",
        ),
    })
}

/// Runs a stand-in node, which has no operator's port, until a signal comes or it ends.
pub fn run_stand_in<F>(
    settings: &LogSettings,
    start: impl FnOnce(CancellationToken) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    start_logging(settings)?;
    to_its_end(async {
        let tasks = Tasks::default();
        let stop = tasks.stop();
        let running = start(stop.clone());
        let to_its_end = async move {
            let ended = running.await;
            stop.cancel();
            ended
        };
        tasks.spawn("the stand-in node", to_its_end).await;
        tasks.run().await
    })
}

fn start_logging(settings: &LogSettings) -> anyhow::Result<()> {
    logging::start(settings.log_format, &settings.log_level).context("log_level")
}

/// Runs a process to its end. Threads that are still blocked then, such as by a name that no resolver answers, are left behind.
/// All work that must be finished is a task, and has been given its time.
fn to_its_end<T>(process: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let ended = runtime.block_on(process);
    runtime.shutdown_background();
    ended
}

/// The runtime of a process.
///
/// # Errors
/// When the system gives no thread for it.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_that_blocks_does_not_hold_the_process() {
        let began = Instant::now();
        let looking_up = Duration::from_mins(1);
        to_its_end(async {
            tokio::task::spawn_blocking(move || std::thread::sleep(looking_up));
            Ok(())
        })
        .unwrap();
        assert!(began.elapsed() < looking_up / 2);
    }
}
