//! One row of the file, whose values are checked before its rate is added.

use super::{
    Currency, Rates, UnitsPerDollar,
    rates::{Day, Rate},
};

/// A rate as a row of CSV or an object of JSON has it.
pub struct RawRate<'a> {
    pub currency: &'a str,
    /// Units for one US dollar.
    pub units: f64,
    /// `None` for an undated rate.
    pub date: Option<&'a str>,
}

impl RawRate<'_> {
    /// Checks the row and adds its rate. The dollar's own row says nothing new and adds none.
    ///
    /// # Errors
    /// With the fault and the expected form.
    pub fn add_to(&self, rates: &mut Rates) -> Result<(), String> {
        let rate = self.rate()?;
        if rate.currency == Currency::USD || rates.add(rate) {
            return Ok(());
        }
        let currency = rate.currency;
        Err(match rate.day {
            Some(day) => format!("{currency} has a rate of {day} already; expected one"),
            None => format!("{currency} has a rate without a date already; expected one"),
        })
    }

    fn rate(&self) -> Result<Rate, String> {
        let RawRate {
            currency: code,
            units,
            date,
        } = self;
        let currency = Currency::read(code)
            .ok_or_else(|| format!("currency: expected three capital letters; got {code:?}"))?;
        if currency.is_bitcoin() {
            return Err(format!(
                "currency: expected another than bitcoin, whose price this is; got {code:?}"
            ));
        }
        let units = UnitsPerDollar::read(*units).ok_or_else(|| {
            format!("units per dollar: expected a finite number above 0; got {units}")
        })?;
        if currency == Currency::USD && units != UnitsPerDollar::ONE {
            let units = units.units();
            return Err(format!(
                "units per dollar: expected 1 for USD, or no row for it; got {units}"
            ));
        }
        let day = date.map(|date| {
            Day::read(date).ok_or_else(|| {
                format!("date: expected a date such as 2024-03-01, or none; got {date:?}")
            })
        });
        Ok(Rate {
            currency,
            units,
            day: day.transpose()?,
        })
    }
}
