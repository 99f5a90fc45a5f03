//! Amounts of money, as answers write them.

use serde::{Serialize, Serializer};

/// The greatest number that all readers of JSON hold exactly (RFC 8259, 6); also the limit of a price in cents.
pub const LARGEST: u64 = 1 << 53;

/// Hundredths of a currency's unit for one bitcoin, above 0: US cents unless told otherwise. Written in whole units with two
/// decimals; a whole number as an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Cents(u64);

impl Cents {
    /// The cents that the historian sends.
    ///
    /// # Errors
    /// If there are none, or more than [`LARGEST`].
    pub fn read(cents: u64) -> Result<Self, &'static str> {
        match cents {
            0 => Err("a price of 0"),
            1..=LARGEST => Ok(Cents(cents)),
            _ => Err("a price that is too large"),
        }
    }

    /// An amount in whole units, rounded to two decimals; `None` if that is 0, or more cents than [`LARGEST`].
    pub fn nearest(units: f64) -> Option<Self> {
        whole(units * 100.0).map(Cents)
    }

    /// Whole units, rounded.
    pub fn rounded(self) -> u64 {
        (self.0 + 50) / 100
    }

    /// The amount in whole units.
    #[allow(clippy::cast_precision_loss)]
    pub fn units(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

/// The whole number nearest to this one; `None` if that is below 1, or above [`LARGEST`].
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
pub fn whole(number: f64) -> Option<u64> {
    let rounded = number.round();
    // Not a number is in no range.
    let is_held = (1.0..=LARGEST as f64).contains(&rounded);
    is_held.then_some(rounded as u64)
}

impl std::fmt::Display for Cents {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(text, "{}", self.0 / 100),
            cents => write!(text, "{}.{cents:02}", self.0 / 100),
        }
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => serializer.serialize_u64(self.0 / 100),
            _ => serializer.serialize_f64(self.units()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_rounded_to_two_decimals() {
        for (units, expected) in [
            (43_753.124, Some("43753.12")),
            (43_753.126, Some("43753.13")),
            (0.92, Some("0.92")),
            (150.0, Some("150")),
            (0.005, Some("0.01")),
            (0.0049, None),
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e15, None),
        ] {
            let written = Cents::nearest(units).map(|cents| cents.to_string());
            assert_eq!(written.as_deref(), expected, "{units}");
        }
        assert_eq!(whole(0.5), Some(1));
        assert_eq!(whole(0.49), None);
    }
}
