//! Settings that more than one part has.

use clap::Args;

use super::{bytes, zmq_endpoint};

/// Where the node publishes over ZMQ.
#[derive(Args, Clone, Debug)]
pub struct ZmqSettings {
    /// Where the node publishes (`-zmqpubrawtx` and `-zmqpubsequence` in bitcoin.conf)
    #[arg(long, env = "SATSCOPE_ZMQ_ENDPOINT", value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:28332", value_parser = zmq_endpoint)]
    pub zmq_endpoint: String,

    /// Where it publishes `sequence`, if that is elsewhere
    #[arg(long, env = "SATSCOPE_ZMQ_SEQUENCE_ENDPOINT", value_name = "ENDPOINT", value_parser = zmq_endpoint)]
    pub zmq_sequence_endpoint: Option<String>,
}

/// How much of a recording is kept.
#[derive(Args, Clone, Copy, Debug)]
pub struct RecordLimits {
    /// The size at which a recording's file is closed and another begun, in bytes
    #[arg(long, env = "SATSCOPE_RECORD_FILE_BYTES", value_name = "BYTES", default_value = "67108864", value_parser = bytes)]
    pub record_file_bytes: u64,

    /// What all files of a recording may hold together, in bytes; the oldest are deleted
    #[arg(long, env = "SATSCOPE_RECORD_MAX_BYTES", value_name = "BYTES", default_value = "4294967296", value_parser = bytes)]
    pub record_max_bytes: u64,
}
