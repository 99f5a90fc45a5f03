//! The first difference between a period as it is claimed to be and as the node's blocks give it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{store::BlockRow, text::hex};

/// A difference: its place, and the two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The place, such as `block 806512: price`.
    pub place: String,
    /// The value that is claimed.
    pub claimed: String,
    /// The value by the node's blocks.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            place,
            claimed,
            found,
        } = self;
        write!(
            text,
            "{place}: {claimed} is claimed, and the node's blocks give {found}"
        )
    }
}

impl Difference {
    /// The first difference between rows; `None` if they are the same.
    pub(super) fn of_rows(claimed: &[BlockRow], found: &[BlockRow]) -> Option<Difference> {
        let pairs = claimed.iter().zip(found);
        let first = pairs.into_iter().find_map(|(claimed, found)| {
            let (values, others) = (values(claimed), values(found));
            let mut both = values.into_iter().zip(others);
            let ((name, claimed), (_, found_value)) =
                both.find(|((_, claimed), (_, found))| claimed != found)?;
            Some(Difference {
                place: format!("block {}: {name}", found.height),
                claimed,
                found: found_value,
            })
        });
        first.or_else(|| {
            (claimed.len() != found.len()).then(|| Difference {
                place: "number of blocks".to_owned(),
                claimed: claimed.len().to_string(),
                found: found.len().to_string(),
            })
        })
    }

    /// The difference between digests, such as of a history whose rows are right and whose digest is not.
    pub(super) fn of_digests(
        period: u32,
        claimed: &[u8; 32],
        found: &[u8; 32],
    ) -> Option<Difference> {
        (claimed != found).then(|| Difference {
            place: format!("period {period}: digest"),
            claimed: hex(claimed),
            found: hex(found),
        })
    }

    /// The difference between locks.
    pub(super) fn of_locks(period: u32, claimed: &[u8], found: &[u8]) -> Option<Difference> {
        let hash = |lock: &[u8]| format!("one with the hash {}", hex(&Sha256::digest(lock)));
        (claimed != found).then(|| Difference {
            place: format!("period {period}: lock"),
            claimed: hash(claimed),
            found: hash(found),
        })
    }
}

/// The values of a block with their names.
fn values(row: &BlockRow) -> Vec<(&'static str, String)> {
    let price = row.price.as_ref();
    let dollars = |cents: u64| format!("${}.{:02}", cents / 100, cents % 100);
    let of_price = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let confidence =
        price.map(|price| format!("{:.3}", f64::from(price.confidence_thousandths) / 1000.0));
    vec![
        ("height", row.height.to_string()),
        ("hash", row.hash.to_string()),
        ("time", row.time.to_string()),
        (
            "price",
            of_price(price.map(|price| dollars(price.price_cents))),
        ),
        ("low", of_price(price.map(|price| dollars(price.low_cents)))),
        (
            "high",
            of_price(price.map(|price| dollars(price.high_cents))),
        ),
        ("confidence", of_price(confidence)),
        ("payments", row.payments.to_string()),
    ]
}
