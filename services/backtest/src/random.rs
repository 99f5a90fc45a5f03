//! Numbers that look random and are the same in every run: SplitMix64 (Steele, Lea and Flood 2014).

/// The number added to the state for each result: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator of numbers that depend on its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Mixes `number` into the state, so that all later numbers depend on it.
    pub(crate) fn absorb(&mut self, number: u64) {
        self.0 ^= number;
        self.0 = self.number();
    }

    /// A number from 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // An `f64` holds 53 bits exactly.
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = SplitMix::new(0);
        assert_eq!(random.number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.number(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn each_number_that_is_absorbed_changes_the_rest() {
        let units: Vec<f64> = [(0, 1), (1, 0), (1, 1)]
            .map(|(first, second)| {
                let mut random = SplitMix::new(0);
                random.absorb(first);
                random.absorb(second);
                random.unit()
            })
            .to_vec();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        assert!(units[0] != units[1] && units[1] != units[2] && units[0] != units[2]);
    }
}
