//! Which rate serves a price, by its date.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 86_400;

fn eur() -> Currency {
    Currency::read("EUR").unwrap()
}

fn day(text: &str) -> Day {
    Day::read(text).unwrap()
}

/// Noon of a day, Unix seconds.
fn noon(text: &str) -> u64 {
    let midnight = day(text).0.midnight().assume_utc().unix_timestamp();
    u64::try_from(midnight).unwrap() + DAY / 2
}

/// Rates of the euro, each with its date if it has one, in a file that was last changed at noon of `written`.
fn rates(written: &str, rows: &[(Option<&str>, f64)]) -> Rates {
    let mut rates = Rates::written_at(noon(written));
    for (date, units) in rows {
        let rate = Rate {
            currency: eur(),
            units: UnitsPerDollar(*units),
            day: date.map(day),
        };
        assert!(rates.add(rate));
    }
    rates
}

#[test]
fn a_dated_rate_serves_prices_within_seven_days_of_its_date() {
    let rates = rates("2024-06-01", &[(Some("2024-03-10"), 0.9)]);
    for (date, serves) in [
        ("2024-03-02", false),
        ("2024-03-03", true),
        ("2024-03-10", true),
        ("2024-03-17", true),
        ("2024-03-18", false),
        ("2019-03-10", false),
    ] {
        let expected = serves.then_some(UnitsPerDollar(0.9));
        assert_eq!(rates.past(eur(), noon(date)), expected, "{date}");
        let live = rates.live(eur(), noon(date));
        assert_eq!(live.map(|(units, _)| units), expected, "{date}");
    }
    // From the first second of the first day to the last of the last.
    let (first, last) = (noon("2024-03-03") - DAY / 2, noon("2024-03-17") + DAY / 2);
    assert_eq!(rates.past(eur(), first - 1), None);
    assert!(rates.past(eur(), first).is_some());
    assert!(rates.past(eur(), last - 1).is_some());
    assert_eq!(rates.past(eur(), last), None);
}

#[test]
fn the_nearest_rate_serves_and_the_earlier_of_two_as_near() {
    // A Friday and the Monday after it.
    let rows = [(Some("2024-03-04"), 2.0), (Some("2024-03-01"), 1.0)];
    let rates = rates("2024-06-01", &rows);
    for (date, units) in [
        ("2024-02-26", 1.0),
        ("2024-03-01", 1.0),
        ("2024-03-02", 1.0),
        ("2024-03-03", 2.0),
        ("2024-03-04", 2.0),
        ("2024-03-11", 2.0),
    ] {
        let expected = Some(UnitsPerDollar(units));
        assert_eq!(rates.past(eur(), noon(date)), expected, "{date}");
    }
    let rows = [(Some("2024-03-01"), 1.0), (Some("2024-03-03"), 2.0)];
    let rates = self::rates("2024-06-01", &rows);
    let between = rates.past(eur(), noon("2024-03-02"));
    assert_eq!(between, Some(UnitsPerDollar(1.0)));
}

#[test]
fn an_undated_rate_serves_the_live_price_alone_within_seven_days_of_the_files_change() {
    let rates = rates("2024-03-10", &[(None, 0.9)]);
    assert_eq!(rates.past(eur(), noon("2024-03-10")), None);
    let written = day("2024-03-10");
    for date in ["2024-03-03", "2024-03-10", "2024-03-17"] {
        let expected = Some((UnitsPerDollar(0.9), written));
        assert_eq!(rates.live(eur(), noon(date)), expected, "{date}");
    }
    for date in ["2024-03-02", "2024-03-18", "2030-01-01"] {
        assert_eq!(rates.live(eur(), noon(date)), None, "{date}");
    }
}

#[test]
fn the_undated_rate_comes_first_for_the_live_price_while_it_reaches() {
    let rows = [(None, 0.8), (Some("2024-03-20"), 0.9)];
    let rates = rates("2024-03-10", &rows);
    let live = |date: &str| rates.live(eur(), noon(date)).unwrap();
    assert_eq!(live("2024-03-15"), (UnitsPerDollar(0.8), day("2024-03-10")));
    assert_eq!(live("2024-03-18"), (UnitsPerDollar(0.9), day("2024-03-20")));
}

#[test]
fn another_currency_has_no_rate_and_the_dollar_is_always_known() {
    let rates = rates("2024-03-10", &[(None, 0.8)]);
    let gbp = Currency::read("GBP").unwrap();
    assert!(rates.knows(eur()) && rates.knows(Currency::USD) && !rates.knows(gbp));
    assert_eq!(rates.live(gbp, noon("2024-03-10")), None);
    assert_eq!(rates.past(gbp, noon("2024-03-10")), None);
}

#[test]
fn a_second_rate_of_the_same_date_is_not_added() {
    let mut rates = rates("2024-03-10", &[(None, 0.8), (Some("2024-03-01"), 0.9)]);
    for date in [None, Some("2024-03-01")] {
        let again = Rate {
            currency: eur(),
            units: UnitsPerDollar(0.8),
            day: date.map(day),
        };
        assert!(!rates.add(again), "{date:?}");
    }
}

#[test]
fn a_date_has_one_form() {
    for text in ["2024-02-29", "1999-01-04", "9999-12-31", "0001-01-01"] {
        assert_eq!(Day::read(text).unwrap().to_string(), text);
    }
    for text in [
        "",
        "2024-02-30",
        "2023-02-29",
        "2024-3-1",
        "24-03-01",
        "20240301",
        "01.03.2024",
        "2024-03-01T00:00:00Z",
        "+024-03-01",
        "-024-03-01",
        "2024/03/01",
        "today",
    ] {
        assert_eq!(Day::read(text), None, "{text}");
    }
    assert_eq!(Day::of(0).to_string(), "1970-01-01");
    assert_eq!(Day::of(u64::MAX).to_string(), "9999-12-31");
}

#[test]
fn a_rate_is_finite_and_above_0() {
    for units in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(UnitsPerDollar::read(units), None, "{units}");
    }
    for units in [0.92, 1e-9, 1_100_000.0] {
        assert_eq!(UnitsPerDollar::read(units).unwrap().units(), units);
    }
}

proptest! {
    #[test]
    fn the_rate_that_serves_is_the_nearest_of_all(
        days in prop::collection::btree_set(19_000_u64..19_100, 0..20),
        asked in 18_980_u64..19_120,
    ) {
        let mut rates = Rates::written_at(0);
        for day in &days {
            #[allow(clippy::cast_precision_loss)]
            let units = UnitsPerDollar(*day as f64);
            let rate = Rate { currency: eur(), units, day: Some(Day::of(day * DAY)) };
            prop_assert!(rates.add(rate));
        }
        let near = days.iter().filter(|day| day.abs_diff(asked) <= 7);
        // The set is in order, so the earlier of two that are as near is met first.
        let nearest = near.min_by_key(|day| day.abs_diff(asked));
        #[allow(clippy::cast_precision_loss)]
        let expected = nearest.map(|day| UnitsPerDollar(*day as f64));
        prop_assert_eq!(rates.past(eur(), asked * DAY + 5), expected);
    }
}
