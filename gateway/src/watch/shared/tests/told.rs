//! What a client is told, by what it has seen.

use super::*;

#[test]
fn before_the_first_update_there_is_a_status_and_nothing_to_forget() {
    let mut state = Gateway::new(10, PLENTY);
    let (_, data, sequence) = told(&state, None);
    assert_eq!((&data["reset"], sequence), (&Value::Bool(false), None));
    assert_eq!(data.get("sequence"), None);
    assert_eq!(told(&state, Some(7)).2, None, "what it has seen stays seen");
    assert!(state.lose("Connection refused"));
    let (_, data, _) = told(&state, None);
    assert_eq!(analyzer(&data), ("connecting", "Connection refused"));
    assert!(!state.lose("Connection refused"), "nothing new");
}

#[test]
fn a_new_client_gets_the_newest_points_and_then_news_that_all_share() {
    let mut state = begun(&["a", "b"]);
    let (kind, data, sequence) = told(&state, None);
    assert_eq!((kind, sequence), ("greeting", Some(10)));
    assert_eq!(data["reset"], true);
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
    state.take(update(11, &["c"], vec![change("a", PointState::Confirmed)]));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("news", Some(11)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), ["c"]);
    assert_eq!(ids(&data["changes"]), ["a"]);
    let [one, other] = [10, 10].map(|after| state.message(Some(after.into())));
    assert_eq!(one.as_ptr(), other.as_ptr(), "serialised once");
    let [one, other] = [state.message(None), state.message(None)];
    assert_eq!(one.as_ptr(), other.as_ptr(), "so are greetings");
}

#[test]
fn a_greeting_holds_the_newest_five_hundred() {
    let names: Vec<String> = (0..GREETING + 20).map(|at| format!("{at:04}")).collect();
    let state = begun(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, data, _) = told(&state, None);
    assert_eq!(ids(&data["transactions"]), names[20..]);
}

#[test]
fn blocks_are_told_at_first_and_when_they_change() {
    let block = |height| Block {
        height: Some(height),
        time_ms: START_MS,
    };
    let with = |sequence, heights: &[u32]| Update {
        blocks: heights.iter().map(|height| block(*height)).collect(),
        ..update(sequence, &[], Vec::new())
    };
    let heights = |data: &Value| -> Option<Vec<u64>> {
        let blocks = data.get("blocks")?.as_array().unwrap().iter();
        Some(
            blocks
                .map(|block| block["height"].as_u64().unwrap())
                .collect(),
        )
    };
    let mut state = begun(&["a"]);
    state.take(with(11, &[7]));
    assert_eq!(heights(&told(&state, None).1), Some(vec![7]));
    assert_eq!(heights(&told(&state, Some(10)).1), Some(vec![7]));
    state.take(with(12, &[7]));
    assert_eq!(heights(&told(&state, Some(11)).1), None, "nothing new");
    state.take(with(13, &[7, 8]));
    assert_eq!(heights(&told(&state, Some(12)).1), Some(vec![7, 8]));
    assert_eq!(heights(&told(&state, Some(11)).1), Some(vec![7, 8]));
}

#[test]
fn who_missed_updates_gets_what_they_touched_as_it_is_now() {
    let mut state = begun(&["old", "gone"]);
    state.take(update(11, &["a", "brief"], Vec::new()));
    state.take(update(
        12,
        &["b"],
        vec![
            change("a", PointState::Confirmed),
            change("old", PointState::Confirmed),
            change("gone", PointState::Removed),
            change("brief", PointState::Removed),
        ],
    ));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("catch_up", Some(12)));
    assert_eq!(data["reset"], false);
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
    assert_eq!(data["transactions"][0]["state"], "confirmed");
    let mut changes: Vec<(&str, &str)> = data["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["id"].as_str().unwrap(),
                change["state"].as_str().unwrap(),
            )
        })
        .collect();
    changes.sort_unstable();
    let expected = [
        ("brief", "removed"),
        ("gone", "removed"),
        ("old", "confirmed"),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn who_has_missed_nothing_gets_what_holds_without_points() {
    let state = begun(&["a"]);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    assert_eq!(
        (ids(&data["transactions"]), data["price"].as_f64()),
        (vec![], Some(50_000.0))
    );
}

#[test]
fn who_cannot_be_told_what_it_missed_starts_afresh() {
    let mut state = begun(&["a"]);
    for unknown in [1, 9, 11, u64::MAX] {
        let (kind, data, sequence) = told(&state, Some(unknown));
        assert_eq!((kind, sequence), ("greeting", Some(10)), "{unknown}");
        assert_eq!(data["reset"], true);
    }
    let mut elsewhere = whole(update(11, &["z"], Vec::new()));
    if let Some(estimate) = &mut elsewhere.current.estimate {
        estimate.price = 60_000.0;
    }
    state.take(elsewhere);
    let (_, data, _) = told(&state, Some(10));
    assert_eq!(data["reset"], true, "the price has locked on elsewhere");
    assert_eq!(ids(&data["transactions"]), ["z"]);
}

#[test]
fn an_analyzer_that_has_gone_back_is_followed() {
    let mut state = begun(&["a"]);
    state.take(update(3, &["b"], Vec::new()));
    let (kind, data, sequence) = told(&state, Some(10));
    assert_eq!((kind, sequence), ("greeting", Some(3)));
    assert_eq!(ids(&data["transactions"]), ["a", "b"]);
}

#[test]
fn what_was_missed_is_written_once_for_all_who_missed_the_same() {
    let mut state = begun(&["a"]);
    for sequence in 11..=13 {
        state.take(update(sequence, &["b"], Vec::new()));
    }
    let [one, other, third] = [11, 11, 10].map(|after| state.message(Some(after.into())));
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert_ne!(one.as_ptr(), third.as_ptr());
    state.take(update(14, &["c"], Vec::new()));
    assert_eq!(ids(&told(&state, Some(11)).1["transactions"]), ["b", "c"]);
}

#[test]
fn who_missed_more_than_may_be_held_for_one_client_starts_afresh() {
    let names: Vec<String> = (0..100).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut state = Gateway::new(10_000, 4096);
    for (sequence, points) in [(10, &names[..1]), (11, &names[..9]), (12, &names)] {
        state.take(update(sequence, points, Vec::new()));
    }
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!((kind, &data["reset"]), ("greeting", &Value::Bool(true)));
    assert_eq!(data["transactions"].as_array().unwrap().len(), 100);
    assert_eq!(told(&state, Some(11)).0, "news", "which all share");
    state.take(update(13, &names[..2], Vec::new()));
    state.take(update(14, &names[..2], Vec::new()));
    assert_eq!(told(&state, Some(12)).0, "catch_up");
}
