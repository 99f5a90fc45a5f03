#![allow(clippy::unwrap_used)]

mod answers;
mod candles;
mod empty;
mod faults;
mod made;
mod measures;
mod versions;
mod writes;
