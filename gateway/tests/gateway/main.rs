//! The real gateway over real sockets, fed by an analyzer that plays what a test tells it to.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod age;
mod archive;
mod bad_clients;
mod currencies;
mod description;
mod health;
mod http;
mod logs;
mod pictures;
mod programs;
mod proxies;
mod socket;
mod support;
mod troubled_historian;
mod upstream;
