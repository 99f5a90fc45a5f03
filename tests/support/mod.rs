//! What the whole-chain tests share: the parts as processes, clients of every kind, and waiting for conditions.
//!
//! Nothing here waits for a fixed time: [`wait::until`] asks again until an answer comes or patience ends. A [`part::Part`]
//! is ended when it is dropped, and shows its log when its test has failed.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod browser;
pub mod chain;
pub mod clock;
pub mod data;
pub mod grpc;
pub mod lossy;
pub mod metrics;
pub mod part;
pub mod proxy;
pub mod publisher;
pub mod reverse;
pub mod rpc_node;
pub mod script;
pub mod socket;
pub mod wait;
