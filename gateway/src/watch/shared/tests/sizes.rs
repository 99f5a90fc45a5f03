//! How large messages are, and how many are written.

use super::*;

#[test]
fn more_changes_than_a_message_holds_come_in_several() {
    let names: Vec<String> = (0..500).map(|at| format!("point {at:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let largest = 8192;
    let mut state = Gateway::new(10_000, largest);
    state.take(whole(update(10, &names[..400], Vec::new())));
    let mined = names[..400]
        .iter()
        .map(|id| change(id, PointState::Confirmed));
    state.take(update(11, &names[400..], mined.collect()));
    let outgoing = state.shared.message(Some(10.into()));
    assert_eq!(outgoing.kind, "news");
    assert!(outgoing.messages.len() > 2);
    let (mut told, mut seen) = (Vec::new(), Vec::new());
    for written in outgoing.messages.iter() {
        assert!(written.text.len() <= largest, "{}", written.text.len());
        let message: Value = serde_json::from_slice(&written.text).unwrap();
        let data = &message["data"];
        assert_eq!(
            (&message["type"], &data["reset"]),
            (&"mempool_update".into(), &false.into())
        );
        assert_eq!(data["sequence"], written.sequence.unwrap().get());
        told.extend(ids(&data["changes"]).into_iter().map(str::to_owned));
        seen.push((
            written.sequence.unwrap().get(),
            ids(&data["transactions"]).len(),
        ));
    }
    assert_eq!(told, names[..400]);
    let (last, before) = seen.split_last().unwrap();
    assert!(before.iter().all(|one| *one == (10, 0)), "{before:?}");
    let (sequence, points) = *last;
    assert!(sequence == 11 && (1..100).contains(&points), "{last:?}");
    let message: Value = serde_json::from_slice(&outgoing.messages.last().unwrap().text).unwrap();
    assert_eq!(
        ids(&message["data"]["transactions"]).last(),
        Some(&names[499])
    );
}

#[test]
fn who_returns_with_any_of_many_sequences_costs_few_messages() {
    let mut state = begun(&["a"]);
    for sequence in 11..=600 {
        state.take(update(sequence, &["b"], Vec::new()));
    }
    for after in 10..=600 {
        let (kind, data, sequence) = told(&state, Some(after));
        assert_eq!(
            (kind == "greeting", sequence),
            (false, Some(600)),
            "{after}"
        );
        assert_eq!(data["reset"], false);
    }
    assert!(state.shared.catch_ups.lock().unwrap().len() < EXACT + 40);
    for updates in 0..=600 {
        let told = rounded(updates);
        assert!(
            (updates..=updates + updates / 4).contains(&told),
            "{updates}"
        );
    }
}
