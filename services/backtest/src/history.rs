//! `satscope backtest history`: the price at each block of files of outputs, from the outputs before and after it. All
//! outputs with one height make a block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use rayon::prelude::*;
use satscope_oracle::Window;
use satscope_oracle::past::{self, BlockPayments, Blocks, Lock, Years};
use serde::Deserialize;

use crate::input::{Progress, open_csv};
use crate::prices::Prices;
use crate::report::{Format, Moment, PastRow, Report, Row};
use crate::summary::Summary;

const COLUMNS: [&str; 3] = ["arrival_unix_s", "height", "value_sats"];
const HOUR_SECONDS: u64 = 3600;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// CSV files, gzip or plain, with the columns arrival_unix_s, height and value_sats, any others. Each file is read by itself.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Candles to compare with: CSV, gzip or plain, with the columns date (UTC) and open (dollars). The price at the time of a
    /// block is interpolated between the opens around it.
    #[arg(long, value_name = "CSV")]
    pub(crate) prices: Option<PathBuf>,
    /// Reads the same blocks as the live filter would have, at the time of each, and says how good that is.
    #[arg(long)]
    pub(crate) live: bool,
    /// Leaves out the blocks before this hour (UTC) of each day: a file that begins at midnight has no past there.
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
    height: u32,
    value_sats: u64,
}

/// A block made of the outputs of one height.
#[derive(Debug, Default)]
struct Made {
    /// The newest arrival, in Unix seconds.
    time: u64,
    outputs: Vec<Output>,
}

/// The accuracy of the estimates.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    pub(crate) past: Summary,
    /// The accuracy of the live filter at the same blocks.
    pub(crate) live: Summary,
}

/// The rows made of one file.
#[derive(Default)]
struct Day {
    past: Vec<PastRow>,
    live: Vec<Row>,
    /// Number of lines that could not be read, or 1 if the file could not.
    unread: usize,
}

pub(crate) fn run(args: &HistoryArgs) -> anyhow::Result<()> {
    let (summaries, unread) = summarise(args, Report::to_stdout(args.format))?;
    let progress = Progress::new();
    progress.say(&summaries.past.to_string());
    if args.live {
        progress.say(&format!(
            "\nthe live filter at the same blocks:\n{}",
            summaries.live
        ));
    }
    ensure!(
        unread == 0,
        "files or lines that could not be read: {unread}"
    );
    Ok(())
}

/// Reports the rows of each file. Returns the accuracy of the estimates, and the number of files or lines that could
/// not be read.
pub(crate) fn summarise(
    args: &HistoryArgs,
    mut report: Report,
) -> anyhow::Result<(Summaries, usize)> {
    let prices = args
        .prices
        .as_deref()
        .map(Prices::read)
        .transpose()?
        .unwrap_or_default();
    let progress = Progress::new();
    let (mut summaries, mut unread) = (Summaries::default(), 0);
    for together in args.files.chunks(rayon::current_num_threads()) {
        let days = together
            .par_iter()
            .map(|path| day(path, args, &prices, &progress));
        for day in days.collect::<Vec<Day>>() {
            unread += day.unread;
            for row in &day.past {
                summaries.past.add_past(row);
                report.write(row)?;
            }
            day.live.iter().for_each(|row| summaries.live.add(row));
        }
    }
    report.end()?;
    Ok((summaries, unread))
}

/// The rows of a file. Reports and counts its unreadable lines, or the file itself.
fn day(path: &Path, args: &HistoryArgs, prices: &Prices, progress: &Progress) -> Day {
    let mut day = Day::default();
    let made = match blocks(path, &mut day.unread, progress) {
        Ok(made) => made,
        Err(error) => {
            progress.say(&format!("{error:#}"));
            day.unread += 1;
            return day;
        }
    };
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let is_late = |time: u64| time % (24 * HOUR_SECONDS) >= args.from_hour * HOUR_SECONDS;
    let past = past_rows(&name, &made, prices).into_iter();
    day.past = past.filter(|row| is_late(row.time)).collect();
    if args.live {
        let live = live_rows(&name, &made, prices).into_iter();
        day.live = live.filter(|row| is_late(row.time)).collect();
    }
    day
}

/// The blocks of a file by height. Unreadable lines are reported and counted.
fn blocks(
    path: &Path,
    unread: &mut usize,
    progress: &Progress,
) -> anyhow::Result<BTreeMap<u32, Made>> {
    let mut made: BTreeMap<u32, Made> = BTreeMap::new();
    for (index, output) in open_csv(path, &COLUMNS)?.deserialize().enumerate() {
        let output: Output = match output {
            Ok(output) => output,
            Err(error) => {
                *unread += 1;
                let error = anyhow::Error::from(error);
                let error = error.context(format!("{}: output {}", path.display(), index + 1));
                progress.say(&format!("{error:#}"));
                continue;
            }
        };
        let block = made.entry(output.height).or_default();
        block.time = block.time.max(output.arrival_unix_s.ceil() as u64);
        block.outputs.push(output);
    }
    let heights = made.keys().next().zip(made.keys().next_back());
    let (first, last) = heights.with_context(|| format!("{} has no output", path.display()))?;
    ensure!(
        last - first < 100_000,
        "{}: heights from {first} to {last}; expected at most 100,000 blocks",
        path.display()
    );
    Ok(made)
}

fn past_rows(name: &str, made: &BTreeMap<u32, Made>, prices: &Prices) -> Vec<PastRow> {
    let Some((&first_height, &last_height)) = made.keys().next().zip(made.keys().next_back())
    else {
        return Vec::new();
    };
    let payments = |height: u32| {
        let outputs = made.get(&height).map_or(&[][..], |block| &block.outputs);
        let values_sats = outputs.iter().map(|output| output.value_sats).collect();
        BlockPayments::new(
            u32::try_from(outputs.len()).unwrap_or(u32::MAX),
            values_sats,
        )
    };
    let held: Vec<BlockPayments> = (first_height..=last_height).map(payments).collect();
    let blocks = Blocks {
        first_height,
        years: Years::of_height(first_height),
        blocks: &held,
    };
    let prices_of_blocks = match Lock::of_period(blocks) {
        Some(lock) => past::prices(blocks, &lock, first_height..last_height + 1),
        None => vec![None; held.len()],
    };
    let rows = (first_height..).zip(&held).zip(prices_of_blocks);
    rows.filter_map(|((height, held), price)| {
        let time = made.get(&height)?.time;
        Some(PastRow::new(
            name,
            (height, time),
            held.payments(),
            prices.between(time),
            price,
        ))
    })
    .collect()
}

/// The rows of the live filter at the time of each block.
fn live_rows(name: &str, made: &BTreeMap<u32, Made>, prices: &Prices) -> Vec<Row> {
    let mut window = Window::new();
    let mut rows = Vec::with_capacity(made.len());
    for (height, block) in made {
        for output in &block.outputs {
            window.insert(
                (output.arrival_unix_s * 1000.0) as u64,
                &[output.value_sats],
            );
        }
        window.expire(block.time * 1000);
        let moment = Moment {
            file: name,
            height: Some(u64::from(*height)),
            time: block.time,
            payments: window.payments(),
            reference_price_usd: prices.between(block.time),
        };
        rows.push(Row::new(moment, window.estimate(block.time * 1000)));
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Half past midnight, in Unix seconds.
    const START: u64 = 1_704_069_000;

    /// Blocks of 200 outputs each, ten minutes apart: round sums at $50,000 quoted within 0.2 %, and ordinary amounts.
    fn lines(blocks: u64) -> Vec<String> {
        let sums_usd = [
            5.0, 10.0, 20.0, 25.0, 30.0, 50.0, 100.0, 100.0, 200.0, 500.0,
        ];
        let line = |number: u64| {
            let share = |step: f64| (number as f64 * step).fract();
            let value_sats = match number % 2 {
                0 => {
                    sums_usd[(number / 2 % 10) as usize]
                        * 2000.0
                        * (0.998 + 0.004 * share(0.618_034))
                }
                _ => 10_f64.powf(3.5 + 4.0 * share(0.414_214)),
            };
            format!(
                "{}.25,{},{}",
                START + 3 * number,
                800_000 + number / 200,
                value_sats as u64
            )
        };
        (0..200 * blocks).map(line).collect()
    }

    /// What is reported for a file of these lines, and how many were unread.
    fn reported(
        lines: &[String],
        live: bool,
        from_hour: u64,
    ) -> (Vec<Vec<String>>, Summaries, usize) {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let args = HistoryArgs {
            files: vec![file("day.csv", format!("arrival_unix_s,height,value_sats\n{}\n", lines.join("\n")))],
            prices: Some(file(
                "prices.csv",
                "date,open\n2024-01-01 00:00:00+00:00,50000\n2024-01-01 01:00:00+00:00,50000\n2024-01-01 02:00:00+00:00,51000\n".to_owned(),
            )),
            live,
            from_hour,
            format: Format::Csv,
        };
        let out = dir.path().join("rows.csv");
        let report = Report::new(Format::Csv, Box::new(std::fs::File::create(&out).unwrap()));
        let (summaries, unread) = summarise(&args, report).unwrap();
        let rows = std::fs::read_to_string(out).unwrap();
        let fields = |row: &str| row.split(',').map(str::to_owned).collect();
        (rows.lines().map(fields).collect(), summaries, unread)
    }

    #[test]
    fn the_outputs_of_a_height_are_a_block() {
        let (rows, summaries, unread) = reported(&lines(8), true, 0);
        let columns = "file,height,time,price_usd,low_usd,high_usd,confidence,payments,reference_price_usd,error_percent";
        assert_eq!(
            (rows[0].join(","), rows.len(), unread),
            (columns.to_owned(), 9, 0)
        );
        for (row, height) in rows[1..].iter().zip(800_000..) {
            assert_eq!(
                (row[1].clone(), row[7].as_str()),
                (height.to_string(), "200")
            );
            let price_usd: f64 = row[3].parse().unwrap();
            assert!((price_usd / 50_000.0 - 1.0).abs() < 0.003, "{row:?}");
        }
        // The last output of a block comes 597.25 seconds after its first.
        assert_eq!(rows[1][2], (START + 598).to_string());
        // Three blocks end before one o'clock, the others after: the opens are interpolated.
        assert_eq!(rows[2][8], "50000.0");
        assert_eq!(
            rows[8][8],
            format!("{:.2}", 50_000.0 + 1000.0 * 2998.0 / 3600.0)
        );
        assert!(summaries.live.figure("with a price").unwrap() > 50.0);
    }

    #[test]
    fn hours_are_left_out_and_bad_lines_are_counted() {
        assert_eq!(reported(&lines(8), false, 1).0.len(), 6);
        let mut lines = lines(2);
        lines.insert(100, "1704067300.0,800000,abc".to_owned());
        lines.insert(200, "1704067300.0,-1,5".to_owned());
        let (rows, _, unread) = reported(&lines, false, 0);
        assert_eq!((rows.len(), unread), (3, 2));
    }
}
