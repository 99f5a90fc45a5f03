//! The weights learned from labelled blocks, by era: the strength of each round sum, and the distribution of all
//! amounts.

use satscope_oracle::{LATER_FROM_HEIGHT, Model, Typical};

use super::examples::{Example, mean_and_deviation};

/// Sums in dollars that people may find round; the training finds each one's strength.
const SUMS_USD: [f64; 54] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0,
    45.0, 50.0, 60.0, 70.0, 75.0, 80.0, 90.0, 100.0, 120.0, 125.0, 150.0, 200.0, 250.0, 300.0,
    350.0, 400.0, 450.0, 500.0, 600.0, 700.0, 750.0, 800.0, 900.0, 1000.0, 1200.0, 1500.0, 2000.0,
    2500.0, 3000.0, 4000.0, 5000.0, 6000.0, 8000.0, 10000.0, 15000.0, 20000.0, 30000.0,
];
/// The ranges of a round sum's peak, and of the ordinary amounts beside it, in percent from the sum.
const PEAK_PERCENT: f64 = 1.0;
const BESIDE_PERCENT: (f64, f64) = (2.0, 5.0);
/// This many ordinary amounts within one percent are added for each sum, so that a sum with few amounts beside it
/// counts as weak.
const PRIOR_AMOUNTS: f64 = 20.0;
/// The standard deviation between blocks is multiplied by this, because few blocks show too little of it.
const WIDER: f64 = 1.1;
/// Heights of the first blocks (UTC) of 2015, 2016 and 2017, years in which the amounts differed; 2018 is like 2017.
const EARLY_FROM_HEIGHTS: [u64; 3] = [336_672, 391_182, 446_033];
/// An early era with fewer blocks than this takes the distribution of amounts from the blocks of all early eras.
const LEAST_OF_ERA: usize = 4;
/// Least [`Typical::between_decades`] of an early era, because the few blocks of some years differ too little by
/// chance.
const LEAST_BETWEEN: f64 = 0.15;
/// The ratio of a normal distribution's standard deviation to its median absolute deviation.
const DEVIATIONS: f64 = 1.4826;

/// The distribution of all amounts in an era, as in [`Typical`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Whole {
    pub(super) median_decade: f64,
    pub(super) between_decades: f64,
    pub(super) within_decades: f64,
}

/// The weights that were learned.
#[derive(Debug)]
pub(super) struct Learned {
    /// Round sums with their strengths before 2019; empty if there was no block to learn from.
    pub(super) early_rungs: Vec<(f64, f64)>,
    /// Round sums with their strengths since 2019; empty if there was no block to learn from.
    pub(super) later_rungs: Vec<(f64, f64)>,
    /// The distribution of all amounts in each era, with the height of the era's first block, ascending.
    pub(super) eras: Vec<(u64, Whole)>,
}

impl Learned {
    pub(super) fn from(examples: &[&Example]) -> Self {
        let (early, later): (Vec<_>, Vec<_>) =
            examples.iter().partition(|example| example.is_early());
        let mut eras = Vec::new();
        let ends = EARLY_FROM_HEIGHTS[1..].iter().chain([&LATER_FROM_HEIGHT]);
        for (from, end) in EARLY_FROM_HEIGHTS.iter().zip(ends) {
            let of_era = |example: &&&Example| (*from..*end).contains(&example.height());
            let some: Vec<&Example> = early.iter().filter(of_era).copied().collect();
            let enough = if some.len() < LEAST_OF_ERA {
                &early
            } else {
                &some
            };
            eras.extend(Whole::early(enough).map(|whole| (*from, whole)));
        }
        eras.extend(Whole::later(&later).map(|whole| (LATER_FROM_HEIGHT, whole)));
        Self {
            early_rungs: rungs(&early),
            later_rungs: rungs(&later),
            eras,
        }
    }

    /// The model for a block at this height; of the present if the height is not known.
    pub(super) fn model(&self, height: Option<u64>) -> Model {
        let height = height.unwrap_or(u64::MAX);
        let trained = Model::of_height(height);
        let era = self.eras.iter().rfind(|(from, _)| *from <= height);
        let rungs = match height < LATER_FROM_HEIGHT {
            true => &self.early_rungs,
            false => &self.later_rungs,
        };
        Model {
            rungs: rungs.clone(),
            typical: era.or(self.eras.first()).and_then(|(_, whole)| {
                Some(Typical {
                    median_decade: whole.median_decade,
                    between_decades: whole.between_decades,
                    within_decades: whole.within_decades,
                    ..trained.typical?
                })
            }),
            ..trained
        }
    }
}

impl Whole {
    fn later(examples: &[&Example]) -> Option<Self> {
        let medians: Vec<f64> = examples.iter().map(|one| one.median_decade()).collect();
        let spreads: Vec<f64> = examples.iter().map(|one| one.spread_decades()).collect();
        let (median_decade, between_decades) = mean_and_deviation(&medians);
        (!examples.is_empty()).then(|| Self {
            median_decade,
            between_decades: WIDER * between_decades,
            within_decades: mean_and_deviation(&spreads).0,
        })
    }

    /// Uses medians, because in some early blocks most amounts are dust. Such blocks are few, but they come again. So
    /// the deviation between blocks is the geometric mean of two: the standard deviation, which these blocks widen, and
    /// the median absolute deviation, which they hardly change.
    fn early(examples: &[&Example]) -> Option<Self> {
        let medians: Vec<f64> = examples.iter().map(|one| one.median_decade()).collect();
        let median_decade = median(medians.clone())?;
        let off = medians.iter().map(|decade| (decade - median_decade).abs());
        let without = DEVIATIONS * median(off.collect())?;
        let (_, with) = mean_and_deviation(&medians);
        Some(Self {
            median_decade,
            between_decades: (WIDER * (with * without).sqrt()).max(LEAST_BETWEEN),
            within_decades: median(examples.iter().map(|one| one.spread_decades()).collect())?,
        })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Each sum with its strength; empty if there is no block.
fn rungs(examples: &[&Example]) -> Vec<(f64, f64)> {
    let strength = |sum_usd: f64| {
        let count = |from, to| -> f64 {
            let counts = examples.iter().map(|one| one.count(sum_usd, from, to));
            counts.sum()
        };
        let beside = count(BESIDE_PERCENT.0, BESIDE_PERCENT.1)
            / (2.0 * (BESIDE_PERCENT.1 - BESIDE_PERCENT.0));
        let excess = count(0.0, PEAK_PERCENT) - 2.0 * PEAK_PERCENT * beside;
        excess.max(0.0) / (beside + PRIOR_AMOUNTS)
    };
    match examples.is_empty() {
        true => Vec::new(),
        false => SUMS_USD.map(|sum| (sum, strength(sum))).to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use satscope_filter::Values;

    use super::super::table;
    use super::*;
    use crate::blocks::{Block, Label};

    /// A block at $100,000 that pays a sum a hundred times, between ordinary amounts.
    fn example(height: u64, sum_usd: u64) -> Example {
        let ordinary = (0..2000).map(|index| 10_000 + 41 * index + height % 10);
        let round = (0..100).map(|index| 1000 * sum_usd + index - 50);
        let label = Label {
            file: String::new(),
            height: Some(height),
            time: 1,
            reference_price_usd: Some(100_000.0),
        };
        let payments = ordinary.chain(round);
        let payments = payments.map(|value_sats| Values::from_slice(&[value_sats]));
        Example::new(Block::whole(label, payments.collect())).unwrap()
    }

    fn strength(rungs: &[(f64, f64)], usd: f64) -> f64 {
        rungs.iter().find(|rung| rung.0 == usd).unwrap().1
    }

    #[test]
    fn a_sum_that_is_paid_often_is_strong_in_the_years_in_which_it_is() {
        let examples = [
            example(700_000, 50),
            example(700_007, 50),
            example(400_000, 40),
        ];
        let learned = Learned::from(&examples.iter().collect::<Vec<_>>());
        for (rungs, often, seldom) in [
            (&learned.later_rungs, 50.0, 40.0),
            (&learned.early_rungs, 40.0, 50.0),
        ] {
            let (strong, weak) = (strength(rungs, often), strength(rungs, seldom));
            assert!(strong > 2.0 && weak < 0.2, "{often}: {strong} {weak}");
        }
        for (height, often) in [(None, 50.0), (Some(700_000), 50.0), (Some(400_000), 40.0)] {
            assert!(strength(&learned.model(height).rungs, often) > 2.0);
        }
        let source = table::source(&learned);
        assert!(source.contains("    (50.0, "));
        assert!(
            source.contains("        premium_percent: 0.3,\n"),
            "{source}"
        );
    }

    #[test]
    fn each_year_has_its_own_payments_and_a_thin_one_those_of_all_early_ones() {
        let mut examples: Vec<Example> = (340_000..340_010)
            .map(|height| example(height, 5))
            .collect();
        examples.extend((400_000..400_003).map(|height| example(height, 5)));
        examples.extend((700_000..700_004).map(|height| example(height, 5)));
        let learned = Learned::from(&examples.iter().collect::<Vec<_>>());
        let heights: Vec<u64> = learned.eras.iter().map(|era| era.0).collect();
        assert_eq!(heights, [336_672, 391_182, 446_033, LATER_FROM_HEIGHT]);
        let whole: Vec<Whole> = learned.eras.iter().map(|era| era.1).collect();
        assert_eq!(whole[1], whole[2]);
        assert!(
            whole[..3]
                .iter()
                .all(|whole| whole.between_decades >= LEAST_BETWEEN)
        );
    }

    #[test]
    fn nothing_is_learned_of_years_without_a_block() {
        let learned = Learned::from(&[&example(700_000, 5)]);
        assert!(learned.early_rungs.is_empty() && learned.eras.len() == 1);
        assert!(!table::source(&learned).contains("EARLY"));
    }
}
