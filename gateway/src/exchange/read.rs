//! Reads the content of the file: CSV, or JSON if it begins with `[` or `{`. Pure.
//!
//! The content is refused as a whole if one row cannot be used, because a file that is half right is probably being written.

use super::{Rates, csv, json};

/// The rates in a file's content; `written` is the moment of the file's last change, Unix seconds.
///
/// # Errors
/// With the line, its fault and the expected form.
pub fn read(content: &[u8], written: u64) -> Result<Rates, String> {
    // Some spreadsheets write a byte order mark.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut rates = Rates::written_at(written);
    let first = content.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => return Err("it is empty; expected a rate in each line".to_owned()),
        Some(b'[' | b'{') => json::read(content, &mut rates)?,
        Some(_) => csv::read(content, &mut rates)?,
    }
    let is_empty = rates.currencies().next().is_none();
    match is_empty {
        true => Err("it has no rate; expected one at least".to_owned()),
        false => Ok(rates),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::exchange::{Currency, UnitsPerDollar};

    const WRITTEN: u64 = 1_709_294_400;
    const MARCH: u64 = 1_709_251_200;

    fn rates(content: &str) -> Rates {
        read(content.as_bytes(), WRITTEN).unwrap_or_else(|fault| panic!("{content:?}: {fault}"))
    }

    fn refusal(content: &str) -> String {
        read(content.as_bytes(), WRITTEN).unwrap_err()
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let expected = rates("EUR,0.92\nGBP,0.79,2024-03-01\nEUR,0.91,2024-02-01\n");
        for content in [
            // With a header, in any capitals.
            "currency,units_per_dollar,date\nEUR,0.92,\nGBP,0.79,2024-03-01\nEUR,0.91,2024-02-01\n",
            "Currency,Rate\nEUR,0.92\nGBP,0.79,2024-03-01\nEUR,0.91,2024-02-01\n",
            // As spreadsheets write it.
            "\u{feff}\"EUR\",\"0.92\",\"\"\r\n\"GBP\",0.79,2024-03-01\r\n\r\nEUR,0.91,2024-02-01\r\n",
            "\n EUR , 9.2e-1 \nUSD,1\nGBP,+0.79,2024-03-01\nUSD,1.0,2024-03-01\nEUR,0.91,2024-02-01\n\n",
            r#"[{"currency":"EUR","units_per_dollar":0.92},
                {"currency":"GBP","units_per_dollar":0.79,"date":"2024-03-01"},
                {"date":"2024-02-01","units_per_dollar":0.91,"currency":"EUR"}]"#,
            "\u{feff}  [{\"currency\":\"EUR\",\"units_per_dollar\":0.92,\"date\":null},\
             {\"currency\":\"USD\",\"units_per_dollar\":1},\
             {\"currency\":\"GBP\",\"units_per_dollar\":0.79,\"date\":\"2024-03-01\"},\
             {\"currency\":\"EUR\",\"units_per_dollar\":0.91,\"date\":\"2024-02-01\"}]\n",
        ] {
            assert_eq!(rates(content), expected, "{content:?}");
        }
        let gbp = Currency::read("GBP").unwrap();
        assert_eq!(expected.past(gbp, MARCH), UnitsPerDollar::read(0.79));
    }

    #[test]
    fn a_row_that_cannot_be_used_is_named_with_its_line_and_the_expected_form() {
        for (row, expected) in [
            (
                "eur,0.92",
                "currency: expected three capital letters; got \"eur\"",
            ),
            (
                "EURO,0.92",
                "currency: expected three capital letters; got \"EURO\"",
            ),
            (
                "XBT,0.00002",
                "currency: expected another than bitcoin, whose price this is; got \"XBT\"",
            ),
            (
                "EUR,0",
                "units per dollar: expected a finite number above 0; got 0",
            ),
            (
                "EUR,-1",
                "units per dollar: expected a finite number above 0; got -1",
            ),
            (
                "EUR,NaN",
                "units per dollar: expected a finite number above 0; got NaN",
            ),
            (
                "EUR,inf",
                "units per dollar: expected a finite number above 0; got inf",
            ),
            (
                "EUR,1e999",
                "units per dollar: expected a finite number above 0; got inf",
            ),
            (
                "EUR,x",
                "units per dollar: expected a number such as 0.92; got \"x\"",
            ),
            (
                "EUR,",
                "units per dollar: expected a number such as 0.92; got \"\"",
            ),
            (
                "\"EUR\",\"0,92\"",
                "units per dollar: expected a number such as 0.92; got \"0,92\"",
            ),
            (
                "USD,1.1",
                "units per dollar: expected 1 for USD, or no row for it; got 1.1",
            ),
            (
                "EUR,0.92,1.3.2024",
                "date: expected a date such as 2024-03-01, or none; got \"1.3.2024\"",
            ),
            (
                "GBP,0.8",
                "GBP has a rate without a date already; expected one",
            ),
            (
                "GBP,0.8,2024-03-01",
                "GBP has a rate of 2024-03-01 already; expected one",
            ),
            (
                "EUR",
                "expected currency, units per dollar and perhaps a date, with commas between them; got 1 values",
            ),
            (
                "EUR;0.92",
                "expected currency, units per dollar and perhaps a date, with commas between them; got 1 values",
            ),
            (
                "EUR,0.92,2024-03-01,x",
                "expected currency, units per dollar and perhaps a date, with commas between them; got 4 values",
            ),
        ] {
            let content = format!("GBP,0.79\nGBP,0.79,2024-03-01\n\n{row}\nJPY,150\n");
            assert_eq!(refusal(&content), format!("line 4: {expected}"));
        }
    }

    #[test]
    fn json_that_cannot_be_used_is_named_with_its_line_and_the_expected_form() {
        for (row, expected) in [
            (
                r#"{"currency":"eur","units_per_dollar":1}"#,
                "currency: expected three capital letters; got \"eur\"",
            ),
            (
                r#"{"currency":"EUR","units_per_dollar":0}"#,
                "units per dollar: expected a finite number above 0; got 0",
            ),
            (
                r#"{"currency":"EUR","units_per_dollar":1e999}"#,
                "number out of range",
            ),
            (
                r#"{"currency":"EUR","units_per_dollar":"1"}"#,
                "invalid type: string \"1\", expected f64",
            ),
            (
                r#"{"currency":"EUR","units_per_dollar":NaN}"#,
                "expected value",
            ),
            (r#"{"currency":"EUR"}"#, "missing field `units_per_dollar`"),
            (
                r#"{"currency":"EUR","rate":1}"#,
                "unknown field `rate`, expected one of `currency`, `units_per_dollar`, `date`",
            ),
            (
                r#"{"currency":"EUR","units_per_dollar":1,"date":"x"}"#,
                "date: expected a date such as 2024-03-01, or none; got \"x\"",
            ),
            (
                r#"{"currency":"GBP","units_per_dollar":1}"#,
                "GBP has a rate without a date already; expected one",
            ),
            ("5", "invalid type: integer `5`, expected {"),
        ] {
            let content =
                format!("[{{\"currency\":\"GBP\",\"units_per_dollar\":0.79}},\n\n{row}\n]");
            let refusal = refusal(&content);
            assert!(refusal.starts_with("line 3: "), "{refusal}");
            assert!(refusal.contains(expected), "{refusal}");
        }
        let map = refusal("{\"EUR\":0.92}");
        let expected = "expected a list such as [{\"currency\": \"EUR\", \"units_per_dollar\": 0.92, \"date\": \"2024-03-01\"}]";
        assert!(
            map.starts_with("line 1: ") && map.contains(expected),
            "{map}"
        );
    }

    #[test]
    fn half_a_file_and_an_empty_one_are_refused() {
        assert_eq!(refusal(""), "it is empty; expected a rate in each line");
        assert_eq!(
            refusal(" \r\n\n"),
            "it is empty; expected a rate in each line"
        );
        for none in ["currency,units_per_dollar\n", "[]", "USD,1\n"] {
            assert_eq!(refusal(none), "it has no rate; expected one at least");
        }
        let whole = "[{\"currency\":\"EUR\",\"units_per_dollar\":0.92}]";
        for end in 1..whole.len() {
            assert!(refusal(&whole[..end]).starts_with("line 1: "), "{end}");
        }
        assert!(refusal(&format!("{whole},")).contains("trailing characters"));
    }

    #[test]
    fn a_first_line_of_names_says_units_per_dollar_and_nothing_else() {
        for name in [
            "units_per_dollar",
            "Units per USD",
            "per-dollar",
            "PER_USD",
            "units",
            "rate",
            "Value",
        ] {
            for first in [
                format!("Currency,{name}"),
                format!("currency, {name} ,DATE"),
            ] {
                let content = format!("{first}\nEUR,0.92\n");
                assert_eq!(rates(&content), rates("EUR,0.92\n"), "{first}");
            }
        }
        for first in [
            "currency,usd_per_unit",
            "currency,dollars_per_euro,date",
            "currency,price_usd",
            "currency,usd",
            "currency,",
            "currency,rate,day",
            "currency,date,rate",
            "currency,rate,date,source",
            "date,currency,rate",
            "currency",
        ] {
            let refusal = refusal(&format!("\n{first}\nEUR,0.92\n"));
            assert!(refusal.starts_with("line 2: "), "{first}: {refusal}");
        }
        let refusal = refusal("currency,usd_per_unit,date\nEUR,1.08,\n");
        assert_eq!(
            refusal,
            "line 1: expected the names currency, units_per_dollar and perhaps date, because a rate is units of the currency for one \
             dollar; got \"currency,usd_per_unit,date\""
        );
    }

    #[test]
    fn a_last_line_of_csv_without_an_end_is_half_written() {
        let whole = "EUR,0.92\r\nJPY,150.25\r\n";
        assert_eq!(rates(&whole[..whole.len() - 1]), rates(whole));
        for end in "EUR,0.92\r\nJPY,1".len()..=whole.trim_end().len() {
            assert_eq!(
                refusal(&whole[..end]),
                "the last line has no end: the file may be half written; expected an end of line there too"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let refusal = read(b"EUR,0.92\n\xff\xfe,0.9\n", WRITTEN).unwrap_err();
        assert_eq!(refusal, "line 2: expected UTF-8 text");
        let refusal = read(b"[{\"currency\":\"\xff\"}]", WRITTEN).unwrap_err();
        assert!(refusal.starts_with("line 1: "), "{refusal}");
    }
}
