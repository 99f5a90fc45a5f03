//! A node that sends whatever a test wants it to, over a real ZMQ socket.

use bitcoin::{
    Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, consensus::serialize, hashes::Hash as _, script::Builder,
    transaction::Version,
};
use satscope_bitcoin::frame::{SequenceEvent, StandInLabels};

/// Milliseconds that a subscriber may take to come.
const PATIENCE_MS: i32 = 60_000;

/// A publisher with Core's counters.
pub struct Publisher {
    pub endpoint: String,
    socket: zmq::Socket,
    rawtx: u32,
    sequence: u32,
    labels: u32,
    mempool_sequence: u64,
}

impl Publisher {
    /// On a port of its own.
    pub fn bind() -> Publisher {
        let socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
        socket.set_sndhwm(0).unwrap();
        // Each subscription is told, also where another subscriber has not been missed yet.
        socket.set_xpub_verbose(true).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_rcvtimeo(PATIENCE_MS).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        Publisher {
            endpoint: socket.get_last_endpoint().unwrap().unwrap(),
            socket,
            rawtx: 0,
            sequence: 0,
            labels: 0,
            mempool_sequence: 1,
        }
    }

    /// Waits until somebody has subscribed to both topics.
    pub fn wait_for_subscriber(&self) {
        let (mut rawtx, mut sequence) = (false, false);
        while !(rawtx && sequence) {
            let request = self.socket.recv_bytes(0).expect("a subscription");
            rawtx |= request == b"\x01rawtx";
            sequence |= request == b"\x01sequence";
        }
    }

    /// Waits until somebody has subscribed to this topic.
    pub fn wait_for(&self, topic: &str) {
        let wanted = [b"\x01", topic.as_bytes()].concat();
        while self.socket.recv_bytes(0).expect("a subscription") != wanted {}
    }

    /// A transaction enters the mempool: `rawtx`, then `A`.
    pub fn enter(&mut self, transaction: &Transaction) -> Txid {
        let txid = transaction.compute_txid();
        self.rawtx(&serialize(transaction));
        let added = SequenceEvent::Added(txid, self.mempool_sequence);
        self.mempool_sequence += 1;
        self.sequence(&added.encode());
        txid
    }

    /// A transaction leaves the mempool: `R`.
    pub fn leave(&mut self, txid: Txid) {
        let removed = SequenceEvent::Removed(txid, self.mempool_sequence);
        self.mempool_sequence += 1;
        self.sequence(&removed.encode());
    }

    /// The `rawtx` of each transaction of a block, in their order.
    pub fn run(&mut self, transactions: &[Transaction]) {
        for transaction in transactions {
            self.rawtx(&serialize(transaction));
        }
    }

    /// A block joins the best chain: the `rawtx` of its transactions, then `C`.
    pub fn connect(&mut self, hash: BlockHash, transactions: &[Transaction]) {
        self.run(transactions);
        self.sequence(&SequenceEvent::BlockConnected(hash).encode());
    }

    /// A block leaves the best chain: the `rawtx` of its transactions, then `D`.
    pub fn disconnect(&mut self, hash: BlockHash, transactions: &[Transaction]) {
        self.run(transactions);
        self.sequence(&SequenceEvent::BlockDisconnected(hash).encode());
    }

    /// A `rawtx` message with the next counter.
    pub fn rawtx(&mut self, body: &[u8]) {
        self.send(&[b"rawtx", body, &self.rawtx.to_le_bytes()]);
        self.rawtx += 1;
    }

    /// A `sequence` message with the next counter.
    pub fn sequence(&mut self, body: &[u8]) {
        self.send(&[b"sequence", body, &self.sequence.to_le_bytes()]);
        self.sequence += 1;
    }

    /// The next messages of both topics are lost: their counters go on without them.
    pub fn lose(&mut self, rawtx: u32, sequence: u32) {
        self.rawtx += rawtx;
        self.sequence += sequence;
    }

    /// A stand-in's word on the time, Unix milliseconds: its messages are stamped by it, however many come at once.
    pub fn say_time(&mut self, unix_ms: u64) {
        let labels = StandInLabels {
            time: unix_ms as f64 / 1000.0,
            simulated: true,
            hidden_price_usd: None,
        };
        let body = serde_json::to_vec(&labels).unwrap();
        self.send(&[b"satscope", &body, &self.labels.to_le_bytes()]);
        self.labels += 1;
    }

    /// Any message.
    pub fn send(&self, parts: &[&[u8]]) {
        let parts = parts.iter().copied();
        self.socket.send_multipart(parts, 0).unwrap();
    }
}

/// A payment as the filter lets it pass: one input, two outputs that are no round sums of bitcoin. Different for each
/// number.
pub fn payment(number: u32) -> Transaction {
    with_witness(number, vec![0x30; 72])
}

/// The same with a witness item of that content.
pub fn with_witness(number: u32, item: Vec<u8>) -> Transaction {
    let mut parent = [0x5a; 32];
    parent[..4].copy_from_slice(&number.to_le_bytes());
    let output = |sats: u64| TxOut {
        value: Amount::from_sat(sats),
        script_pubkey: ScriptBuf::from_bytes([&[0x00, 0x14][..], &[0x77; 20]].concat()),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(parent), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[item]),
        }],
        output: vec![
            output(51_234 + u64::from(number)),
            output(1_234_567 + 3 * u64::from(number)),
        ],
    }
}

/// The coinbase of a block of this height, which stands at the beginning of its script (BIP 34).
pub fn coinbase(height: u32) -> Transaction {
    let script = Builder::new().push_int(i64::from(height)).push_int(0);
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: script.into_script(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(312_500_000),
            script_pubkey: ScriptBuf::from_bytes([&[0x00, 0x14][..], &[0x77; 20]].concat()),
        }],
    }
}
