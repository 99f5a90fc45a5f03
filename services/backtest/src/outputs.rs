//! `satscope backtest outputs`: files of outputs in order of arrival, each from cold, as a live run would see them.
//!
//! The clock follows the arrivals and only goes forward. An output with an earlier stamp than those before it counts
//! from its stamp on, and has no estimate of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use rayon::prelude::*;
use satscope_oracle::{Estimate, Window};
use serde::Deserialize;

use crate::input::{Progress, open_csv};
use crate::prices::Prices;
use crate::report::{Format, Moment, Report, Row};
use crate::summary::Summary;

const HOUR_SECONDS: u64 = 3600;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
const COLUMNS: [&str; 2] = ["arrival_unix_s", "value_sats"];
/// Possible arrivals: from the first block (2009-01-03) to the end of 2099, in Unix seconds.
const ARRIVALS: std::ops::Range<f64> = 1_230_768_000.0..4_102_444_800.0;
/// Progress is shown once for this many outputs.
const PROGRESS_OUTPUTS: usize = 5000;

#[derive(Debug, Args)]
pub(crate) struct OutputsArgs {
    /// CSV files, gzip or plain, with the columns arrival_unix_s and value_sats, height where known, any others.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Candles to compare with: CSV, gzip or plain, with the columns date (UTC) and open (dollars).
    #[arg(long, value_name = "CSV")]
    pub(crate) prices: Option<PathBuf>,
    /// Time between two estimates, at most a day; they fall on whole multiples of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=DAY_SECONDS))]
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
    /// The first time that it was seen, in Unix seconds with a fraction.
    arrival_unix_s: f64,
    height: Option<u64>,
    value_sats: u64,
}

pub(crate) fn run(args: &OutputsArgs) -> anyhow::Result<()> {
    let (summary, unread) = summarise(args, Report::to_stdout(args.format))?;
    Progress::new().say(&summary.to_string());
    ensure!(
        unread == 0,
        "files or lines that could not be read: {unread}"
    );
    Ok(())
}

/// Reports the rows of each file. Returns the accuracy of the estimates, and the number of files or lines that could
/// not be read.
pub(crate) fn summarise(
    args: &OutputsArgs,
    mut report: Report,
) -> anyhow::Result<(Summary, usize)> {
    let backtest = Backtest {
        prices: args
            .prices
            .as_deref()
            .map(Prices::read)
            .transpose()?
            .unwrap_or_default(),
        every: args.every,
        from_hour: args.from_hour,
        progress: Progress::new(),
    };
    let (mut summary, mut unread) = (Summary::default(), 0);
    for together in args.files.chunks(rayon::current_num_threads()) {
        let days = together.par_iter().map(|path| backtest.file(path));
        for day in days.collect::<Vec<Day>>() {
            unread += day.unread;
            for row in &day.rows {
                summary.add(row);
                report.write(row)?;
            }
        }
    }
    report.end()?;
    Ok((summary, unread))
}

struct Backtest {
    prices: Prices,
    every: u64,
    from_hour: u64,
    progress: Progress,
}

/// The state of reading one file.
struct Day {
    name: String,
    rows: Vec<Row>,
    /// Number of lines that could not be read, or 1 if the file could not.
    unread: usize,
    window: Window,
    height: Option<u64>,
    /// The last price that the window showed.
    last: Option<Estimate>,
    /// The newest arrival, in Unix seconds; `None` before the first output.
    newest: Option<f64>,
    /// The next moment of an estimate, in Unix seconds.
    next: u64,
}

impl Backtest {
    /// The rows of a file. Reports and counts its unreadable lines, or the file itself.
    fn file(&self, path: &Path) -> Day {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let mut day = Day {
            name: name.to_string_lossy().into_owned(),
            rows: Vec::new(),
            unread: 0,
            window: Window::new(),
            height: None,
            last: None,
            newest: None,
            next: 0,
        };
        let mut reader = match open_csv(path, &COLUMNS) {
            Ok(reader) => reader,
            Err(error) => {
                self.unread(&mut day, &error);
                return day;
            }
        };
        for (index, output) in reader.deserialize().enumerate() {
            if index % PROGRESS_OUTPUTS == 0 {
                let name = path.display();
                self.progress.show(&format!("{name}, output {index}"));
            }
            let context = || format!("{}: output {}", path.display(), index + 1);
            match checked(output).with_context(context) {
                Ok(output) => self.output(&mut day, &output),
                Err(error) => self.unread(&mut day, &error),
            }
        }
        if day.newest.is_some() {
            // The last estimate is that of the moment after the last outputs.
            self.estimate(&mut day);
        }
        day
    }

    fn unread(&self, day: &mut Day, error: &anyhow::Error) {
        day.unread += 1;
        self.progress.say(&format!("{error:#}"));
    }

    /// Makes the estimates that are due before an output, and puts the output into the window.
    fn output(&self, day: &mut Day, output: &Output) {
        let arrival = output.arrival_unix_s;
        if let Some(newest) = day.newest {
            // Once a day has passed since the last output, no estimates are made until the next one.
            while (day.next as f64) < arrival.min(newest + DAY_SECONDS as f64) {
                self.estimate(day);
                day.next += self.every;
            }
        }
        if day.newest.is_none_or(|newest| newest < arrival) {
            day.next = day.next.max(self.due(arrival));
            day.newest = Some(arrival);
            day.window.expire((arrival * 1000.0) as u64);
        }
        day.height = output.height.or(day.height);
        day.window
            .insert((arrival * 1000.0) as u64, &[output.value_sats]);
    }

    /// The first moment of an estimate at or after an arrival.
    fn due(&self, arrival_unix_s: f64) -> u64 {
        (arrival_unix_s.ceil() as u64).next_multiple_of(self.every)
    }

    fn estimate(&self, day: &mut Day) {
        let time = day.next;
        day.window.expire(time * 1000);
        if time % DAY_SECONDS < self.from_hour * HOUR_SECONDS {
            return;
        }
        let moment = Moment {
            file: &day.name,
            height: day.height,
            time,
            payments: day.window.payments(),
            reference_price_usd: self.prices.at(time),
        };
        let estimate = day.window.estimate(time * 1000);
        day.last = estimate.or(day.last);
        let repeated = day.last.map(|last| last.repeated(time * 1000));
        day.rows.push(Row::new(moment, estimate.or(repeated)));
    }
}

fn checked(output: Result<Output, csv::Error>) -> anyhow::Result<Output> {
    let output = output?;
    let arrival = output.arrival_unix_s;
    ensure!(
        ARRIVALS.contains(&arrival),
        "arrival_unix_s is {arrival}; expected Unix seconds"
    );
    Ok(output)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A whole hour, in Unix seconds.
    const START: u64 = 1_704_067_200;

    /// So many outputs from a second on, one a second: round sums at $50,000 quoted within 0.2 %, and ordinary amounts.
    fn outputs(from: u64, count: u64) -> Vec<String> {
        let sums_usd = [
            5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 200.0, 500.0,
        ];
        let line = |number: u64| {
            let share = |step: f64| (number as f64 * step).fract();
            let value_sats = if number.is_multiple_of(2) {
                let quote = 1.0 + 0.004 * (share(0.618_034) - 0.5);
                sums_usd[(number / 2 % 10) as usize] * 2000.0 * quote
            } else {
                10_f64.powf(3.5 + 4.0 * share(0.414_214))
            };
            format!("{}.5,800000,{}", from + number, value_sats as u64)
        };
        (0..count).map(line).collect()
    }

    /// The rows for a file of these lines, one a line, and how many lines were unread.
    fn rows(lines: &[String], every: u64) -> (Vec<Vec<String>>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let (file, out) = (dir.path().join("day.csv"), dir.path().join("rows.csv"));
        std::fs::write(
            &file,
            format!("arrival_unix_s,height,value_sats\n{}\n", lines.join("\n")),
        )
        .unwrap();
        let args = OutputsArgs {
            files: vec![file],
            prices: None,
            every,
            from_hour: 0,
            format: Format::Csv,
        };
        let report = Report::new(Format::Csv, Box::new(std::fs::File::create(&out).unwrap()));
        let (_, unread) = summarise(&args, report).unwrap();
        let rows = std::fs::read_to_string(out).unwrap();
        let fields = |row: &str| row.split(',').map(str::to_owned).collect();
        (rows.lines().skip(1).map(fields).collect(), unread)
    }

    fn number(row: &[String], column: usize) -> f64 {
        row[column].parse().unwrap()
    }

    #[test]
    fn an_estimate_falls_on_each_whole_multiple() {
        let (rows, unread) = rows(&outputs(START + 10, 1200), 300);
        let times: Vec<f64> = rows.iter().map(|row| number(row, 2)).collect();
        let expected: Vec<f64> = (1..=5).map(|step| (START + 300 * step) as f64).collect();
        assert_eq!((times, unread), (expected, 0));
        assert!(
            (number(&rows[3], 3) / 50_000.0 - 1.0).abs() < 0.005,
            "{rows:?}"
        );
    }

    #[test]
    fn a_bad_line_is_counted_and_nothing_else_is_lost() {
        let good = outputs(START, 1800);
        let mut lines = good.clone();
        for bad in [
            "1704067300.0,800000,abc",
            "1704067300.0",
            "soon,800000,5",
            "-5,800000,5",
            "9e9,800000,5",
            "NaN,1,5",
        ] {
            lines.insert(900, bad.to_owned());
        }
        let (read, unread) = rows(&lines, 600);
        assert_eq!((read, unread), (rows(&good, 600).0, 6));
    }

    #[test]
    fn in_a_gap_the_last_price_stays_and_the_doubt_grows() {
        let mut lines = outputs(START, 3600);
        lines.extend(outputs(START + 8 * HOUR_SECONDS, 100));
        let (rows, _) = rows(&lines, HOUR_SECONDS);
        assert_eq!(rows.len(), 9);
        for pair in rows[..8].windows(2) {
            let width = |row: &[String]| number(row, 5) - number(row, 4);
            assert!(
                (number(&pair[1], 3) / 50_000.0 - 1.0).abs() < 0.01,
                "{pair:?}"
            );
            assert!(width(&pair[1]) > width(&pair[0]), "{pair:?}");
            assert!(number(&pair[1], 6) <= number(&pair[0], 6), "{pair:?}");
        }
        assert_eq!(
            (&*rows[7][6], &*rows[7][7], number(&rows[7], 9)),
            ("0.0", "0", 25_200.5)
        );
    }

    #[test]
    fn a_gap_of_years_is_not_filled_with_rows() {
        let mut lines = outputs(START, 1);
        lines.extend(outputs(START + 3650 * DAY_SECONDS, 1));
        assert_eq!(rows(&lines, HOUR_SECONDS).0.len(), 25);
    }

    #[test]
    fn a_day_that_jumps_back_three_hours_has_each_moment_once() {
        let mut lines = outputs(START, 4 * HOUR_SECONDS);
        lines.extend(outputs(START + HOUR_SECONDS, 5 * HOUR_SECONDS));
        let (rows, unread) = rows(&lines, 1800);
        let times: Vec<f64> = rows.iter().map(|row| number(row, 2)).collect();
        let expected: Vec<f64> = (1..=12).map(|step| (START + 1800 * step) as f64).collect();
        assert_eq!((times, unread), (expected, 0));
        for row in rows {
            assert!((number(&row, 3) / 50_000.0 - 1.0).abs() < 0.01, "{row:?}");
        }
    }
}
