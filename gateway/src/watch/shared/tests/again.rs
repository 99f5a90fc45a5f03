//! An analyzer that begins again: what is held, what is told as a difference, and what is a reset.

use super::*;

#[test]
fn an_analyzer_that_begins_again_takes_nothing_away_before_it_has_its_window() {
    let mut state = begun(&["a", "b"]);
    let beginning = anew(1, without_price(update(0, &[], Vec::new())));
    let lost = |mut update: Update| {
        update.current.hops[1].state = HopState::Connecting;
        update
    };
    state.take(lost(beginning));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some(10)));
    assert_eq!(
        (&data["reset"], data["price"].as_f64()),
        (&Value::Bool(false), Some(50_000.0))
    );
    assert_eq!(stale(&data), Some("upstream_lost"));
    let receiving = anew(2, without_price(update(0, &[], Vec::new())));
    state.take(receiving);
    assert_eq!(stale(&told(&state, Some(10)).1), Some("no_estimate"));
    assert_eq!(ids(&told(&state, None).1["transactions"]), ["a", "b"]);
    // With the price that it had kept, and then an empty window.
    state.take(anew(3, update(0, &[], Vec::new())));
    assert_eq!(told(&state, Some(10)).2, Some(10));
    let empty = Update {
        reset: true,
        ..anew(4, without_price(update(0, &[], Vec::new())))
    };
    state.take(empty);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, data["price"].as_f64()), ("news", Some(50_000.0)));
    let whole = Update {
        reset: true,
        ..anew(5, update(0, &["z"], Vec::new()))
    };
    state.take(whole);
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some((7 << 33) | 5)));
    assert_eq!(data["reset"], false, "clients are told the difference");
    assert_eq!(ids(&data["transactions"]), ["z"]);
    assert_eq!(ids(&data["changes"]), ["a", "b"], "which are gone");
    assert_eq!(ids(&told(&state, None).1["transactions"]), ["z"]);
    assert_eq!(stale(&data), None);
}

#[test]
fn the_price_of_another_node_is_not_held() {
    let mut state = Gateway::new(10, PLENTY);
    let first = Update {
        reset: true,
        ..of("regtest", update(10, &["a"], Vec::new()))
    };
    state.take(first);
    let other = Update {
        reset: true,
        ..of("main", anew(1, without_price(update(0, &[], Vec::new()))))
    };
    state.take(other);
    assert_eq!(told(&state, None).1.get("price"), None);
}

#[test]
fn an_analyzer_that_begins_again_with_the_same_picture_changes_nothing() {
    let mut state = begun(&["a", "b", "c"]);
    state.take(anew(3, whole(update(1, &["a", "b", "c"], Vec::new()))));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some((7 << 33) | 3)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), Vec::<&str>::new());
    assert_eq!(ids(&data["changes"]), Vec::<&str>::new());
    state.take(anew(4, update(2, &["d"], Vec::new())));
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, ids(&data["transactions"])), ("catch_up", vec!["d"]));
}

#[test]
fn a_difference_tells_what_came_what_changed_and_what_went() {
    let mut state = begun(&["same", "mined", "gone", "dated"]);
    let mut again = anew(
        3,
        whole(update(1, &["same", "mined", "dated", "new"], Vec::new())),
    );
    again.points[1].state = PointState::Confirmed;
    again.points[2].time_ms += 300;
    state.take(again);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(ids(&data["transactions"]), ["dated", "new"]);
    assert_eq!(ids(&data["changes"]), ["mined", "gone"]);
    state.take(anew(4, update(2, &[], Vec::new())));
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    assert_eq!(
        ids(&data["transactions"]),
        ["new", "dated"],
        "by their stamps"
    );
    assert_eq!(
        ids(&data["changes"]),
        ["gone", "mined"],
        "one dated anew has not gone"
    );
    let points = state.shared.snapshot.points();
    assert_eq!(points.len(), 4);
}

#[test]
fn a_difference_that_is_too_large_is_a_reset() {
    let names: Vec<String> = (0..300).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (largest, is_reset) in [(PLENTY, false), (32_768, true)] {
        let mut state = Gateway::new(10_000, largest);
        state.take(whole(update(10, &names[..1], Vec::new())));
        state.take(anew(3, whole(update(1, &names, Vec::new()))));
        let outgoing = state.shared.message(Some(10.into()));
        assert_eq!(outgoing.kind == "greeting", is_reset, "{largest}");
        assert_eq!(state.shared.snapshot.points().len(), 300);
    }
}

#[test]
fn an_analyzer_of_another_node_or_another_clock_begins_anew() {
    let mut state = Gateway::new(10, PLENTY);
    state.take(of("main", whole(update(300, &["a"], Vec::new()))));
    state.take(anew(
        1,
        of("regtest", whole(update(301, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some(300)).0, "greeting", "another node");
    state.take(anew(
        2,
        of("regtest", whole(update(150, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some((7 << 33) | 1)).0, "greeting", "75 s back");
    state.take(anew(
        3,
        of("regtest", whole(update(100, &["a"], Vec::new()))),
    ));
    assert_eq!(told(&state, Some((7 << 33) | 2)).0, "news", "25 s back");
}
