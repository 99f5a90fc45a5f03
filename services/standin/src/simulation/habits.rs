//! The habits of a year's payers: the kinds of transactions, the sums, and the addresses.

use super::amounts::Sums;
use super::scripts::{Address, Mix};

/// First block of 2019.
const HEIGHT_2019: u32 = 556_459;
/// First block with segregated witness (BIP 141).
const HEIGHT_SEGWIT: u32 = 481_824;
/// First block with taproot (BIP 341).
const HEIGHT_TAPROOT: u32 = 709_632;
/// First block with an inscription, in December 2022.
const HEIGHT_INSCRIPTIONS: u32 = 767_430;

/// A kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One payer pays one payee: the sum and the change, from coins that have rested.
    Payment,
    /// A payment from coins that came in just before.
    PaymentOn,
    /// One output from one or a few inputs.
    Sweep,
    /// Six inputs and more into one or two outputs.
    Consolidation,
    /// A service pays many at once.
    Batch,
    /// Many equal small outputs, to be spent by mints.
    FanOut,
    /// OP_RETURN and one small output, from the output of a fan-out.
    Mint,
    /// OP_RETURN, one small output and the change.
    TokenTransfer,
    /// A small inscription's reveal: one input with a script path, one small output.
    Reveal,
    /// An inscription with an image in its witness.
    Image,
}

/// How people of one time use Bitcoin.
#[derive(Debug)]
pub struct Habits {
    /// The number of transactions in 1000 that are of each kind.
    pub kinds: [(Kind, u32); 10],
    /// The number of payments in 1000 that are of a round dollar sum.
    pub round_dollars: u32,
    /// The number of payments in 1000 that are of a round bitcoin sum.
    pub round_bitcoin: u32,
    /// The number of payments in 1000 that are of exactly the same sum as others.
    pub repeated: u32,
    /// Fees that services take off the sums of a payout, as shares. One of these is drawn for a batch.
    pub payout_fees: &'static [f64],
    /// The sums.
    pub sums: Sums,
    /// The addresses.
    pub addresses: Mix,
    /// The kind of address that tokens, fan-outs and other small outputs go to.
    pub small: Address,
}

/// The habits of 2023 and later, as the live simulation has them. Services take no fee off a payout.
pub static NOW: Habits = Habits {
    kinds: [
        (Kind::Payment, 240),
        (Kind::PaymentOn, 60),
        (Kind::Sweep, 200),
        (Kind::Consolidation, 26),
        (Kind::Batch, 55),
        (Kind::FanOut, 9),
        (Kind::Mint, 240),
        (Kind::TokenTransfer, 65),
        (Kind::Reveal, 102),
        (Kind::Image, 3),
    ],
    round_dollars: 212,
    round_bitcoin: 60,
    repeated: 30,
    payout_fees: &[],
    sums: Sums::NOW,
    addresses: Mix::NOW,
    small: Address::P2tr,
};

/// The habits of 2023 and later. Some services take 0.2 to 1.2 % off a payout.
static INSCRIPTIONS: Habits = Habits {
    payout_fees: &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.002, 0.004, 0.012],
    ..NOW
};

/// The habits of late 2021 and 2022: native addresses and taproot, no inscriptions.
static TAPROOT: Habits = Habits {
    kinds: BEFORE_INSCRIPTIONS,
    round_dollars: 200,
    round_bitcoin: 70,
    payout_fees: &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.002, 0.004],
    ..NOW
};

/// The habits of 2019 to 2021. Services take 1.1 to 2.3 % off many payouts.
static NATIVE: Habits = Habits {
    kinds: BEFORE_INSCRIPTIONS,
    round_dollars: 100,
    round_bitcoin: 80,
    payout_fees: &[0.0, 0.0, 0.0, 0.0, 0.011, 0.012, 0.022, 0.023],
    addresses: Mix([
        (Address::P2wpkh, 20),
        (Address::P2tr, 0),
        (Address::P2pkh, 40),
        (Address::P2sh, 40),
    ]),
    small: Address::P2pkh,
    ..NOW
};

/// The habits of 2017 and 2018, after segregated witness came: fewer round dollars, more round bitcoin, looser quotes.
static WRAPPED: Habits = Habits {
    kinds: BEFORE_2019,
    round_dollars: 80,
    round_bitcoin: 120,
    payout_fees: &[0.0, 0.0, 0.0, 0.01],
    sums: Sums {
        typical: 0.6,
        spread: 1.1,
        ..Sums::BEFORE_2019
    },
    addresses: Mix([
        (Address::P2wpkh, 2),
        (Address::P2tr, 0),
        (Address::P2pkh, 63),
        (Address::P2sh, 35),
    ]),
    ..LEGACY
};

/// The habits of 2015 to 2017: public key hashes, small sums, games that pay the same sums again and again.
static LEGACY: Habits = Habits {
    kinds: BEFORE_2019,
    round_dollars: 95,
    round_bitcoin: 150,
    repeated: 60,
    payout_fees: &[0.0, 0.0, 0.0, 0.01],
    sums: Sums::BEFORE_2019,
    addresses: Mix([
        (Address::P2wpkh, 0),
        (Address::P2tr, 0),
        (Address::P2pkh, 100),
        // A spent script hash of this simulation hides a witness program.
        (Address::P2sh, 0),
    ]),
    small: Address::P2pkh,
};

const BEFORE_INSCRIPTIONS: [(Kind, u32); 10] = [
    (Kind::Payment, 420),
    (Kind::PaymentOn, 120),
    (Kind::Sweep, 220),
    (Kind::Consolidation, 30),
    (Kind::Batch, 90),
    (Kind::FanOut, 5),
    (Kind::Mint, 60),
    (Kind::TokenTransfer, 55),
    (Kind::Reveal, 0),
    (Kind::Image, 0),
];

const BEFORE_2019: [(Kind, u32); 10] = [
    (Kind::Payment, 470),
    (Kind::PaymentOn, 150),
    (Kind::Sweep, 160),
    (Kind::Consolidation, 40),
    (Kind::Batch, 110),
    (Kind::FanOut, 10),
    (Kind::Mint, 0),
    (Kind::TokenTransfer, 60),
    (Kind::Reveal, 0),
    (Kind::Image, 0),
];

impl Habits {
    /// The habits at the time of a block of the main chain.
    pub fn at_height(height: u32) -> &'static Habits {
        match height {
            ..HEIGHT_SEGWIT => &LEGACY,
            HEIGHT_SEGWIT..HEIGHT_2019 => &WRAPPED,
            HEIGHT_2019..HEIGHT_TAPROOT => &NATIVE,
            HEIGHT_TAPROOT..HEIGHT_INSCRIPTIONS => &TAPROOT,
            HEIGHT_INSCRIPTIONS.. => &INSCRIPTIONS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_year_add_up() {
        for habits in [&NOW, &INSCRIPTIONS, &TAPROOT, &NATIVE, &WRAPPED, &LEGACY] {
            let all: u32 = habits.kinds.iter().map(|(_, share)| share).sum();
            assert_eq!(all, 1000);
            let all: u32 = habits.addresses.0.iter().map(|(_, share)| share).sum();
            assert_eq!(all, 100);
        }
    }

    #[test]
    fn nothing_is_older_than_its_invention() {
        let share = |habits: &Habits, kind| {
            let mut kinds = habits.kinds.iter();
            kinds.find(|(of, _)| *of == kind).map_or(0, |(_, n)| *n)
        };
        let taproot = |habits: &Habits| {
            let mut addresses = habits.addresses.0.iter();
            let drawn = addresses.any(|(of, share)| *of == Address::P2tr && *share > 0);
            drawn || habits.small == Address::P2tr
        };
        for height in [
            336_672,
            HEIGHT_SEGWIT,
            HEIGHT_2019,
            HEIGHT_TAPROOT,
            HEIGHT_INSCRIPTIONS,
        ] {
            let before = Habits::at_height(height - 1);
            let after = Habits::at_height(height);
            assert_eq!(share(before, Kind::Reveal), 0);
            assert!(!taproot(before) || height > HEIGHT_TAPROOT);
            assert_eq!(taproot(after), height >= HEIGHT_TAPROOT);
        }
        assert!(share(Habits::at_height(HEIGHT_INSCRIPTIONS), Kind::Reveal) > 0);
    }
}
