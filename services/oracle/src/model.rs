//! The model of payments before any is seen: how strongly each round sum stands out, and how large the amounts are.

use crate::era::Era;
use crate::grid::SATS_PER_BTC;
use crate::trained::ERAS;

/// Height of the first block of 2019 (UTC). Blocks before it have settings of their own, not only weights, because other sums
/// were paid.
pub const LATER_FROM_HEIGHT: u64 = 556_459;

/// The oracle's knowledge of payments before it sees any; [`Model::trained`] is the model of the present.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Round sums in dollars, ascending, each with its strength: the payments of that sum, as a share of the ordinary
    /// payments within one percent around it, in percent. A strength of 3 doubles the density within ±1.5 %.
    pub rungs: Vec<(f64, f64)>,
    /// The strengths are multiplied by this before use. It is under 1, because blocks whose round sums are weaker than
    /// usual are more frequent than blocks without any, so expecting too little costs less.
    pub strength_scale: f64,
    /// The shape of a round sum's peak: a narrow bell and a wide one, as (share, standard deviation in percent).
    pub peak: [(f64, f64); 2],
    /// Evidence, in nats, is divided by this: payments come in clusters and say less than as many independent ones.
    pub temperature: f64,
    /// The greatest number of amounts that a window counts as when prices a whole factor apart are compared, because a
    /// difference from the model is the same in all of the window's minutes.
    pub independent_values: f64,
    /// Lowest price that is an answer, in dollars; the highest is ten thousand times that.
    pub least_usd: f64,
    /// How far above the market the payers' price lay, in percent; their amounts are smaller by that.
    pub premium_percent: f64,
    /// Error that all payments of a block share, as a standard deviation in percent: their senders took another price for the
    /// market's, or an older one. Measured on blocks that were read alone, whose other errors are small.
    pub shared_percent: f64,
    /// A price that rests on fewer payments than this is never trusted.
    pub least_trusted_payments: u64,
    /// The distribution of all amounts; `None` leaves it out.
    pub typical: Option<Typical>,
    /// How the price moves.
    pub motion: Motion,
    /// Payments of round sums less a fee.
    pub fees: Fees,
    /// Amounts of a minute that lie together beside the round sums.
    pub clusters: Clusters,
}

/// Round sums that services pay less a fee, or plus one: they make fainter peaks beside those of the sums. One fee holds for a
/// whole block.
#[derive(Debug, Clone, PartialEq)]
pub struct Fees {
    /// Fees, each as (chance that a block has it, how far below the round sum the amount lies, in percent). The percentage is
    /// negative if the amount lies above, and counts as 5 % if it is more. A block has at most one fee: the chances add up to
    /// 1 at most.
    pub fees: Vec<(f64, f64)>,
    /// How strong the fainter peaks are, as a share of the strength of the sums' own.
    pub strength: f64,
    /// The evidence of an amount on a fainter peak, as a share of that of an amount on a sum's own peak. It is more than
    /// the fainter peak's strength, because evidence grows with the logarithm of strength.
    pub evidence: f64,
}

/// Many payments of one service within a minute, at a price or with a fee of its own: they make a peak beside the true one, on
/// either side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clusters {
    /// The chance that a minute has such a cluster, 0 to 1; 0 leaves clusters out.
    pub chance: f64,
    /// The least and the greatest distance of such a peak from the price, in percent; 5 % at most.
    pub percent: (f64, f64),
}

/// The distribution of all amounts, in powers of ten of a dollar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Typical {
    /// The median amount, averaged over all times; 2 is $100.
    pub median_decade: f64,
    /// Standard deviation of the median between one time and another, in decades.
    pub between_decades: f64,
    /// Standard deviation of the amounts of one time, in decades.
    pub within_decades: f64,
    /// The least amount that the filter lets pass, in satoshi: where the price is high, it cuts off the small ones.
    pub least_value_sats: f64,
    /// The chance that a time is unlike all times that were seen; more than 0.
    pub unlike: f64,
}

/// How the price moves from one minute to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Standard deviation of a calm minute, in percent; under 0.1, the width of a bin.
    pub calm_percent: f64,
    /// The chance that a minute is not calm.
    pub jump: f64,
    /// Mean distance that the price moves in a minute that is not calm, in percent.
    pub jump_percent: f64,
}

impl Model {
    /// The model of the present, trained on labelled blocks.
    #[must_use]
    pub fn trained() -> Self {
        Self::of_height(u64::MAX)
    }

    /// The model of the payments around a height of the chain, trained on labelled blocks. Blocks before 2015 were not learned
    /// from; the model of 2015 reads them.
    #[must_use]
    pub fn of_height(height: u64) -> Self {
        Self::of(&ERAS[Era::index(&ERAS, height)])
    }

    fn of(era: &Era) -> Self {
        let later = Self {
            rungs: era.rungs.to_vec(),
            strength_scale: 0.35,
            peak: [(0.6, 0.12), (0.4, 0.4)],
            temperature: 1.25,
            independent_values: 3000.0,
            least_usd: 1e3,
            premium_percent: era.premium_percent,
            shared_percent: 0.235,
            least_trusted_payments: 0,
            typical: Some(Typical {
                median_decade: era.median_decade,
                between_decades: era.between_decades,
                within_decades: era.within_decades,
                least_value_sats: 1000.0,
                unlike: 1e-9,
            }),
            motion: Motion {
                calm_percent: 0.08,
                jump: 0.05,
                jump_percent: 0.5,
            },
            fees: Fees {
                fees: vec![(0.04, 1.2), (0.04, 2.4)],
                strength: 0.5,
                evidence: 0.7,
            },
            clusters: Clusters {
                chance: 0.05,
                percent: (0.7, 4.5),
            },
        };
        if era.from_height >= LATER_FROM_HEIGHT {
            return later;
        }
        // Before 2019 fewer sums were round, and markets were a percent apart, so one block alone shows too little.
        Self {
            strength_scale: 0.7,
            peak: [(0.5, 0.2), (0.5, 0.7)],
            least_usd: 1e2,
            shared_percent: 0.45,
            least_trusted_payments: 4000,
            fees: Fees {
                fees: Vec::new(),
                ..later.fees
            },
            ..later
        }
    }
}

impl Motion {
    /// Standard deviation of a minute, calm or not, in percent. A jump's length is distributed exponentially.
    pub(crate) fn minute_percent(&self) -> f64 {
        let squared = |x: f64| x * x;
        (squared(self.calm_percent) + 2.0 * self.jump * squared(self.jump_percent)).sqrt()
    }
}

impl Typical {
    /// How much less probable each price is than the most typical one, in nats, if the median of `values` amounts is
    /// `median_sats` satoshi. Each price is given by its [`Typical::lift`]. No price is less probable than a time
    /// unlike all that were seen.
    pub(crate) fn log_densities(&self, lifts: &[f64], median_sats: f64, values: usize) -> Vec<f64> {
        let sampling = 1.253 * self.within_decades / (values.max(1) as f64).sqrt();
        let spread = libm::hypot(self.between_decades, sampling);
        let median = libm::log10(median_sats / SATS_PER_BTC);
        let least = libm::log(self.unlike);
        let density = |lift: &f64| {
            let off = (median + lift) / spread;
            (-0.5 * off * off).max(least)
        };
        lifts.iter().map(density).collect()
    }

    /// The distance of a median of one bitcoin above its typical place at a price, in decades.
    pub(crate) fn lift(&self, price_usd: f64) -> f64 {
        decade(price_usd, SATS_PER_BTC) - self.median_decade(price_usd)
    }

    /// The typical median amount at a price, in decades of a dollar: higher where the filter cuts off the small
    /// amounts.
    fn median_decade(&self, price_usd: f64) -> f64 {
        self.median_above(decade(price_usd, self.least_value_sats))
    }

    /// The median of those amounts of a log-normal distribution that exceed `least_decade`.
    fn median_above(&self, least_decade: f64) -> f64 {
        let below = normal_cdf((least_decade - self.median_decade) / self.within_decades);
        self.median_decade + self.within_decades * normal_quantile(0.5 + 0.5 * below)
    }
}

/// An amount's worth, in powers of ten of a dollar.
fn decade(price_usd: f64, value_sats: f64) -> f64 {
    libm::log10(value_sats / SATS_PER_BTC * price_usd)
}

/// The share of a standard normal distribution below `z` (logistic approximation of Bowling et al. 2009, within 0.0002).
fn normal_cdf(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z * (1.5976 + 0.07056 * z * z)))
}

/// The inverse of [`normal_cdf`], by bisection, within ±8.
fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_near() {
        for (z, share) in [(-1.6449, 0.05), (0.0, 0.5), (1.0, 0.8413), (1.96, 0.975)] {
            assert!((normal_cdf(z) - share).abs() < 0.0003, "{z}");
            assert!((normal_quantile(share) - z).abs() < 0.005, "{z}");
        }
    }

    #[test]
    fn a_price_ten_times_too_high_fits_worse() {
        let typical = Model::trained()
            .typical
            .unwrap_or_else(|| unreachable!("the trained model has one"));
        let fits =
            |price_usd| typical.log_densities(&[typical.lift(price_usd)], 130_000.0, 3000)[0];
        assert!(fits(100_000.0) > fits(10_000.0) + 5.0);
        assert!(fits(100_000.0) > fits(1_000_000.0) + 5.0);
    }
}
