//! The age of the price, and the reasons why a price is stale.

use satscope_kit::clock::Steady;
use satscope_proto::v1::StaleReason;
use serde::Serialize;

/// An age at a known moment; it grows from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    ms: u64,
    at: Steady,
}

impl Age {
    /// An age of `ms` milliseconds at this moment.
    pub fn now(ms: u64) -> Self {
        Age {
            ms,
            at: Steady::now(),
        }
    }

    /// The age by now, milliseconds.
    pub fn ms(self) -> u64 {
        self.ms.saturating_add(self.at.elapsed_ms())
    }
}

/// Why a price is stale; the meanings are those of `satscope/v1/common.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Stale {
    UpstreamLost,
    Resyncing,
    NoEstimate,
    NoPayments,
}

impl Stale {
    /// Every reason.
    pub const ALL: [Stale; 4] = [
        Stale::UpstreamLost,
        Stale::Resyncing,
        Stale::NoEstimate,
        Stale::NoPayments,
    ];

    /// The reason's name in messages, headers and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Stale::UpstreamLost => "upstream_lost",
            Stale::Resyncing => "resyncing",
            Stale::NoEstimate => "no_estimate",
            Stale::NoPayments => "no_payments",
        }
    }

    /// The reason in words for a person.
    pub fn in_words(self) -> &'static str {
        match self {
            Stale::UpstreamLost => "a part upstream is not connected",
            Stale::Resyncing => "a part upstream is still catching up",
            Stale::NoEstimate => "the payments of the last hours give no price now",
            Stale::NoPayments => "no payment has come for too long",
        }
    }

    /// The analyzer's reason; `None` if the price is not stale. An unknown reason, of a newer analyzer, is read as
    /// `NoEstimate`.
    pub fn told(is_stale: bool, reason: StaleReason) -> Option<Stale> {
        is_stale.then_some(match reason {
            StaleReason::UpstreamLost => Stale::UpstreamLost,
            StaleReason::Resyncing => Stale::Resyncing,
            StaleReason::NoPayments => Stale::NoPayments,
            StaleReason::NoEstimate | StaleReason::Unspecified => Stale::NoEstimate,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_one_name_everywhere() {
        for reason in Stale::ALL {
            let written = serde_json::to_value(reason).unwrap();
            assert_eq!(written, reason.as_str());
        }
    }

    #[test]
    fn what_is_not_stale_has_no_reason() {
        assert_eq!(Stale::told(false, StaleReason::NoPayments), None);
        let told = Stale::told(true, StaleReason::NoPayments);
        assert_eq!(told, Some(Stale::NoPayments));
        assert!(Stale::told(true, StaleReason::Unspecified).is_some());
    }
}
