//! The mempool's txids for ListMempool: one copy for all callers that wait for it at the same time.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use bitcoin::{Txid, hashes::Hash as _};
use satscope_proto::v1::ListMempoolResponse;
use tokio::sync::{Mutex, mpsc, oneshot};
use tonic::Status;

/// Txids in one message.
const TXIDS: usize = 2000;

/// A question for the node's task: which txids are in the mempool.
pub type MempoolQuery = oneshot::Sender<Vec<Txid>>;

/// The mempool's txids, for which the node's task is asked once for all callers that wait.
#[derive(Debug)]
pub struct Mempool {
    queries: mpsc::Sender<MempoolQuery>,
    newest: Mutex<Weak<Listing>>,
}

/// The txids of one moment.
#[derive(Debug)]
pub struct Listing {
    asked: Instant,
    txids: Vec<Txid>,
}

impl Mempool {
    /// Sends questions to the node's task through `queries`.
    pub fn new(queries: mpsc::Sender<MempoolQuery>) -> Mempool {
        Mempool {
            queries,
            newest: Mutex::default(),
        }
    }

    /// The txids of a moment after this call.
    ///
    /// # Errors
    /// UNAVAILABLE when the process is stopping.
    pub async fn now(&self) -> Result<Arc<Listing>, Status> {
        let called = Instant::now();
        let mut newest = self.newest.lock().await;
        if let Some(listing) = newest.upgrade().filter(|one| one.asked >= called) {
            return Ok(listing);
        }
        let (query, answer) = oneshot::channel();
        let asked = Instant::now();
        let unavailable = || Status::unavailable("ingest is stopping");
        let sent = self.queries.send(query).await;
        sent.map_err(|_| unavailable())?;
        let txids = answer.await.map_err(|_| unavailable())?;
        let listing = Arc::new(Listing { asked, txids });
        *newest = Arc::downgrade(&listing);
        Ok(listing)
    }
}

/// A listing in messages of bounded size, each made when it is its turn.
pub fn messages(listing: Arc<Listing>) -> impl Iterator<Item = ListMempoolResponse> {
    let parts = listing.txids.len().div_ceil(TXIDS);
    (0..parts).map(move |part| {
        let txids = listing.txids.iter().skip(part * TXIDS).take(TXIDS);
        ListMempoolResponse {
            txids: txids.map(|txid| txid.to_byte_array().to_vec()).collect(),
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn txids(count: usize) -> Vec<Txid> {
        (0..count as u64)
            .map(|number| Txid::hash(&number.to_le_bytes()))
            .collect()
    }

    #[tokio::test]
    async fn callers_that_wait_together_share_one_copy_and_later_ones_get_a_newer_one() {
        let (queries, mut questions) = mpsc::channel::<MempoolQuery>(1);
        let mempool = Mempool::new(queries);
        let answering = tokio::spawn(async move {
            let mut asked = 0;
            while let Some(question) = questions.recv().await {
                asked += 1;
                tokio::task::yield_now().await;
                question.send(txids(asked)).unwrap();
            }
            asked
        });
        let (one, two, three) = tokio::join!(mempool.now(), mempool.now(), mempool.now());
        let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
        assert!(Arc::ptr_eq(&two, &three), "those that waited");
        let later = mempool.now().await.unwrap();
        assert!(later.txids.len() > one.txids.len());
        drop(mempool);
        assert!(answering.await.unwrap() <= 3);
    }

    #[test]
    fn a_listing_goes_out_in_messages_and_each_txid_once() {
        for count in [0, 1, TXIDS, TXIDS + 1, 3 * TXIDS] {
            let txids = txids(count);
            let listing = Listing {
                asked: Instant::now(),
                txids: txids.clone(),
            };
            let messages: Vec<_> = messages(Arc::new(listing)).collect();
            assert!(messages.iter().all(|message| message.txids.len() <= TXIDS));
            let listed = messages.iter().flat_map(|message| &message.txids);
            assert!(listed.eq(txids.iter().map(|txid| txid.as_byte_array().as_slice())));
        }
    }
}
