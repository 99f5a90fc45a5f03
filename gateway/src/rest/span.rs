//! Spans of time in a query. Each is rounded up to one of a short list, so that all clients ask the same few questions.

use super::duration;

/// The spans that history is answered for, seconds.
const SPANS_S: [u32; 13] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 86_400];

/// One of the spans of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    seconds: u32,
}

impl Span {
    /// The number of different spans.
    pub const COUNT: usize = SPANS_S.len();
    /// 10 s.
    pub const TEN_SECONDS: Span = Span { seconds: 10 };
    /// One day.
    pub const DAY: Span = Span { seconds: 86_400 };

    /// The shortest span of the list that is not shorter than `text`: a number of seconds, or a number with a unit,
    /// such as `90s`, `15m`, `3h`, `1d`.
    ///
    /// # Errors
    /// If `text` is no span, or is not from 1 s to 1 d. The error names the expected form.
    pub fn read(text: &str) -> Result<Span, String> {
        duration::seconds(text)
            .filter(|asked| *asked > 0)
            .and_then(|asked| {
                let mut spans = SPANS_S.into_iter();
                spans.find(|seconds| u64::from(*seconds) >= asked)
            })
            .map(|seconds| Span { seconds })
            .ok_or_else(|| "a span from 1s to 1d, such as 90s, 15m, 3h or 1d".to_owned())
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// The length in milliseconds.
    pub fn ms(self) -> u64 {
        u64::from(self.seconds) * 1000
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_round_up_to_those_of_the_list() {
        for (text, seconds) in [
            ("1", 1),
            ("3", 5),
            ("10s", 10),
            ("11s", 20),
            ("90s", 120),
            ("1m", 60),
            ("15m", 1800),
            ("3h", 86_400),
            ("1d", 86_400),
            ("86400", 86_400),
        ] {
            assert_eq!(Span::read(text).unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_span_of_a_day_is_refused() {
        for text in [
            "",
            "s",
            "0",
            "0s",
            "-1s",
            "+1s",
            "1.5h",
            "3 h",
            "2d",
            "25h",
            "86401",
            "1é",
            "1w",
            "99999999999999999h",
            "4294967295d",
        ] {
            assert!(Span::read(text).is_err(), "{text}");
        }
    }
}
