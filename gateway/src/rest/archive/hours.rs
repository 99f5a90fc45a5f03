//! One row for each hour, newest first, in the form of mempool.space.

use axum::http::{HeaderValue, header};
use satscope_proto::v1::HistorySource;

use super::{
    historian::Historian,
    past_price::{self, Currencies, Element, is_old, unread},
    read::{MOST, Price},
    state_headers, tagged,
};
use crate::{answer::made_once::Answer, rest::exchange_rates::Exchange};

const HOUR: u64 = 3600;

/// The hours and fields that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Unix seconds that all rows lie before; `None` for the newest rows.
    pub before: Option<u64>,
    /// The currencies of each row.
    pub currencies: Currencies,
    /// Whether each row has all fields.
    pub is_verbose: bool,
}

impl Asked {
    /// Asks the historian, and returns the encoder of its answer.
    pub async fn of(
        self,
        historian: Historian,
        exchange: Exchange,
    ) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
        let coverage = historian.coverage().await?;
        let (first, last) = coverage
            .ends()
            .ok_or_else(|| "it has no price yet".to_owned())?;
        let to = self.before.map_or(last + 1, |before| before.min(last + 1));
        let from = oldest_hour(to);
        let series = historian
            .series(from, to.max(from + 1), HOUR, HistorySource::Unspecified)
            .await?;
        if !series.is_complete {
            return Err("it has more prices than it was asked for".to_owned());
        }
        let newest = to.saturating_sub(1);
        if is_old(series.prices.last(), newest) {
            unread(&coverage, newest)?;
        }
        Ok(move || {
            let rows = series.prices.iter().rev();
            let rows = rows.map(|price| {
                Element::rounded(price, self.currencies, &exchange.rates, self.is_verbose)
            });
            let body = past_price::body(&rows.collect::<Vec<_>>(), &exchange);
            let older = (first < from).then(|| self.older(from)).flatten();
            let mut headers = state_headers(series.prices.iter().any(Price::is_unverified));
            headers.extend(older);
            tagged(body, headers)
        })
    }

    /// The header with the address of the rows before `before` (RFC 8288, 3), relative to this answer's address.
    fn older(self, before: u64) -> Option<(header::HeaderName, HeaderValue)> {
        let fields = match self.is_verbose {
            true => "&fields=all",
            false => "",
        };
        let currency = match self.currencies {
            Currencies::One(currency) => format!("&currency={currency}"),
            _ => String::new(),
        };
        let link = format!("<historical-price?before={before}{currency}{fields}>; rel=\"next\"");
        Some((header::LINK, HeaderValue::try_from(link).ok()?))
    }
}

/// The start of the oldest of the [`MOST`] hours that end with the one before `to`, Unix seconds.
fn oldest_hour(to: u64) -> u64 {
    let newest = to.saturating_sub(1) / HOUR;
    newest.saturating_sub(MOST as u64 - 1) * HOUR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Currency;

    #[test]
    fn an_answer_has_at_most_so_many_hours() {
        assert_eq!(oldest_hour(5000 * HOUR), 0);
        assert_eq!(oldest_hour(5000 * HOUR + 1), HOUR);
        assert_eq!(oldest_hour(0), 0);
    }

    #[test]
    fn older_rows_are_named_with_the_same_currency_and_fields() {
        let link = |currencies, is_verbose| {
            let asked = Asked {
                before: None,
                currencies,
                is_verbose,
            };
            let (_, link) = asked.older(7200)?;
            Some(link.to_str().ok()?.to_owned())
        };
        let usd = Currencies::One(Currency::USD);
        for (currencies, is_verbose, query) in [
            (Currencies::Usual, false, ""),
            (Currencies::Usual, true, "&fields=all"),
            (usd, true, "&currency=USD&fields=all"),
        ] {
            let expected = format!("<historical-price?before=7200{query}>; rel=\"next\"");
            assert_eq!(link(currencies, is_verbose), Some(expected));
        }
    }
}
