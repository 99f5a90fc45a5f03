//! The settings of `satscope simulate`, `satscope replay` and `satscope record`.

use std::net::SocketAddr;
use std::path::PathBuf;

use satscope_kit::config::{RecordLimits, ZmqSettings, socket_address, whole};

use crate::simulation::Parameters;
use crate::simulation::past::{Maker, PastParameters};

/// Where a stand-in node listens, and who may ask it.
#[derive(clap::Args, Clone, Debug)]
pub struct ListenSettings {
    /// Where the stand-in publishes over ZMQ; port * takes any free one
    #[arg(long, env = "SATSCOPE_STANDIN_ZMQ_LISTEN", value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:28332", value_parser = endpoint)]
    pub standin_zmq_listen: String,
    /// Messages that a subscriber may fall behind before it loses some, as with Core (there 1000); 0 for no limit
    #[arg(long, env = "SATSCOPE_STANDIN_ZMQ_HWM", value_name = "MESSAGES", default_value_t = 1_000_000, value_parser = whole(0..=i32::MAX.cast_unsigned()))]
    pub standin_zmq_hwm: u32,
    /// Where the stand-in answers JSON-RPC; port 0 takes any free one
    #[arg(
        long,
        env = "SATSCOPE_STANDIN_RPC_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8332", value_parser = socket_address
    )]
    pub standin_rpc_listen: SocketAddr,
    /// Where to write the cookie that clients log in with [default: a file named after the port in the folder for temporary files]
    #[arg(long, env = "SATSCOPE_STANDIN_RPC_COOKIE_FILE", value_name = "FILE")]
    pub standin_rpc_cookie_file: Option<PathBuf>,
    /// The user that clients log in as, instead of by the cookie; needs standin_rpc_password_file
    #[arg(long, env = "SATSCOPE_STANDIN_RPC_USER", value_name = "NAME")]
    pub standin_rpc_user: Option<String>,
    /// The file whose first line is that user's password
    #[arg(long, env = "SATSCOPE_STANDIN_RPC_PASSWORD_FILE", value_name = "FILE")]
    pub standin_rpc_password_file: Option<PathBuf>,
    /// Answer anyone without a login; only on a loopback address
    #[arg(long, env = "SATSCOPE_STANDIN_RPC_NO_AUTH")]
    pub standin_rpc_no_auth: bool,
    /// Answer Core's REST interface too, without a login: blocks, headers and hashes by height
    #[arg(long, env = "SATSCOPE_STANDIN_REST")]
    pub standin_rest: bool,
}

/// Most days before the history: the oldest block is then one of 2015.
const MOST_DAYS: u32 = 4000;

/// The hidden price of a block before the simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastPrice {
    /// The block's height.
    pub height: u32,
    /// USD for one BTC when it was mined.
    pub price_usd: f64,
}

/// `satscope simulate`: a stand-in node with made-up payments at a hidden price.
#[derive(clap::Args, Clone, Debug)]
pub struct SimulateSettings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub listen: ListenSettings,
    /// Transactions a second, on average
    #[arg(long, env = "SATSCOPE_RATE", value_name = "TX/S", default_value = "7", value_parser = rate)]
    pub rate: f64,
    /// The hidden price at the start of the history, in USD for one BTC
    #[arg(long, env = "SATSCOPE_PRICE", value_name = "USD", default_value = "97350", value_parser = price)]
    pub price: f64,
    /// How much the hidden price moves: annualised, 0.5 for 50 % a year
    #[arg(long, env = "SATSCOPE_VOLATILITY", value_name = "FRACTION", default_value = "0.5", value_parser = volatility)]
    pub volatility: f64,
    /// Makes the run repeatable: the same seed gives the same transactions in the same order
    #[arg(
        long,
        env = "SATSCOPE_SEED",
        value_name = "NUMBER",
        default_value_t = 1
    )]
    pub seed: u64,
    /// How many times faster than real time the simulation runs
    #[arg(long, env = "SATSCOPE_SPEED", value_name = "FACTOR", default_value = "1", value_parser = factor)]
    pub speed: f64,
    /// Seconds between blocks, on average
    #[arg(long, env = "SATSCOPE_BLOCK_INTERVAL", value_name = "SECONDS", default_value = "600", value_parser = block_interval)]
    pub block_interval: f64,
    /// Seconds that are simulated at once before the start, so that there are blocks and a mempool from the first moment
    #[arg(long, env = "SATSCOPE_HISTORY", value_name = "SECONDS", default_value = "10800", value_parser = history)]
    pub history: f64,
    /// Days of blocks before the history, 144 a day; they are made again whenever they are asked for
    #[arg(long, env = "SATSCOPE_HISTORY_DAYS", value_name = "DAYS", default_value_t = 0, value_parser = whole(0..=MOST_DAYS))]
    pub history_days: u32,
    /// Transactions in each of these blocks, on average
    #[arg(long, env = "SATSCOPE_HISTORY_PAYMENTS", value_name = "COUNT", default_value_t = 100, value_parser = whole(1..=1500))]
    pub history_payments: u32,
    /// Height below which these blocks have lost their transactions, as on a node that prunes
    #[arg(
        long,
        env = "SATSCOPE_HISTORY_PRUNED",
        value_name = "HEIGHT",
        default_value_t = 0
    )]
    pub history_pruned: u32,
    /// A CSV file to write the hidden price of each of these blocks to: height,time,price_usd
    #[arg(long, env = "SATSCOPE_HISTORY_PRICES", value_name = "FILE")]
    pub history_prices: Option<PathBuf>,
    /// Transactions that wait in the mempool from before the history, too cheap to be mined soon
    #[arg(long, env = "SATSCOPE_BACKLOG", value_name = "COUNT", default_value = "0", value_parser = backlog)]
    pub backlog: usize,
    /// Share of the transactions that replace an earlier one by a higher fee
    #[arg(long, env = "SATSCOPE_REPLACE_SHARE", value_name = "SHARE", default_value = "0.02", value_parser = share)]
    pub replace_share: f64,
    /// Share of the blocks that hold a transaction which conflicts with one of the mempool
    #[arg(long, env = "SATSCOPE_CONFLICT_SHARE", value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub conflict_share: f64,
    /// Share of the blocks that are abandoned for a branch of two others
    #[arg(long, env = "SATSCOPE_REORG_SHARE", value_name = "SHARE", default_value = "0.005", value_parser = share)]
    pub reorg_share: f64,
}

impl SimulateSettings {
    /// The parameters of the simulation itself.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters {
            seed: self.seed,
            rate: self.rate,
            price_usd: self.price,
            volatility: self.volatility,
            block_interval: self.block_interval,
            replace_share: self.replace_share,
            conflict_share: self.conflict_share,
            reorg_share: self.reorg_share,
            backlog: self.backlog,
        }
    }

    /// The parameters of the blocks before the simulation.
    pub(crate) fn past(&self) -> PastParameters {
        PastParameters {
            seed: self.seed,
            price_usd: self.price,
            days: self.history_days,
            payments: self.history_payments,
        }
    }

    /// The hidden price of each block before the history, oldest first.
    pub fn past_prices(&self) -> Vec<PastPrice> {
        let maker = Maker::new(self.past());
        let prices = maker.prices();
        prices
            .map(|(height, price_usd)| PastPrice { height, price_usd })
            .collect()
    }
}

/// `satscope replay`: a stand-in node fed from raw block files or a recording.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplaySettings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub listen: ListenSettings,
    /// Raw block files (.blk) and folders of them, played in the order of their times, or one recording: a file (.jsonl, .jsonl.gz) or the folder of `satscope record`
    #[arg(value_name = "PATH", required = true)]
    pub replay_paths: Vec<PathBuf>,
    /// How many times faster than real time to play; max (or 0) for as fast as it goes
    #[arg(long = "speed", env = "SATSCOPE_SPEED", value_name = "FACTOR", default_value = "1", value_parser = speed)]
    pub speed: Speed,
    /// Hold a recording at the checkpoint of that name, or at each (every), until the RPC method standincontinue
    #[arg(long, env = "SATSCOPE_STOP_AT", value_name = "NAME")]
    pub stop_at: Option<String>,
    /// End once all is played, instead of staying up
    #[arg(long, env = "SATSCOPE_EXIT")]
    pub exit: bool,
}

/// `satscope record`: keeps what a node sends.
#[derive(clap::Args, Clone, Debug)]
pub struct RecordSettings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub zmq: ZmqSettings,
    /// The folder to keep it in
    #[arg(
        env = "SATSCOPE_RECORD",
        value_name = "FOLDER",
        default_value = "recordings"
    )]
    pub record: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: RecordLimits,
}

/// How fast a replay goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// This many times real time.
    Times(f64),
    /// As fast as it goes.
    Max,
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" || text.parse() == Ok(0.0) {
        return Ok(Speed::Max);
    }
    factor(text)
        .map(Speed::Times)
        .map_err(|error| format!("{error}, or max"))
}

fn endpoint(text: &str) -> Result<String, String> {
    let expected = || "expected tcp://ADDRESS:PORT or ipc://PATH".to_owned();
    if let Some(path) = text.strip_prefix("ipc://") {
        return if path.is_empty() {
            Err(expected())
        } else {
            Ok(text.to_owned())
        };
    }
    let address = text.strip_prefix("tcp://").ok_or_else(expected)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(expected)?;
    if host.is_empty() || (port != "*" && port.parse::<u16>().is_err()) {
        return Err(expected());
    }
    // Port 0 asks for any free port, for which libzmq has a star.
    Ok(if port == "0" {
        format!("tcp://{host}:*")
    } else {
        text.to_owned()
    })
}

fn rate(text: &str) -> Result<f64, String> {
    between(text, 0.01, 1000.0, "transactions a second")
}

fn price(text: &str) -> Result<f64, String> {
    between(text, 1000.0, 1_000_000.0, "dollars")
}

fn volatility(text: &str) -> Result<f64, String> {
    between(text, 0.0, 10.0, "a fraction a year: 0.5 is 50 %,")
}

fn factor(text: &str) -> Result<f64, String> {
    between(text, 0.001, 1000.0, "times real time")
}

fn block_interval(text: &str) -> Result<f64, String> {
    between(text, 1.0, 1e9, "seconds")
}

fn history(text: &str) -> Result<f64, String> {
    between(text, 0.0, 86_400.0, "seconds")
}

fn backlog(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| *number <= 1_000_000)
        .ok_or_else(|| "expected a number of transactions up to 1000000".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    between(text, 0.0, 1.0, "a share")
}

fn between(text: &str, least: f64, most: f64, what: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("expected {what} between {least} and {most}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Simulate {
        #[command(flatten)]
        settings: SimulateSettings,
    }

    #[derive(Parser, Debug)]
    struct Replay {
        #[command(flatten)]
        settings: ReplaySettings,
    }

    #[test]
    fn defaults_are_valid() {
        let settings = Simulate::try_parse_from(["simulate"]).unwrap().settings;
        assert_eq!((settings.seed, settings.rate), (1, 7.0));
        let settings = Replay::try_parse_from(["replay", "x.blk"])
            .unwrap()
            .settings;
        assert_eq!(settings.speed, Speed::Times(1.0));
    }

    #[test]
    fn bad_values_say_what_was_expected() {
        for (flag, value, part) in [
            ("--rate", "0", "transactions a second between"),
            ("--price", "cheap", "dollars between"),
            ("--speed", "0", "times real time"),
            ("--reorg-share", "1.1", "a share between 0 and 1"),
            ("--standin-zmq-listen", "localhost", "tcp://ADDRESS:PORT"),
            ("--standin-zmq-listen", "tcp://:28332", "tcp://ADDRESS:PORT"),
            (
                "--standin-zmq-listen",
                "tcp://127.0.0.1:99999",
                "tcp://ADDRESS:PORT",
            ),
        ] {
            let error = Simulate::try_parse_from(["simulate", flag, value]).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = Replay::try_parse_from(["replay", "x", "--speed", "fast"]).unwrap_err();
        assert!(error.to_string().contains("or max"), "{error}");
    }

    #[test]
    fn speeds_and_free_ports_are_read() {
        for (text, expected) in [
            ("max", Speed::Max),
            ("0", Speed::Max),
            ("2.5", Speed::Times(2.5)),
        ] {
            assert_eq!(speed(text), Ok(expected));
        }
        assert_eq!(
            endpoint("tcp://127.0.0.1:0"),
            Ok("tcp://127.0.0.1:*".to_owned())
        );
    }
}
