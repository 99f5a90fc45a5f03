//! The grid of all calculations: the logarithms of prices and of amounts, in bins of 0.1 %.

use std::ops::RangeInclusive;

/// Width of a bin in natural logarithm: 0.1 %.
pub(crate) const BIN: f64 = 0.001;
/// Bins of price: a factor of 10^6, ln(10^6) / 0.001, and one for the end.
pub(crate) const PRICE_BINS: usize = 13_816;
/// Bins of amount, from 1 satoshi to 21 million bitcoin.
pub(crate) const VALUE_BINS: usize = 35_282;
/// Satoshi in one bitcoin.
pub(crate) const SATS_PER_BTC: f64 = 1e8;

/// The scale of prices: the grid's bins, laid out from its lowest price on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    lowest_usd: f64,
    /// Logarithm of the satoshi that payers count as one dollar at the lowest price.
    dollar: f64,
}

impl Scale {
    /// The scale of a model whose lowest answer is `least_usd` dollars. The grid goes a factor of ten beyond the answers on both
    /// sides, so that a price outside of them is not mistaken for its tenth or tenfold.
    pub(crate) fn of_answers(least_usd: f64, premium_percent: f64) -> Self {
        let lowest_usd = least_usd / 10.0;
        Self {
            lowest_usd,
            dollar: libm::log(SATS_PER_BTC / lowest_usd) - libm::log1p(premium_percent / 100.0),
        }
    }

    /// The prices that are answers, in dollars: all but the factor of ten at each end of the grid.
    pub(crate) fn answers_usd(self) -> RangeInclusive<f64> {
        10.0 * self.lowest_usd..=1e5 * self.lowest_usd
    }

    /// The price in dollars at a place on the grid, which may lie between bins.
    pub(crate) fn price_usd(self, place: f64) -> f64 {
        self.lowest_usd * libm::exp(place * BIN)
    }

    /// The place on the grid of the price at which an amount is worth one dollar; negative below the grid.
    #[inline]
    pub(crate) fn dollar_place(self, value_sats: u64) -> f64 {
        (self.dollar - libm::log(value_sats as f64)) / BIN
    }

    /// The place, in bins of amount, of the amount that is worth `usd` dollars at a bin of price.
    pub(crate) fn value_place(self, usd: f64, price_bin: usize) -> f64 {
        (libm::log(usd) + self.dollar) / BIN - price_bin as f64
    }
}

/// The bin of an amount; `None` for 0 and for more than 21 million bitcoin.
pub(crate) fn value_bin(value_sats: u64) -> Option<usize> {
    let bin = (libm::log(value_sats as f64) / BIN).floor();
    (value_sats > 0 && bin < VALUE_BINS as f64).then_some(bin as usize)
}

/// The indices, in a row and in another row that lies `drift` bins further on, at which the overlap of the two on the grid
/// begins.
pub(crate) fn moved(drift: isize) -> (usize, usize) {
    let most = PRICE_BINS as isize;
    let (to, from) = ((-drift).clamp(0, most), drift.clamp(0, most));
    (to as usize, from as usize)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_covers_a_decade_more_than_the_answers() {
        let scale = Scale::of_answers(1_000.0, 0.0);
        let (least, most) = scale.answers_usd().into_inner();
        assert_eq!(least, 1_000.0);
        assert!((scale.price_usd(0.0) / (least / 10.0) - 1.0).abs() < BIN);
        assert!((scale.price_usd(PRICE_BINS as f64 - 1.0) / (most * 10.0) - 1.0).abs() < BIN);
    }

    #[test]
    fn the_extremes_of_amount_have_a_bin_or_none() {
        assert_eq!(value_bin(0), None);
        assert_eq!(value_bin(1), Some(0));
        assert!(value_bin(2_100_000_000_000_000).is_some());
        assert_eq!(value_bin(u64::MAX), None);
    }

    #[test]
    fn a_dollar_lies_where_its_price_is() {
        let scale = Scale::of_answers(1_000.0, 0.0);
        let place = scale.dollar_place(1_000);
        assert!((scale.price_usd(place) / 100_000.0 - 1.0).abs() < 1e-9);
        assert!((scale.value_place(1.0, 500) - (1e6f64.ln() / BIN - 500.0)).abs() < 1e-6);
    }
}
