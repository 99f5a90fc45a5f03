//! Open, high, low and close of each hour, day or week.

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Serialize;

use super::{
    Archive, Question,
    historian::Historian,
    read::{self, Candle, Confidence, MOST},
    series::span,
    state_headers, tagged,
};
use crate::{
    answer::{json::json, made_once::Answer, problem::Problem},
    rest::{
        Rest,
        cents::Cents,
        past::Form,
        query::{Query, bad},
    },
};

/// The names of the columns in CSV (RFC 4180).
const COLUMNS: &str = "time,open,high,low,close,blocks,confidence,state\r\n";
/// The first Monday, 1970-01-05T00:00:00Z.
const MONDAY: u64 = 4 * 86_400;

/// The step, span and form that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    step: Step,
    from: Option<u64>,
    to: Option<u64>,
    form: Form,
}

/// The length of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Hour,
    Day,
    /// Begins on Monday.
    Week,
}

impl Step {
    fn read(name: &str) -> Result<Self, String> {
        match name {
            "1h" => Ok(Step::Hour),
            "1d" => Ok(Step::Day),
            "1w" => Ok(Step::Week),
            _ => Err("1h, 1d or 1w".to_owned()),
        }
    }

    fn seconds(self) -> u64 {
        match self {
            Step::Hour => 3600,
            Step::Day => 86_400,
            Step::Week => 604_800,
        }
    }

    /// The start of the cell that `time` lies in, Unix seconds.
    fn floor(self, time: u64) -> u64 {
        let first = match self {
            Step::Hour | Step::Day => 0,
            Step::Week => MONDAY,
        };
        let time = time.max(first);
        time - (time - first) % self.seconds()
    }

    /// The start of the first cell that begins at `time` or later, Unix seconds.
    fn ceil(self, time: u64) -> u64 {
        match self.floor(time) {
            cell if cell >= time => cell,
            cell => cell + self.seconds(),
        }
    }

    /// The length of [`MOST`] cells, seconds.
    fn longest(self) -> u64 {
        MOST as u64 * self.seconds()
    }
}

impl Asked {
    /// Reads the query. By default: the newest days.
    fn read(query: &Query, headers: &HeaderMap) -> Result<Self, String> {
        let step = query.read("step", Step::read)?.unwrap_or(Step::Day);
        let (from, to) = span(query)?;
        let ends = from.zip(to);
        if ends.is_some_and(|(from, to)| step.ceil(to) - step.floor(from) > step.longest()) {
            return Err(format!(
                "to: expected at most {MOST} steps of {} s after from; got more",
                step.seconds()
            ));
        }
        Ok(Asked {
            step,
            from: from.map(|from| step.floor(from)),
            to: to.map(|to| step.ceil(to)),
            form: query
                .read("format", Form::read)?
                .unwrap_or_else(|| Form::wanted(headers)),
        })
    }

    /// Asks the historian, and returns the encoder of its answer.
    async fn of(
        self,
        historian: Historian,
    ) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
        let (from, to) = self.ends(&historian).await?;
        let step = self.step.seconds();
        let candles = historian.candles(from, to, step).await?;
        Ok(move || self.written(from, to, &candles))
    }

    /// The start of the first cell and the end of the last, Unix seconds. If the query gives one end only, the other is
    /// at most [`MOST`] cells away, and not beyond the historian's prices.
    async fn ends(self, historian: &Historian) -> Result<(u64, u64), String> {
        if let (Some(from), Some(to)) = (self.from, self.to) {
            return Ok((from, to));
        }
        let step = self.step;
        let ends = historian.coverage().await?.blocks();
        let (first, last) = ends.ok_or_else(|| "it has no price yet".to_owned())?;
        let newest = step.ceil(last + 1);
        let (from, to) = match (self.from, self.to) {
            (Some(from), _) => (from, newest.min(from + step.longest())),
            (None, to) => {
                let to = to.unwrap_or(newest);
                let from = step.floor(first).max(to.saturating_sub(step.longest()));
                (from.min(to.saturating_sub(step.seconds())), to)
            }
        };
        Ok((from, to.max(from + step.seconds())))
    }

    fn written(self, from: u64, to: u64, candles: &[Candle]) -> Answer {
        #[derive(Serialize)]
        struct Body {
            from: u64,
            to: u64,
            step_seconds: u64,
            candles: Vec<Cell>,
        }
        let body = match self.form {
            Form::Json => json(&Body {
                from,
                to,
                step_seconds: self.step.seconds(),
                candles: candles.iter().map(Cell::of).collect(),
            }),
            Form::Csv => csv(candles).into(),
        };
        tagged(
            body,
            state_headers(candles.iter().any(Candle::is_unverified)),
        )
    }
}

/// A candle as an object. In an empty cell, all but `time` and `blocks` are null.
#[derive(Serialize)]
struct Cell {
    time: u64,
    open: Option<Cents>,
    high: Option<Cents>,
    low: Option<Cents>,
    close: Option<Cents>,
    blocks: u32,
    confidence: Option<Confidence>,
    state: Option<read::State>,
}

impl Cell {
    fn of(candle: &Candle) -> Self {
        let prices = candle.prices;
        Cell {
            time: candle.time,
            open: prices.map(|prices| prices.open),
            high: prices.map(|prices| prices.high),
            low: prices.map(|prices| prices.low),
            close: prices.map(|prices| prices.close),
            blocks: prices.map_or(0, |prices| prices.blocks),
            confidence: prices.map(|prices| prices.confidence),
            state: prices.map(|prices| prices.state),
        }
    }
}

/// The candles as CSV, below a line with the names of the columns; fields without a value are empty.
fn csv(candles: &[Candle]) -> String {
    let line = |Candle { time, prices }: &Candle| match prices {
        None => format!("{time},,,,,0,,\r\n"),
        Some(read::Prices {
            open,
            high,
            low,
            close,
            blocks,
            confidence,
            state,
        }) => {
            let (confidence, state) = (confidence.share(), state.name());
            format!("{time},{open},{high},{low},{close},{blocks},{confidence},{state}\r\n")
        }
    };
    let lines = candles.iter().map(line);
    std::iter::once(COLUMNS.to_owned()).chain(lines).collect()
}

/// `/api/v1/candles?step=1d&from=&to=`: the candles whose cells overlap the span, oldest first.
///
/// # Errors
/// With the problem that the client is told.
pub async fn candles(
    State(rest): State<Rest>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Archive { historian, .. } = rest.archive.clone();
    let asked = Asked::read(&query, &headers).map_err(bad)?;
    let make = move || asked.of(historian.clone());
    let content_type = asked.form.content_type();
    let question = Question::Candles(asked);
    rest.archive
        .answer(question, make, content_type, &headers)
        .await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Asked, String> {
        Asked::read(&query.into(), &HeaderMap::new())
    }

    #[test]
    fn a_week_begins_on_monday() {
        // 2024-03-01 is a Friday.
        let friday = 1_709_251_200;
        let monday = friday - 4 * 86_400;
        assert_eq!(Step::Week.floor(friday), monday);
        assert_eq!(Step::Week.floor(monday), monday);
        assert_eq!(Step::Week.ceil(monday), monday);
        assert_eq!(Step::Week.ceil(monday + 1), monday + 604_800);
        assert_eq!(Step::Week.floor(0), MONDAY);
        assert_eq!(Step::Day.floor(friday + 5), friday);
        assert_eq!(Step::Hour.ceil(friday + 5), friday + 3600);
    }

    #[test]
    fn the_ends_are_those_of_whole_cells() {
        let asked = asked(&[("step", "1h"), ("from", "3601"), ("to", "7201")]).unwrap();
        assert_eq!((asked.from, asked.to), (Some(3600), Some(10_800)));
    }

    #[test]
    fn a_bad_parameter_is_named_with_its_value_and_what_was_expected() {
        assert_eq!(
            asked(&[("step", "5m")]).unwrap_err(),
            "step: expected 1h, 1d or 1w; got \"5m\""
        );
        let hours = |to: &str| asked(&[("step", "1h"), ("from", "0"), ("to", to)]);
        assert!(hours("18000000").is_ok());
        assert_eq!(
            hours("18000001").unwrap_err(),
            "to: expected at most 5000 steps of 3600 s after from; got more"
        );
    }
}
