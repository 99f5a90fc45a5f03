//! `satscope backtest train`: the oracle's weights, from labelled blocks.

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use satscope_filter::Values;
use satscope_oracle::{Model, Typical, Window};

use crate::blocks::{Label, estimate, read_labels, read_payments};
use crate::input::Progress;
use crate::summary::Summary;

/// Sums in dollars that people may find round; how round each is, is what the training finds out.
const SUMS_USD: [f64; 54] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0,
    45.0, 50.0, 60.0, 70.0, 75.0, 80.0, 90.0, 100.0, 120.0, 125.0, 150.0, 200.0, 250.0, 300.0,
    350.0, 400.0, 450.0, 500.0, 600.0, 700.0, 750.0, 800.0, 900.0, 1000.0, 1200.0, 1500.0, 2000.0,
    2500.0, 3000.0, 4000.0, 5000.0, 6000.0, 8000.0, 10000.0, 15000.0, 20000.0, 30000.0,
];
/// A round sum's peak, and the ordinary amounts beside it, in percent from the sum.
const PEAK_PERCENT: f64 = 1.0;
const BESIDE_PERCENT: (f64, f64) = (2.0, 5.0);
/// Ordinary amounts within one percent that are added to each sum: a sum with few amounts beside it counts as weak.
const PRIOR_AMOUNTS: f64 = 20.0;
/// The blocks are few, so their differences are taken as so many times wider than they are.
const WIDER: f64 = 1.1;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folder of labelled blocks, as for `backtest blocks`.
    dir: PathBuf,
}

/// A block with its price: its payments, and its distinct amounts in dollars.
struct Example {
    label: Label,
    payments: Vec<Values>,
    amounts_usd: Vec<f64>,
}

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let mut examples = Vec::new();
    for label in read_labels(&args.dir)? {
        let label = label?;
        progress.show(&label.file);
        let payments = read_payments(&args.dir.join(&label.file))?;
        examples.extend(Example::new(label, payments));
    }
    ensure!(
        examples.len() >= 4,
        "{} has {} labelled blocks; training takes 4 or more",
        args.dir.display(),
        examples.len()
    );
    progress.say(&format!(
        "two-fold cross-validation:\n{}",
        cross_validate(&examples)
    ));
    Ok(write!(
        std::io::stdout().lock(),
        "{}",
        table(&fit(examples.iter()))
    )?)
}

impl Example {
    /// None where there is no price to learn from.
    fn new(label: Label, payments: Vec<Values>) -> Option<Self> {
        let price_usd = label.reference_price_usd?;
        let mut values_sats: Vec<u64> = payments.iter().flatten().copied().collect();
        values_sats.sort_unstable();
        values_sats.dedup();
        let amounts_usd = values_sats
            .iter()
            .map(|&value_sats| value_sats as f64 / 1e8 * price_usd)
            .collect();
        Some(Self {
            label,
            payments,
            amounts_usd,
        })
    }

    /// How many amounts lie between two distances, in percent, from a sum.
    fn count(&self, sum_usd: f64, from_percent: f64, to_percent: f64) -> f64 {
        let below = |percent: f64| {
            self.amounts_usd
                .partition_point(|&usd| usd < sum_usd * (percent / 100.0).exp())
        };
        let above = below(to_percent) - below(from_percent);
        let beneath = below(-from_percent) - below(-to_percent);
        (above + beneath) as f64
    }
}

/// Each half of the blocks, every second one, read by what the other half taught.
fn cross_validate(examples: &[Example]) -> Summary {
    let models = [0, 1].map(|half| fit(examples.iter().skip(1 - half).step_by(2)));
    let mut summary = Summary::default();
    for (index, example) in examples.iter().enumerate() {
        let window = Window::with_model(models[index % 2].clone());
        let now_ms = example.label.time * 1000;
        let payments = example.payments.iter().map(|values| (now_ms, values));
        summary.add(&estimate(&example.label, payments, window));
    }
    summary
}

/// What the blocks teach.
fn fit<'a>(examples: impl Iterator<Item = &'a Example> + Clone) -> Model {
    let strength = |sum_usd: f64| {
        let count = |from, to| {
            examples
                .clone()
                .map(|example| example.count(sum_usd, from, to))
                .sum::<f64>()
        };
        let beside = count(BESIDE_PERCENT.0, BESIDE_PERCENT.1)
            / (2.0 * (BESIDE_PERCENT.1 - BESIDE_PERCENT.0));
        let excess = count(0.0, PEAK_PERCENT) - 2.0 * PEAK_PERCENT * beside;
        excess.max(0.0) / (beside + PRIOR_AMOUNTS)
    };
    let decades = examples
        .clone()
        .map(|example| example.amounts_usd.iter().map(|usd| usd.log10()));
    let medians: Vec<f64> = examples
        .clone()
        .map(|example| example.amounts_usd[example.amounts_usd.len() / 2].log10())
        .collect();
    let (median_decade, between_decades) = mean_and_deviation(&medians);
    let spreads: Vec<f64> = decades
        .map(|decades| mean_and_deviation(&decades.collect::<Vec<_>>()).1)
        .collect();
    let trained = Model::trained();
    Model {
        rungs: SUMS_USD
            .map(|sum_usd| (sum_usd, strength(sum_usd)))
            .to_vec(),
        typical: trained.typical.map(|typical| Typical {
            median_decade,
            between_decades: WIDER * between_decades,
            within_decades: mean_and_deviation(&spreads).0,
            ..typical
        }),
        ..trained
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / values.len() as f64;
    (mean, variance.sqrt())
}

/// The model as the oracle's source file.
fn table(model: &Model) -> String {
    let mut table = String::from(
        "//! The trained weights: how strongly each round sum stands out, and what is paid as a whole. Made from labelled blocks by\n\
         //!\n\
         //! ```sh\n\
         //! cargo run --release -- backtest train ../shared/data/blocks > /tmp/trained.rs\n\
         //! mv /tmp/trained.rs services/oracle/src/trained.rs\n\
         //! ```\n\n",
    );
    if let Some(typical) = model.typical {
        table += &format!(
            "/// See [`crate::Typical::median_decade`].\n\
             pub(crate) const MEDIAN_DECADE: f64 = {:.3};\n\
             /// See [`crate::Typical::between_decades`].\n\
             pub(crate) const BETWEEN_DECADES: f64 = {:.3};\n\
             /// See [`crate::Typical::within_decades`].\n\
             pub(crate) const WITHIN_DECADES: f64 = {:.3};\n\n",
            typical.median_decade, typical.between_decades, typical.within_decades
        );
    }
    let rungs: String = model
        .rungs
        .iter()
        .map(|(sum_usd, strength)| format!("    ({sum_usd:.1}, {strength:.2}),\n"))
        .collect();
    table
        + &format!(
            "/// See [`crate::Model::rungs`].\n\
         pub(crate) const RUNGS: [(f64, f64); {}] = [\n{rungs}];\n",
            model.rungs.len()
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block at $100,000 that pays $50 a hundred times, between ordinary amounts.
    fn example(number: u64) -> Example {
        let ordinary = (0..2000).map(|index| 10_000 + 41 * index + number);
        let round = (0..100).map(|index| 50_000 + index - 50);
        let label = Label {
            file: String::new(),
            height: None,
            time: 1,
            reference_price_usd: Some(100_000.0),
        };
        let payments = ordinary
            .chain(round)
            .map(|value_sats| Values::from_slice(&[value_sats]))
            .collect();
        Example::new(label, payments).unwrap_or_else(|| unreachable!("it has a price"))
    }

    #[test]
    fn a_sum_that_is_paid_often_is_strong() {
        let examples = [example(0), example(7)];
        let model = fit(examples.iter());
        let strength = |usd: f64| {
            model
                .rungs
                .iter()
                .filter(|rung| rung.0 == usd)
                .map(|rung| rung.1)
                .sum::<f64>()
        };
        assert!(strength(50.0) > 2.0, "{}", strength(50.0));
        assert!(strength(40.0) < 0.2, "{}", strength(40.0));
        assert!(table(&model).contains("    (50.0, "));
    }
}
