//! Currencies by their codes.

use std::fmt;

use serde::{Serialize, Serializer};

/// Codes of bitcoin, which has no rate against itself: the usual one, and the one in the form of ISO 4217.
const BITCOIN: [&[u8; 3]; 2] = [b"BTC", b"XBT"];

/// Names in English of the currencies that are traded most (Bank for International Settlements, Triennial Survey of 2022).
const NAMES: [(&str, &str); 30] = [
    ("AUD", "Australian Dollar"),
    ("BRL", "Brazilian Real"),
    ("CAD", "Canadian Dollar"),
    ("CHF", "Swiss Franc"),
    ("CLP", "Chilean Peso"),
    ("CNY", "Chinese Yuan"),
    ("CZK", "Czech Koruna"),
    ("DKK", "Danish Krone"),
    ("EUR", "Euro"),
    ("GBP", "Pound Sterling"),
    ("HKD", "Hong Kong Dollar"),
    ("HUF", "Hungarian Forint"),
    ("IDR", "Indonesian Rupiah"),
    ("ILS", "Israeli New Shekel"),
    ("INR", "Indian Rupee"),
    ("JPY", "Japanese Yen"),
    ("KRW", "South Korean Won"),
    ("MXN", "Mexican Peso"),
    ("MYR", "Malaysian Ringgit"),
    ("NOK", "Norwegian Krone"),
    ("NZD", "New Zealand Dollar"),
    ("PHP", "Philippine Peso"),
    ("PLN", "Polish Zloty"),
    ("RON", "Romanian Leu"),
    ("SEK", "Swedish Krona"),
    ("SGD", "Singapore Dollar"),
    ("THB", "Thai Baht"),
    ("TRY", "Turkish Lira"),
    ("USD", "US Dollar"),
    ("ZAR", "South African Rand"),
];

/// A currency, by its code of three capital letters (ISO 4217).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The US dollar, in which all prices are read.
    pub const USD: Currency = Currency(*b"USD");

    /// The currency of this code; `None` if `code` is not of three capital letters from A to Z.
    pub fn read(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        let is_capital = code.iter().all(u8::is_ascii_uppercase);
        is_capital.then_some(Currency(code))
    }

    /// Whether this is a code of bitcoin.
    pub fn is_bitcoin(self) -> bool {
        BITCOIN.contains(&&self.0)
    }

    /// The code.
    pub fn code(&self) -> &str {
        // The letters are ASCII, so there is always a text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The name in English; the code if the name is not listed here.
    pub fn name(&self) -> &str {
        let named = NAMES.iter().find(|(code, _)| *code == self.code());
        named.map_or(self.code(), |(_, name)| name)
    }

    /// Whether the answers about many hours have this currency without being asked for it: mempool.space's own ones. Source: the
    /// list of fields of its `/api/v1/prices`.
    pub fn is_usual(self) -> bool {
        matches!(&self.0, b"EUR" | b"GBP" | b"CAD" | b"CHF" | b"AUD" | b"JPY")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_three_capitals() {
        for code in ["EUR", "USD", "XAU", "ZZZ"] {
            assert_eq!(Currency::read(code).unwrap().to_string(), code);
        }
        for code in [
            "", "EU", "EURO", "eur", "Eur", "E R", "EU1", "ÄUR", "€", " EUR",
        ] {
            assert_eq!(Currency::read(code), None, "{code}");
        }
    }

    #[test]
    fn bitcoin_is_known_by_both_codes() {
        let is_bitcoin = |code: &str| Currency::read(code).unwrap().is_bitcoin();
        assert!(is_bitcoin("BTC") && is_bitcoin("XBT"));
        assert!(!is_bitcoin("USD") && !is_bitcoin("BTN"));
    }

    #[test]
    fn a_currency_without_a_listed_name_has_its_code() {
        let name = |code: &str| Currency::read(code).unwrap().name().to_owned();
        assert_eq!(name("USD"), "US Dollar");
        assert_eq!(name("EUR"), "Euro");
        assert_eq!(name("XAU"), "XAU");
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|(code, _)| Currency::read(code).is_some()));
    }
}
