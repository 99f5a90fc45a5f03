//! Rates in JSON: a list of objects. The parser names the line of each fault, also of a row that it can read and we cannot use.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Rates, row::RawRate};

/// A rate as it is expected.
const FORM: &str = r#"{"currency": "EUR", "units_per_dollar": 0.92, "date": "2024-03-01"}"#;

/// An object of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    currency: String,
    units_per_dollar: f64,
    date: Option<String>,
}

/// Adds the rates of this content.
///
/// # Errors
/// With the line, its fault and the expected form.
pub fn read(content: &[u8], rates: &mut Rates) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(content);
    let read = reader.deserialize_seq(List(rates));
    let read = read.and_then(|()| reader.end());
    read.map_err(|fault| {
        let (line, fault) = (fault.line(), fault.to_string());
        // The parser's words end with the line, which stands first in ours.
        let words = fault.rsplit_once(" at line ").map(|(words, _)| words);
        format!("line {line}: {}", words.unwrap_or(&fault))
    })
}

/// Adds each object of a list to the rates.
struct List<'a>(&'a mut Rates);

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "a list such as [{FORM}]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(One(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// Adds one object to the rates. It does so inside the object, because the parser gives a fault the line that it has come to.
struct One<'a>(&'a mut Rates);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str(FORM)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<(), A::Error> {
        let object = Object::deserialize(MapAccessDeserializer::new(fields))?;
        let row = RawRate {
            currency: &object.currency,
            units: object.units_per_dollar,
            date: object.date.as_deref(),
        };
        row.add_to(self.0).map_err(A::Error::custom)
    }
}
