//! The amounts of a window as a histogram, on which people can see the ladder of round sums.

use crate::grid::BIN;
use crate::window::Window;

/// Fine bins that make up one bin of the histogram: 1 %, about as wide as a round sum's peak.
const FINE: usize = 10;
/// The range of the histogram, in fine bins: from 1,000 satoshi, the least amount of a payment, to 20 bitcoin.
const SHOWN: std::ops::Range<usize> = 6900..21_420;

/// The number of distinct amounts in each bin of a logarithmic scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Amounts {
    /// Lower edge of the first bin, in satoshi.
    pub first_sats: f64,
    /// Width of a bin: the natural logarithm of the ratio of its edges.
    pub bin_width: f64,
    /// Distinct amounts in each bin.
    pub counts: Vec<u32>,
}

impl Window {
    /// The distinct amounts of the whole window between some 1,000 satoshi and 20 bitcoin, in bins of 1 %.
    #[must_use]
    pub fn amounts(&self) -> Amounts {
        let shown = &self.histogram()[SHOWN];
        Amounts {
            first_sats: libm::exp(SHOWN.start as f64 * BIN),
            bin_width: FINE as f64 * BIN,
            counts: shown.chunks(FINE).map(|fine| fine.iter().sum()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_counted_once_where_it_lies() {
        let mut window = Window::new();
        window.insert(0, &[50_000, 900]);
        window.insert(60_000, &[50_000, 50_900]);
        let amounts = window.amounts();
        let counted: Vec<(f64, u32)> = amounts
            .counts
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count > 0)
            .map(|(bin, &count)| {
                let lower = amounts.first_sats * (bin as f64 * amounts.bin_width).exp();
                (lower, count)
            })
            .collect();
        assert_eq!(counted.len(), 2, "{counted:?}");
        for ((lower, count), sats) in counted.into_iter().zip([50_000.0, 50_900.0]) {
            assert_eq!(count, 1);
            assert!(lower <= sats && sats < lower * amounts.bin_width.exp());
        }
    }

    #[test]
    fn the_scale_begins_at_the_least_payment() {
        let amounts = Window::new().amounts();
        let last = amounts.first_sats * (amounts.counts.len() as f64 * amounts.bin_width).exp();
        assert!((950.0..1000.0).contains(&amounts.first_sats), "{amounts:?}");
        assert!((1.9e9..2.1e9).contains(&last), "{last}");
    }
}
