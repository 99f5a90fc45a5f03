//! Making the picture equal to the node's: at the start, and whenever something was missed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bitcoin::Txid;
use satscope_bitcoin::{
    frame::{Frame, StandInLabels, Topic},
    rpc::{Rpc, RpcError},
    subscriber::{Incoming, unix_ms},
};
use satscope_filter::RawTransaction;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Node;
use crate::{
    clock::Clock,
    diagnosis,
    journal::{Journal, JournalError, Owner},
    recording::Known,
    resync::{self, Branch},
    tracker::is_in_window,
};

/// A resync that takes longer is given up, and tried again: a node that answers so slowly may have hung.
const LONGEST: Duration = Duration::from_secs(600);
/// Of what is known at once, so much is taken in and written down at a time: each change has a record in the journal, and
/// those of a large mempool together would be larger than itself.
const STEP: usize = 10_000;
/// Messages taken over from the queue when the node has answered: as many as it holds.
const MOST_HELD: usize = crate::QUEUE;

impl Node {
    /// Begins where an earlier process left off, and keeps the journal from now on.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn keep_journal(&mut self, folder: &Path, owner: Owner) -> Result<(), JournalError> {
        let (mut journal, past) =
            Journal::open(folder, owner, |record| self.tracker.restore(record))?;
        if let Some(last_ms) = past.last_ms {
            self.clock.go_on_from(last_ms);
        }
        let now_ms = self.clock.newest().unwrap_or(0);
        let events = self.tracker.restored(now_ms);
        self.write(events, now_ms);
        journal.begin(now_ms, self.tracker.records())?;
        self.flush();
        self.tracker.begin_journal();
        self.journal = Some(journal);
        if let Some(last_ms) = past.last_ms {
            // A recording knows no more than the journal beside it; with RPC, the node tells the rest.
            self.past = None;
            self.known = self.rpc.is_none().then(|| Known::of_journal(last_ms));
            info!(
                mempool = self.tracker.mempool_len(),
                active = self.store.active(),
                "the journal has been read"
            );
        }
        Ok(())
    }

    /// Makes the picture equal to the node's. Messages that arrive meanwhile wait.
    pub(super) async fn resync(&mut self, rpc: &Rpc, incoming: &mut mpsc::Receiver<Incoming>) {
        let Some(now_ms) = self.clock.stamp(unix_ms()) else {
            return;
        };
        self.link.begin_resync();
        self.beat();
        let failure = failure_of(self.catch_up(rpc, incoming, now_ms)).await;
        match &failure {
            None => info!(
                mempool = self.tracker.mempool_len(),
                active = self.store.active(),
                "in step with the node"
            ),
            // What stays as it was is on the page, and need not fill the log.
            Some(failure) if self.link.degraded_by() == Some(failure) => {}
            Some(failure) => warn!("not in step with the node: {failure}"),
        }
        self.report.resync(failure.is_none());
        self.link.end_resync(failure, Instant::now());
        self.comparison.postpone(Instant::now());
        self.beat();
    }

    /// What is still to come, if the node itself is not ready.
    pub(super) async fn catch_up(
        &mut self,
        rpc: &Rpc,
        incoming: &mut mpsc::Receiver<Incoming>,
        now_ms: u64,
    ) -> Result<Option<String>, RpcError> {
        let moment = self.beating(resync::moment(rpc)).await?;
        self.report.chain(&moment.info.chain);
        // What the answer lists may have entered after `now_ms`.
        let answered_ms = self.node_time_ms(rpc).await?;
        let held_until_ms = self.hold(incoming).max(answered_ms);
        let (tip, mempool) = (moment.info.best_block_hash, &moment.listing.txids);
        let known = self.tracker.known_blocks();
        let branch = self.beating(resync::branch(rpc, tip, &known, now_ms));
        let branch = branch.await?;
        self.take_branch(rpc, branch, now_ms).await?;
        self.take_mempool(rpc, mempool, now_ms, held_until_ms)
            .await?;
        for batch in mempool.chunks(STEP) {
            let events = self.tracker.are_in_mempool(batch, now_ms);
            self.write(events, now_ms);
            self.flush();
        }
        let events = self.tracker.settle(mempool, now_ms);
        self.write(events, now_ms);
        Ok(diagnosis::initial_download(&moment.info))
    }

    /// Takes over what the queue holds, and notes when each transaction in it was received: the node knows only its own
    /// entry times. Returns the newest of these stamps.
    fn hold(&mut self, incoming: &mut mpsc::Receiver<Incoming>) -> u64 {
        while self.held.len() < MOST_HELD
            && let Ok(received) = incoming.try_recv()
        {
            self.held.push_back(received);
        }
        let mut clock = self.clock;
        let stamps: Vec<(Txid, u64)> = self
            .held
            .iter()
            .filter_map(|received| stamp(received, &mut clock))
            .collect();
        let newest_ms = stamps.last().map_or(0, |(_, stamp_ms)| *stamp_ms);
        self.tracker.stamp(&stamps, u64::MAX);
        newest_ms
    }

    async fn take_branch(
        &mut self,
        rpc: &Rpc,
        branch: Branch,
        now_ms: u64,
    ) -> Result<(), RpcError> {
        let events = match branch.abandoned {
            Some(abandoned) => self.tracker.abandon(&abandoned, now_ms),
            None => {
                warn!("what was known is of another chain, and is given up");
                self.tracker.give_up(now_ms)
            }
        };
        self.write(events, now_ms);
        for (done, header) in branch.missing.iter().enumerate() {
            self.link.progress("blocks", done, branch.missing.len());
            match self.beating(resync::block(rpc, header)).await {
                Ok(block) => {
                    let events = self.tracker.fetched_block(block, now_ms);
                    self.write(events, now_ms);
                    self.flush();
                }
                // A pruned node: the window begins with what there is.
                Err(RpcError::Node { message, .. }) => {
                    info!("block {} is not to be had: {message}", header.hash);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// All stamps first, then the contents in their order, oldest first: a child must know its parent's.
    async fn take_mempool(
        &mut self,
        rpc: &Rpc,
        mempool: &[Txid],
        now_ms: u64,
        held_until_ms: u64,
    ) -> Result<(), RpcError> {
        let missing = self.tracker.missing(mempool);
        let mut entered = Vec::with_capacity(missing.len());
        for batch in missing.chunks(resync::BATCH) {
            self.link
                .progress("entry times", entered.len(), missing.len());
            entered.extend(self.beating(resync::entry_times(rpc, batch)).await?);
        }
        entered.sort_unstable_by_key(|&(txid, entered_ms)| (entered_ms, txid));
        for batch in entered.chunks(STEP) {
            self.tracker.stamp(batch, held_until_ms);
            self.flush();
        }
        let recent = entered.partition_point(|(_, entered_ms)| !is_in_window(*entered_ms, now_ms));
        let (ancient, recent) = entered.split_at(recent);
        for batch in ancient.chunks(STEP) {
            batch
                .iter()
                .for_each(|(txid, _)| self.tracker.pass_over(txid));
            self.flush();
        }
        for (batch, done) in recent
            .chunks(resync::BATCH)
            .zip((0..).step_by(resync::BATCH))
        {
            self.link.progress("transactions", done, recent.len());
            for transaction in self.beating(resync::contents(rpc, batch)).await? {
                let event = self.tracker.fetched_transaction(&transaction, now_ms);
                self.write(event, now_ms);
            }
            self.flush();
        }
        Ok(())
    }
}

/// Why the node was not read, or what is still to come.
pub(super) async fn failure_of(
    reading: impl Future<Output = Result<Option<String>, RpcError>>,
) -> Option<String> {
    match tokio::time::timeout(LONGEST, reading).await {
        Ok(Ok(still_to_come)) => still_to_come,
        Ok(Err(error)) => Some(diagnosis::explain(&error)),
        Err(_) => Some(format!("the node did not tell all within {LONGEST:?}")),
    }
}

/// When a transaction was received, if that is what was received.
fn stamp(received: &Incoming, clock: &mut Clock) -> Option<(Txid, u64)> {
    let Incoming::Message(at_ms, Ok(Frame { topic, body, .. })) = received else {
        return None;
    };
    match topic {
        Topic::StandIn => clock.hear(StandInLabels::decode(body).ok()?),
        Topic::RawTx => {
            let transaction = RawTransaction::read(body).ok()?;
            let stamp_ms = clock.stamp(*at_ms)?;
            return (!transaction.is_coinbase()).then(|| (transaction.txid(), stamp_ms));
        }
        Topic::RawBlock | Topic::HashBlock | Topic::Sequence => {}
    }
    None
}
