//! Variants of labelled blocks: with changed amounts, in parts, and several in one window.

use satscope_filter::{Filter, Values};
use satscope_oracle::Window;

use super::options::{MINUTE_MS, Options, PriceFactor};
use super::{Label, estimate};
use crate::report::Row;

/// A block of the list, or a part of one, with its payments.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The file of the whole block.
    pub(super) source: String,
    pub(crate) label: Label,
    pub(crate) payments: Vec<Values>,
}

/// The parts of one block, or the whole block as the only part. The options may move its amounts and change its price.
pub(super) fn blocks(label: &Label, mut payments: Vec<Values>, options: &Options) -> Vec<Block> {
    if let (Some(moved), Some(price_usd)) = (options.moved, label.reference_price_usd) {
        moved.apply(&label.file, price_usd, &mut payments);
    }
    let parts = dealt(payments, options.halves.get());
    let several = parts.len() > 1;
    let block = |(index, payments): (usize, Vec<Values>)| {
        let mut part = label.clone();
        if several {
            part.file = format!("{}#{}", label.file, index + 1);
        }
        let whole = Block {
            source: label.file.clone(),
            ..Block::whole(part, payments)
        };
        match options.price_factor {
            Some(factor) => whole.at(factor),
            None => whole,
        }
    };
    parts.into_iter().enumerate().map(block).collect()
}

/// Payments dealt out like cards: the first to the first part, the second to the second, and so on.
fn dealt(payments: Vec<Values>, parts: usize) -> Vec<Vec<Values>> {
    let mut dealt = vec![Vec::new(); parts];
    for (index, payment) in payments.into_iter().enumerate() {
        dealt[index % parts].push(payment);
    }
    dealt
}

impl Block {
    /// A whole block, unchanged.
    pub(crate) fn whole(label: Label, payments: Vec<Values>) -> Self {
        Self {
            source: label.file.clone(),
            label,
            payments,
        }
    }

    /// The block at `factor` times its price: its amounts are divided by the factor, and those that are then too small
    /// for the filter are dropped.
    fn at(mut self, factor: PriceFactor) -> Self {
        let least_sats = *Filter::default().value_sats.start();
        let factor = factor.get();
        for values_sats in &mut self.payments {
            *values_sats = scaled(values_sats, 1.0 / factor);
            values_sats.retain(|value_sats| *value_sats >= least_sats);
        }
        self.payments.retain(|values_sats| !values_sats.is_empty());
        self.label.reference_price_usd = self.label.reference_price_usd.map(|usd| usd * factor);
        self
    }
}

/// The estimate at the time of the last block of `run`, from the payments of all its blocks, rescaled to that block's
/// price. Each block is spread over `spread_minutes`; `window` makes an empty window for the last block. `None` if
/// `run` is empty.
pub(crate) fn row(
    run: &[Block],
    spread_minutes: u64,
    window: impl Fn(&Label) -> Window,
) -> Option<Row> {
    let last = run.last()?;
    let payments = stamped(run, last, spread_minutes * MINUTE_MS);
    Some(estimate(&last.label, payments, window(&last.label)))
}

/// The payments of a run, each with its stamp in Unix milliseconds and rescaled to the last block's price. The payments
/// of each block are spread evenly over `spread_ms`; the very last one comes at the last block's time.
fn stamped(run: &[Block], last: &Block, spread_ms: u64) -> impl Iterator<Item = (u64, Values)> {
    let now_ms = last.label.time * 1000;
    run.iter()
        .rev()
        .zip(0u64..)
        .flat_map(move |(block, later)| {
            let end_ms = now_ms.saturating_sub(later * spread_ms);
            let scale = scale(block, last);
            let count = block.payments.len() as u64;
            block
                .payments
                .iter()
                .zip(1u64..)
                .map(move |(values_sats, number)| {
                    let before_ms = spread_ms * (count - number) / count;
                    (end_ms.saturating_sub(before_ms), scaled(values_sats, scale))
                })
        })
}

/// The factor by which an amount of `block` keeps its worth in dollars at the price of `last`.
fn scale(block: &Block, last: &Block) -> f64 {
    match (
        block.label.reference_price_usd,
        last.label.reference_price_usd,
    ) {
        (Some(here_usd), Some(last_usd)) => here_usd / last_usd,
        // A block without a reference price is never pooled, so it is the last block itself.
        _ => 1.0,
    }
}

fn scaled(values_sats: &Values, scale: f64) -> Values {
    values_sats
        .iter()
        .map(|&value_sats| (value_sats as f64 * scale).round() as u64)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::options::tests::parsed;
    use super::*;

    const TIME: u64 = 1_700_000_000;
    const NOW_MS: u64 = TIME * 1000;

    fn label(price_usd: f64) -> Label {
        Label {
            file: "a.blk".to_owned(),
            height: Some(7),
            time: TIME,
            reference_price_usd: Some(price_usd),
        }
    }

    fn payments(payments: &[&[u64]]) -> Vec<Values> {
        payments
            .iter()
            .map(|values| Values::from_slice(values))
            .collect()
    }

    fn made(arguments: &[&str], price_usd: f64, values: &[&[u64]]) -> Vec<Block> {
        blocks(
            &label(price_usd),
            payments(values),
            &parsed(arguments).unwrap(),
        )
    }

    /// All stamps, in milliseconds from the last block's time, and amounts of a run.
    fn laid(run: &[Block], spread_minutes: u64) -> Vec<(i64, Vec<u64>)> {
        let mut all: Vec<_> = stamped(run, run.last().unwrap(), spread_minutes * MINUTE_MS)
            .map(|(stamp, values)| (stamp as i64 - NOW_MS as i64, values.to_vec()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_block_is_one_moment_and_itself_without_options() {
        let run = made(&[], 30_000.1, &[&[1001, 5005], &[7007]]);
        assert_eq!((run.len(), run[0].label.file.as_str()), (1, "a.blk"));
        assert_eq!(laid(&run, 0), [(0, vec![1001, 5005]), (0, vec![7007])]);
    }

    #[test]
    fn parts_take_turns() {
        let parts = made(&["--halves", "2"], 1.0, &[&[1001], &[2002], &[3003]]);
        let files: Vec<&str> = parts.iter().map(|part| &*part.label.file).collect();
        assert_eq!(files, ["a.blk#1", "a.blk#2"]);
        assert_eq!(parts[0].payments, payments(&[&[1001], &[3003]]));
        assert_eq!(parts[1].payments, payments(&[&[2002]]));
        assert!(parts.iter().all(|part| part.source == "a.blk"));
    }

    #[test]
    fn at_a_higher_price_what_is_too_small_is_left_out() {
        let values: [&[u64]; 3] = [&[9_994, 123_456], &[9_994], &[9_995]];
        let [block] = &made(&["--price-factor", "10"], 30_000.0, &values)[..] else {
            unreachable!("one block");
        };
        assert_eq!(block.payments, payments(&[&[12_346], &[1_000]]));
        assert_eq!(block.label.reference_price_usd, Some(300_000.0));
    }

    #[test]
    fn parts_are_dealt_before_what_is_too_small_goes() {
        let arguments = ["--halves", "2", "--price-factor", "10"];
        let parts = made(&arguments, 1.0, &[&[1001], &[20_020], &[30_030]]);
        assert_eq!(parts[0].payments, payments(&[&[3003]]));
        assert_eq!(parts[1].payments, payments(&[&[2002]]));
    }

    #[test]
    fn amounts_are_moved_at_the_price_of_the_list() {
        let arguments = ["--move", "1,5", "--price-factor", "10"];
        // $50 at $50,000, near which no amount lies at $500,000.
        let blocks = made(&arguments, 50_000.0, &[&[100_000]]);
        let value_sats = blocks[0].payments[0][0];
        assert!((10_490..=10_510).contains(&value_sats), "{value_sats}");
    }

    #[test]
    fn a_run_is_rescaled_to_the_price_of_its_last() {
        let mut run = made(&[], 20_000.0, &[&[10_001]]);
        run.extend(made(&[], 30_000.0, &[&[20_002]]));
        assert_eq!(laid(&run, 0), [(0, vec![6_667]), (0, vec![20_002])]);
    }

    #[test]
    fn payments_are_spread_evenly_and_end_at_the_time() {
        let run = made(&[], 1.0, &[&[1], &[2], &[3], &[4]]);
        let expected = [-450_000, -300_000, -150_000, 0];
        let laid = laid(&run, 10);
        assert_eq!(laid.iter().map(|one| one.0).collect::<Vec<_>>(), expected);
        assert_eq!(laid[0].1, [1]);
    }

    #[test]
    fn the_blocks_of_a_run_come_one_after_the_other() {
        let mut run = made(&[], 1.0, &[&[1], &[2]]);
        run.extend(made(&[], 1.0, &[&[3]]));
        run.extend(made(&[], 1.0, &[]));
        let laid = laid(&run, 10);
        let expected = [
            (-1_500_000, vec![1]),
            (-1_200_000, vec![2]),
            (-600_000, vec![3]),
        ];
        assert_eq!(laid, expected);
    }

    #[test]
    fn all_of_a_run_that_fills_the_window_is_read() {
        let options = parsed(&["--spread", "60", "--pool", "3"]).unwrap();
        assert!(options.check().is_ok());
        let block = made(&[], 1.0, &[&[5005], &[6006]]).remove(0);
        let minutes = options.spread_minutes();
        let run = [block.clone(), block.clone(), block];
        let row = row(&run, minutes, |_| Window::new()).unwrap();
        assert_eq!((row.payments, row.height, row.time), (6, Some(7), TIME));
    }
}
