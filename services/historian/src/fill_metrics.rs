//! The metrics of the tasks that read blocks and fill the history.

use satscope_kit::named_metrics;

named_metrics! {
    Counter BLOCKS_READ = "satscope_historian_blocks_read_total",
        "Blocks that the historian read from the node.";
    Counter BYTES_READ = "satscope_historian_block_bytes_read_total",
        "Bytes of the blocks that the historian read.";
    Counter UNREADABLE = "satscope_historian_unreadable_blocks_total",
        "Blocks that could not be parsed; each counts as one without payments.";
    Counter NODE_FAULTS = "satscope_historian_node_faults_total",
        "Questions of the historian that the node did not answer; each is asked again.";
    Counter PERIODS = "satscope_historian_periods_total", "Periods that the historian read whole and wrote.";
    Counter REORGS = "satscope_historian_reorgs_total",
        "Times that the node left a branch that the history held.";
    Gauge RECENT_BYTES = "satscope_historian_recent_bytes",
        "Bytes of the payment amounts that are kept of blocks that are not final.";
    Counter RECENT_FAULTS = "satscope_historian_recent_faults_total",
        "Times that the file of recent payment amounts could not be used and was begun anew.";
    Gauge UNREADABLE_PERIODS = "satscope_historian_unreadable_periods",
        "Periods of which the node has pruned a block, so that they cannot be read.";
    Gauge DISPUTED_PERIODS = "satscope_historian_disputed_periods",
        "Periods whose prices and a neighbour's are over 5 % apart where they meet; both are served with low confidence.";
}

/// Registers counters at zero, so that they appear before their first event.
pub fn start() {
    describe();
    for count in [
        BLOCKS_READ,
        BYTES_READ,
        UNREADABLE,
        NODE_FAULTS,
        PERIODS,
        REORGS,
        RECENT_FAULTS,
    ] {
        count.get().increment(0);
    }
    RECENT_BYTES.get().set(0.0);
    UNREADABLE_PERIODS.get().set(0.0);
    DISPUTED_PERIODS.get().set(0.0);
}
