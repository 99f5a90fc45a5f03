//! Other currencies than the dollar: the exchange rates of the operator's own file (`fx_file`). Nothing is fetched.
//!
//! [`rates`] says which rate serves which price, [`read`] reads the file's content by rows ([`row`]), and
//! [`mod@file`] looks after the file.

mod csv;
mod currency;
mod file;
mod json;
mod rates;
mod read;
mod row;

use std::sync::Arc;

use tokio::sync::watch;

pub use currency::Currency;
pub use file::{check, start};
pub use rates::{Rates, UnitsPerDollar};

/// A receiver of the rates of the last content of the file that could be used; no rates before that.
pub type NewestRates = watch::Receiver<Arc<Rates>>;
