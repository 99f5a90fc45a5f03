//! Damaged files, and records of every length.

use std::convert::Infallible;

use super::*;
use crate::journal::frame::{LONGEST, MAGIC, Piece, Scan};

/// A file with the beginning, and a frame each for these records; where the frames begin.
fn written(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let seal = Seal::of(&owner()).unwrap();
    let mut file = frame::header(&owner()).unwrap();
    let mut encoder = Encoder::new(seal);
    let mut begins = Vec::new();
    for record in records {
        begins.push(file.len());
        let take = |frame: &[u8]| {
            file.extend_from_slice(frame);
            Ok::<(), Infallible>(())
        };
        let Ok(left_out) = encoder.encode(7, std::iter::once(record), take);
        assert_eq!(left_out, 0);
    }
    (file, begins)
}

fn found(file: &[u8]) -> (Vec<Record>, recorded_end::Found) {
    let seal = Seal::of(&owner()).unwrap();
    let mut records = Vec::new();
    let found = recorded_end::read(file, "journal", (&owner(), &seal), |record| {
        records.push(record);
    });
    (records, found)
}

#[test]
fn a_file_torn_anywhere_gives_what_is_whole() {
    let all = [seen(1), seen(2), seen(3)];
    let (file, mut begins) = written(&all);
    begins.push(file.len());
    for length in 0..file.len() {
        let (records, found) = found(&file[..length]);
        let whole = begins.iter().filter(|begin| **begin <= length).count();
        assert_eq!(records, all[..whole.saturating_sub(1)], "{length}");
        let end = whole.checked_sub(1).map(|last| begins[last] as u64);
        assert_eq!(found.whole_bytes, end, "{length}");
    }
}

#[test]
fn damage_at_any_byte_costs_one_frame_and_none_after_it() {
    let all = [seen(1), seen(2), seen(3)];
    let (file, begins) = written(&all);
    for at in 0..file.len() {
        for change in [0x55, 0xff, 0x01] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            let (records, found) = found(&damaged);
            let mut expected = all.to_vec();
            if let Some(hit) = begins.iter().rposition(|begin| *begin <= at) {
                expected.remove(hit);
            }
            assert_eq!(records, expected, "{at}");
            let end = if at >= begins[2] {
                begins[2]
            } else {
                file.len()
            };
            assert_eq!(found.whole_bytes, Some(end as u64), "{at}");
        }
    }
}

#[test]
fn frames_are_found_behind_any_amount_of_zeros_or_noise() {
    let (file, begins) = written(&[seen(1), seen(2)]);
    for length in [1, 11, 12, 4096, LONGEST + 13, 3 * LONGEST] {
        for byte in [0, 0xf7, b's'] {
            let (before, after) = file.split_at(begins[1]);
            let with_hole = [before, &vec![byte; length], after].concat();
            assert_eq!(
                found(&with_hole).0,
                [seen(1), seen(2)],
                "{length} of {byte}"
            );
        }
    }
}

#[test]
fn the_damaged_bytes_are_named() {
    let (file, begins) = written(&[seen(1), seen(2), seen(3)]);
    let mut damaged = file.clone();
    damaged[begins[1] + 20] ^= 1;
    let seal = Seal::of(&owner()).unwrap();
    let mut scan = Scan::new(&damaged[..]);
    assert_eq!(scan.owner().unwrap(), Some(owner()));
    let mut pieces = Vec::new();
    while let Some(piece) = scan.next(&seal).unwrap() {
        pieces.push(piece);
    }
    let place = begins[1] as u64..begins[2] as u64;
    assert!(
        matches!(&pieces[..], [Piece::Frame(_), Piece::Damage(at), Piece::Frame(_)] if *at == place),
        "{pieces:?}"
    );
}

#[test]
fn another_owners_frames_are_not_taken_even_if_its_name_is_damaged() {
    let (mut file, begins) = written(&[seen(1)]);
    let another = Owner {
        is_standin: true,
        ..owner()
    };
    let seal = Seal::of(&another).unwrap();
    for damaged in [false, true] {
        file[begins[0] - 1] ^= u8::from(damaged);
        let found = recorded_end::read(&file[..], "journal", (&another, &seal), |_: Record| {
            panic!("another's")
        });
        assert_eq!(found.whole_bytes, None);
    }
}

#[test]
fn an_older_version_is_begun_anew() {
    for file in [&b"satjrnl2\x01\0\0\0\0\0\0\0x"[..], b"", b"satj", MAGIC] {
        let (records, found) = found(file);
        assert_eq!((records, found.whole_bytes), (vec![], None));
    }
}

/// A number; if it is odd, an error comes after its first byte.
struct EvenOnly(u8);

impl Serialize for EvenOnly {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error as _, SerializeTuple as _};

        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.0)?;
        if !self.0.is_multiple_of(2) {
            return Err(S::Error::custom("it is odd"));
        }
        pair.serialize_element(&self.0)?;
        pair.end()
    }
}

#[test]
fn a_record_that_cannot_be_encoded_takes_no_other_with_it() {
    let mut frames = Vec::new();
    let mut encoder = Encoder::new(Seal::of(&owner()).unwrap());
    let take = |frame: &[u8]| {
        frames.push(frame.to_vec());
        Ok::<(), Infallible>(())
    };
    let Ok(left_out) = encoder.encode(9, [2, 4, 5, 6, 7].map(EvenOnly).into_iter(), take);
    assert_eq!(left_out, 2);
    let [frame] = &frames[..] else {
        panic!("{frames:?}");
    };
    let decoded = frame::decode::<(u8, u8)>(&frame[frame::HEAD..]);
    assert_eq!(decoded, Some((9, vec![(2, 2), (4, 4), (6, 6)])));
}

#[test]
fn many_records_go_into_several_frames_of_bounded_length() {
    let block = |number: u32| {
        let block = Block {
            hash: [3; 32],
            height: Some(number),
            time_ms: 9,
        };
        Record::Connected(block, vec![Txid::from_byte_array([4; 32]); 10_000])
    };
    let records: Vec<Record> = (0..10).map(block).collect();
    let mut file = frame::header(&owner()).unwrap();
    let mut frames = 0;
    let mut encoder = Encoder::new(Seal::of(&owner()).unwrap());
    let take = |frame: &[u8]| {
        assert!(frame.len() <= LONGEST + 12, "{}", frame.len());
        frames += 1;
        file.extend_from_slice(frame);
        Ok::<(), Infallible>(())
    };
    let Ok(left_out) = encoder.encode(7, records.iter(), take);
    assert_eq!((left_out, frames), (0, 4));
    assert_eq!(found(&file).0, records);
}

#[test]
fn a_record_longer_than_a_frame_is_counted_and_not_written() {
    let block = Block {
        hash: [3; 32],
        height: None,
        time_ms: 9,
    };
    let long = Record::Connected(
        block,
        vec![Txid::from_byte_array([4; 32]); LONGEST / 32 + 1],
    );
    let records = [seen(1), long.clone(), seen(2), long];
    let mut file = frame::header(&owner()).unwrap();
    let mut encoder = Encoder::new(Seal::of(&owner()).unwrap());
    let take = |frame: &[u8]| {
        file.extend_from_slice(frame);
        Ok::<(), Infallible>(())
    };
    let Ok(left_out) = encoder.encode(7, records.iter(), take);
    assert_eq!(left_out, 2);
    assert_eq!(found(&file).0, [seen(1), seen(2)]);
}
