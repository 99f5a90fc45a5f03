//! A lost analyzer, the hops, and when the price is stale.

use super::*;

#[test]
fn a_lost_analyzer_is_told_with_the_last_price_and_no_new_sequence() {
    let mut state = begun(&["a"]);
    state.take(update(11, &["b"], Vec::new()));
    assert!(state.lose("it closed the stream"));
    let (kind, data, sequence) = told(&state, Some(11));
    assert_eq!((kind, sequence), ("news", Some(11)));
    assert_eq!(analyzer(&data), ("disconnected", "it closed the stream"));
    assert_eq!(
        (ids(&data["transactions"]), data["price"].as_f64()),
        (vec![], Some(50_000.0))
    );
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(
        kind, "catch_up",
        "who had not yet had the last update gets it now"
    );
    assert_eq!(ids(&data["transactions"]), ["b"]);
    state.take(update(11, &[], Vec::new()));
    let (kind, data, _) = told(&state, Some(11));
    assert_eq!(kind, "news");
    assert_eq!(analyzer(&data), ("connected", ""));
}

#[test]
fn hops_are_in_order_and_the_analyzers_word_on_itself_is_kept() {
    let mut state = Gateway::new(10, PLENTY);
    let mut sent = update(10, &[], Vec::new());
    for name in ["analyzer", "gateway"] {
        sent.current.hops.push(Hop {
            name: name.to_owned(),
            state: HopState::Resyncing,
            detail: "its own word".to_owned(),
        });
    }
    state.take(sent);
    let names: Vec<&str> = state
        .shared
        .snapshot
        .current()
        .hops
        .iter()
        .map(|hop| hop.name.as_str())
        .collect();
    assert_eq!(names, ["node", "ingest", "analyzer", "gateway"]);
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("resyncing", "its own word"));
    assert_eq!(data["hops"][3]["state"], "connected");
    state.lose("silent for 8s");
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("disconnected", "silent for 8s"));
    for beyond in 0..2 {
        let hop = &data["hops"][beyond];
        assert_eq!(hop["state"], "disconnected", "{hop}");
        assert_eq!(hop["detail"], "not known without the analyzer");
    }
}

#[test]
fn a_lost_analyzer_makes_the_price_stale_until_it_speaks_again() {
    let mut state = begun(&["a"]);
    assert_eq!(stale(&told(&state, None).1), None);
    assert_eq!(state.stale_for_ms(), None);
    assert!(state.lose("it closed the stream"));
    for after in [None, Some(10)] {
        assert_eq!(stale(&told(&state, after).1), Some("upstream_lost"));
    }
    assert!(state.stale_for_ms().is_some());
    state.take(update(11, &[], Vec::new()));
    assert_eq!(stale(&told(&state, Some(10)).1), None);
    assert_eq!(state.stale_for_ms(), None);
}

#[test]
fn what_the_analyzer_says_is_passed_on() {
    let mut state = begun(&["a"]);
    let mut old = update(11, &[], Vec::new());
    if let Some(estimate) = &mut old.current.estimate {
        estimate.stale = Some(Stale::NoPayments);
        estimate.age = Age::now(700_000);
    }
    state.take(old);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(stale(&data), Some("no_payments"));
    let age_seconds = data["age_seconds"].as_f64().unwrap();
    assert!((700.0..760.0).contains(&age_seconds), "{age_seconds}");
    assert_eq!(data["evidence"]["newest_payment_age_seconds"], age_seconds);
    assert_eq!(data["as_of"], 1_700_000_005.5);
    let stale_for_ms = state.stale_for_ms().unwrap();
    assert!(stale_for_ms < 60_000, "since now: {stale_for_ms}");
}

#[test]
fn a_price_that_was_stale_when_it_came_first_has_been_so_since_its_newest_payment() {
    let mut state = Gateway::new(10, PLENTY);
    state.take(without_price(update(9, &[], Vec::new())));
    let mut old = update(10, &[], Vec::new());
    if let Some(estimate) = &mut old.current.estimate {
        estimate.stale = Some(Stale::NoEstimate);
        estimate.age = Age::now(5_000_000);
    }
    state.take(old);
    assert!(state.stale_for_ms().unwrap() >= 5_000_000);
}
