//! A pass over blocks whose price is unknown, and what all of them say of each price together.

use crate::background::{Background, proportions};
use crate::grid::{self, PRICE_BINS};
use crate::kernel::{self, Kernel};
use crate::past::BlockPayments;
use crate::past::motion::Moving;
use crate::peaks;
use crate::row::Row;

/// From one block to the next no price moves so far, in bins: 10 %. What looks like it is a change of mind.
const LEAP_BINS: usize = 100;
/// A price is given up if all those within a leap of it are less probable than this, because then another explains the payments
/// much better.
const GIVEN_UP: f64 = 1e-15;
/// No block makes a price less probable than another by more than this in such a pass, in nats.
const MOST_NATS: f64 = 30.0;

/// The price at each of some blocks, as whole bins.
pub(crate) type Path = Vec<usize>;

/// How the most probable price moves through blocks, and which price they favour together if it does. The path stays near where it is
/// for as long as that is possible, because the motions of a price a whole factor off are those of the right one.
pub(crate) fn path(
    kernel: &Kernel,
    blocks: &[BlockPayments],
    background: &Background,
) -> (Path, Favoured) {
    let prior = proportions(background.typical.clone());
    let mut moving = Moving::new(kernel, prior, MOST_NATS);
    let mut path = Path::with_capacity(blocks.len());
    let mut together = Together::default();
    for said in blocks.iter().map(|block| said(kernel, block, background)) {
        moving.weigh(|from, nats| {
            for (nats, bin) in nats.iter_mut().zip(from..) {
                let bin = usize::try_from(bin).unwrap_or(usize::MAX);
                *nats = said.get(bin).copied().unwrap_or(0.0);
            }
        });
        let place = next(moving.weights(), path.last().copied());
        together.add(&said, place);
        path.push(place);
    }
    (path, together.favoured(background))
}

/// The most probable bin near the one before, or of all if that is given up.
fn next(weights: &Row, before: Option<usize>) -> usize {
    let Some(before) = before else {
        return weights.top();
    };
    let near = before.saturating_sub(LEAP_BINS)..before + LEAP_BINS + 1;
    let by_weight = |a: &usize, b: &usize| weights.at(*a).total_cmp(&weights.at(*b));
    match near.max_by(by_weight) {
        Some(near) if weights.at(near) > GIVEN_UP => near,
        _ => weights.top(),
    }
}

/// What a block says of all prices, in nats.
fn said(kernel: &Kernel, block: &BlockPayments, background: &Background) -> Vec<f64> {
    let mut evidence = kernel::no_evidence();
    for &value_sats in block.values_sats() {
        kernel.add(value_sats, 0, &mut evidence);
    }
    let mut nats = vec![0.0; PRICE_BINS];
    kernel::hold_against(
        &mut nats,
        &evidence,
        &background.expected,
        kernel.model.temperature,
        block.values_sats().len() as f64,
    );
    nats
}

/// Which price all blocks favour together, if it moved as a path does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Favoured {
    /// Its bin at the last block.
    pub(crate) bin: usize,
    /// How much more probable it is than its best rival, in nats; what repeats itself is counted once.
    pub(crate) margin: f64,
}

/// The favoured price, if it moved as `path` did. What is paid as a whole counts too.
pub(crate) fn favoured(
    kernel: &Kernel,
    blocks: &[BlockPayments],
    background: &Background,
    path: &[usize],
) -> Favoured {
    let mut together = Together::default();
    for (block, place) in blocks.iter().zip(path) {
        together.add(&said(kernel, block, background), *place);
    }
    together.favoured(background)
}

/// What blocks say of each price, seen from the last of them.
#[derive(Debug, Default)]
struct Together {
    nats: Vec<f64>,
    /// Where the path is at the last block.
    place: Option<usize>,
}

impl Together {
    /// Adds what a block says, at which the path is at `place`.
    fn add(&mut self, said: &[f64], place: usize) {
        match self.place.replace(place) {
            Some(before) => {
                self.nats = moved(&self.nats, step(before, place));
                kernel::add_scaled(&mut self.nats, said, 1.0);
            }
            None => self.nats = said.to_vec(),
        }
    }

    fn favoured(&self, background: &Background) -> Favoured {
        let rows = self.nats.iter().zip(&background.typical);
        let nats = rows.map(|(nats, typical)| typical + nats / background.repetition);
        let overall = Row::new(proportions(nats.collect()));
        let bin = overall.top();
        Favoured {
            bin,
            margin: peaks::margin(&peaks::masses(&overall), bin),
        }
    }
}

/// Where a price was at the first block that is at `bin` at the last, if it moved as `path` did.
pub(crate) fn start(bin: usize, path: &[usize]) -> usize {
    let moved: isize = path.windows(2).map(|pair| step(pair[0], pair[1])).sum();
    bin.saturating_add_signed(-moved).min(PRICE_BINS - 1)
}

/// How far the price moves from one place to the next, in bins; a leap is no motion.
fn step(before: usize, now: usize) -> isize {
    match before.abs_diff(now) > LEAP_BINS {
        true => 0,
        false => now as isize - before as isize,
    }
}

/// A row moved up by some bins.
fn moved(row: &[f64], up: isize) -> Vec<f64> {
    let (to, from) = grid::moved(-up);
    let mut moved = vec![0.0; PRICE_BINS];
    let rows = moved[to..].iter_mut().zip(&row[from..]);
    rows.for_each(|(moved, number)| *moved = *number);
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_follows_the_motions_and_no_leaps() {
        assert_eq!(start(500, &[]), 500);
        assert_eq!(start(500, &[10, 30, 20, 800, 805]), 485);
        assert_eq!(start(5, &[0, 90]), 0);
    }

    #[test]
    fn a_path_stays_where_it_is_until_that_is_given_up() {
        let weights = |near: f64| {
            let mut numbers = vec![0.0; 2000];
            (numbers[520], numbers[1500]) = (near, 1.0);
            Row::new(numbers)
        };
        assert_eq!(next(&weights(0.1), None), 1500);
        assert_eq!(next(&weights(0.1), Some(500)), 520);
        assert_eq!(next(&weights(1e-16), Some(500)), 1500);
        assert_eq!(next(&weights(0.1), Some(300)), 1500);
    }

    #[test]
    fn rows_move_up_and_down() {
        let mut row = vec![0.0; PRICE_BINS];
        row[100] = 1.0;
        assert_eq!(moved(&row, 7)[107], 1.0);
        assert_eq!(moved(&row, -7)[93], 1.0);
        assert!(moved(&row, -200).iter().all(|number| *number == 0.0));
    }
}
