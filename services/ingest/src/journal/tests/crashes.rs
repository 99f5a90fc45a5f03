//! Full disks, kills and power cuts at every byte, and random histories of them.

use std::time::Duration;

use proptest::prelude::*;
use rustix::io::Errno;

use super::{
    scene::{Scene, read},
    simulated::Simulated,
};
use crate::journal::{NAME, SUCCESSOR};

const PLENTY: u64 = 1 << 40;
const BEAT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(61);

/// Numbers from a seed. Source: Marsaglia's xorshift (Journal of Statistical Software 8, 14).
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below.max(1)
    }
}

/// A life with everything in it: a first file, changes, syncs, a file begun anew with changes meanwhile.
fn live(disk: &Simulated) -> Scene {
    let mut scene = Scene::on(disk);
    scene.append(3);
    scene.keep(LONG);
    scene.work();
    scene.append(2);
    scene.journal.limit = 0;
    scene.keep(BEAT);
    scene.append(2);
    scene.work();
    scene.append(1);
    scene.keep(BEAT);
    scene.append(2);
    scene.work();
    scene.append(2);
    scene.keep(BEAT);
    scene.append(1);
    scene.work();
    scene.keep(LONG);
    scene.work();
    scene.append(2);
    scene
}

#[test]
fn a_process_killed_at_any_byte_forgets_nothing_that_it_had_written() {
    let whole = Simulated::with_room(PLENTY);
    let scene = live(&whole);
    assert_eq!(scene.written, 15);
    assert!(scene.synced >= 10, "{}", scene.synced);
    let spent = whole.spent();
    assert!(spent > 1000, "{spent}");
    assert_eq!(scene.killed().len(), 15);
    for life in 1..spent {
        let disk = Simulated::with_room(PLENTY);
        disk.set_life(life);
        let scene = live_until_dead(&disk);
        scene.killed();
        // And the next one goes on behind what is whole.
        let mut next = Scene::on(&disk);
        next.append(3);
        next.settle();
        let known = next.known.clone();
        assert_eq!(next.killed(), known, "{life}");
        assert!(!disk.has(SUCCESSOR), "{life}");
    }
}

/// What a process believes after its death does not count.
fn live_until_dead(disk: &Simulated) -> Scene {
    let mut scene = Scene::on(disk);
    let steps: [&dyn Fn(&mut Scene); 9] = [
        &|scene| scene.append(3),
        &|scene| scene.keep(LONG),
        &|scene| scene.work(),
        &|scene| scene.append(2),
        &|scene| scene.journal.limit = 0,
        &|scene| scene.keep(BEAT),
        &|scene| scene.append(2),
        &|scene| scene.work(),
        &|scene| scene.keep(LONG),
    ];
    for step in steps.iter().cycle().take(36) {
        let before = scene.written;
        step(&mut scene);
        if disk.is_dead() {
            scene.written = before;
            break;
        }
    }
    scene
}

#[test]
fn power_cut_at_any_byte_leaves_all_that_was_synced() {
    let whole = Simulated::with_room(PLENTY);
    live_until_dead(&whole);
    for life in 1..whole.spent() {
        for seed in [life * 7919, life * 104_729 + 1, u64::MAX / life] {
            let disk = Simulated::with_room(PLENTY);
            disk.set_life(life);
            live_until_dead(&disk).without_power(dice(seed));
            let mut next = Scene::on(&disk);
            next.append(3);
            next.settle();
            assert_eq!(next.synced, next.known.len(), "{life}");
            next.without_power(dice(seed));
        }
    }
}

#[test]
fn a_disk_full_at_any_byte_costs_what_comes_after_and_is_written_again_with_room() {
    let mut losses = 0;
    for room in 0..1200 {
        // Room that is asked for ahead of a new file is there, and gone when the file is written.
        let disk = Simulated::with_room(PLENTY);
        let mut scene = Scene::on(&disk);
        assert!(scene.is_written());
        disk.set_room(room);
        for _ in 0..12 {
            scene.append(2);
            scene.keep(BEAT);
            scene.work();
        }
        losses += usize::from(!scene.is_written());
        assert!(!disk.has(SUCCESSOR), "{room}");
        let (_, found) = read(&disk);
        assert_eq!(found, scene.known[..scene.written], "{room}");
        disk.set_room(PLENTY);
        scene.settle();
        assert!(scene.is_written(), "{room}");
        let known = scene.known.clone();
        assert_eq!(scene.killed(), known, "{room}");
    }
    assert!((100..1200).contains(&losses), "{losses}");
}

#[test]
fn a_new_file_that_finds_no_room_leaves_the_old_one_in_use_and_nothing_beside_it() {
    let disk = Simulated::with_room(PLENTY);
    let mut scene = Scene::on(&disk);
    scene.append(100);
    scene.settle();
    scene.journal.limit = 0;
    disk.set_room(disk.used() + 500);
    let spent = disk.spent();
    for beat in 0..600 {
        scene.keep(BEAT);
        scene.work();
        assert!(!disk.has(SUCCESSOR), "{beat}");
    }
    // Five minutes: no attempt wrote anything, and each sync and question is an operation.
    assert!(disk.spent() - spent < 200, "{}", disk.spent() - spent);
    assert!(scene.is_written());
    scene.append(1);
    let known = scene.known.clone();
    assert_eq!(scene.written, known.len());
    assert!(scene.journal.complaint.is_open() && !scene.journal.loss.is_open());
    // That changes are lost is said at once, although a line about the new file was written just now.
    disk.set_room(disk.used());
    scene.append(30);
    assert!(!scene.is_written() && scene.journal.loss.is_open());
    assert_eq!(scene.killed(), known);
}

#[test]
fn a_read_only_disk_at_the_start_is_lived_with() {
    for error in [Errno::ROFS, Errno::NOSPC, Errno::IO, Errno::DQUOT] {
        for is_first in [true, false] {
            let disk = Simulated::with_room(PLENTY);
            if !is_first {
                let mut before = Scene::on(&disk);
                before.append(4);
            }
            disk.refuse(Some(error));
            let mut scene = Scene::on(&disk);
            assert!(!scene.is_written());
            scene.append(2);
            scene.keep(LONG);
            scene.work();
            scene.keep(LONG);
            disk.refuse(None);
            scene.settle();
            assert!(scene.is_written());
            let known = scene.known.clone();
            assert_eq!(known.len(), if is_first { 2 } else { 6 });
            assert_eq!(scene.killed(), known);
        }
    }
}

#[test]
fn more_changes_than_memory_holds_give_a_new_file_up() {
    let disk = Simulated::with_room(PLENTY);
    let mut scene = Scene::on(&disk);
    scene.journal.limit = 0;
    scene.keep(LONG);
    for _ in 0..20 {
        scene.append(30_000);
    }
    let renewal = scene.journal.renewal.as_ref().unwrap();
    assert!(renewal.is_given_up() && renewal.tail.is_empty());
    scene.work();
    scene.keep(BEAT);
    assert!(scene.is_written() && !disk.has(SUCCESSOR));
    scene.settle();
    let known = scene.known.clone();
    assert_eq!(scene.killed(), known);
}

#[test]
fn an_outdated_file_is_begun_anew_even_if_another_is_being_written() {
    let disk = Simulated::with_room(PLENTY);
    let mut scene = Scene::on(&disk);
    scene.append(4);
    scene.journal.limit = 0;
    scene.keep(LONG);
    assert!(scene.journal.renewal.is_some());
    scene.journal.outdate();
    scene.work();
    scene.keep(BEAT);
    assert!(scene.journal.renewal.as_ref().unwrap().was_outdated);
    scene.append(1);
    scene.work();
    scene.settle();
    assert!(!scene.journal.is_outdated && scene.journal.renewal.is_none());
    let known = scene.known.clone();
    assert_eq!(scene.killed(), known);
    assert!(disk.has(NAME) && !disk.has(SUCCESSOR));
}

#[derive(Clone, Debug)]
enum Step {
    Append(u32),
    Keep(u64),
    Work,
    Long,
    Outdate,
    Room(u64),
    Refuse(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..30_u32).prop_map(Step::Append),
        4 => (0..8000_u64).prop_map(Step::Keep),
        4 => Just(Step::Work),
        1 => Just(Step::Long),
        1 => Just(Step::Outdate),
        1 => prop_oneof![(0..4000_u64), Just(PLENTY)].prop_map(Step::Room),
        1 => any::<bool>().prop_map(Step::Refuse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Two lives of a process, each ended by a kill or a power cut, at any byte or at rest.
    #[test]
    fn whatever_happens_what_was_synced_is_read_back_and_never_a_wrong_record(
        lives in prop::collection::vec(
            (prop::collection::vec(step(), 0..60), prop::option::of(1..20_000_u64), any::<bool>(), any::<u64>()),
            2,
        )
    ) {
        let disk = Simulated::with_room(PLENTY);
        for (steps, life, is_power, seed) in lives {
            if let Some(life) = life {
                disk.set_life(life);
            }
            let mut scene = Scene::on(&disk);
            for step in steps {
                let before = scene.written;
                match step {
                    Step::Append(count) => scene.append(count),
                    Step::Keep(ms) => scene.keep(Duration::from_millis(ms)),
                    Step::Work => scene.work(),
                    Step::Long => scene.journal.limit = 0,
                    Step::Outdate => scene.journal.outdate(),
                    Step::Room(room) => disk.set_room(room),
                    Step::Refuse(refuses) => disk.refuse(refuses.then_some(Errno::IO)),
                }
                if disk.is_dead() {
                    scene.written = before;
                    break;
                }
            }
            let known = scene.known.clone();
            match is_power {
                true => scene.without_power(dice(seed)),
                false => scene.killed(),
            };
            let mut next = Scene::on(&disk);
            next.append(1);
            next.settle();
            prop_assert!(next.is_written() && next.synced == next.known.len());
            prop_assert!(next.known.len() <= known.len() + 1);
        }
    }
}
