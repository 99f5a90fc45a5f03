//! The price at each block of the past, through the public interface.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::thread;

use satscope_oracle::past::{
    AFTER, BEFORE, BlockPayments, BlockPrice, Blocks, Lock, Years, prices,
};

/// Height of the first block that is made.
const FIRST: u32 = 800_000;
const SUMS_USD: [u64; 12] = [5, 10, 15, 20, 25, 30, 50, 100, 100, 200, 300, 500];

/// Numbers that depend on a seed alone, by whole numbers alone.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The price at a block in cents: it swings by 8 % within 200 blocks.
fn price_cents(height: u32) -> u64 {
    let swing = u64::from(height % 200).abs_diff(100);
    5_000_000 + 4_000 * swing
}

/// A block of `count` payments: four of ten are round sums in dollars within 0.1 %, the others anything.
fn block(height: u32, count: u64) -> BlockPayments {
    let mut numbers = Numbers(u64::from(height));
    let value = |_| match numbers.below(10) {
        0..4 => {
            let sum_usd = SUMS_USD[numbers.below(12) as usize];
            let quoted = price_cents(height) * (99_900 + numbers.below(200)) / 100_000;
            sum_usd * 10_000_000_000 / quoted
        }
        _ => {
            let decade = 10_u64.pow(3 + numbers.below(5) as u32);
            decade + numbers.below(9 * decade)
        }
    };
    BlockPayments::new(
        u32::try_from(count).unwrap(),
        (0..count).map(value).collect(),
    )
}

fn made(heights: std::ops::Range<u32>, count: u64) -> Vec<BlockPayments> {
    heights.map(|height| block(height, count)).collect()
}

fn blocks(held: &[BlockPayments]) -> Blocks<'_> {
    Blocks {
        first_height: FIRST,
        years: Years::of_height(FIRST),
        blocks: held,
    }
}

/// FNV-1a of what is published of each price.
fn hash(prices: &[Option<BlockPrice>]) -> u64 {
    let fields = prices.iter().flat_map(|price| match price {
        Some(price) => [
            price.price_cents,
            price.low_cents,
            price.high_cents,
            price.confidence_thousandths.into(),
        ],
        None => [0; 4],
    });
    let bytes = fields.flat_map(u64::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn error_percent(height: u32, price: &BlockPrice) -> f64 {
    100.0 * (price.price_cents as f64 / price_cents(height) as f64 - 1.0)
}

/// Held by every machine: `scripts/test` runs it as a release, as a debug build, and on a processor without AVX.
#[test]
fn golden_prices() {
    let held = made(FIRST..FIRST + 200, 150);
    let lock = Lock::of_period(blocks(&held)).unwrap();
    let read = prices(blocks(&held), &lock, FIRST + 150..FIRST + 170);
    assert!(read.iter().all(Option::is_some), "{read:?}");
    assert_eq!(hash(&read), 1_639_815_398_285_444_049, "{read:?}");
}

#[test]
fn the_price_is_found_from_nothing_and_followed() {
    let held = made(FIRST..FIRST + 400, 600);
    let lock = Lock::of_period(blocks(&held)).unwrap();
    let heights = FIRST + BEFORE..FIRST + 400 - AFTER;
    for (height, price) in heights.clone().zip(prices(blocks(&held), &lock, heights)) {
        let price = price.unwrap();
        let error = error_percent(height, &price);
        assert!(error.abs() < 0.5, "{height}: {error} {price:?}");
        assert!(price.low_cents < price.price_cents && price.price_cents < price.high_cents);
        assert!(price.confidence_thousandths > 900, "{height}: {price:?}");
    }
}

#[test]
fn eight_threads_get_what_one_gets() {
    let held = made(FIRST..FIRST + 300, 300);
    let lock = Lock::of_period(blocks(&held)).unwrap();
    let heights = FIRST + 130..FIRST + 290;
    let one = prices(blocks(&held), &lock, heights.clone());
    let (held, lock) = (&held, &lock);
    let parts = thread::scope(|scope| {
        let parts = (0..8).map(|part| {
            let from = heights.start + part * 20;
            scope.spawn(move || prices(blocks(held), lock, from..from + 20))
        });
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(one, parts);
}

#[test]
fn a_price_rests_on_144_blocks_before_it_and_18_after_and_on_no_others() {
    let held = made(FIRST..FIRST + 260, 300);
    let lock = Lock::of_period(blocks(&held)).unwrap();
    let height = FIRST + 200;
    let read = |held: &[BlockPayments]| prices(blocks(held), &lock, height..height + 1)[0].unwrap();
    let price = read(&held);
    let without = |other: u32| {
        let mut held = held.clone();
        held[(other - FIRST) as usize] = BlockPayments::default();
        read(&held)
    };
    assert_eq!(without(height - BEFORE - 1), price);
    assert_eq!(without(height + AFTER + 1), price);
    assert!(without(height) != price && without(height + 1) != price);
    assert_eq!(read(&held[..=((height + AFTER - FIRST) as usize)]), price);
}

#[test]
fn a_lock_is_carried_forward_and_agrees_with_that_of_the_blocks_themselves() {
    let held = made(FIRST..FIRST + 500, 400);
    let first = Lock::of_period(blocks(&held[..300])).unwrap();
    let later = Blocks {
        first_height: FIRST + 200,
        ..blocks(&held[200..])
    };
    let carried = first.carried(later).unwrap();
    let own = Lock::of_period(later).unwrap();
    assert!(!carried.disagrees(&own) && !first.disagrees(&own));
    let heights = FIRST + 350..FIRST + 480;
    let read = prices(later, &carried, heights.clone());
    for (height, price) in heights.zip(read) {
        assert!(
            error_percent(height, &price.unwrap()).abs() < 0.5,
            "{height} {price:?}"
        );
    }
    let beyond = Blocks {
        first_height: FIRST + 300,
        ..blocks(&held[300..])
    };
    assert_eq!(first.carried(beyond), None);
}

#[test]
fn one_block_of_a_service_beside_the_price_does_not_move_it() {
    let mut held = made(FIRST..FIRST + 260, 400);
    let odd = FIRST + 200;
    // Two hundred payments of round sums less 2.2 %.
    let less = |number: u64| {
        SUMS_USD[(number % 12) as usize] * 9_780_000_000 / price_cents(odd) + number % 7
    };
    let values = (0..200)
        .map(less)
        .chain(held[200].values_sats().iter().copied());
    held[200] = BlockPayments::new(600, values.collect());
    let lock = Lock::of_period(blocks(&held)).unwrap();
    let price = prices(blocks(&held), &lock, odd..odd + 1)[0].unwrap();
    assert!(error_percent(odd, &price).abs() < 0.5, "{price:?}");
}

#[test]
fn without_payments_there_is_no_price() {
    assert_eq!(Lock::of_period(blocks(&[])), None);
    assert_eq!(Lock::of_period(blocks(&[BlockPayments::default()])), None);
    let mut held = made(FIRST..FIRST + 260, 300);
    let lock = Lock::of_period(blocks(&held)).unwrap();
    held[180..240].fill(BlockPayments::default());
    let read = prices(blocks(&held), &lock, FIRST + 178..FIRST + 242);
    assert!(
        read[30].is_none() && read[0].is_some() && read[63].is_some(),
        "{read:?}"
    );
    let uncovered = prices(blocks(&held), &lock, FIRST + 300..FIRST + 302);
    assert_eq!(uncovered, [None, None]);
}
