//! Points that go, go back, or get another place.

use super::*;

/// Each change as its id, its state, and the stamp that it bears.
fn placed(data: &Value) -> Vec<(&str, &str, Option<f64>)> {
    let changes = data["changes"].as_array().unwrap().iter();
    let placed = changes.map(|change| {
        assert_eq!(
            change.get("timestamp").is_some(),
            change["value_sats"] == 40_000
        );
        let text = |name: &str| change[name].as_str().unwrap();
        (text("id"), text("state"), change["timestamp"].as_f64())
    });
    placed.collect()
}

#[test]
fn what_goes_or_goes_back_is_told_with_its_place() {
    let stamp = Some(1_699_999_999.0);
    let mut state = begun(&["gone", "mined", "back"]);
    let mined = ["gone", "mined", "back"].map(|id| change(id, PointState::Confirmed));
    state.take(update(11, &[], mined.into()));
    let told_now = told(&state, Some(10)).1;
    let expected = ["gone", "mined", "back"].map(|id| (id, "confirmed", None));
    assert_eq!(placed(&told_now), expected);
    let then = [
        ("gone", PointState::Removed),
        ("back", PointState::Mempool),
        ("unknown", PointState::Removed),
    ];
    let then = then.map(|(id, state)| change(id, state));
    state.take(update(12, &[], then.into()));
    let told_now = told(&state, Some(11)).1;
    let expected = [
        ("gone", "removed", stamp),
        ("back", "mempool", stamp),
        ("unknown", "removed", None),
    ];
    assert_eq!(placed(&told_now), expected);
    let (kind, data, _) = told(&state, Some(10));
    assert_eq!(kind, "catch_up");
    let expected = [
        ("back", "mempool", stamp),
        ("gone", "removed", stamp),
        ("mined", "confirmed", None),
    ];
    assert_eq!(placed(&data), expected);
    // Likewise in the difference to the picture of an analyzer that begins again.
    state.take(anew(1, whole(update(1, &["mined"], Vec::new()))));
    let (kind, data, _) = told(&state, Some(12));
    assert_eq!(kind, "news");
    assert_eq!(
        placed(&data),
        [("mined", "mempool", stamp), ("back", "removed", stamp)]
    );
}

#[test]
fn everybody_begins_anew_when_a_confirmed_point_gets_another_stamp_or_amount() {
    let moves: [fn(&mut Point); 2] = [|point| point.time_ms += 300, |point| point.value_sats += 1];
    for (move_it, is_whole) in moves.iter().flat_map(|one| [(one, false), (one, true)]) {
        for (is_confirmed, expected) in [(false, "news"), (true, "greeting")] {
            let mut state = begun(&["a", "b"]);
            let mined = change("a", PointState::Confirmed);
            state.take(update(
                11,
                &[],
                is_confirmed.then_some(mined).into_iter().collect(),
            ));
            let mut next = update(12, &["a", "b"], Vec::new());
            next.points[0].state = match is_confirmed {
                true => PointState::Confirmed,
                false => PointState::Mempool,
            };
            move_it(&mut next.points[0]);
            state.take(Update {
                reset: is_whole,
                ..next
            });
            let (kind, _, _) = told(&state, Some(11));
            assert_eq!(kind, expected, "whole: {is_whole}");
            assert_eq!(state.shared.snapshot.points().len(), 2);
        }
    }
}

#[test]
fn who_missed_that_a_point_went_and_came_with_another_stamp_starts_afresh() {
    let mut state = begun(&["a", "b"]);
    state.take(update(11, &[], vec![change("a", PointState::Removed)]));
    let mut later = update(12, &["a"], Vec::new());
    later.points[0].time_ms += 300;
    state.take(later);
    assert_eq!(told(&state, Some(10)).0, "greeting");
    assert_eq!(told(&state, Some(11)).0, "news");
}
