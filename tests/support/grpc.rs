//! gRPC clients of the parts, as a program of somebody else would use them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use bitcoin::{BlockHash, Txid, hashes::Hash as _};
use satscope_proto::v1::{
    Coverage, Event, GetCoverageRequest, GetSeriesRequest, HistorySource, ListMempoolRequest,
    ListWindowRequest, NodeStatus, PastPrice, Position, StreamTransactionsRequest,
    StreamTransactionsResponse, TransactionState, event::Kind,
    history_service_client::HistoryServiceClient, ingest_service_client::IngestServiceClient,
    price_service_client::PriceServiceClient,
};
use tonic::{Streaming, transport::Channel};

use super::wait::in_time;

/// A connection.
pub async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    in_time("a gRPC connection", endpoint.connect())
        .await
        .unwrap()
}

/// A client of ingest.
pub async fn ingest(address: SocketAddr) -> IngestServiceClient<Channel> {
    IngestServiceClient::new(channel(address).await)
}

/// A client of the analyzer; its first update may hold many points.
pub async fn prices(address: SocketAddr) -> PriceServiceClient<Channel> {
    PriceServiceClient::new(channel(address).await).max_decoding_message_size(64 << 20)
}

/// What a historian says that it has.
pub async fn coverage(address: SocketAddr) -> Coverage {
    let mut client = HistoryServiceClient::new(channel(address).await);
    let answer = in_time("GetCoverage", client.get_coverage(GetCoverageRequest {})).await;
    answer.unwrap().into_inner().coverage.unwrap()
}

/// The prices of a historian's blocks, oldest first.
pub async fn block_prices(address: SocketAddr) -> Vec<PastPrice> {
    let mut client = HistoryServiceClient::new(channel(address).await);
    let request = GetSeriesRequest {
        from: 0,
        to: u64::from(u32::MAX),
        step: 0,
        source: HistorySource::Block.into(),
    };
    let answer = in_time("GetSeries", client.get_series(request)).await;
    answer.unwrap().into_inner().prices
}

/// What `ListMempool` gives.
pub async fn list_mempool(address: SocketAddr) -> BTreeSet<Txid> {
    let mut client = ingest(address).await;
    let listing = client.list_mempool(ListMempoolRequest {});
    let mut stream = in_time("ListMempool", listing).await.unwrap().into_inner();
    let mut txids = BTreeSet::new();
    while let Some(message) = next(&mut stream).await {
        for txid in message.txids {
            assert!(txids.insert(Txid::from_slice(&txid).unwrap()), "twice");
        }
    }
    txids
}

/// What `ListWindow` gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    pub transactions: BTreeMap<Txid, Windowed>,
    /// Oldest first.
    pub blocks: Vec<BlockHash>,
}

/// A transaction of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Windowed {
    pub first_seen_ms: u64,
    pub values_sats: Vec<u64>,
    pub input_count: u32,
    pub state: TransactionState,
    pub met_in_block: bool,
}

/// What `ListWindow` gives; `None` while the analyzer is still receiving its window.
pub async fn list_window(address: SocketAddr) -> Option<Window> {
    let mut client = prices(address).await;
    let listing = client.list_window(ListWindowRequest {});
    let mut stream = match in_time("ListWindow", listing).await {
        Ok(response) => response.into_inner(),
        Err(status) if status.code() == tonic::Code::Unavailable => return None,
        Err(status) => panic!("{status}"),
    };
    let mut window = Window::default();
    while let Some(message) = next(&mut stream).await {
        assert!(message.transactions.len() <= 10_000, "a message too large");
        for transaction in message.transactions {
            let windowed = Windowed {
                first_seen_ms: transaction.first_seen_ms,
                state: transaction.state(),
                values_sats: transaction.values_sats,
                input_count: transaction.input_count,
                met_in_block: transaction.met_in_block,
            };
            let txid = Txid::from_slice(&transaction.txid).unwrap();
            assert_eq!(window.transactions.insert(txid, windowed), None, "twice");
        }
        for block in message.blocks {
            window
                .blocks
                .push(BlockHash::from_slice(&block.hash).unwrap());
        }
    }
    Some(window)
}

/// The next message, or `None` at the stream's end.
pub async fn next<T>(stream: &mut Streaming<T>) -> Option<T> {
    in_time("a gRPC message", stream.message()).await.unwrap()
}

/// A stream of transactions from where `after` says.
pub async fn stream_transactions(
    address: SocketAddr,
    after: Option<Position>,
) -> Streaming<StreamTransactionsResponse> {
    let mut client = ingest(address).await;
    let request = client.stream_transactions(StreamTransactionsRequest { after });
    in_time("StreamTransactions", request)
        .await
        .unwrap()
        .into_inner()
}

/// The status of a message's event, if it is one.
pub fn status(event: &Event) -> Option<&NodeStatus> {
    match &event.kind {
        Some(Kind::Status(status)) => Some(status),
        _ => None,
    }
}
