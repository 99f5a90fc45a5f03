//! What a pack and a verification prove.

use rusqlite::Connection;

use super::*;
use crate::{
    pack::{Claims, Finding, Missing, Periods, Verdict, Verifier, common},
    store::PeriodState,
};

async fn verify(node: &FakeNode, claims: Claims, periods: Periods) -> (Verdict, Vec<Finding>) {
    let verifier = Verifier::new(means(node), claims).await.unwrap();
    let mut findings = Vec::new();
    let verdict = verifier
        .run(periods, |finding| findings.push(finding.clone()))
        .await
        .unwrap();
    (verdict, findings)
}

#[tokio::test]
async fn two_histories_that_were_filled_apart_give_the_same_file() {
    let node = FakeNode::new(TIP);
    let one = Kept::filled(&node, &[2, 1, 0]).await;
    let mut other = Kept::filled(&node, &[0, 2, 1]).await;
    other.writer.set_tip(tip(&node)).unwrap();
    other.writer.set_disputed(1, true).unwrap();
    let (file, packed) = one.pack(&node).await;
    let (other_file, other_packed) = other.pack(&node).await;
    assert_eq!(packed, other_packed);
    assert_eq!(
        std::fs::read(file).unwrap(),
        std::fs::read(other_file).unwrap()
    );
    assert_eq!(
        (packed.periods, packed.first_height, packed.last_height),
        (3, 0, 3 * 2016 - 1)
    );
    // A history that lacks the newest period has the hash that the other states for that.
    let shorter = Kept::filled(&node, &[1, 0]).await;
    let (_, shorter) = shorter.pack(&node).await;
    assert_eq!(packed.hash_before, Some(shorter.hash));
    assert_ne!(packed.hash, shorter.hash);
}

#[tokio::test]
async fn the_status_of_a_history_states_the_hash_of_its_pack() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1, 2]).await;
    let (_, packed) = kept.pack(&node).await;
    let told = crate::status::of_folder(kept.folder.path()).unwrap();
    let told = serde_json::to_value(told.histories).unwrap();
    assert_eq!(told[0]["hash"], crate::text::hex(&packed.hash));
    let before = crate::text::hex(&packed.hash_before.unwrap());
    assert_eq!(told[0]["periods"][1]["hash"], before);
}

#[tokio::test]
async fn a_pack_has_only_what_is_certain_and_of_this_model() {
    let node = FakeNode::new(TIP);
    let mut kept = Kept::filled(&node, &[0, 1, 2]).await;
    let (file, _) = kept.pack(&node).await;
    let (_, periods) = periods_of(&file);
    let mut third = periods[2].clone();
    third.row.model = 7;
    third.rows.iter_mut().for_each(|row| row.model = 7);
    kept.writer.put_period(&third.row, &third.rows).unwrap();
    let only = kept.pack(&node).await.1;
    assert_eq!((only.periods, only.left_out.other_model), (2, 1));
    let elsewhere = Kept::empty(&node).await;
    let folder = elsewhere.folder;
    drop((elsewhere.writer, elsewhere.readers));
    take(&file, folder.path(), None, None).await.unwrap();
    let readers = Store::read(&path_in(folder.path())).unwrap();
    let none = make(&readers, &node, MODEL, &folder.path().join("p")).await;
    assert!(
        matches!(none, Err(PackError::NothingFinal(MODEL))),
        "{none:?}"
    );
    assert!(!folder.path().join("p").exists());
}

#[tokio::test]
async fn a_true_history_is_the_same_to_the_byte_and_so_is_its_pack() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1, 2]).await;
    let (file, _) = kept.pack(&node).await;
    for claims in [Claims::History(kept.readers.clone()), Claims::Pack(file)] {
        let (verdict, findings) = verify(&node, claims, Periods::All).await;
        assert_eq!((verdict.read, verdict.claimed), (3, 3));
        assert!(
            verdict.differing.is_empty() && verdict.is_complete(),
            "{findings:?}"
        );
    }
    let (verdict, findings) = verify(&node, Claims::History(kept.readers), Periods::Some(1)).await;
    assert_eq!((verdict.read, findings.len()), (1, 1));
    assert!(verdict.is_complete());
    assert!((verdict.chance_percent() - 33.3).abs() < 0.1, "{verdict:?}");
}

#[tokio::test]
async fn unverified_periods_are_named_and_stay_as_they_are() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1, 2]).await;
    let (file, _) = kept.pack(&node).await;
    let Kept { folder, writer, .. } = Kept::filled(&node, &[1]).await;
    drop(writer);
    take(&file, folder.path(), None, None).await.unwrap();
    let readers = Store::read(&path_in(folder.path())).unwrap();
    let before = trusts(&readers);
    let (verdict, _) = verify(&node, Claims::History(readers.clone()), Periods::All).await;
    assert_eq!((verdict.read, &verdict.differing[..]), (3, &[][..]));
    assert_eq!(verdict.unverified, [0, 2]);
    assert_eq!(trusts(&readers), before);
    let (verdict, _) = verify(&node, Claims::Pack(file), Periods::All).await;
    assert!(verdict.unverified.is_empty(), "of a pack nothing is kept");
}

#[tokio::test]
async fn a_forged_row_of_a_pack_is_found_with_its_height_and_both_values() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1, 2]).await;
    let (file, _) = kept.pack(&node).await;
    let (head, mut periods) = periods_of(&file);
    let was = periods[1].rows[5].price.unwrap().price_cents;
    forge(&head, &mut periods[1], 5, |row| {
        row.price.as_mut().unwrap().price_cents += 1;
    });
    write(&file, &head, &periods);
    let (verdict, findings) = verify(&node, Claims::Pack(file.clone()), Periods::All).await;
    assert_eq!(verdict.differing, [1]);
    let found = findings
        .iter()
        .find_map(|finding| finding.difference.clone())
        .unwrap();
    let dollars = |cents: u64| format!("${}.{:02}", cents / 100, cents % 100);
    assert_eq!(found.place, "block 2021: price");
    assert_eq!(
        (found.claimed, found.found),
        (dollars(was + 1), dollars(was))
    );
    // Without a node, the history of this operator tells the same.
    let common = common(&kept.readers, &file).unwrap();
    assert_eq!((common.same, common.differing), (2, vec![1]));
    // A lock that is another changes no row, and is found as well.
    let (_, mut periods) = periods_of(&kept.pack(&node).await.0);
    let last = periods[0].row.lock.len() - 1;
    periods[0].row.lock[last] ^= 1;
    write(&file, &head, &periods);
    let (verdict, findings) = verify(&node, Claims::Pack(file), Periods::All).await;
    assert_eq!(verdict.differing, [0]);
    let places = findings
        .iter()
        .filter_map(|finding| Some(finding.difference.as_ref()?.place.clone()));
    assert_eq!(places.collect::<Vec<_>>(), ["period 0: lock"]);
}

#[tokio::test]
async fn a_changed_row_of_the_own_history_is_found_and_not_packed() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1]).await;
    let path = path_in(kept.folder.path());
    let change = "UPDATE blocks SET payments = payments + 1 WHERE height = 77";
    Connection::open(&path)
        .unwrap()
        .execute(change, [])
        .unwrap();
    let (verdict, findings) =
        verify(&node, Claims::History(kept.readers.clone()), Periods::All).await;
    assert_eq!(verdict.differing, [0]);
    let found = findings
        .iter()
        .find_map(|finding| finding.difference.clone())
        .unwrap();
    assert_eq!(
        (found.place.as_str(), found.found.as_str()),
        ("block 77: payments", "3")
    );
    let refused = make(&kept.readers, &node, MODEL, &kept.file("pack"))
        .await
        .unwrap_err();
    assert!(matches!(refused, PackError::NotItsDigest(0)), "{refused}");
    assert!(!kept.file("pack").exists());
}

#[tokio::test]
async fn what_a_pruned_node_cannot_prove_is_named() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0, 1, 2]).await;
    node.chain().lowest = 2 * 2016 - 144;
    let claims = || Claims::History(kept.readers.clone());
    let all = verify(&node, claims(), Periods::All).await.0;
    assert_eq!(all.missing, [(0, Missing::Pruned), (1, Missing::Pruned)]);
    assert_eq!((all.read, all.claimed, all.is_complete()), (1, 3, false));
    assert!(
        verify(&node, claims(), Periods::Some(1))
            .await
            .0
            .is_complete()
    );
    assert!(
        !verify(&node, claims(), Periods::Some(2))
            .await
            .0
            .is_complete()
    );
    // A pruned node has all hashes, so the history can be packed.
    assert_eq!(kept.pack(&node).await.1.periods, 3);
    let behind = FakeNode::new(TIP - 1);
    let above = verify(&behind, claims(), Periods::All).await.0;
    assert_eq!((above.missing, above.read), (vec![(2, Missing::Above)], 2));
}

#[tokio::test]
async fn a_node_of_another_chain_proves_nothing() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0]).await;
    let other = FakeNode::new(0);
    other.grow(TIP, 9);
    // The first block is the same, and the others are not.
    let refused = make(&kept.readers, &other, MODEL, &kept.file("pack"))
        .await
        .unwrap_err();
    let words = refused.to_string();
    assert!(words.contains("block 2015 has the hash"), "{words}");
    let away = FakeNode::new(TIP);
    away.chain().is_away = true;
    let silent = Verifier::new(means(&away), Claims::History(kept.readers.clone())).await;
    assert!(matches!(silent, Err(PackError::Node(_))), "{silent:?}");
    assert_eq!(
        kept.readers.period(0).unwrap().unwrap().row.state,
        PeriodState::Final
    );
}
