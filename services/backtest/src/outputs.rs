//! `satscope backtest outputs`: files of outputs in order of arrival, each from cold, as a live run would see them.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use satscope_oracle::Window;
use serde::Deserialize;

use crate::input::{Progress, open_csv};
use crate::prices::Prices;
use crate::report::{Format, Moment, Report, Row};
use crate::summary::Summary;

const HOUR_SECONDS: u64 = 3600;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
/// Progress is shown once for so many outputs.
const PROGRESS_OUTPUTS: usize = 5000;

#[derive(Debug, Args)]
pub(crate) struct OutputsArgs {
    /// CSV files, gzip or plain, with the columns arrival_unix_s, height and value_sats.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Candles to compare with: CSV, gzip or plain, with the columns date (UTC) and open (dollars).
    #[arg(long, value_name = "CSV")]
    pub(crate) prices: Option<PathBuf>,
    /// Time between two estimates, which fall on whole multiples of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
    /// Leaves out the estimates before this hour (UTC) of each day: a file that begins at midnight has no window yet.
    #[arg(long, value_name = "HOUR", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..24))]
    pub(crate) from_hour: u64,
    /// How the rows are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(crate) format: Format,
}

/// A line of a file of outputs.
#[derive(Debug, Deserialize)]
struct Output {
    /// When it was first seen, in Unix seconds with a fraction.
    arrival_unix_s: f64,
    height: Option<u64>,
    value_sats: u64,
}

pub(crate) fn run(args: &OutputsArgs) -> anyhow::Result<()> {
    let (summary, unread) = summarise(args, Report::to_stdout(args.format))?;
    Progress::new().say(&summary.to_string());
    ensure!(unread == 0, "{unread} files or lines could not be read");
    Ok(())
}

/// Reports each file; how good the estimates are, and how many files or lines could not be read.
pub(crate) fn summarise(args: &OutputsArgs, report: Report) -> anyhow::Result<(Summary, usize)> {
    let mut backtest = Backtest {
        prices: args
            .prices
            .as_deref()
            .map(Prices::read)
            .transpose()?
            .unwrap_or_default(),
        every: args.every,
        from_hour: args.from_hour,
        report,
        summary: Summary::default(),
        progress: Progress::new(),
        unread: 0,
    };
    for (index, path) in args.files.iter().enumerate() {
        let place = format!(
            "file {} of {}: {}",
            index + 1,
            args.files.len(),
            path.display()
        );
        if let Err(error) = backtest.file(path, &place) {
            backtest.unread += 1;
            backtest.progress.say(&format!("{error:#}"));
        }
    }
    backtest.report.end()?;
    Ok((backtest.summary, backtest.unread))
}

struct Backtest {
    prices: Prices,
    every: u64,
    from_hour: u64,
    report: Report,
    summary: Summary,
    progress: Progress,
    unread: usize,
}

/// One file's outputs so far.
struct Day<'a> {
    name: &'a str,
    window: Window,
    height: Option<u64>,
    /// The next moment of an estimate, in Unix seconds; none before the first output.
    next: Option<u64>,
}

impl Backtest {
    fn file(&mut self, path: &Path, place: &str) -> anyhow::Result<()> {
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        let mut day = Day {
            name: &name,
            window: Window::new(),
            height: None,
            next: None,
        };
        for (index, output) in open_csv(path)?.deserialize().enumerate() {
            if index % PROGRESS_OUTPUTS == 0 {
                self.progress.show(&format!("{place}, output {index}"));
            }
            let context = || format!("{}: output {}", path.display(), index + 1);
            match checked(output).with_context(context) {
                Ok(output) => self.output(&mut day, &output)?,
                Err(error) => {
                    self.unread += 1;
                    self.progress.say(&format!("{error:#}"));
                }
            }
        }
        // The day ends with the estimate that its last outputs led up to.
        day.next
            .map_or(Ok(()), |next| self.estimate(&mut day, next))
    }

    /// Makes the estimates that were due before an output came, and puts it into the window.
    fn output(&mut self, day: &mut Day<'_>, output: &Output) -> anyhow::Result<()> {
        let mut next = day.next.unwrap_or_else(|| {
            (output.arrival_unix_s / self.every as f64).ceil() as u64 * self.every
        });
        while (next as f64) < output.arrival_unix_s {
            self.estimate(day, next)?;
            next += self.every;
        }
        day.next = Some(next);
        day.height = output.height.or(day.height);
        day.window.insert(
            (output.arrival_unix_s * 1000.0) as u64,
            &[output.value_sats],
        );
        Ok(())
    }

    fn estimate(&mut self, day: &mut Day<'_>, time: u64) -> anyhow::Result<()> {
        day.window.expire(time * 1000);
        if time % DAY_SECONDS < self.from_hour * HOUR_SECONDS {
            return Ok(());
        }
        let moment = Moment {
            file: day.name,
            height: day.height,
            time,
            payments: day.window.payments(),
            reference_price_usd: self.prices.at(time),
        };
        let row = Row::new(moment, day.window.estimate(time * 1000));
        self.summary.add(&row);
        self.report.write(&row)
    }
}

fn checked(output: Result<Output, csv::Error>) -> anyhow::Result<Output> {
    let output = output?;
    let arrival = output.arrival_unix_s;
    ensure!(
        (0.0..1e11).contains(&arrival),
        "arrival_unix_s is {arrival}; expected Unix seconds"
    );
    Ok(output)
}
