//! The options of `backtest blocks`: they choose blocks and change payments. Each type holds only values that can be used.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use satscope_oracle::WINDOW_MS;

use super::moves::Move;
use crate::prices::days_since_1970;

pub(crate) const MINUTE_MS: u64 = 60_000;
/// Length of the oracle's window, in minutes.
const WINDOW_MINUTES: u16 = (WINDOW_MS / MINUTE_MS) as u16;
const DAY_SECONDS: u64 = 86_400;
/// Years that a block's time can lie in.
const YEARS: std::ops::RangeInclusive<u64> = 1970..=9999;
/// Factors that a price can be multiplied by.
const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// How the payments of the blocks are changed before they are read. Without any option each block is read as it is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Reads only the blocks of these years (UTC), such as 2020 or 2015-2018.
    #[arg(long, value_name = "FROM-TO", allow_negative_numbers = true)]
    pub(crate) years: Option<Years>,
    /// Moves a share of the amounts near round dollar sums by a percentage, give or take 0.1 points: round sums less or plus
    /// a fee. Near is within 0.6 %, at the block's reference price; 0.4,-2.35 and 40%,-2.35 are the same. The same amounts
    /// are moved in every run. A block without a reference price counts as unread.
    #[arg(
        long = "move",
        value_name = "SHARE,PERCENT",
        allow_hyphen_values = true
    )]
    pub(crate) moved: Option<Move>,
    /// Deals the payments of each block out to K blocks, the first to the first, and reads each of these: FILE#1, FILE#2 ….
    #[arg(long, value_name = "K", default_value_t, allow_negative_numbers = true)]
    pub(crate) halves: UpTo<16>,
    /// Multiplies the price by X, from 0.001 to 1000: amounts are divided by X, and what the filter finds too small then is
    /// left out.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) price_factor: Option<PriceFactor>,
    /// Reads every N blocks that follow each other as one window, beginning with each block in turn, parts counting as
    /// blocks. Amounts are rescaled by the reference prices to that of the last block, which the row names. A block without
    /// a reference price counts as unread. The intervals resample N neighbouring windows together, because these overlap.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) pool: Option<UpTo<1000>>,
    /// Spreads the payments of a block evenly over the minutes before its time, in the block's order, instead of reading them
    /// as one moment. The blocks of a pool come one after the other.
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    pub(crate) spread: Option<UpTo<WINDOW_MINUTES>>,
}

impl Options {
    /// Checks the options against each other.
    ///
    /// # Errors
    /// All blocks of a pool together last longer than a window.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Some(spread) = self.spread.map(|spread| spread.0) else {
            return Ok(());
        };
        let pool = self.pooled() as u64;
        let (asked, most) = (pool * u64::from(spread), u64::from(WINDOW_MINUTES));
        if asked <= most {
            return Ok(());
        }
        let fewer = most / u64::from(spread);
        let shorter = match most / pool {
            0 => String::new(),
            shorter => format!(", or --spread of at most {shorter}"),
        };
        bail!(
            "--pool {pool} with --spread {spread} takes {asked} minutes, and a window has {most}; \
             use --pool of at most {fewer}{shorter}"
        );
    }

    /// The minutes over which a block's payments are spread; 0 if they all come at once.
    pub(crate) fn spread_minutes(&self) -> u64 {
        self.spread.map_or(0, |spread| spread.get() as u64)
    }

    /// The number of blocks that are read as one window.
    pub(crate) fn pooled(&self) -> usize {
        self.pool.map_or(1, UpTo::get)
    }

    /// The name of an option in use that needs a reference price; `None` if no such option is in use.
    pub(crate) fn needs_reference(&self) -> Option<&'static str> {
        let moved = self.moved.as_ref().map(|_| "--move");
        moved.or(self.pool.map(|_| "--pool"))
    }
}

/// A whole number from 1 to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpTo<const MOST: u16>(u16);

impl<const MOST: u16> UpTo<MOST> {
    pub(crate) fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl<const MOST: u16> Default for UpTo<MOST> {
    fn default() -> Self {
        Self(1)
    }
}

impl<const MOST: u16> fmt::Display for UpTo<MOST> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<const MOST: u16> FromStr for UpTo<MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok();
        number
            .filter(|number| (1..=MOST).contains(number))
            .map(Self)
            .ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
    }
}

/// A factor for the price, from 0.001 to 1000.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PriceFactor(f64);

impl PriceFactor {
    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for PriceFactor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let factor = text.parse().ok();
        factor
            .filter(|factor| FACTORS.contains(factor))
            .map(Self)
            .ok_or_else(|| {
                let (least, most) = (FACTORS.start(), FACTORS.end());
                format!("expected a number from {least} to {most}")
            })
    }
}

/// Whole years in UTC, as a range of Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Years {
    named: String,
    seconds: Range<u64>,
}

impl Years {
    /// Whether a time, in Unix seconds, lies in these years.
    pub(crate) fn contain(&self, time: u64) -> bool {
        self.seconds.contains(&time)
    }
}

impl fmt::Display for Years {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named.fmt(out)
    }
}

impl FromStr for Years {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let year = |text: &str| text.parse().ok().filter(|year| YEARS.contains(year));
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let start = |year: u64| days_since_1970(year, 1, 1) * DAY_SECONDS;
        match (year(from), year(to)) {
            (Some(from), Some(to)) if from <= to => Ok(Self {
                named: text.to_owned(),
                seconds: start(from)..start(to + 1),
            }),
            _ => Err(format!(
                "expected a year, or two with the earlier one first, such as 2020 or 2015-2018, from {} to {}",
                YEARS.start(),
                YEARS.end()
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    /// The options as the command line gives them.
    pub(crate) fn parsed(arguments: &[&str]) -> Result<Options, String> {
        Command::try_parse_from([&["blocks"], arguments].concat())
            .map(|command| command.options)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_with_what_is_expected() {
        let whole = |most: u16| format!("expected a whole number from 1 to {most}");
        let years = "expected a year, or two with the earlier one first".to_owned();
        let share = "expected SHARE,PERCENT such as 0.4,-2.35".to_owned();
        let factor = "expected a number from 0.001 to 1000".to_owned();
        for (option, values, expected) in [
            (
                "--pool",
                &["0", "1001", "-1", "2.5", "x", ""][..],
                whole(1000),
            ),
            ("--spread", &["0", "181", "-1", "1.5"], whole(180)),
            ("--halves", &["0", "17"], whole(16)),
            (
                "--price-factor",
                &["0", "1001", "-1", "NaN", "inf", "x"],
                factor,
            ),
            (
                "--years",
                &["20", "2018-2015", "2015-", "-2015", "x", "2015-2016-2017"],
                years,
            ),
            (
                "--move",
                &[
                    "0.4", "1.1,2", "-0.1,2", "101%,2", "NaN,2", "0.4,20.1", "0.4,x", ",", "40,2",
                ],
                share,
            ),
        ] {
            for value in values {
                let error = parsed(&[option, value]).unwrap_err();
                assert!(
                    error.contains(&format!("'{value}'")) || value.is_empty(),
                    "{error}"
                );
                assert!(error.contains(&expected), "{error}");
            }
        }
    }

    #[test]
    fn years_begin_and_end_at_midnight_utc() {
        let years: Years = "2015-2016".parse().unwrap();
        let inside: Vec<bool> = [1_420_070_399, 1_420_070_400, 1_483_228_799, 1_483_228_800]
            .map(|time| years.contain(time))
            .to_vec();
        assert_eq!(inside, [false, true, true, false]);
        let year: Years = "2020".parse().unwrap();
        assert!(year.contain(1_577_836_800) && !year.contain(1_577_836_799));
    }

    #[test]
    fn a_pool_longer_than_the_window_is_refused_with_what_is_possible() {
        let check = |pool, spread| {
            let options = parsed(&["--pool", pool, "--spread", spread]).unwrap();
            options.check().map_err(|error| error.to_string())
        };
        assert_eq!(check("4", "45"), Ok(()));
        assert_eq!(check("180", "1"), Ok(()));
        assert_eq!(
            check("4", "60").unwrap_err(),
            "--pool 4 with --spread 60 takes 240 minutes, and a window has 180; \
             use --pool of at most 3, or --spread of at most 45"
        );
        let error = check("181", "1").unwrap_err();
        assert!(error.ends_with("use --pool of at most 180"), "{error}");
        assert!(parsed(&["--pool", "1000"]).unwrap().check().is_ok());
    }
}
