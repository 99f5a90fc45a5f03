//! A pass over blocks whose price is unknown, and the evidence of all of them together.

use crate::background::{Background, proportions};
use crate::grid::{self, PRICE_BINS};
use crate::kernel::{self, Kernel};
use crate::past::BlockPayments;
use crate::past::motion::Moving;
use crate::peaks;
use crate::row::Row;

/// No price moves further than this, in bins, from one block to the next: 10 %. A larger step is a changed estimate, not a
/// motion.
const LEAP_BINS: usize = 100;
/// A price is given up if all bins within a leap of it are less probable than this, because then another price explains
/// the payments much better.
const GIVEN_UP: f64 = 1e-15;
/// No block makes a price less probable than another by more than this in such a pass, in nats.
const MOST_NATS: f64 = 30.0;

/// The price at each of some blocks, as whole bins.
pub(crate) type Path = Vec<usize>;

/// The path of the most probable price through the blocks, and the price that they favour together if the price moved
/// along this path. The path stays near its last place as long as that is possible, because a price a whole factor off
/// moves just as the right one does.
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

/// The most probable bin near the one `before`, or of all bins if that price is given up.
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

/// The evidence of a block for all prices, in nats.
fn said(kernel: &Kernel, block: &BlockPayments, background: &Background) -> Vec<f64> {
    let mut evidence = kernel::no_evidence();
    kernel.add_all(&kernel.places(block.values_sats()), 0, &mut evidence);
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

/// The price that all blocks favour together, if it moved as a path does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Favoured {
    /// Its bin at the last block.
    pub(crate) bin: usize,
    /// How much more probable it is than its best rival, in nats; repeated evidence is counted once.
    pub(crate) margin: f64,
}

/// The favoured price, if it moved as `path` did. The median amount counts too.
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

/// The evidence of several blocks for each price of the last of them. The path has moved between the blocks, so the
/// earlier evidence is moved with it.
#[derive(Debug, Default)]
struct Together {
    nats: Vec<f64>,
    /// The place of the path at the last block.
    place: Option<usize>,
}

impl Together {
    /// Adds the evidence of a block, at which the path is at `place`.
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

/// The bin at the first block of a price that is at `bin` at the last block, if it moved as `path` did.
pub(crate) fn start(bin: usize, path: &[usize]) -> usize {
    let moved: isize = path.windows(2).map(|pair| step(pair[0], pair[1])).sum();
    bin.saturating_add_signed(-moved).min(PRICE_BINS - 1)
}

/// The motion of the price from one place to the next, in bins; 0 for a leap.
fn step(before: usize, now: usize) -> isize {
    match before.abs_diff(now) > LEAP_BINS {
        true => 0,
        false => now as isize - before as isize,
    }
}

/// The row, moved up by `up` bins.
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
