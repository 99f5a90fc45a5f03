//! The metrics of the tasks that read blocks and fill the history.

use satscope_kit::named_metrics;

named_metrics! {
    Counter BLOCKS_READ = "satscope_historian_blocks_read_total",
        "Blocks that the historian read, by source: the node's block files, its REST or its RPC.";
    Counter BYTES_READ = "satscope_historian_block_bytes_read_total",
        "Bytes of the blocks that the historian read, by source.";
    Counter UNREADABLE = "satscope_historian_unreadable_blocks_total",
        "Blocks that could not be parsed; each counts as one without payments.";
    Counter NODE_FAULTS = "satscope_historian_node_faults_total",
        "Questions of the historian that the node did not answer; each is asked again.";
    Counter BLOCK_FILE_FAULTS = "satscope_historian_block_file_faults_total",
        "Blocks that were not in the node's block files as they should be; each was asked of the node.";
    Gauge BLOCK_FILES_BLOCKS = "satscope_historian_block_files_blocks",
        "Blocks found in the node's block files, stale ones too; 0 if the files are not read.";
    Gauge BLOCK_FILES_HEIGHT = "satscope_historian_block_files_height",
        "Height of the chain of most work in the node's block files; 0 if it does not reach down to the first block.";
    Counter PERIODS = "satscope_historian_periods_total", "Periods that the historian read whole and wrote.";
    Counter REORGS = "satscope_historian_reorgs_total",
        "Times that the node left a branch that the history held.";
    Gauge RECENT_BYTES = "satscope_historian_recent_bytes",
        "Bytes of the payment amounts that are kept of blocks that are not final.";
    Counter RECENT_FAULTS = "satscope_historian_recent_faults_total",
        "Times that the file of recent payment amounts was begun anew, or that one damaged block was dropped from it.";
    Gauge UNREADABLE_PERIODS = "satscope_historian_unreadable_periods",
        "Periods of which the node has pruned a block, so that they cannot be read.";
    Gauge DISPUTED_PERIODS = "satscope_historian_disputed_periods",
        "Periods whose prices and a neighbour's are over 5 % apart where they meet; both are served with low confidence.";
}

/// The label of each source of blocks.
pub const FROM_FILES: [(&str, &str); 1] = [("source", "files")];
/// As above, over the node's REST.
pub const FROM_REST: [(&str, &str); 1] = [("source", "rest")];
/// As above, over the node's RPC.
pub const FROM_RPC: [(&str, &str); 1] = [("source", "rpc")];

/// Registers counters at zero, so that they appear before their first event.
pub fn start() {
    describe();
    for count in [
        UNREADABLE,
        BLOCK_FILE_FAULTS,
        NODE_FAULTS,
        PERIODS,
        REORGS,
        RECENT_FAULTS,
    ] {
        count.get().increment(0);
    }
    for source in [&FROM_FILES, &FROM_REST, &FROM_RPC] {
        BLOCKS_READ.of(source).increment(0);
        BYTES_READ.of(source).increment(0);
    }
    BLOCK_FILES_BLOCKS.get().set(0.0);
    BLOCK_FILES_HEIGHT.get().set(0.0);
    RECENT_BYTES.get().set(0.0);
    UNREADABLE_PERIODS.get().set(0.0);
    DISPUTED_PERIODS.get().set(0.0);
}
