//! Logs: readable lines or JSON, on standard error; and a limiter for lines that could repeat without end.

use std::{
    collections::HashMap,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; to be called once in a process.
///
/// # Errors
/// When `filter` is not a level or a list of `target=level`.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// A limiter that lets one line a second through for each reason, and counts those held back.
#[derive(Debug, Default)]
pub struct LogLimiter(HashMap<&'static str, (Instant, u64)>);

impl LogLimiter {
    /// The number of lines held back since the last one for `reason`; `None` if no line may be written
    /// now.
    pub fn pass(&mut self, reason: &'static str, now: Instant) -> Option<u64> {
        match self.0.get_mut(reason) {
            Some((last, held)) if now.duration_since(*last) < Duration::from_secs(1) => {
                *held += 1;
                None
            }
            Some((last, held)) => {
                *last = now;
                Some(std::mem::take(held))
            }
            None => {
                self.0.insert(reason, (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_limiter_lets_one_line_a_second_through_per_reason() {
        let (mut limiter, start) = (LogLimiter::default(), Instant::now());
        assert_eq!(limiter.pass("parse", start), Some(0));
        assert_eq!(limiter.pass("parse", start), None);
        assert_eq!(limiter.pass("parse", start), None);
        assert_eq!(limiter.pass("topic", start), Some(0));
        assert_eq!(
            limiter.pass("parse", start + Duration::from_secs(1)),
            Some(2)
        );
    }
}
