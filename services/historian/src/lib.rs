//! A price for every block, read from the node's blocks and kept.
