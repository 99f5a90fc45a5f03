//! The metrics of what reads blocks and fills the history, all names.

use metrics::{counter, describe_counter, describe_gauge, gauge};

/// Blocks read from the node.
pub const BLOCKS_READ: &str = "satscope_historian_blocks_read_total";
/// Bytes of these.
pub const BYTES_READ: &str = "satscope_historian_block_bytes_read_total";
/// Blocks that could not be parsed.
pub const UNREADABLE: &str = "satscope_historian_unreadable_blocks_total";
/// Answers that the node did not give.
pub const NODE_FAULTS: &str = "satscope_historian_node_faults_total";
/// Periods that were read and written.
pub const PERIODS: &str = "satscope_historian_periods_total";
/// Branches that were left.
pub const REORGS: &str = "satscope_historian_reorgs_total";
/// Bytes of recent payment amounts.
pub const RECENT_BYTES: &str = "satscope_historian_recent_bytes";
/// Times that the file of recent payment amounts was begun anew.
pub const RECENT_FAULTS: &str = "satscope_historian_recent_faults_total";
/// Periods that cannot be read.
pub const UNREADABLE_PERIODS: &str = "satscope_historian_unreadable_periods";
/// Periods whose lock disagrees with a neighbour's.
pub const DISPUTED_PERIODS: &str = "satscope_historian_disputed_periods";

/// Says what each means.
pub fn describe() {
    describe_counter!(BLOCKS_READ, "Blocks that the historian read from the node.");
    describe_counter!(BYTES_READ, "Bytes of the blocks that the historian read.");
    describe_counter!(
        UNREADABLE,
        "Blocks that could not be parsed; each counts as one without payments."
    );
    describe_counter!(
        NODE_FAULTS,
        "Questions of the historian that the node did not answer; each is asked again."
    );
    describe_counter!(PERIODS, "Periods that the historian read whole and wrote.");
    describe_counter!(
        REORGS,
        "Times that the node left a branch that the history held."
    );
    describe_gauge!(
        RECENT_BYTES,
        "Bytes of the payment amounts that are kept of blocks that are not final."
    );
    describe_counter!(
        RECENT_FAULTS,
        "Times that the file of recent payment amounts could not be used and was begun anew."
    );
    describe_gauge!(
        UNREADABLE_PERIODS,
        "Periods of which the node has pruned a block, so that they cannot be read."
    );
    describe_gauge!(
        DISPUTED_PERIODS,
        "Periods whose prices and a neighbour's are over 5 % apart where they meet; both are served with low confidence."
    );
}

/// Begins all of them at zero, so that they appear before their first event.
pub fn start() {
    describe();
    for name in [
        BLOCKS_READ,
        BYTES_READ,
        UNREADABLE,
        NODE_FAULTS,
        PERIODS,
        REORGS,
        RECENT_FAULTS,
    ] {
        counter!(name).increment(0);
    }
    gauge!(RECENT_BYTES).set(0.0);
    gauge!(UNREADABLE_PERIODS).set(0.0);
    gauge!(DISPUTED_PERIODS).set(0.0);
}
