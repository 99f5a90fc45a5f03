//! Which prices, series and candles are read, and which are refused.

use super::*;

const FROM: u64 = 1_700_000_000;
const TO: u64 = FROM + 86_400;

/// What spoils a price.
type Spoil = fn(&mut v1::PastPrice);

fn block(time: u64) -> v1::PastPrice {
    v1::PastPrice {
        time,
        price_cents: 3_712_345,
        low_cents: 3_710_000,
        high_cents: 3_714_000,
        confidence_thousandths: 971,
        count: 312,
        source: v1::HistorySource::Block.into(),
        state: v1::BlockState::Final.into(),
        height: Some(816_000),
        model: 3,
    }
}

fn minute(time: u64) -> v1::PastPrice {
    v1::PastPrice {
        source: v1::HistorySource::Minute.into(),
        state: v1::BlockState::Unspecified.into(),
        height: None,
        model: 0,
        ..block(time)
    }
}

fn answer(prices: Vec<v1::PastPrice>) -> v1::GetSeriesResponse {
    v1::GetSeriesResponse {
        prices,
        minutes_from: None,
        complete: true,
    }
}

fn candle_of(time: u64) -> v1::Candle {
    v1::Candle {
        time,
        prices: Some(v1::Span {
            open_cents: 200,
            high_cents: 400,
            low_cents: 100,
            close_cents: 300,
        }),
        blocks: 6,
        confidence_thousandths: 900,
        state: v1::BlockState::Settled.into(),
    }
}

#[test]
fn a_price_is_written_in_dollars_and_whole_ones_are_integers() {
    let written = |cents| serde_json::to_string(&Cents::read(cents).unwrap()).unwrap();
    assert_eq!(written(232_270), "2322.7");
    assert_eq!(written(4_375_200), "43752");
    assert_eq!(written(1), "0.01");
    let text = |cents| Cents::read(cents).unwrap().to_string();
    assert_eq!(text(232_270), "2322.70");
    assert_eq!(text(4_375_200), "43752");
    assert_eq!(Cents::read(4_375_250).unwrap().rounded(), 43_753);
    assert_eq!(Cents::read(4_375_249).unwrap().rounded(), 43_752);
}

#[test]
fn blocks_and_minutes_are_read() {
    let read = price(&block(FROM)).unwrap();
    assert_eq!(read.time, FROM);
    let origin = Block {
        height: 816_000,
        state: State::Final,
        model: 3,
        payments: 312,
    };
    assert_eq!(read.origin, Origin::Block(origin));
    assert_eq!(read.confidence.share(), 0.971);
    assert_eq!(price(&minute(FROM)).unwrap().origin, Origin::Minute);
}

#[test]
fn a_price_with_one_unusable_number_is_refused() {
    let spoilt: [(Spoil, &str); 12] = [
        (|p| p.price_cents = 0, "a price of 0"),
        (|p| p.low_cents = 0, "a price of 0"),
        (|p| p.price_cents = u64::MAX, "a price that is too large"),
        (|p| p.low_cents = 3_714_001, "the wrong way round"),
        (|p| p.confidence_thousandths = 1001, "a confidence above 1"),
        (|p| p.confidence_thousandths = u32::MAX, "a confidence"),
        (|p| p.time = 0, "without a time"),
        (|p| p.time = u64::MAX, "without a time"),
        (|p| p.source = 0, "without a source"),
        (|p| p.source = 77, "without a source"),
        (|p| p.height = None, "without a height"),
        (|p| p.state = 0, "without a state"),
    ];
    for (spoil, expected) in spoilt {
        let mut told = block(FROM);
        spoil(&mut told);
        let refusal = price(&told).unwrap_err();
        assert!(refusal.contains(expected), "{refusal} of {told:?}");
        let among = answer(vec![block(FROM), told, minute(TO - 1)]);
        assert_eq!(series(&among, FROM, TO), Err(refusal));
    }
}

#[test]
fn prices_out_of_order_or_of_another_time_or_too_many_are_refused() {
    let of = |times: &[u64]| {
        let prices = times.iter().map(|time| block(*time)).collect();
        series(&answer(prices), FROM, TO)
    };
    assert_eq!(
        of(&[FROM, FROM + 5, FROM + 5, TO - 1])
            .unwrap()
            .prices
            .len(),
        4
    );
    assert_eq!(of(&[FROM + 5, FROM]), Err("prices that are out of order"));
    for other in [FROM - 1, TO] {
        let refusal = of(&[other]).unwrap_err();
        assert_eq!(refusal, "a price of another time than was asked about");
    }
    assert!(of(&vec![FROM; MOST]).is_ok());
    let refusal = of(&vec![FROM; MOST + 1]).unwrap_err();
    assert_eq!(refusal, "more prices than one answer has");
}

#[test]
fn candles_are_cells_in_order_and_an_empty_one_has_no_prices() {
    let of = |candles: Vec<v1::Candle>| {
        let told = v1::GetCandlesResponse {
            candles,
            complete: true,
        };
        super::candles(&told, FROM, TO, 3600)
    };
    let empty = v1::Candle {
        time: FROM + 3600,
        ..v1::Candle::default()
    };
    let good = vec![candle_of(FROM), empty, candle_of(FROM + 7200)];
    let read = of(good.clone()).unwrap();
    assert_eq!(read[1].prices, None);
    assert_eq!(read[2].prices.map(|prices| prices.blocks), Some(6));
    let spoilt: [fn(&mut v1::Candle); 9] = [
        |c| c.time += 1,
        |c| c.time = FROM - 3600,
        |c| c.time = FROM,
        |c| c.time = FROM + 10_800,
        |c| c.blocks = 0,
        |c| c.state = 0,
        |c| c.confidence_thousandths = 1001,
        |c| c.prices.as_mut().unwrap().low_cents = 250,
        |c| c.prices.as_mut().unwrap().high_cents = 0,
    ];
    for spoil in spoilt {
        let mut told = good.clone();
        spoil(&mut told[2]);
        assert!(of(told.clone()).is_err(), "{:?}", told[2]);
    }
    let cut_off = v1::GetCandlesResponse {
        candles: good.clone(),
        complete: false,
    };
    assert!(super::candles(&cut_off, FROM, TO, 3600).is_err());
    let mut prices_missing = good;
    prices_missing[1].blocks = 1;
    assert!(of(prices_missing).is_err());
}
