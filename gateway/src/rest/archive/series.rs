//! The prices of a span of time, at most [`MOST`].

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use satscope_kit::moment::moment;
use satscope_proto::v1::HistorySource;
use serde::Serialize;

use super::{
    Archive, Question,
    historian::Historian,
    read::{MOST, Price, Series},
    rows::{self, Row},
    state_headers,
    step::step,
    tagged,
};
use crate::{
    answer::{json::json, made_once::Answer, problem::Problem},
    rest::{past::Form, query::Query},
};

/// The steps, seconds, among which the gateway chooses if the client names no step that fits.
const STEPS: [u64; 11] = [
    60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, WEEK,
];
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
/// Mean seconds between two blocks, by which the number of prices of a span is estimated.
const BLOCK: u64 = 600;
/// Most minutes that are expected after the last settled block.
const LAST_MINUTES: u64 = 400;

/// Header with the step that was used, in seconds; 0 if all prices are given.
const STEP: HeaderName = HeaderName::from_static("x-satscope-step-seconds");

/// The span, step, source and form that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    span: Span,
    /// Seconds; `None` for all prices.
    step: Option<u64>,
    source: Source,
    form: Form,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// The time from the first of these Unix seconds up to the second, which is not included; `None` stands for
    /// the oldest or newest price.
    Between(Option<u64>, Option<u64>),
    /// This many seconds before the newest price.
    Last(u64),
}

/// The series of prices that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    /// Settled blocks, and minutes after the last settled block.
    Auto,
    Block,
    Minute,
}

/// The span that a name such as `24h` stands for.
///
/// # Errors
/// With the names that were expected.
pub fn range(name: &str) -> Result<Span, String> {
    match name {
        "24h" => Ok(Span::Last(DAY)),
        "7d" => Ok(Span::Last(7 * DAY)),
        "30d" => Ok(Span::Last(30 * DAY)),
        "1y" => Ok(Span::Last(365 * DAY)),
        "all" => Ok(Span::Between(None, None)),
        _ => Err("24h, 7d, 30d, 1y or all, where source is named".to_owned()),
    }
}

fn source(name: &str) -> Result<Source, String> {
    match name {
        "auto" => Ok(Source::Auto),
        "block" => Ok(Source::Block),
        "minute" => Ok(Source::Minute),
        _ => Err("auto, block or minute".to_owned()),
    }
}

impl From<Source> for HistorySource {
    fn from(source: Source) -> Self {
        match source {
            Source::Auto => HistorySource::Unspecified,
            Source::Block => HistorySource::Block,
            Source::Minute => HistorySource::Minute,
        }
    }
}

/// Reads the ends of a span from the query.
///
/// # Errors
/// If it ends before it begins.
pub fn span(query: &Query) -> Result<(Option<u64>, Option<u64>), String> {
    let from = query.read("from", moment)?;
    let to = query.read("to", moment)?;
    match (from, to) {
        (Some(begin), Some(end)) if begin >= end => Err(format!(
            "to: expected a time after from, which is {begin}; got {end}"
        )),
        ends => Ok(ends),
    }
}

impl Asked {
    /// Reads the query. By default: all prices of settled blocks and of the minutes after them.
    ///
    /// # Errors
    /// With the wrong parameter and the expected form.
    pub fn read(query: &Query, headers: &HeaderMap) -> Result<Self, String> {
        query.excludes("range", &["from", "to"])?;
        let span = match query.read("range", range)? {
            Some(span) => span,
            None => {
                let (from, to) = span(query)?;
                Span::Between(from, to)
            }
        };
        Ok(Asked {
            span,
            step: query.read("step", step)?,
            source: query.read("source", source)?.unwrap_or(Source::Auto),
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
        let least = least_step(from, to);
        let wanted = self.step.unwrap_or(0);
        let step = match self.source.expected(from, to, wanted) <= MOST as u64 {
            true => wanted,
            false => least.max(wanted),
        };
        let source = self.source.into();
        let series = historian.series(from, to, step, source).await?;
        let (series, step) = match series.is_complete || step >= least {
            true => (series, step),
            false => (historian.series(from, to, least, source).await?, least),
        };
        if !series.is_complete {
            return Err("it has more prices than it was asked for".to_owned());
        }
        let told = Told {
            from,
            to,
            step,
            series,
        };
        Ok(move || told.written(self.form))
    }

    /// The first second of the span, and the second after its last, Unix seconds.
    async fn ends(self, historian: &Historian) -> Result<(u64, u64), String> {
        if let Span::Between(Some(from), Some(to)) = self.span {
            return Ok((from, to));
        }
        let coverage = historian.coverage().await?;
        let ends = match self.source {
            Source::Auto => coverage.ends(),
            Source::Block => coverage.blocks(),
            Source::Minute => coverage.minutes(),
        };
        let (first, last) = ends.ok_or_else(|| "it has no price yet".to_owned())?;
        let (from, to) = match self.span {
            Span::Between(from, Some(to)) => (from.unwrap_or(first).min(to.saturating_sub(1)), to),
            Span::Between(from, None) => (from.unwrap_or(first), last + 1),
            Span::Last(seconds) => ((last + 1).saturating_sub(seconds), last + 1),
        };
        Ok((from, to.max(from + 1)))
    }
}

impl Source {
    /// The approximate number of prices in a span, for a `step` in seconds; 0 stands for all prices.
    fn expected(self, from: u64, to: u64, step: u64) -> u64 {
        let seconds = to - from;
        let all = match self {
            Source::Auto => seconds / BLOCK + LAST_MINUTES.min(seconds / 60),
            Source::Block => seconds / BLOCK,
            Source::Minute => seconds / 60,
        };
        match step {
            0 => all,
            step => all.min(cells(from, to, step)),
        }
    }
}

/// The number of steps that a span overlaps; steps begin at whole multiples of `step`.
fn cells(from: u64, to: u64, step: u64) -> u64 {
    (to - 1) / step - from / step + 1
}

/// The shortest step, seconds, that is certain to give at most [`MOST`] prices.
fn least_step(from: u64, to: u64) -> u64 {
    let fits = |step: &u64| cells(from, to, *step) <= MOST as u64;
    let weeks = (1..).map(|count| count * WEEK);
    let mut steps = STEPS.into_iter().chain(weeks);
    steps.find(fits).unwrap_or(u64::MAX)
}

/// An answer of the historian, and the question to it.
struct Told {
    from: u64,
    to: u64,
    step: u64,
    series: Series,
}

impl Told {
    fn written(&self, form: Form) -> Answer {
        #[derive(Serialize)]
        struct Body {
            from: u64,
            to: u64,
            step_seconds: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            minutes_from: Option<u64>,
            prices: Vec<Row>,
        }
        let body = match form {
            Form::Json => json(&Body {
                from: self.from,
                to: self.to,
                step_seconds: self.step,
                minutes_from: self.series.minutes_from,
                prices: self.series.prices.iter().map(Row::of).collect(),
            }),
            Form::Csv => rows::csv(&self.series.prices).into(),
        };
        let mut headers = state_headers(self.series.prices.iter().any(Price::is_unverified));
        headers.insert(STEP, HeaderValue::from(self.step));
        tagged(body, headers)
    }
}

/// The prices of a span, oldest first.
///
/// # Errors
/// With the problem that the client is told.
pub async fn answer(
    archive: &Archive,
    asked: Asked,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let historian = archive.historian.clone();
    let make = move || asked.of(historian.clone());
    let content_type = asked.form.content_type();
    let question = Question::Series(asked);
    archive.answer(question, make, content_type, headers).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Asked, String> {
        Asked::read(&query.into(), &HeaderMap::new())
    }

    #[test]
    fn a_span_is_named_or_has_ends() {
        let span = |query: &[(&str, &str)]| asked(query).unwrap().span;
        assert_eq!(span(&[("range", "24h")]), Span::Last(86_400));
        assert_eq!(span(&[("range", "1y")]), Span::Last(31_536_000));
        assert_eq!(span(&[("range", "all")]), Span::Between(None, None));
        let from = span(&[("from", "2024-03-01")]);
        assert_eq!(from, Span::Between(Some(1_709_251_200), None));
        let both = span(&[("from", "100"), ("to", "200")]);
        assert_eq!(both, Span::Between(Some(100), Some(200)));
        assert_eq!(span(&[("source", "minute")]), Span::Between(None, None));
    }

    #[test]
    fn a_bad_parameter_is_named_with_its_value_and_what_was_expected() {
        for (query, expected) in [
            (
                &[("from", "yesterday")][..],
                "from: expected a time such as 1709251200 (Unix seconds), 2024-03-01 or 2024-03-01T12:00:00Z; got \
                 \"yesterday\"",
            ),
            (
                &[("from", "200"), ("to", "200")],
                "to: expected a time after from, which is 200; got 200",
            ),
            (
                &[("source", "blocks")],
                "source: expected auto, block or minute; got \"blocks\"",
            ),
            (
                &[("source", "block"), ("range", "3h")],
                "range: expected 24h, 7d, 30d, 1y or all, where source is named; got \"3h\"",
            ),
            (
                &[("range", "1y"), ("to", "5")],
                "range: expected no to beside it; got both",
            ),
            (
                &[("from", "5"), ("step", "0")],
                "step: expected a step from 1s to 366d, such as 90s, 10m, 1h, 1d or 1w; got \"0\"",
            ),
            (
                &[("from", "5"), ("from", "6")],
                "from: expected one value; got more",
            ),
            (
                &[("from", "5"), ("format", "xml")],
                "format: expected json or csv; got \"xml\"",
            ),
        ] {
            assert_eq!(asked(query).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_least_step_gives_at_most_so_many_prices() {
        for (seconds, step) in [
            (1, 60),
            (300_000, 60),
            (301_000, 300),
            (30 * DAY, 600),
            (365 * DAY, 10_800),
            (12 * 365 * DAY, DAY),
            (200 * 365 * DAY, 3 * WEEK),
        ] {
            assert_eq!(least_step(0, seconds), step, "{seconds}");
            assert!(cells(0, seconds, step) <= MOST as u64);
        }
        // A span that begins within a cell touches one cell more.
        assert_eq!(cells(59, 61, 60), 2);
        assert_eq!(cells(60, 120, 60), 1);
    }

    #[test]
    fn about_as_many_prices_are_expected_as_there_are_blocks_and_minutes() {
        assert_eq!(Source::Minute.expected(0, DAY, 0), 1440);
        assert_eq!(Source::Minute.expected(0, DAY, 3600), 24);
        assert_eq!(Source::Block.expected(0, 30 * DAY, 0), 4320);
        assert_eq!(Source::Auto.expected(0, 30 * DAY, 0), 4720);
        assert_eq!(Source::Auto.expected(0, 600, 0), 11);
    }
}
