//! Rates in CSV (RFC 4180): currency, units per dollar, and perhaps a date. The first line may name the columns.

use ::csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::{Rates, row::RawRate};

/// The names of the second column in a first line of names. Other names may mean dollars for one unit, which is the inverse.
const UNITS: [&str; 7] = [
    "units_per_dollar",
    "units_per_usd",
    "per_dollar",
    "per_usd",
    "units",
    "rate",
    "value",
];

const UNFINISHED: &str =
    "the last line has no end: the file may be half written; expected an end of line there too";

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
        if nth == 0 && named("currency", record.get(0)) {
            check_names(&record).map_err(|fault| in_line(content, record.position(), &fault))?;
            continue;
        }
        let added = row(&record).and_then(|row| row.add_to(rates));
        added.map_err(|fault| in_line(content, record.position(), &fault))?;
    }
    // A number that is cut off is another number, and no other row would tell.
    match content.last() {
        Some(b'\n' | b'\r') => Ok(()),
        _ => Err(UNFINISHED.to_owned()),
    }
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

/// Checks a first line of names.
///
/// # Errors
/// When a column is missing, or may mean something else.
fn check_names(record: &StringRecord) -> Result<(), String> {
    let units = record.get(1);
    let is_known = UNITS.iter().any(|name| named(name, units))
        && record.len() <= 3
        && record.get(2).is_none_or(|third| named("date", Some(third)));
    is_known.then_some(()).ok_or_else(|| {
        let names: Vec<&str> = record.iter().collect();
        format!(
            "expected the names currency, units_per_dollar and perhaps date, because a rate is units of the currency for one dollar; \
             got {:?}",
            names.join(",")
        )
    })
}

/// Whether a value is this name, in any capitals, and with spaces or hyphens between its words.
fn named(name: &str, value: Option<&str>) -> bool {
    let value = value.unwrap_or_default().replace([' ', '-'], "_");
    value.eq_ignore_ascii_case(name)
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
