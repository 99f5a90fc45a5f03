//! The estimates of the last hours, as JSON or as CSV.

use axum::http::HeaderMap;
use bytes::Bytes;
use satscope_proto::v1::{Estimate, HistoryEntry};
use serde::Serialize;

use super::span::Span;
use crate::{
    answer::{
        accept,
        json::{json, seconds},
    },
    state::message::Interval,
};

/// The form that estimates are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Form {
    Json,
    Csv,
}

impl Form {
    /// The form that `Accept` prefers.
    pub fn wanted(headers: &HeaderMap) -> Self {
        match accept::prefers("text/csv", headers) {
            true => Form::Csv,
            false => Form::Json,
        }
    }

    /// The form with this name.
    ///
    /// # Errors
    /// With the names that were expected.
    pub fn read(name: &str) -> Result<Self, String> {
        match name {
            "json" => Ok(Form::Json),
            "csv" => Ok(Form::Csv),
            _ => Err("json or csv".to_owned()),
        }
    }

    /// The form's media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// An estimate of the past.
#[derive(Serialize)]
pub struct PastEstimate {
    /// Its stamp, Unix milliseconds.
    #[serde(rename = "timestamp", serialize_with = "seconds")]
    pub time_ms: u64,
    /// USD for one BTC.
    pub price: f64,
    confidence: f64,
    /// The ends of the 90 % interval.
    pub interval: Interval,
    stale: bool,
}

/// Reads an estimate; `None` if it cannot be used.
pub fn read(entry: &HistoryEntry) -> Option<PastEstimate> {
    let Estimate {
        price_usd: price,
        low_usd: low,
        high_usd: high,
        confidence,
        stale,
        ..
    } = entry.estimate?;
    let usable = [price, low, high]
        .iter()
        .all(|usd| usd.is_finite() && *usd > 0.0);
    (usable && (0.0..=1.0).contains(&confidence) && entry.time_ms > 0).then_some(PastEstimate {
        time_ms: entry.time_ms,
        price,
        confidence,
        interval: Interval { low, high },
        stale,
    })
}

/// The estimates as JSON, with the range and step by which they were chosen.
pub fn as_json(range: Span, step: Span, estimates: &[PastEstimate]) -> Bytes {
    #[derive(Serialize)]
    struct History<'a> {
        range_seconds: u32,
        step_seconds: u32,
        estimates: &'a [PastEstimate],
    }
    json(&History {
        range_seconds: range.seconds(),
        step_seconds: step.seconds(),
        estimates,
    })
}

/// The estimates as CSV (RFC 4180): lines of numbers below a line with their names.
pub fn as_csv(estimates: &[PastEstimate]) -> Bytes {
    let line = |past: &PastEstimate| {
        let (seconds, ms) = (past.time_ms / 1000, past.time_ms % 1000);
        let Interval { low, high } = past.interval;
        let (price, confidence, stale) = (past.price, past.confidence, past.stale);
        format!("{seconds}.{ms:03},{price},{confidence},{low},{high},{stale}\r\n")
    };
    let names = "timestamp,price,confidence,low,high,stale\r\n".to_owned();
    let lines: String = std::iter::once(names)
        .chain(estimates.iter().map(line))
        .collect();
    lines.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(price_usd: f64, time_ms: u64) -> HistoryEntry {
        HistoryEntry {
            time_ms,
            estimate: Some(Estimate {
                price_usd,
                low_usd: 1.0,
                high_usd: 2.0,
                confidence: 0.75,
                ..Estimate::default()
            }),
        }
    }

    #[test]
    fn what_is_no_estimate_is_left_out() {
        assert!(read(&entry(1.5, 1)).is_some());
        assert!(read(&entry(f64::NAN, 1)).is_none());
        assert!(read(&entry(1.5, 0)).is_none());
        assert!(read(&HistoryEntry::default()).is_none());
    }

    #[test]
    fn csv_has_a_line_for_each_below_their_names() {
        let past: Vec<PastEstimate> = [
            entry(1.5, 1_700_000_000_007),
            entry(1.25, 1_700_000_010_000),
        ]
        .iter()
        .filter_map(read)
        .collect();
        let expected = "timestamp,price,confidence,low,high,stale\r\n\
            1700000000.007,1.5,0.75,1,2,false\r\n\
            1700000010.000,1.25,0.75,1,2,false\r\n";
        assert_eq!(as_csv(&past), expected);
        assert_eq!(
            as_csv(&[]),
            expected.lines().next().unwrap().to_owned() + "\r\n"
        );
    }
}
