//! A period made of labelled blocks.

use satscope_filter::{Filter, Values};
use satscope_oracle::past::{AFTER, BEFORE, BlockPayments, PERIOD_BLOCKS};

use super::walk::walk;
use crate::random::SplitMix;

/// Number of blocks of a period, and of those before and after it that its prices rest on.
const BLOCKS: usize = (BEFORE + PERIOD_BLOCKS + AFTER) as usize;
/// Seconds between two blocks.
const SPACING: u64 = 600;

/// The labelled blocks of a year.
#[derive(Debug, Default)]
pub(super) struct Deck {
    blocks: Vec<Labelled>,
    /// The lowest height of these blocks; `None` if no height is known.
    height: Option<u64>,
}

#[derive(Debug)]
struct Labelled {
    /// The reference price, in dollars.
    price_usd: f64,
    payments: Vec<Values>,
}

/// The indices of a labelled block's payments that have not been dealt yet.
type Undealt = Vec<usize>;

/// Made blocks, with their heights and the price at each.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) first_height: u32,
    pub(super) blocks: Vec<BlockPayments>,
    /// The price at the end of each block, in dollars.
    pub(super) prices_usd: Vec<f64>,
}

impl Made {
    /// The made-up time of a block, in Unix seconds: [`SPACING`] for each block of height.
    pub(super) fn time(&self, height: u32) -> u64 {
        u64::from(height) * SPACING
    }
}

impl Deck {
    /// Adds a block.
    pub(super) fn add(&mut self, height: Option<u64>, price_usd: f64, payments: Vec<Values>) {
        self.height = self.height.into_iter().chain(height).min();
        self.blocks.push(Labelled {
            price_usd,
            payments,
        });
    }

    /// A period. Each of its blocks has half of the payments of one labelled block, drawn at random, because the
    /// payments of a block share an error. They are dealt like cards: the next block drawn from the same payments gets
    /// the other half, and only then are they shuffled again. Each payment is made at a price between those at the
    /// block before and at its own. Its amounts are rescaled to that price, and those outside the filter's range are
    /// dropped.
    pub(super) fn period(&self, year: u64, seed: u64) -> Made {
        let mut random = SplitMix::new(seed);
        random.absorb(year);
        let start_usd = self.blocks[random.below(self.blocks.len())].price_usd;
        let prices_usd = walk(&mut random, year, start_usd, BLOCKS);
        let mut undealt: Vec<Undealt> = vec![Vec::new(); self.blocks.len()];
        let blocks = prices_usd.windows(2).map(|ends| {
            let drawn = random.below(self.blocks.len());
            let source = &self.blocks[drawn];
            let (mut payments, mut values_sats) = (0, Vec::new());
            for payment in source.half(&mut undealt[drawn], &mut random) {
                let paid_usd = ends[0] + random.unit() * (ends[1] - ends[0]);
                let rescaled = rescaled(payment, source.price_usd / paid_usd);
                payments += u32::from(!rescaled.is_empty());
                values_sats.extend(rescaled);
            }
            BlockPayments::new(payments, values_sats)
        });
        Made {
            name: year.to_string(),
            first_height: self.first_height(),
            blocks: blocks.collect(),
            prices_usd: prices_usd[1..].to_vec(),
        }
    }

    /// The height of the first block that is made. The period is that of the year's first labelled block.
    fn first_height(&self) -> u32 {
        let height = self.height.unwrap_or(u64::from(u32::MAX / 2));
        let height = u32::try_from(height).unwrap_or(u32::MAX / 2);
        (height / PERIOD_BLOCKS * PERIOD_BLOCKS).saturating_sub(BEFORE)
    }
}

impl Labelled {
    /// Deals half of the payments: from those not dealt yet, or, if they are too few, from all again.
    fn half(&self, undealt: &mut Undealt, random: &mut SplitMix) -> Vec<&Values> {
        let half = self.payments.len() / 2;
        if undealt.len() < half {
            *undealt = (0..self.payments.len()).collect();
        }
        let cards = (0..half).map(|_| undealt.swap_remove(random.below(undealt.len())));
        cards.filter_map(|card| self.payments.get(card)).collect()
    }
}

/// Amounts in satoshi times a factor, without those that are then too small or too large for the filter.
fn rescaled(values_sats: &Values, factor: f64) -> Values {
    let counts = Filter::default().value_sats;
    let rescaled = values_sats
        .iter()
        .map(|value_sats| (*value_sats as f64 * factor).round() as u64);
    rescaled
        .filter(|value_sats| counts.contains(value_sats))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deck() -> Deck {
        let mut deck = Deck::default();
        for block in 0..3u64 {
            let payments =
                (0..10).map(|number| [100_000 + 10 * block + number].into_iter().collect());
            deck.add(Some(600_000 + block), 10_000.0, payments.collect());
        }
        deck
    }

    #[test]
    fn the_same_seed_makes_the_same_period_and_another_one_another() {
        let made = |seed| deck().period(2023, seed).blocks;
        assert_eq!(made(1), made(1));
        assert!(made(1) != made(2));
    }

    #[test]
    fn amounts_follow_the_price() {
        let made = deck().period(2023, 1);
        assert_eq!(made.blocks.len(), BLOCKS);
        assert_eq!(made.first_height, 598_608);
        for (block, price_usd) in made.blocks.iter().zip(&made.prices_usd) {
            for value_sats in block.values_sats() {
                let off = *value_sats as f64 * price_usd / 1e9 - 1.0;
                assert!(off.abs() < 0.1, "{value_sats} at {price_usd}");
            }
        }
    }

    #[test]
    fn the_next_half_is_the_other_half() {
        let (deck, mut undealt, mut random) = (deck(), Vec::new(), SplitMix::new(5));
        for _ in 0..3 {
            let halves = [0, 1].map(|_| deck.blocks[0].half(&mut undealt, &mut random));
            let mut both: Vec<_> = halves.concat();
            both.sort_unstable();
            assert_eq!(both, deck.blocks[0].payments.iter().collect::<Vec<_>>());
        }
    }
}
