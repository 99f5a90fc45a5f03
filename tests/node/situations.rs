//! The situations, by what they are about.

mod away;
mod check;
mod clock;
mod eviction;
mod history;
mod history_files;
mod history_pace;
mod history_packs;
mod link;
mod old;
mod payments;
mod polling;
mod reorg;
mod replacement;
mod restart;
mod rpc;
mod settings;
