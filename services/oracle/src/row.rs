//! Numbers of consecutive bins of price; the number of every other bin is 0.

use std::ops::Range;

use crate::lanes;

/// A row of numbers, one for each bin.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The lowest bin with a number of its own.
    pub(crate) first: usize,
    /// The numbers from that bin on.
    pub(crate) numbers: Vec<f64>,
}

impl Row {
    /// A row that begins at the grid's lowest bin.
    pub(crate) fn new(numbers: Vec<f64>) -> Self {
        Self { first: 0, numbers }
    }

    /// The bins with a number of their own.
    pub(crate) fn bins(&self) -> Range<usize> {
        self.first..self.first + self.numbers.len()
    }

    /// The number of a bin.
    pub(crate) fn at(&self, bin: usize) -> f64 {
        let index = bin.checked_sub(self.first);
        let number = index.and_then(|index| self.numbers.get(index));
        number.copied().unwrap_or(0.0)
    }

    /// The bin with the highest number; the last of equal ones.
    pub(crate) fn top(&self) -> usize {
        self.first + lanes::top(&self.numbers)
    }

    /// The highest number of some bins; at least 0.
    pub(crate) fn highest(&self, bins: Range<usize>) -> f64 {
        let index = |bin: usize| bin.clamp(self.first, self.bins().end) - self.first;
        lanes::highest(&self.numbers[index(bins.start)..index(bins.end)]).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_ends_there_is_nothing() {
        let row = Row {
            first: 5,
            numbers: vec![1.0, 3.0, 3.0, 2.0],
        };
        assert_eq!([4, 5, 8, 9].map(|bin| row.at(bin)), [0.0, 1.0, 2.0, 0.0]);
        assert_eq!(row.top(), 7);
        let highest = [0..5, 0..6, 6..100, 9..100].map(|bins| row.highest(bins));
        assert_eq!(highest, [0.0, 1.0, 3.0, 0.0]);
    }
}
