//! The accuracy of the estimates, with the uncertainty of each figure.

use std::fmt;

use crate::random::SplitMix;
use crate::report::{PastRow, Row};

/// A price is wrong if it is further off than this, in percent.
const WRONG_PERCENT: f64 = 2.0;
/// A price that is further off than this, in percent, is wrong by a factor, not just inexact.
const FACTOR_PERCENT: f64 = 10.0;
/// A price is trusted from this confidence on.
const TRUSTED: f64 = 0.5;
/// Resamples for the 95 % interval of each figure.
const RESAMPLES: usize = 1000;
/// With more rows than this, the 95 % intervals are left out, because they would take too long.
const MOST_RESAMPLED: usize = 20_000;

/// The figures of all rows that have a reference price.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    rows: usize,
    /// The samples of each source, which is mostly a file. Whole sources are resampled, because errors within one day
    /// or block have a common cause.
    sources: Vec<(String, Vec<Sample>)>,
}

/// The part of a row that the figures need.
#[derive(Debug, Clone, Copy)]
struct Sample {
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    error_percent: f64,
    inside_interval: bool,
    trusted: bool,
}

impl Summary {
    /// Adds a row whose source is its file.
    pub(crate) fn add(&mut self, row: &Row) {
        self.add_of(&row.file, row);
    }

    /// Adds a row. Consecutive rows of one source are resampled together.
    pub(crate) fn add_of(&mut self, source: &str, row: &Row) {
        let interval = row.low_usd.zip(row.high_usd);
        let said = row.error_percent.zip(row.confidence);
        self.add_sample(source, row.reference_price_usd, interval, said);
    }

    /// Adds the row of a block of the past, whose source is its file.
    pub(crate) fn add_past(&mut self, row: &PastRow) {
        let interval = row.low_usd.zip(row.high_usd);
        let said = row.error_percent.zip(row.confidence);
        self.add_sample(&row.file, row.reference_price_usd, interval, said);
    }

    /// Adds a row, given its reference in dollars, its interval in dollars, and its error in percent with its
    /// confidence.
    fn add_sample(
        &mut self,
        source: &str,
        reference_price_usd: Option<f64>,
        interval: Option<(f64, f64)>,
        said: Option<(f64, f64)>,
    ) {
        self.rows += 1;
        let Some(reference) = reference_price_usd else {
            return;
        };
        let answer = match (said, interval) {
            (Some((error_percent, confidence)), Some((low, high))) => Some(Answer {
                error_percent,
                inside_interval: (low..=high).contains(&reference),
                trusted: confidence >= TRUSTED,
            }),
            _ => None,
        };
        if self.sources.last().is_none_or(|(last, _)| last != source) {
            self.sources.push((source.to_owned(), Vec::new()));
        }
        if let Some((_, samples)) = self.sources.last_mut() {
            samples.push(Sample { answer });
        }
    }

    /// The figure with this name, in percent.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        let figures = self.figures(0..self.sources.len());
        figures
            .named()
            .iter()
            .find(|(found, _)| *found == name)
            .and_then(|(_, value)| *value)
    }

    /// The figures of the sources at these indices, which may be repeated.
    fn figures(&self, places: impl Iterator<Item = usize>) -> Figures {
        Figures::of(
            places
                .filter_map(|place| self.sources.get(place))
                .flat_map(|(_, samples)| samples.iter().copied()),
        )
    }

    /// The 95 % interval of each figure: a bootstrap over sources (Efron 1979), with a fixed seed, so that it can be
    /// repeated.
    fn intervals(&self, figures: &Figures) -> Vec<Option<(f64, f64)>> {
        let (sources, rows) = (self.sources.len(), figures.referenced);
        if sources < 2 || rows > MOST_RESAMPLED {
            return vec![None; figures.named().len()];
        }
        let mut random = SplitMix::new(0);
        let mut resampled: Vec<Vec<f64>> = vec![Vec::new(); figures.named().len()];
        for _ in 0..RESAMPLES {
            let places: Vec<usize> = (0..sources).map(|_| random.below(sources)).collect();
            for (values, (_, value)) in resampled
                .iter_mut()
                .zip(self.figures(places.into_iter()).named())
            {
                values.extend(value);
            }
        }
        resampled.into_iter().map(interval).collect()
    }
}

/// The figures of some samples, in percent.
struct Figures {
    referenced: usize,
    answers: usize,
    trusted: usize,
    named: Vec<(&'static str, Option<f64>)>,
}

impl Figures {
    fn of(samples: impl Iterator<Item = Sample>) -> Self {
        let samples: Vec<Sample> = samples.collect();
        let answers: Vec<Answer> = samples.iter().filter_map(|sample| sample.answer).collect();
        let trusted: Vec<Answer> = answers
            .iter()
            .copied()
            .filter(|answer| answer.trusted)
            .collect();
        let signed = sorted(answers.iter().map(|answer| answer.error_percent));
        let absolute = sorted(signed.iter().map(|error| error.abs()));
        let within = |percent: f64| absolute.partition_point(|&error| error <= percent);
        let wrong_by = |percent: f64| {
            let wrong = |answer: &&Answer| answer.error_percent.abs() > percent;
            trusted.iter().filter(wrong).count()
        };
        let inside = answers
            .iter()
            .filter(|answer| answer.inside_interval)
            .count();
        let named = vec![
            ("with a price", share(answers.len(), samples.len())),
            ("absolute error, median", quantile(&absolute, 0.5)),
            ("… p90", quantile(&absolute, 0.9)),
            ("… p99", quantile(&absolute, 0.99)),
            ("… max", absolute.last().copied()),
            ("bias (median of the errors)", quantile(&signed, 0.5)),
            ("within 0.5 %", share(within(0.5), samples.len())),
            ("within 2 %", share(within(WRONG_PERCENT), samples.len())),
            (
                "of the prices, confidence 0.5 or more",
                share(trusted.len(), answers.len()),
            ),
            (
                "of those, wrong by more than 2 %",
                share(wrong_by(WRONG_PERCENT), trusted.len()),
            ),
            (
                "of those, wrong by more than 10 %",
                share(wrong_by(FACTOR_PERCENT), trusted.len()),
            ),
            (
                "of the prices, in the 90 % interval",
                share(inside, answers.len()),
            ),
        ];
        Self {
            referenced: samples.len(),
            answers: answers.len(),
            trusted: trusted.len(),
            named,
        }
    }

    fn named(&self) -> &[(&'static str, Option<f64>)] {
        &self.named
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures(0..self.sources.len());
        writeln!(
            out,
            "{} estimates, {} with a reference; {} of these have a price, {} of them a confidence of 0.5 or more",
            self.rows, figures.referenced, figures.answers, figures.trusted
        )?;
        for ((name, value), interval) in figures.named().iter().zip(self.intervals(&figures)) {
            let Some(value) = value else { continue };
            let interval = interval
                .map(|(low, high)| format!("({low:.3} to {high:.3})"))
                .unwrap_or_default();
            writeln!(out, "{name:<38} {value:>9.3} % {interval}")?;
        }
        write!(out, "in brackets: 95 % intervals, by bootstrap over files")
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which this share of the sorted values lies, interpolated linearly; `None` if there is no value.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (
        sorted[position.floor() as usize],
        sorted[position.ceil() as usize],
    );
    Some(below + (above - below) * position.fract())
}

fn interval(values: Vec<f64>) -> Option<(f64, f64)> {
    let values = sorted(values.into_iter());
    Some((quantile(&values, 0.025)?, quantile(&values, 0.975)?))
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.5), Some(1.5));
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 1.0), Some(3.0));
    }

    fn row(file: &str, price_usd: Option<f64>) -> Row {
        Row {
            file: file.to_owned(),
            height: None,
            time: 0,
            price_usd,
            low_usd: price_usd.map(|price| price * 0.99),
            high_usd: price_usd.map(|price| price * 1.01),
            confidence: price_usd.map(|_| 0.9),
            payments: 1000,
            margin: price_usd.map(|_| 9.0),
            age_seconds: price_usd.map(|_| 1.0),
            reference_price_usd: Some(100.0),
            error_percent: price_usd.map(|price| price - 100.0),
        }
    }

    #[test]
    fn a_missing_price_is_not_within_anything() {
        let mut summary = Summary::default();
        for (file, price_usd) in [
            ("a", Some(100.2)),
            ("b", None),
            ("c", Some(200.0)),
            ("d", Some(99.0)),
            ("e", Some(105.0)),
        ] {
            summary.add(&row(file, price_usd));
        }
        let figures = summary.figures(0..5);
        let named = |name: &str| {
            figures
                .named()
                .iter()
                .find(|(found, _)| *found == name)
                .unwrap()
                .1
        };
        assert_eq!(named("with a price"), Some(80.0));
        assert_eq!(named("within 2 %"), Some(40.0));
        assert_eq!(named("within 0.5 %"), Some(20.0));
        assert_eq!(named("… max"), Some(100.0));
        assert_eq!(named("of those, wrong by more than 2 %"), Some(50.0));
        assert_eq!(named("of those, wrong by more than 10 %"), Some(25.0));
        let (low, high) = summary.intervals(&figures)[0].unwrap();
        assert!(low < 80.0 && high == 100.0);
        assert_eq!(summary.to_string(), summary.to_string());
    }

    #[test]
    fn rows_of_one_source_are_resampled_together() {
        let (mut apart, mut together) = (Summary::default(), Summary::default());
        for file in ["a#1", "a#2"] {
            apart.add(&row(file, Some(100.0)));
            together.add_of("a", &row(file, Some(100.0)));
        }
        let has_interval =
            |summary: &Summary| summary.intervals(&summary.figures(0..2))[0].is_some();
        assert!(has_interval(&apart) && !has_interval(&together));
    }
}
