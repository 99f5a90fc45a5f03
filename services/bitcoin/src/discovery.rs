//! Finds a node on this machine by its files, as `bitcoin-cli` does. Nothing is sent over a network.

mod cookie;
mod guard;

pub use cookie::{Cookie, CookieError, CookieFile, read_cookie};
pub use guard::{Access, FileError, FileFault, Owners};
