//! Rates in CSV (RFC 4180): currency, units per dollar, and perhaps a date. The first line may name the columns.

use ::csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::{Rates, row::RawRate};

/// The names of the first and the third column in a first line that is no rate.
const NAMES: [&str; 2] = ["currency", "date"];

/// Adds the rates of this content.
///
/// # Errors
/// With the line, its fault and the expected form.
pub fn read(content: &[u8], rates: &mut Rates) -> Result<(), String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(content);
    for (nth, record) in reader.records().enumerate() {
        let record =
            record.map_err(|fault| in_line(content, fault.position(), "expected UTF-8 text"))?;
        if nth == 0 && is_header(&record) {
            continue;
        }
        let added = row(&record).and_then(|row| row.add_to(rates));
        added.map_err(|fault| in_line(content, record.position(), &fault))?;
    }
    Ok(())
}

/// The fault with its line. A record's position lies before the empty lines that are passed over.
fn in_line(content: &[u8], position: Option<&Position>, fault: &str) -> String {
    let Some(position) = position else {
        return fault.to_owned();
    };
    let begins = usize::try_from(position.byte()).unwrap_or(content.len());
    let rest = content.get(begins..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let empty = ends.filter(|byte| **byte == b'\n').count() as u64;
    format!("line {}: {fault}", position.line() + empty)
}

fn is_header(record: &StringRecord) -> bool {
    let is_named = |at: usize, name: &str| {
        let value = record.get(at);
        value.is_none_or(|value| value.eq_ignore_ascii_case(name))
    };
    let [first, third] = NAMES;
    record.len() > 1 && is_named(0, first) && is_named(2, third)
}

fn row(record: &StringRecord) -> Result<RawRate<'_>, String> {
    let (currency, units, date) = match record.iter().collect::<Vec<_>>()[..] {
        [currency, units] => (currency, units, ""),
        [currency, units, date] => (currency, units, date),
        ref others => {
            let count = others.len();
            return Err(format!(
                "expected currency, units per dollar and perhaps a date, with commas between them; got {count} values"
            ));
        }
    };
    let number = units.parse();
    Ok(RawRate {
        currency,
        units: number.map_err(|_| {
            format!("units per dollar: expected a number such as 0.92; got {units:?}")
        })?,
        date: Some(date).filter(|date| !date.is_empty()),
    })
}
