//! The start of the filler: the choice of its node, and its share of the machine.

use std::{fs, sync::Arc, thread};

use anyhow::Context as _;
use satscope_bitcoin::{
    node::{Choice, Files, Wanted, WantedUrl, choose},
    rpc::{Auth, Rpc},
};
use satscope_kit::{
    Context,
    config::{ConfigError, NodeLogin, NodeSettings, without_login},
};
use tracing::{info, warn};

use crate::{
    archive::Archive,
    cpu::Cpu,
    disk::{Disk, WithDisk},
    fill::{Estimator, Oracle, Setting, run},
    fill_metrics,
    node::CoreNode,
    progress::Progress,
    settings::{Around, HistorianSettings},
};

/// The memory that one worker takes, in bytes: the payments of a period, and the estimator's work on them.
const WORKER_BYTES: u64 = 128 << 20;
/// The share of the machine's memory that the workers take by default: one in this many parts.
const MEMORY_PARTS: u64 = 4;
/// Linux's files of the machine's memory, and of the memory that this process's control group may take.
const MEMORY: &str = "/proc/meminfo";
const GROUP_MEMORY: &str = "/sys/fs/cgroup/memory.max";

/// Starts to fill the history from the node that `around` names.
///
/// # Errors
/// When a login cannot be read, the node's files are found but unusable, or the system gives no thread.
pub async fn start(
    settings: &HistorianSettings,
    around: &Around,
    archive: Archive,
    progress: Progress,
    context: &Context,
) -> anyhow::Result<()> {
    fill_metrics::start();
    let choice = choice(&around.node, around.is_node_set_elsewhere)?;
    let Some(rpc) = choice.rpc else {
        warn!("no RPC: the history is not filled; set bitcoin_dir or rpc_url");
        progress.update(|report| report.detail = "the node has no RPC to read blocks from".into());
        return Ok(());
    };
    let workers = settings.historian_workers;
    let workers = workers.map_or_else(usual_workers, |workers| workers as usize);
    info!(
        "the history is filled by {workers} workers from the node at {}",
        rpc.url()
    );
    let Means { node, cpu, .. } = means_of(rpc, workers)?;
    let found = match &choice.files {
        Files::Used(node) => Some(node.blocks_dir.as_path()),
        _ => None,
    };
    let folder = settings.blocks_folder(&around.node, found);
    let disk =
        folder.map(|path| Disk::new(path.to_owned(), archive.folder().to_owned(), cpu.clone()));
    if let Some(disk) = disk.clone() {
        let passes = disk.keep(context.tasks.stop());
        context.tasks.spawn("block files", passes).await;
    }
    let node = WithDisk { node, disk };
    let mut setting = Setting::new(node, archive, progress, cpu, workers);
    setting.stop = context.tasks.stop();
    context.tasks.spawn("history", run(setting)).await;
    Ok(())
}

/// The means to read the past from a node.
#[derive(Debug)]
pub struct Means<N> {
    /// The node.
    pub node: N,
    /// The threads that compute.
    pub cpu: Cpu,
    /// The estimator that makes prices.
    pub estimator: Arc<dyn Estimator>,
    /// Number of periods that are read at a time.
    pub workers: usize,
}

/// The means to read the past from the node that `set` names, or that is found on this machine; `None` if there is no RPC.
///
/// # Errors
/// When a login cannot be read, the node's files are found but unusable, or the system gives no thread.
pub fn means(set: &NodeSettings) -> anyhow::Result<Option<Means<CoreNode>>> {
    let Some(rpc) = choice(set, false)?.rpc else {
        return Ok(None);
    };
    means_of(rpc, usual_workers()).map(Some)
}

/// The means to read the past by this RPC.
///
/// # Errors
/// When the system gives no thread.
fn means_of(rpc: Rpc, workers: usize) -> anyhow::Result<Means<CoreNode>> {
    let cpu = Cpu::new(workers).context("threads that compute")?;
    Ok(Means {
        node: CoreNode::new(rpc, cpu.clone(), workers + 1),
        cpu,
        estimator: Arc::new(Oracle),
        workers,
    })
}

/// The node that is asked, with its RPC and its files.
fn choice(set: &NodeSettings, is_set_elsewhere: bool) -> anyhow::Result<Choice> {
    let auth = match set.login()? {
        None => Auth::None,
        Some(NodeLogin::Cookie(file)) => Auth::CookieFile(file),
        Some(NodeLogin::Password { user, password }) => Auth::Password {
            user,
            password: password.expose().to_owned(),
        },
    };
    let wanted = Wanted {
        is_looked_for: set.is_looked_for(is_set_elsewhere),
        bitcoin_dir: set.bitcoin_dir.clone(),
        url: set.rpc_url.as_ref().map(|url| WantedUrl {
            target: url.clone(),
            shown: without_login(url),
        }),
        auth,
    };
    Ok(choose(wanted).map_err(|error| ConfigError::unusable(&error.into()))?)
}

/// The default number of workers: one for each core, but no more than fit in a quarter of the memory.
fn usual_workers() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let room = memory_bytes().map_or(1, |bytes| bytes / MEMORY_PARTS / WORKER_BYTES);
    cores
        .min(usize::try_from(room).unwrap_or(usize::MAX))
        .max(1)
}

/// The memory that this process may take, in bytes; `None` if the system does not tell.
fn memory_bytes() -> Option<u64> {
    let memory = fs::read_to_string(MEMORY).ok()?;
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    // The text "max" means that there is no limit; it does not parse as a number.
    let group = fs::read_to_string(GROUP_MEMORY).ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    Some(group.unwrap_or(u64::MAX).min(kilobytes * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_worker_at_least_and_no_more_than_cores() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=cores).contains(&usual_workers()));
    }
}
